//! How an RNN transducer is searched.

use crate::error::{Error, Result};
use serde::Deserialize;

/// How transcripts are searched for.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TransducerOptions {
    /// The symbol that writes nothing.
    pub blank: usize,
    /// What the predictor reads first.
    pub start: i32,
    /// How many prefixes are kept at each step; 1 takes the most probable symbol of each place, unless there are scores
    /// or a bonus.
    pub beam_width: usize,
    /// How many transcripts of each row are given.
    pub n_best: usize,
    /// The most symbols that one step writes.
    pub max_symbols: usize,
    /// Whether scores are asked for, and their factor.
    pub scored: bool,
    /// See above.
    pub weight: f64,
    /// What each symbol adds to the score.
    pub insertion_bonus: f64,
    /// The activation of the joint network.
    pub activation: String,
}

impl TransducerOptions {
    /// Reads options.
    ///
    /// # Errors
    /// `ERR_OPTION`.
    pub fn from_json(text: &str) -> Result<Self> {
        serde_json::from_str(text).map_err(|error| Error::option(format!("transducerDecode: {error}")))
    }

    pub(super) fn is_greedy(&self) -> bool {
        self.beam_width == 1 && !self.scored && self.insertion_bonus == 0.0
    }
}
