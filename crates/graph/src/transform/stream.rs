//! Splits a model in two: what it computes once from its constants, and one step, whose states go in and come out.

use super::hoist;
use super::states::{Taken, take_states};
use super::timing::Timing;
use crate::error::{Error, Result};
use crate::ir::{Checked, Graph, Node, open_shape};
use crate::shape::ANY;
use crate::values::{Dtype, InputSpec};

/// A model split in two.
#[derive(Debug, Clone)]
pub(crate) struct Streaming {
    /// From the constants to what steps read of them, then to initial states; none if the model has no constants.
    pub(crate) prelude: Option<Graph>,
    /// From what steps read of the constants (without masks) to what the steps' scans compute from it alone.
    pub(crate) hoisted: Option<Graph>,
    /// One step. Inputs: the step's, the states, what is held (of the prelude, then hoisted). Outputs: the model's,
    /// then the states.
    pub(crate) step: Graph,
    /// The shape of each state's rows, and the output of the prelude that it begins with.
    pub(crate) states: Vec<(Vec<usize>, Option<usize>)>,
    /// How many outputs of the prelude are held.
    pub(crate) held: usize,
    /// The time axis of each output of the model.
    pub(crate) time_axes: Vec<Option<usize>>,
}

impl Streaming {
    /// Splits a model whose input `step` comes step by step, while all others are constants.
    ///
    /// # Errors
    /// `ERR_UNSUPPORTED` naming what cannot run step by step.
    pub(crate) fn new(graph: &Graph, step: usize) -> Result<Self> {
        let input = sequence_input(graph, step)?;
        let metas = Checked::<f32>::new(graph.clone())?.values;
        let mut timing = Timing::new(&metas, graph.inputs.len(), step);
        let mut moving = Vec::new();
        let mut standing = Vec::new();
        let mut states: Vec<Taken> = Vec::new();
        for node in &graph.nodes {
            if !timing.visit(node)? {
                standing.push(node.clone());
                continue;
            }
            let mut node = node.clone();
            if let Some(recurrence) = node.op.recurrence() {
                if recurrence.reversed {
                    return Err(Error::unsupported(format!(
                        "Layer '{}' reads its sequence from the end, so the model cannot run in a session",
                        node.name
                    )));
                }
                // Ids after all others stand for the states until everything is renumbered.
                let inferred = |id: usize| {
                    let rows = metas.get(id)?.shape.dims().get(1..)?;
                    rows.iter().map(|&dim| (dim != ANY).then_some(dim)).collect()
                };
                states.extend(take_states(&mut node, &recurrence, metas.len() + states.len(), inferred)?);
            }
            moving.push(node);
        }
        if let Some(output) = graph.outputs.iter().position(|&id| !timing.moves(id)) {
            return Err(Error::unsupported(format!(
                "The output {output} does not depend on the input '{}', which comes step by step",
                input.name
            )));
        }
        let batched = |id: usize| metas.get(id).is_some_and(|meta| meta.batched);
        let mut held: Vec<usize> = Vec::new();
        for id in moving.iter().flat_map(|node| &node.inputs).copied().filter(|&id| id < metas.len()) {
            if !timing.moves(id) && batched(id) && !held.contains(&id) {
                held.push(id);
            }
        }
        if let Some(id) = held.iter().find(|&&id| metas[id].dtype != Dtype::Float32) {
            return Err(Error::unsupported(format!(
                "A step reads the tokens of input {id}, which do not change"
            )));
        }
        let mut given = held.clone();
        let state_specs = states
            .iter()
            .map(|state| {
                let initial = state.initial.map(|id| {
                    given.push(id);
                    given.len() - 1
                });
                (state.shape.clone(), initial)
            })
            .collect();
        let constants = (0..graph.inputs.len()).filter(|&id| id != step);
        let prelude = (!given.is_empty()).then(|| {
            let inputs = constants.map(|id| (id, graph.inputs[id].clone())).collect();
            graph.extract(inputs, &standing, &given)
        });

        let mut inputs = vec![(step, InputSpec { shape: open_time(&input.shape), ..input.clone() })];
        for (index, state) in states.iter().enumerate() {
            inputs.push((metas.len() + index, state.input()));
        }
        for &id in &held {
            let shape = open_shape(&metas[id].shape);
            let name = format!("constant {id}");
            inputs.push((id, InputSpec { name, dtype: Dtype::Float32, shape }));
        }
        // Parameters and what is computed from them alone belong to both parts.
        let free = standing.into_iter().filter(|node| !node.outputs.iter().any(|&id| batched(id)));
        let mut nodes: Vec<Node> = free.chain(moving).collect();
        nodes.sort_by_key(|node| node.outputs.first().copied());
        let outputs: Vec<usize> =
            graph.outputs.iter().copied().chain(states.iter().map(|state| state.last)).collect();
        let first_held = 1 + states.len();
        let (step, hoisted) = hoist::split(graph.extract(inputs, &nodes, &outputs), first_held)?;
        let time_axes = graph.outputs.iter().map(|&id| timing.axis(id)).collect();
        Ok(Self { prelude, hoisted, step, states: state_specs, held: held.len(), time_axes })
    }
}

/// The input that comes step by step.
fn sequence_input(graph: &Graph, step: usize) -> Result<&InputSpec> {
    let input = graph.inputs.get(step).ok_or_else(|| {
        Error::option(format!("There is no input {step}; the model has {}", graph.inputs.len()))
    })?;
    let least = if input.dtype == Dtype::Int32 { 2 } else { 3 };
    if input.shape.len() < least {
        return Err(Error::unsupported(format!(
            "A session needs sequences, but the input '{}' has none",
            input.name
        )));
    }
    Ok(input)
}

fn open_time(shape: &[Option<usize>]) -> Vec<Option<usize>> {
    shape.iter().enumerate().map(|(axis, &dim)| if axis == 1 { None } else { dim }).collect()
}
