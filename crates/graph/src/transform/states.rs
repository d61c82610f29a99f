//! Initial states of recurrences as inputs of the graph.

use crate::error::{Error, Result};
use crate::ir::Node;
use crate::ops::Recurrence;
use crate::values::{Dtype, InputSpec};
use std::sync::Arc;

/// A state that a graph takes as an input and gives as an output.
#[derive(Debug)]
pub(super) struct Taken {
    /// The shape of its rows.
    pub(super) shape: Vec<usize>,
    pub(super) name: String,
    /// The value that it began with.
    pub(super) initial: Option<usize>,
    /// The value that it ends with.
    pub(super) last: usize,
}

impl Taken {
    /// The input of the graph that it becomes.
    pub(super) fn input(&self) -> InputSpec {
        let shape = std::iter::once(None).chain(self.shape.iter().copied().map(Some)).collect();
        InputSpec { name: self.name.clone(), dtype: Dtype::Float32, shape }
    }
}

/// Lets a recurrent node begin with the values from `first` on. `inferred` gives the shape of a value's rows.
///
/// # Errors
/// `ERR_FORMAT` for a node that has not the operands of its recurrence, `ERR_UNSUPPORTED` for a state whose shape
/// nothing tells.
pub(super) fn take_states(
    node: &mut Node,
    recurrence: &Recurrence,
    first: usize,
    inferred: impl Fn(usize) -> Option<Vec<usize>>,
) -> Result<Vec<Taken>> {
    let malformed = || Error::format(format!("Layer '{}' is not a complete recurrent layer", node.name));
    let given = recurrence.states.iter().filter_map(|state| state.initial).count();
    let sequences = node.inputs.get(..recurrence.sequences).ok_or_else(malformed)?;
    let constants = node.inputs.get(recurrence.sequences + given..).ok_or_else(malformed)?;
    let taken = recurrence.states.iter().enumerate().map(|(index, state)| {
        let initial = state.initial.map(|input| node.inputs.get(input).copied().ok_or_else(malformed));
        let last = *node.outputs.get(recurrence.outputs + index).ok_or_else(malformed)?;
        let shape = state.shape.clone().or_else(|| inferred(last)).ok_or_else(|| {
            Error::unsupported(format!("Layer '{}' ({}) has states of unknown shape", node.name, node.kind))
        })?;
        Ok(Taken {
            shape,
            name: format!("state {index} of {}", node.name),
            initial: initial.transpose()?,
            last,
        })
    });
    let taken = taken.collect::<Result<Vec<Taken>>>()?;
    let states: Vec<usize> = (first..).take(taken.len()).collect();
    node.inputs = [sequences, &states, constants].concat();
    node.op = Arc::clone(&recurrence.given);
    Ok(taken)
}
