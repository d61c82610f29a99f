//! The position of a training, from which it can be continued.

use super::tally::Tally;
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};

/// All that continuing needs besides weights, optimizer and carried states: the next batch, and the sums over the
/// earlier ones. As text it is exact, and only for this engine.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Progress {
    pub(super) epoch: usize,
    pub(super) batch: usize,
    /// Whether the weights and the optimizer's mean of them have changed places.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) swapped: bool,
    /// Bits of the sums of every loss and metric.
    sums: Vec<Vec<u64>>,
    /// Of rows that come from a feed: the pass over the source, and how many of its batches are done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) place: Option<(u64, u64)>,
}

impl Progress {
    /// The beginning of an epoch.
    pub(super) fn epoch(epoch: usize) -> Self {
        Self { epoch, ..Self::default() }
    }

    /// Records that a batch is done.
    pub(super) fn advance(&mut self, tally: &Tally) {
        self.batch += 1;
        self.sums.resize(tally.sums.len(), Vec::new());
        for (bits, sums) in self.sums.iter_mut().zip(&tally.sums) {
            bits.clear();
            bits.extend(sums.iter().map(|sum| sum.to_bits()));
        }
    }

    /// The scores of the finished batches.
    pub(super) fn tally(&self) -> Tally {
        let numbers = |bits: &Vec<u64>| bits.iter().map(|&bits| f64::from_bits(bits)).collect();
        Tally { sums: self.sums.iter().map(numbers).collect() }
    }

    /// Checks that it belongs to a training with these numbers of batches per epoch, if it is known, and of losses and metrics.
    pub(super) fn check(&self, batches: Option<usize>, scores: usize) -> Result<()> {
        if batches.is_some_and(|batches| self.batch > batches)
            || self.sums.len() != if self.batch == 0 { 0 } else { scores }
        {
            return Err(Error::format(
                "The progress to go on from is of a training with other data, losses or metrics",
            ));
        }
        Ok(())
    }

    /// Its text.
    ///
    /// # Errors
    /// `ERR_NATIVE` if it cannot be written.
    pub fn to_text(&self) -> Result<String> {
        serde_json::to_string(self).map_err(|error| Error::native(format!("The progress: {error}")))
    }

    /// Reads its text.
    ///
    /// # Errors
    /// `ERR_FORMAT`.
    pub fn from_text(text: &str) -> Result<Self> {
        serde_json::from_str(text)
            .map_err(|error| Error::format(format!("The progress to go on from cannot be read: {error}")))
    }
}
