//! Which rows of a table have had a gradient.

use super::arena::{StateValues, widened};
use super::rule::MAX_STATES;
use crate::error::Result;
use crate::memory;
use seqloom_kernels::round_to_bits;

/// The rows of a table whose states have changed: most rules leave all others as they are.
#[derive(Debug, Default)]
pub(super) struct Touched {
    /// By row; empty while unknown.
    rows: Vec<bool>,
}

impl Touched {
    /// Forgets everything.
    pub(super) fn forget(&mut self) {
        self.rows.clear();
    }

    /// Marks the rows of a list, after reading from the states (each with its first value) which rows have been touched
    /// before unless that is known.
    pub(super) fn mark(
        &mut self,
        list: &[usize],
        count: usize,
        width: usize,
        states: [(StateValues<'_>, f32); MAX_STATES],
    ) -> Result<()> {
        if self.rows.is_empty() {
            memory::refill(&mut self.rows, count, false, "The list of rows that the optimizer has changed")?;
            for (state, first) in states {
                let rows = self.rows.iter_mut();
                match state {
                    StateValues::Float32(values) => {
                        for (touched, row) in rows.zip(values.chunks_exact(width)) {
                            *touched |= row.iter().any(|&value| value != first);
                        }
                    }
                    StateValues::Bfloat16(bits) => {
                        let first = widened(round_to_bits(first));
                        for (touched, row) in rows.zip(bits.chunks_exact(width)) {
                            *touched |= row.iter().any(|&bits| widened(bits) != first);
                        }
                    }
                }
            }
        }
        for &row in list {
            self.rows[row] = true;
        }
        Ok(())
    }

    /// By row of the table; empty while unknown.
    pub(super) fn rows(&self) -> &[bool] {
        &self.rows
    }
}
