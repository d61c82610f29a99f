//! Groups of rows, each of which goes through the steps by itself.
//!
//! A row needs no other row until the weights' gradients, so the members of a team need not meet at every step.

use std::ops::Range;

use super::layout::PanelLayout;
use crate::pool::{self, Chains, Turn, split};

/// The fewest rows of a group. With fewer, reading all weights at every step takes longer than the barriers would: an
/// LSTM (16, 64, 64) of two groups took 1.2 ms instead of 0.75 with AVX2.
const ROWS: usize = 16;
/// The same for AVX-512, whose registers hold a tile of so many rows and of panels of [`WIDE`] columns; not in training,
/// which such groups slowed down by some percent.
const ROWS_OF_TALL_TILES: usize = 8;
const WIDE: usize = 32;
/// The same for weights that the caches of all cores do not hold, which every group reads from memory at every step: an LSTM
/// (128, 32, 1024) of groups of 16 rows took 407 ms, of 64 rows 344.
const ROWS_OF_LARGE_WEIGHTS: usize = 64;
/// Recurrent weights from which on they are large.
const LARGE: usize = 1 << 21;
/// Parts that a sequence is cut into, so that a member can take over the rest of another's group.
const PARTS: usize = 4;

/// The groups of a batch, each a chain of chunks of time.
pub(super) struct RowGroups {
    pub(super) chains: Chains,
    batch: usize,
    count: usize,
    /// Steps of a chunk.
    pub(super) chunk: usize,
}

impl RowGroups {
    /// The groups of a batch over `steps` steps; `None` if it has too few rows for them, so that the units must be
    /// split. `capacity` rows fit in the planes, which `keep` says are read again later.
    pub(super) fn new(
        layout: &PanelLayout,
        batch: usize,
        steps: usize,
        capacity: usize,
        keep: bool,
    ) -> Option<Self> {
        let team = pool::threads().map_or(1, |threads| threads.min(Chains::MOST));
        let fewest = fewest_rows(layout, keep);
        let most = batch / fewest;
        if team == 1 || steps == 0 || most < team.min(layout.blocks).max(2) {
            return None;
        }
        let even = team * (batch / (team * fewest)).clamp(1, Chains::MOST / team);
        let count = even.min(most);
        let chunk = (capacity / batch).min(steps.div_ceil(PARTS)).max(1);
        Some(Self { chains: Chains::new(count, steps.div_ceil(chunk)), batch, count, chunk })
    }

    /// How many groups there are.
    pub(super) const fn count(&self) -> usize {
        self.count
    }

    /// The rows of a turn's group.
    pub(super) fn rows(&self, turn: Turn) -> Range<usize> {
        split(self.batch, 1, turn.chain, self.count)
    }
}

/// The fewest rows of a group.
fn fewest_rows(layout: &PanelLayout, keep: bool) -> usize {
    match layout.spec.recurrent_len() {
        LARGE.. => ROWS_OF_LARGE_WEIGHTS,
        _ if layout.width >= WIDE && !keep => ROWS_OF_TALL_TILES,
        _ => ROWS,
    }
}
