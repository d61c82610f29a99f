//! A graph whose stateful layers take their initial states as inputs and return their last ones as outputs.

use super::states::take_states;
use crate::error::{Error, Result};
use crate::ir::Graph;

/// Adds the states of stateful layers after the inputs and outputs of a graph. Returns the shapes of their rows, too.
///
/// # Errors
/// `ERR_UNSUPPORTED` for stateful layers with initial states, or that have no states.
pub(crate) fn carry(graph: &Graph) -> Result<(Graph, Vec<Vec<usize>>)> {
    let mut inputs: Vec<_> = graph.inputs.iter().cloned().enumerate().collect();
    let mut nodes = graph.nodes.clone();
    let mut outputs = graph.outputs.clone();
    let mut shapes: Vec<Vec<usize>> = Vec::new();
    // Ids after all others stand for the states until everything is renumbered.
    let defined = nodes.iter().flat_map(|node| &node.outputs).copied();
    let first = defined.chain(0..graph.inputs.len()).max().map_or(0, |last| last.saturating_add(1));
    for node in nodes.iter_mut().filter(|node| node.stateful) {
        let refuse = |why: &str| Err(Error::unsupported(format!("Layer '{}'{why}", node.name)));
        let Some(recurrence) = node.op.recurrence() else {
            return refuse(&format!(" ({}) cannot be stateful", node.kind));
        };
        if recurrence.states.iter().any(|state| state.initial.is_some()) {
            return refuse(" has an initial state of its own, so it cannot be stateful");
        }
        let next = first + shapes.len();
        for (state, id) in take_states(node, &recurrence, next, |_| None)?.into_iter().zip(next..) {
            inputs.push((id, state.input()));
            outputs.push(state.last);
            shapes.push(state.shape);
        }
    }
    Ok((graph.assemble(inputs, nodes, &outputs), shapes))
}
