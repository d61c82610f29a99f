//! A team member's share of the units and the rows.

use std::ops::Range;

use super::layout::PanelLayout;
use crate::pool::{Team, split};

/// When rows are split, shares are multiples of this many: fewer would make tiles too short.
const ROW_GRANULE: usize = 4;

/// A member's cell in the grid of block ranges × row ranges.
pub(super) struct MemberShare {
    pub(super) blocks: Range<usize>,
    row_index: usize,
    row_parts: usize,
}

impl MemberShare {
    /// Splits the blocks among the members; if there are more members than blocks, splits the rows, too. Members left
    /// over have no share.
    pub(super) fn new(layout: &PanelLayout, team: &Team<'_>) -> Self {
        let columns = team.size().min(layout.blocks);
        let row_parts = team.size() / columns;
        let (column, row_index) = (team.index() % columns, team.index() / columns);
        let blocks = if row_index < row_parts { split(layout.blocks, 1, column, columns) } else { 0..0 };
        Self { blocks, row_index: row_index.min(row_parts - 1), row_parts }
    }

    /// Its share of `count` rows.
    pub(super) fn rows(&self, count: usize) -> Range<usize> {
        split(count, ROW_GRANULE, self.row_index, self.row_parts)
    }
}

/// Rows of a step that share a small buffer, which stays in the near cache.
pub(super) const BUFFER_ROWS: usize = 48;

/// Numbers in the buffer, which holds the products of one block for [`BUFFER_ROWS`] rows, or of four blocks for few
/// rows.
pub(super) const fn buffer_len(width: usize) -> usize {
    4 * BUFFER_ROWS * width
}

/// Even pieces of `rows`, of at most [`BUFFER_ROWS`] each.
pub(super) fn pieces(rows: Range<usize>) -> impl Iterator<Item = Range<usize>> {
    let count = rows.len().div_ceil(BUFFER_ROWS);
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
        assert_eq!(pieces(3..3).count(), 0);
        assert_eq!(pieces(2..66).collect::<Vec<_>>(), [2..34, 34..66]);
        assert_eq!(pieces(0..48).next(), Some(0..48));
        assert_eq!(pieces(0..49).collect::<Vec<_>>(), [0..25, 25..49]);
    }
}
