//! Which rows of a table have had a gradient.

use super::rule::MAX_STATES;
use crate::error::Result;
use crate::memory;

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
        states: [(&[f32], f32); MAX_STATES],
    ) -> Result<()> {
        if self.rows.is_empty() {
            memory::refill(&mut self.rows, count, false, "The list of rows that the optimizer has changed")?;
            for (state, first) in states {
                for (touched, row) in self.rows.iter_mut().zip(state.chunks_exact(width)) {
                    *touched |= row.iter().any(|&value| value != first);
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
