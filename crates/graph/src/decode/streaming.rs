//! Cuts a model in two: what it computes once from its constants, and one step, whose states go in and come out.

use super::hoist;
use super::timing::{Timing, whole_sequence};
use crate::error::{Error, Result};
use crate::plan::Graph;
use crate::shape::ANY;
use crate::spec::{Dtype, GraphSpec, InputSpec, NodeSpec};
use serde_json::Value;
use std::collections::{HashMap, HashSet};

/// A model cut in two.
#[derive(Debug, Clone)]
pub(super) struct Streaming {
    /// From the constants to what steps read of them, then to initial states; none where the model has no constants.
    pub(super) prelude: Option<GraphSpec>,
    /// From what steps read of the constants, masks left aside, to what the steps' scans make of it alone.
    pub(super) hoisted: Option<GraphSpec>,
    /// One step. Inputs: the step's, the states, what is held (of the prelude, then hoisted). Outputs: the model's, then the states.
    pub(super) step: GraphSpec,
    pub(super) states: Vec<State>,
    /// How many outputs of the prelude are held.
    pub(super) held: usize,
    /// The time axis of each output of the model.
    pub(super) time_axes: Vec<Option<usize>>,
}

/// A state that is carried from step to step.
#[derive(Debug, Clone)]
pub(super) struct State {
    /// The shape of its rows.
    pub(super) shape: Vec<usize>,
    /// The output of the prelude that it begins with; zeros where there is none.
    pub(super) initial: Option<usize>,
}

/// A state on its way through the cut.
struct Carried {
    shape: Vec<usize>,
    name: String,
    /// The value that it begins with.
    initial: Option<usize>,
    /// The value that it ends with.
    last: usize,
}

impl Streaming {
    /// Cuts a model whose input `step` comes step by step, while all others are constants.
    ///
    /// # Errors
    /// `ERR_UNSUPPORTED` naming what cannot run step by step.
    pub(super) fn new(spec: &GraphSpec, step: usize) -> Result<Self> {
        let input = sequence_input(spec, step)?;
        let metas = Graph::<f32>::new(spec.clone())?.values;
        let mut timing = Timing::new(&metas, spec.inputs.len(), step);
        let mut moving = Vec::new();
        let mut standing = Vec::new();
        let mut states: Vec<Carried> = Vec::new();
        for node in &spec.nodes {
            if !timing.visit(node)? {
                standing.push(node.clone());
                continue;
            }
            let mut node = node.clone();
            // Ids behind all others stand for the states until everything is numbered anew.
            take_states(&mut node, metas.len(), &mut states)?;
            moving.push(node);
        }
        if let Some(output) = spec.outputs.iter().position(|&id| !timing.moves(id)) {
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
                State { shape: state.shape.clone(), initial }
            })
            .collect();
        let constants = (0..spec.inputs.len()).filter(|&id| id != step);
        let prelude = (!given.is_empty()).then(|| {
            let inputs = constants.map(|id| (id, spec.inputs[id].clone())).collect();
            extract(spec, inputs, &standing, &given)
        });

        let mut inputs = vec![(step, InputSpec { shape: open_time(&input.shape), ..input.clone() })];
        for (index, state) in states.iter().enumerate() {
            let shape = std::iter::once(None).chain(state.shape.iter().copied().map(Some)).collect();
            inputs.push((
                metas.len() + index,
                InputSpec { name: state.name.clone(), dtype: Dtype::Float32, shape },
            ));
        }
        for &id in &held {
            let shape = metas[id].shape.dims().iter().map(|&dim| (dim != ANY).then_some(dim)).collect();
            let name = format!("constant {id}");
            inputs.push((id, InputSpec { name, dtype: Dtype::Float32, shape }));
        }
        // Parameters and what is computed from them alone belong to both parts.
        let free = standing.into_iter().filter(|node| !node.outputs.iter().any(|&id| batched(id)));
        let mut nodes: Vec<NodeSpec> = free.chain(moving).collect();
        nodes.sort_by_key(|node| node.outputs.first().copied());
        let outputs: Vec<usize> =
            spec.outputs.iter().copied().chain(states.iter().map(|state| state.last)).collect();
        let first_held = 1 + states.len();
        let (step, hoisted) = hoist::split(extract(spec, inputs, &nodes, &outputs), first_held)?;
        let time_axes = spec.outputs.iter().map(|&id| timing.axis(id)).collect();
        Ok(Self { prelude, hoisted, step, states: state_specs, held: held.len(), time_axes })
    }
}

