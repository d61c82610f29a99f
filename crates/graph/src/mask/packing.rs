//! Packed rows: the valid steps of a batch, step by step, longest rows first, so that padding costs no arithmetic.

use crate::error::Result;
use crate::memory::refill;

/// The order in which a recurrent operation visits valid steps. Packed row `steps[s] + j` is the `s`-th valid step of
/// batch row `order[j]`; rows are sorted by falling number of valid steps, rows without any are left out.
#[derive(Debug, Default)]
pub(crate) struct Packing {
    order: Vec<usize>,
    rank: Vec<usize>,
    counts: Vec<usize>,
    steps: Vec<usize>,
    source: Vec<usize>,
    reversed: Vec<usize>,
    starts: Vec<usize>,
}

const WHAT: &str = "The lists of valid steps";

impl Packing {
    /// Batch rows with at least one valid step, in packed order.
    pub(crate) fn order(&self) -> &[usize] {
        &self.order
    }

    /// The inverse of [`Self::order`]; meaningless for rows without a valid step.
    pub(crate) fn rank(&self) -> &[usize] {
        &self.rank
    }

    /// Number of valid steps of each batch row.
    pub(crate) fn counts(&self) -> &[usize] {
        &self.counts
    }

    /// Where each step's packed rows start; one more entry than the longest row has steps.
    pub(crate) fn steps(&self) -> &[usize] {
        &self.steps
    }

    /// For each packed row the index `row * time + step` it comes from, first step first or last step first.
    pub(crate) fn source(&self, reversed: bool) -> &[usize] {
        if reversed { &self.reversed } else { &self.source }
    }

    /// The packed row of the last step that is processed for packed sequence `j`.
    pub(crate) fn last(&self, j: usize) -> usize {
        self.steps[self.counts[self.order[j]] - 1] + j
    }

    pub(super) fn build(
        &mut self,
        batch: usize,
        time: usize,
        valid: impl Fn(usize, usize) -> bool,
    ) -> Result<()> {
        refill(&mut self.counts, batch, 0, WHAT)?;
        // starts[c]: how many rows have more than c valid steps, which is both where the rows with c steps begin in a
        // descending order and how many rows take part in step c.
        refill(&mut self.starts, time + 1, 0, WHAT)?;
        for (row, count) in self.counts.iter_mut().enumerate() {
            *count = (0..time).filter(|&step| valid(row, step)).count();
            for start in &mut self.starts[..*count] {
                *start += 1;
            }
        }
        let longest = self.counts.iter().copied().max().unwrap_or(0);
        refill(&mut self.steps, longest + 1, 0, WHAT)?;
        for step in 0..longest {
            self.steps[step + 1] = self.steps[step] + self.starts[step];
        }
        let rows = self.steps[longest];
        let sequences = self.starts.first().copied().unwrap_or(0);
        refill(&mut self.order, sequences, 0, WHAT)?;
        refill(&mut self.rank, batch, 0, WHAT)?;
        refill(&mut self.source, rows, 0, WHAT)?;
        refill(&mut self.reversed, rows, 0, WHAT)?;
        for (row, &count) in self.counts.iter().enumerate() {
            if count == 0 {
                continue;
            }
            let j = self.starts[count];
            self.starts[count] += 1;
            self.order[j] = row;
            self.rank[row] = j;
            for (position, step) in (0..time).filter(|&step| valid(row, step)).enumerate() {
                self.source[self.steps[position] + j] = row * time + step;
                self.reversed[self.steps[count - 1 - position] + j] = row * time + step;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packs_rows_with_holes_by_falling_count() {
        let mask = [[1, 0, 1, 0], [0, 0, 0, 0], [1, 1, 1, 0], [0, 1, 0, 1]];
        let mut packing = Packing::default();
        packing.build(4, 4, |row, step| mask[row][step] == 1).unwrap();
        assert_eq!(packing.order(), [2, 0, 3]);
        assert_eq!(packing.counts(), [2, 0, 3, 2]);
        assert_eq!(packing.steps(), [0, 3, 6, 7]);
        assert_eq!(packing.source(false), [8, 0, 13, 9, 2, 15, 10]);
        assert_eq!(packing.source(true), [10, 2, 15, 9, 0, 13, 8]);
        assert_eq!([packing.last(0), packing.last(1), packing.last(2)], [6, 4, 5]);
    }

    #[test]
    fn packs_nothing() {
        let mut packing = Packing::default();
        packing.build(2, 3, |_, _| false).unwrap();
        assert_eq!(packing.order(), [0_usize; 0]);
        assert_eq!(packing.steps(), [0]);
        packing.build(0, 0, |_, _| true).unwrap();
        assert_eq!(packing.steps(), [0]);
    }
}
