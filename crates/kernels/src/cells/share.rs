//! A team member's share of the units and the rows.

use std::ops::Range;

use super::layout::PanelLayout;
use crate::pool::{Team, split};

/// What a member works on: some blocks of units and some rows of the batch.
pub(super) struct Share<'a> {
    pub(super) blocks: Range<usize>,
    rows: Range<usize>,
    /// The members that work on the other blocks of these rows.
    team: Option<&'a Team<'a>>,
}

impl<'a> Share<'a> {
    /// All rows, and this member's blocks. Members left over have none.
    pub(super) fn of_units(layout: &PanelLayout, batch: usize, team: &'a Team<'a>) -> Self {
        Self { blocks: team.split(layout.blocks, 1), rows: 0..batch, team: Some(team) }
    }

    /// All blocks of some rows.
    pub(super) fn of_rows(layout: &PanelLayout, rows: Range<usize>) -> Self {
        Self { blocks: 0..layout.blocks, rows, team: None }
    }

    /// Those of its rows that are among the first `count` ones.
    pub(super) fn rows(&self, count: usize) -> Range<usize> {
        self.rows.start.min(count)..self.rows.end.min(count)
    }

    /// Waits for the members that work on the other blocks of these rows.
    pub(super) fn meet(&self) {
        if let Some(team) = self.team {
            team.barrier();
        }
    }
}

/// Rows of a step that share a small buffer, which stays in the near cache.
pub(super) const BUFFER_ROWS: usize = 48;

/// Numbers in the buffer, which holds the products of one block for [`BUFFER_ROWS`] rows, or of four blocks for few
/// rows.
pub(super) const fn buffer_len(width: usize) -> usize {
    4 * BUFFER_ROWS * width
}

/// Even pieces of `rows`, of at most `most` each.
pub(super) fn pieces(rows: Range<usize>, most: usize) -> impl Iterator<Item = Range<usize>> {
    let count = rows.len().div_ceil(most);
    (0..count).map(move |i| {
        let piece = split(rows.len(), 1, i, count);
        rows.start + piece.start..rows.start + piece.end
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_cover_all_rows_evenly() {
        assert_eq!(pieces(3..3, 48).count(), 0);
        assert_eq!(pieces(2..66, 48).collect::<Vec<_>>(), [2..34, 34..66]);
        assert_eq!(pieces(0..48, 48).next(), Some(0..48));
        assert_eq!(pieces(0..49, 48).collect::<Vec<_>>(), [0..25, 25..49]);
    }
}
