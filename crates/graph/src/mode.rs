//! How a graph runs: what it keeps, what it draws random numbers from, and who may end it.

use std::sync::atomic::AtomicBool;

/// What a forward pass keeps for a backward pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Record {
    /// Nothing: prediction and evaluation.
    #[default]
    Nothing,
    /// What the gradients of trainable weights need.
    Weights,
    /// What the gradients of trainable weights and of all floating-point inputs need.
    WeightsAndInputs,
    /// The same, and the gradients by the states of recurrences at every step:
    /// [`crate::Executor::take_state_gradients`].
    States,
}

/// How one forward pass runs.
#[derive(Debug, Clone, Copy, Default)]
pub struct Run<'a> {
    /// Whether dropout is active.
    pub training: bool,
    /// What is kept for [`crate::Executor::backward`].
    pub record: Record,
    /// Seed of random operations.
    pub seed: u64,
    /// Optimizer step, the second key of random operations.
    pub step: u64,
    /// The number in the whole batch of the first row, the third key, where this is a part of a batch.
    pub first_row: usize,
    /// Which graph outputs are computed, by their index in the graph's `outputs`; all when absent.
    pub outputs: Option<&'a [usize]>,
    /// Polled while running; when it becomes true the pass ends with `ABORTED`.
    pub cancel: Option<&'a AtomicBool>,
}
