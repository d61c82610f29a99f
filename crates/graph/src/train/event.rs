//! The events that the training loop reports.

/// Losses and metrics by name, `loss` first.
pub type Logs = Vec<(String, f64)>;

/// Something that happened in [`crate::train::Trainer::fit`], in an evaluation or a prediction.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// An epoch is about to start.
    EpochBegin {
        /// Its number, from 0.
        epoch: usize,
    },
    /// A step has been applied. With [`super::FitOptions::batch_event_seconds`], some are not told of.
    BatchEnd {
        /// The epoch's number.
        epoch: usize,
        /// The batch's number in the epoch, from 0.
        batch: usize,
        /// Batches in an epoch.
        batches: usize,
        /// Rows of this batch.
        size: usize,
        /// Means over the epoch so far.
        logs: Logs,
        /// Seconds since the epoch began.
        seconds: f64,
    },
    /// Something that the loop waits for only if it is asked to.
    Moment {
        /// `trainBatchBegin`, `trainBatchEnd`, `testBegin`, `testBatchBegin`, `testBatchEnd`, `testEnd`, or the latter four with `predict`.
        kind: &'static str,
        /// The epoch's number.
        epoch: usize,
        /// The batch's number, from 0; 0 where there is none.
        batch: usize,
        /// Rows of the batch.
        size: usize,
        /// Means so far.
        logs: Logs,
    },
    /// The set number of steps or seconds has passed since the last checkpoint: time to save
    /// [`crate::train::Trainer::progress`] with the weights and the optimizer.
    Checkpoint {
        /// The epoch's number.
        epoch: usize,
    },
    /// An epoch, with its validation, is over.
    EpochEnd {
        /// Its number.
        epoch: usize,
        /// Seconds it took, validation included.
        seconds: f64,
        /// Means over the epoch, and over the validation data with the prefix `val_`.
        logs: Logs,
    },
}

/// The answer to an [`Event`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Control {
    /// Go on.
    Continue,
    /// End training after this event.
    Stop,
}
