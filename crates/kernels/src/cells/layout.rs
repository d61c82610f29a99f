//! How gates, states and gradients are laid out in memory.

use crate::gemm::DEPTH;
use crate::simd::{Detected, lanes};
use crate::{CellKind, CellSizes, CellSpec};

/// Gate values in a chunk of time: a megabyte, which the caches of two cores keep until the steps read it.
const CHUNK_VALUES: usize = 1 << 18;

/// The sizes that follow from a cell and a level.
///
/// Gate values are planes: plane `slot · blocks + block` holds, for each row, the `width` values of one gate of one
/// block. The slots are
/// - simple RNN: 0 the pre-activation, then its gradient;
/// - LSTM: 0–3 the gates i, f, g, o, then their gradients; 4 the cell state;
/// - GRU: 0 the candidate, 1 z, 2 r, then their gradients; 3 for reset-after U_h·h' + b, then its gradient, and for
///   reset-before r·h'. Thus the input side is slots 0–2, and the recurrent side of reset-after is slots 1–3.
#[derive(Clone, Copy)]
pub(super) struct PanelLayout {
    pub(super) spec: CellSpec,
    /// Units of a block: a panel's width.
    pub(super) width: usize,
    pub(super) blocks: usize,
}

impl PanelLayout {
    pub(super) fn new(spec: &CellSpec, level: Detected) -> Self {
        let width = 2 * lanes(level);
        Self { spec: *spec, width, blocks: spec.hidden().div_ceil(width) }
    }

    /// Slots of the stash.
    pub(super) const fn slots(&self) -> usize {
        match self.spec.kind() {
            CellKind::Rnn => 1,
            CellKind::Lstm => 5,
            CellKind::Gru { .. } => 4,
        }
    }

    /// Whether the candidate needs a second recurrent product in each step.
    pub(super) const fn resets_before(&self) -> bool {
        matches!(self.spec.kind(), CellKind::Gru { reset_after: false })
    }

    /// Slots that enter the recurrent product of a step: the first one, and how many.
    pub(super) const fn recurrent_slots(&self) -> (usize, usize) {
        match self.spec.kind() {
            CellKind::Rnn => (0, 1),
            CellKind::Lstm => (0, 4),
            CellKind::Gru { reset_after: true } => (1, 3),
            CellKind::Gru { reset_after: false } => (1, 2),
        }
    }

    /// Keras's index of the gate in a slot.
    pub(super) const fn gate(&self, slot: usize) -> usize {
        match self.spec.kind() {
            CellKind::Gru { .. } => [2, 0, 1, 2][slot],
            _ => slot,
        }
    }

    /// Elements of a plane with this many rows: an odd number of lines, so that planes do not share cache sets.
    pub(super) const fn plane(&self, rows: usize) -> usize {
        (rows | 1) * self.width
    }

    /// Elements from one row of a padded state to the next: likewise an odd number of blocks.
    pub(super) const fn state_row(&self) -> usize {
        (self.blocks | 1) * self.width
    }

    /// The existing units of a block.
    pub(super) fn units(&self, block: usize) -> usize {
        (self.spec.hidden() - block * self.width).min(self.width)
    }

    /// The most rows of a chunk of time, unless a single step has more.
    pub(super) fn chunk_rows(&self) -> usize {
        (CHUNK_VALUES / (self.spec.gates() * self.blocks * self.width)).max(16)
    }

    /// Elements of the states that a forward pass goes on from: of h two, and a third for r·h', and of c.
    pub(super) const fn running(&self, batch: usize) -> usize {
        let states = if self.resets_before() { 3 } else { 2 };
        states * batch * self.state_row() + self.blocks * batch * self.width
    }

    /// The rows that planes need for a segment of time: its own, and those of a later one that are not done with.
    pub(super) fn segment_rows(&self, rows: usize, batch: usize, segment: usize) -> usize {
        rows.min(segment.saturating_mul(batch).saturating_add(batch.max(DEPTH)))
    }

    /// Elements of the cell states [batch, hidden] of an LSTM that stand before all segments but the first.
    pub(super) fn checkpoints(&self, batch: usize, time: usize, segment: usize) -> Option<usize> {
        let count = if self.spec.kind() == CellKind::Lstm { time.saturating_sub(1) / segment } else { 0 };
        count.checked_mul(batch)?.checked_mul(self.spec.hidden())
    }

    /// The rows that the planes of a chunk need: a chunk ends before it would exceed them, or is a single step.
    pub(super) fn chunk_capacity(&self, rows: usize, batch: usize) -> usize {
        rows.min(self.chunk_rows().max(batch))
    }
}

/// The end of the chunk of time that starts at step `t`.
pub(super) fn chunk_end(layout: &PanelLayout, steps: &[usize], t: usize) -> usize {
    let last = steps[t].saturating_add(layout.chunk_rows());
    let mut end = t + 1;
    while end + 1 < steps.len() && steps[end + 1] <= last {
        end += 1;
    }
    end
}

/// The buffers that calls over `rows` packed rows of `batch` sequences need; `None` if a size overflows.
pub(crate) fn cell_sizes(level: Detected, spec: &CellSpec, rows: usize, batch: usize) -> Option<CellSizes> {
    let layout = PanelLayout::new(spec, level);
    // Checked once for the largest product; the others are smaller, or sums of a few of these.
    let units = layout.state_row().checked_mul(8)?;
    let total =
        rows.checked_add(batch)?.checked_add(spec.input())?.checked_add(spec.hidden())?.checked_add(8)?;
    let bound = total.checked_mul(units)?.checked_mul(8 * size_of::<f32>())?;
    if bound > isize::MAX as usize {
        return None;
    }
    rows.checked_mul(spec.input())?;
    let capacity = layout.chunk_capacity(rows, batch);
    let planes = spec.gates() * layout.blocks;
    Some(CellSizes {
        stash: layout.slots() * layout.blocks * layout.plane(rows),
        forward_workspace: layout.running(batch) + planes * layout.plane(capacity),
        // The carried gradient; then weight gradients by panel, with one more row for each bias.
        backward_workspace: layout.blocks * batch * layout.width
            + planes * layout.width * (spec.input() + 1 + spec.hidden() + 1),
    })
}

/// The same where only the states before segments of time are kept: `time` steps, cut after every `segment` of them.
pub(crate) fn segment_sizes(
    level: Detected,
    spec: &CellSpec,
    [rows, batch, time]: [usize; 3],
    segment: usize,
) -> Option<CellSizes> {
    let whole = cell_sizes(level, spec, rows, batch)?;
    let layout = PanelLayout::new(spec, level);
    let capacity = layout.segment_rows(rows, batch, segment);
    let again = capacity.checked_mul(spec.input() + spec.hidden())?;
    Some(CellSizes {
        stash: layout.checkpoints(batch, time, segment)?,
        // The forward pass of a segment with its planes, the input of its tokens, and h once more.
        backward_workspace: (whole.backward_workspace
            + layout.running(batch)
            + layout.slots() * layout.blocks * layout.plane(capacity))
        .checked_add(again)?,
        ..whole
    })
}
