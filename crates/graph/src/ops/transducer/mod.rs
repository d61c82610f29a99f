//! `transducerJoint` and `transducerLoss`: the joint network of an RNN transducer (Graves 2012, arXiv 1211.3711), and its
//! loss.
//!
//! What the encoder says of a step and what the predictor says of the symbols so far are added, then
//! `logits = activation(step + symbols)·kernel + bias`. There is such a vector of logits for each step and each number of
//! written symbols: `[batch, time, labels + 1, symbols]`. The loss never holds more than a slice of that.

mod grid;
mod joint;
mod loss;
mod plan;

use super::Entry;

pub(super) const OPERATIONS: &[Entry] = &[joint::ENTRY, loss::ENTRY];
