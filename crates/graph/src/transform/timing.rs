//! Which operations run at every step, and where their results have the time axis.

use crate::error::{Error, Result};
use crate::ir::Node;
use crate::ops::Streamed;
use crate::shape::Meta;

/// What is known of the values of a graph as its nodes are visited in order.
#[derive(Debug)]
pub(super) struct Timing<'a> {
    /// Types and shapes.
    metas: &'a [Meta],
    values: Vec<Streamed>,
}

impl<'a> Timing<'a> {
    /// Before the first node: of the inputs, `step` moves.
    pub(super) fn new(metas: &'a [Meta], inputs: usize, step: usize) -> Self {
        let value = |(input, &meta): (usize, &Meta)| {
            let moves = input == step;
            Streamed { meta, moves, time: moves.then_some(1) }
        };
        Self { metas, values: metas.iter().take(inputs).enumerate().map(value).collect() }
    }

    /// The time axis of a value.
    pub(super) fn axis(&self, id: usize) -> Option<usize> {
        self.values.get(id)?.time
    }

    /// Whether a value depends on the step's input.
    pub(super) fn moves(&self, id: usize) -> bool {
        self.values.get(id).is_some_and(|value| value.moves)
    }

    /// Visits the next node. True if it moves, that is, runs at every step.
    ///
    /// # Errors
    /// `ERR_UNSUPPORTED` for one that needs the whole sequence.
    pub(super) fn visit(&mut self, node: &Node) -> Result<bool> {
        let inputs: Vec<Streamed> = node.inputs.iter().map(|&id| self.values[id]).collect();
        let moves = inputs.iter().any(|input| input.moves);
        let times = if moves { node.op.stream(&inputs) } else { Some(vec![None; node.outputs.len()]) };
        let times = times.filter(|times| times.len() == node.outputs.len()).ok_or_else(|| {
            Error::unsupported(format!(
                "Layer '{}' ({}) needs the whole sequence, so the model cannot run in a session",
                node.name, node.kind
            ))
        })?;
        let outputs = node.outputs.iter().zip(times);
        self.values.extend(outputs.map(|(&id, time)| Streamed { meta: self.metas[id], moves, time }));
        Ok(moves)
    }
}
