//! How a model predicts the next token: with which output, and whether that is probabilities or logits.

use crate::error::{Error, Result};
use crate::form::Form;
use crate::ir::{Checked, Graph};
use crate::ops::{ActivationKind, Role};
use serde::Deserialize;

/// What the caller says an output is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum From {
    /// They sum to 1 over the tokens.
    Probabilities,
    /// Softmax makes probabilities of them.
    Logits,
}

/// How the values of an output are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    Logits,
    /// Known to sum to 1.
    Probabilities,
    /// The caller says they are probabilities: they are checked.
    Said,
    /// Nothing is known: they count as probabilities if they are a distribution, and are refused otherwise.
    Measured,
}

/// A model of the output that is read, followed by others.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) graph: Graph,
    pub(super) reading: Reading,
}

impl Head {
    /// The head of a model whose output `output` is read as `from`. If `logits_suit`, the logits before a softmax are
    /// read instead of its probabilities: the choice is the same, and more exact.
    ///
    /// # Errors
    /// `ERR_OPTION` for an output that does not exist, or that `from` contradicts; `ERR_UNSUPPORTED`.
    pub(super) fn new(
        graph: &Graph,
        output: usize,
        from: Option<From>,
        others: &[usize],
        logits_suit: bool,
    ) -> Result<Self> {
        let Some(&value) = graph.outputs.get(output) else {
            return Err(Error::option(format!(
                "There is no output {output}; the model has {}",
                graph.outputs.len()
            )));
        };
        let form = Checked::<f32>::new(graph.clone())?.forms().get(value).copied().unwrap_or(Form::Unknown);
        let reading = match (from, form) {
            (Some(From::Logits), Form::Distribution) => {
                return Err(Error::option(
                    "from is 'logits', but the output is known to be probabilities: their softmax would be another distribution",
                ));
            }
            (Some(From::Logits), _) | (None, Form::Real) => Reading::Logits,
            (_, Form::Distribution) => Reading::Probabilities,
            (Some(From::Probabilities), _) => Reading::Said,
            (None, _) => Reading::Measured,
        };
        let logits_of =
            (logits_suit && reading == Reading::Probabilities).then(|| logits(graph, value)).flatten();
        let outputs: Vec<usize> =
            std::iter::once(logits_of.unwrap_or(value)).chain(others.iter().copied()).collect();
        let inputs = graph.inputs.iter().cloned().enumerate().collect();
        Ok(Self {
            graph: graph.extract(inputs, &graph.nodes, &outputs),
            reading: if logits_of.is_some() { Reading::Logits } else { reading },
        })
    }
}

/// The logits of which a value is the softmax, if it is one, except in training.
fn logits(graph: &Graph, mut value: usize) -> Option<usize> {
    loop {
        let node = graph.nodes.iter().find(|node| node.outputs.contains(&value))?;
        value = *node.inputs.first()?;
        if node.op.role() == Role::Activation(ActivationKind::Softmax) {
            return Some(value);
        }
        if !node.op.is_identity_in_prediction() {
            return None;
        }
    }
}

/// Whether every row of `values` is a distribution.
pub(super) fn are_distributions(values: &[f32], width: usize) -> bool {
    values.chunks_exact(width.max(1)).all(|row| {
        let sum: f64 = row.iter().map(|&value| f64::from(value)).sum();
        row.iter().all(|&value| value >= 0.0) && (sum - 1.0).abs() < 1e-3
    })
}
