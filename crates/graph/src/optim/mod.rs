//! Optimizers over the flat arena of weights: Keras's names and default values; each says whose formula it has.
//!
//! A new optimizer is a file with a type that implements `Rule`, its `mod` line, and its place in `entries::ENTRIES`.

mod adadelta;
mod adafactor;
mod adagrad;
mod adam;
mod adamax;
mod adamw;
mod apply;
mod arena;
mod check;
mod entries;
mod entry;
mod ftrl;
mod handover;
mod lamb;
mod lion;
mod means;
mod muon;
mod nadam;
mod norm;
mod optimizer;
mod options;
mod overflow;
mod radam;
mod rmsprop;
mod rounding;
mod rule;
mod saved;
mod schedule;
mod sgd;
mod step;
#[cfg(test)]
mod tests;
mod touched;

pub use arena::StateValues;
#[cfg(test)]
pub(crate) use entries::ENTRIES;
#[cfg(test)]
pub(crate) use entry::Entry;
pub(crate) use handover::KeptStates;
pub use optimizer::Optimizer;
pub use saved::{NewState, SavedState, StateTensor};
