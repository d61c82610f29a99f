//! Options of a training.

use super::progress::Progress;
use crate::error::{Error, Result};
use serde::{Deserialize, Deserializer, de};

/// Options of [`crate::train::Trainer::fit`].
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct FitOptions {
    /// The number of the epoch before which to stop; default 1.
    pub epochs: usize,
    /// Rows per step; default 32. The last batch of an epoch holds the rest.
    pub batch_size: usize,
    /// Whether every epoch has its own order; default true.
    pub shuffle: bool,
    /// With `shuffle`, whether only the order of the batches changes, not their rows; default false.
    pub shuffle_batches: bool,
    /// Whether batches hold rows of similar lengths, so that there is little padding; default false.
    pub bucket_by_length: bool,
    /// The seed of that order; default 0.
    pub seed: u64,
    /// The fraction of rows, from the end of the data as given, to validate on instead of training; default 0.
    pub validation_split: f64,
    /// Rows of a validation batch; default as for training.
    pub validation_batch_size: Option<usize>,
    /// Batches of an epoch; default all. Where the rows run out, they are gone through again, and an epoch begins where
    /// the one before ended.
    pub steps_per_epoch: Option<usize>,
    /// Batches of a validation at most; default all.
    pub validation_steps: Option<usize>,
    /// Epochs from one validation to the next; default 1.
    pub validation_freq: usize,
    /// Whether validations are of the optimizer's mean of the weights; default false.
    pub swap_average: bool,
    /// Whether at the end of an epoch the weights are the optimizer's mean of them; default false.
    pub swap_on_epoch: bool,
    /// Whether the loop waits before and after every batch of training; default false.
    pub await_batches: bool,
    /// Whether it waits before and after every validation and its batches; default false.
    pub await_tests: bool,
    /// Whether logs have the norm of every layer's gradient, `gradient_norm/` with the layer's path: of a batch's step,
    /// or the mean over an epoch's; default false.
    pub gradient_norms: bool,
    /// The least seconds from one [`super::Event::BatchEnd`] to the next; default 0: every batch has one. The last batch of
    /// an epoch always has.
    pub batch_event_seconds: f64,
    /// The number of the first epoch; default 0.
    pub initial_epoch: usize,
    /// Where to start instead: the [`Progress`] of an interrupted training, as text.
    #[serde(deserialize_with = "progress")]
    pub start: Option<Progress>,
    /// Steps of the optimizer between two checkpoints; default none.
    pub checkpoint_steps: Option<u64>,
    /// Seconds between two checkpoints; default none.
    pub checkpoint_seconds: Option<f64>,
    /// Whether all ranks of the model's group train together; default false.
    pub distributed: bool,
    /// Then, after how many steps of its own each rank's weights become the mean of all; default 1: gradients are
    /// summed in every step instead.
    pub average_every: u64,
}

impl Default for FitOptions {
    fn default() -> Self {
        Self {
            epochs: 1,
            batch_size: 32,
            shuffle: true,
            shuffle_batches: false,
            bucket_by_length: false,
            seed: 0,
            validation_split: 0.0,
            validation_batch_size: None,
            steps_per_epoch: None,
            validation_steps: None,
            validation_freq: 1,
            swap_average: false,
            swap_on_epoch: false,
            await_batches: false,
            await_tests: false,
            gradient_norms: false,
            batch_event_seconds: 0.0,
            initial_epoch: 0,
            start: None,
            checkpoint_steps: None,
            checkpoint_seconds: None,
            distributed: false,
            average_every: 1,
        }
    }
}

fn progress<'de, D: Deserializer<'de>>(source: D) -> Result<Option<Progress>, D::Error> {
    let text = Option::<String>::deserialize(source)?;
    text.map(|text| Progress::from_text(&text).map_err(|error| de::Error::custom(error.message))).transpose()
}

impl FitOptions {
    /// Checks what must be at least 1.
    pub(super) fn check_counts(&self) -> Result<()> {
        if self.batch_size == 0 || self.validation_batch_size == Some(0) {
            return Err(Error::option("fit: batches must have at least one row"));
        }
        if self.steps_per_epoch == Some(0) || self.validation_steps == Some(0) || self.validation_freq == 0 {
            let message = "fit: stepsPerEpoch, validationSteps and validationFreq must be at least 1";
            return Err(Error::option(message));
        }
        Ok(())
    }

    /// Rows of a validation batch.
    pub(super) fn validation_rows(&self) -> usize {
        self.validation_batch_size.unwrap_or(self.batch_size)
    }

    /// Reads and checks options.
    ///
    /// # Errors
    /// `ERR_OPTION` naming the option.
    pub fn from_json(text: &str) -> Result<Self> {
        let options: Self =
            serde_json::from_str(text).map_err(|error| Error::option(format!("fit: {error}")))?;
        options.check_counts()?;
        if !(0.0..1.0).contains(&options.validation_split) {
            return Err(Error::option(format!(
                "fit: validationSplit must be at least 0 and below 1, not {}",
                options.validation_split
            )));
        }
        if options.average_every == 0 {
            return Err(Error::option("fit: weights can be averaged after every step at most"));
        }
        if options.checkpoint_steps == Some(0) {
            return Err(Error::option("fit: checkpoints must be at least one step apart"));
        }
        Ok(options)
    }
}