/// The input that comes step by step.
fn sequence_input(spec: &GraphSpec, step: usize) -> Result<&InputSpec> {
    let input = spec.inputs.get(step).ok_or_else(|| {
        Error::option(format!("There is no input {step}; the model has {}", spec.inputs.len()))
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

/// A graph of some nodes, with ids of its own.
pub(super) fn extract(
    spec: &GraphSpec,
    inputs: Vec<(usize, InputSpec)>,
    nodes: &[NodeSpec],
    outputs: &[usize],
) -> GraphSpec {
    let mut ids: HashMap<usize, usize> =
        inputs.iter().enumerate().map(|(new, &(old, _))| (old, new)).collect();
    // What is not there stays an id that no graph has, and is refused as such.
    let find = |ids: &HashMap<usize, usize>, old: usize| ids.get(&old).copied().unwrap_or(usize::MAX);
    let mut wanted: HashSet<usize> = outputs.iter().copied().collect();
    let mut kept: Vec<&NodeSpec> = Vec::new();
    for node in nodes.iter().rev() {
        if node.outputs.iter().any(|id| wanted.contains(id)) {
            wanted.extend(&node.inputs);
            kept.push(node);
        }
    }
    let mut next = inputs.len();
    let nodes = kept.into_iter().rev().map(|node| {
        let mut node = node.clone();
        node.inputs.iter_mut().for_each(|id| *id = find(&ids, *id));
        for id in &mut node.outputs {
            ids.insert(*id, next);
            *id = next;
            next += 1;
        }
        node
    });
    let nodes = nodes.collect();
    GraphSpec {
        version: spec.version,
        inputs: inputs.into_iter().map(|(_, input)| input).collect(),
        weights: spec.weights.clone(),
        nodes,
        outputs: outputs.iter().map(|&id| find(&ids, id)).collect(),
    }
}

fn malformed(node: &NodeSpec) -> Error {
    Error::format(format!("Layer '{}' is not a complete recurrent layer", node.name))
}

/// Turns the initial states of a recurrent node into inputs of the step, numbered from `first` on.
fn take_states(node: &mut NodeSpec, first: usize, states: &mut Vec<Carried>) -> Result<()> {
    let number = |key: &str| node.attributes.get(key).and_then(|value| usize::try_from(value.as_u64()?).ok());
    let (sequences, outputs, shapes) = match node.op.as_str() {
        "simpleRnn" | "gru" => (1, 1, number("units").map(|units| vec![vec![units]])),
        "lstm" => (1, 1, number("units").map(|units| vec![vec![units]; 2])),
        "scan" => {
            let shapes = node.attributes.get("stateShapes").cloned();
            let counts = number("sequences").zip(number("outputs"));
            let (sequences, outputs) = counts.ok_or_else(|| malformed(node))?;
            (sequences, outputs, shapes.and_then(|shapes| serde_json::from_value(shapes).ok()))
        }
        _ => return Ok(()),
    };
    let shapes: Vec<Vec<usize>> = shapes.ok_or_else(|| malformed(node))?;
    if node.attributes.get("order").and_then(Value::as_str) != Some("forward") {
        return Err(Error::unsupported(format!(
            "Layer '{}' reads its sequence from the end, so the model cannot run in a session",
            node.name
        )));
    }
    if sequences == 0 {
        return Err(whole_sequence(node));
    }
    let given = given_states(node, sequences, shapes.len())?;
    let count = given.iter().filter(|&&given| given).count();
    let mut rest = node.inputs.get(sequences..).ok_or_else(|| malformed(node))?.iter().copied();
    let initial: Vec<usize> = rest.by_ref().take(count).collect();
    let constants: Vec<usize> = rest.collect();
    let mut initial = initial.into_iter();
    node.inputs.truncate(sequences);
    for (position, (shape, given)) in shapes.into_iter().zip(given).enumerate() {
        node.inputs.push(first + states.len());
        states.push(Carried {
            shape,
            name: format!("state {position} of {}", node.name),
            initial: if given { initial.next() } else { None },
            last: *node.outputs.get(outputs + position).ok_or_else(|| malformed(node))?,
        });
    }
    node.inputs.extend(constants);
    // All of them are given now.
    node.attributes.remove("initial");
    Ok(())
}

/// Which states of a node have an initial value of their own.
fn given_states(node: &NodeSpec, sequences: usize, states: usize) -> Result<Vec<bool>> {
    if let Some(initial) = node.attributes.get("initial").filter(|initial| !initial.is_null()) {
        let initial: Option<Vec<bool>> = serde_json::from_value(initial.clone()).ok();
        return initial.filter(|initial| initial.len() == states).ok_or_else(|| malformed(node));
    }
    let body = node.attributes.get("body").and_then(|body| body.get("inputs")?.as_array().map(Vec::len));
    let all = body.unwrap_or(sequences + states);
    Ok(vec![node.inputs.len() == all; states])
}
