//! Groups of rows, each of which goes through the steps by itself.
//!
//! A row needs no other row until the weights' gradients, so the members of a team need not meet at every step.

use std::ops::Range;

use super::layout::PanelLayout;
use crate::pool::{self, Chains, Turn, split};

/// The fewest rows of a group. With fewer, reading all weights at every step takes longer than the barriers would: an
/// LSTM (16, 64, 64) took 1.2 ms instead of 0.75.
const ROWS: usize = 16;
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
    /// split. `capacity` rows fit in the planes.
    pub(super) fn new(layout: &PanelLayout, batch: usize, steps: usize, capacity: usize) -> Option<Self> {
        let team = pool::threads().map_or(1, |threads| threads.min(Chains::MOST));
        let most = batch / ROWS;
        if team == 1 || steps == 0 || most < team.min(layout.blocks).max(2) {
            return None;
        }
        let even = team * (batch / (team * ROWS)).clamp(1, Chains::MOST / team);
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
