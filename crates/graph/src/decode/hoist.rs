//! Takes out of the steps' scans what depends on their constants alone: a session computes it once, not in every step.

use super::streaming::extract;
use crate::error::{Error, Result};
use crate::plan::Graph;
use crate::scan::BodySpec;
use crate::shape::ANY;
use crate::spec::{Dtype, GraphSpec, InputSpec, NodeSpec};

/// What a value of a scan's body depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Weights and numbers alone.
    Free,
    /// Constants of the batch too.
    Once,
    /// The step, a state, or numbers that are drawn anew.
    Loop,
}

/// A scan whose work on constants has been taken out.
struct Reduced {
    /// Its place among the nodes.
    node: usize,
    body: BodySpec,
    /// What it reads now: ids of the new graph of constants.
    read: Vec<usize>,
}

/// Splits the graph of a step, whose inputs from `first_held` on are constants, into itself without that work, and the graph of the
/// work: from those inputs to what the step then reads behind them.
pub(super) fn split(step: GraphSpec, first_held: usize) -> Result<(GraphSpec, Option<GraphSpec>)> {
    let held: Vec<InputSpec> = step.inputs.get(first_held..).unwrap_or_default().to_vec();
    let mut work = GraphSpec { inputs: held, nodes: Vec::new(), outputs: Vec::new(), ..step.clone() };
    let mut reduced = Vec::new();
    let mut next = work.inputs.len();
    for (index, node) in step.nodes.iter().enumerate().filter(|(_, node)| node.op == "scan") {
        reduced.extend(reduce(&step, index, node, first_held, &mut work.nodes, &mut next)?);
    }
    if reduced.is_empty() {
        return Ok((step, None));
    }
    work.outputs = reduced.iter().flat_map(|scan| scan.read.iter().copied()).collect();
    let metas = Graph::<f32>::new(work.clone())?.values;
    let mut inputs: Vec<(usize, InputSpec)> = step.inputs.iter().cloned().enumerate().collect();
    let mut nodes = step.nodes.clone();
    // Ids behind all others stand for what is read anew.
    let mut id = nodes.iter().flat_map(|node| &node.outputs).max().map_or(0, |last| last + 1);
    for Reduced { node, mut body, read } in reduced {
        let node = &mut nodes[node];
        for &value in &read {
            let dims = metas.get(value).map(|meta| meta.shape);
            let dims = dims.ok_or_else(|| Error::native("A constant of a scan was lost"))?;
            let shape: Vec<Option<usize>> =
                dims.dims().iter().map(|&dim| (dim != ANY).then_some(dim)).collect();
            let name = format!("{} from constants, {value}", node.name);
            inputs.push((id, InputSpec { name: name.clone(), dtype: Dtype::Float32, shape: shape.clone() }));
            body.add_input(name, shape);
            node.inputs.push(id);
            id += 1;
        }
        node.attributes.insert("body".to_owned(), body.to_value()?);
    }
    Ok((extract(&step, inputs, &nodes, &step.outputs), Some(work)))
}

/// Moves a scan's work on constants to `work`, if there is any.
fn reduce(
    step: &GraphSpec,
    index: usize,
    node: &NodeSpec,
    first_held: usize,
    work: &mut Vec<NodeSpec>,
    next: &mut usize,
) -> Result<Option<Reduced>> {
    let malformed = || Error::format(format!("Layer '{}' is not a complete scan", node.name));
    let mut body = BodySpec::of(node)?;
    let constants = body.input_count();
    // All states are given, so that the body's inputs are the node's.
    if constants != node.inputs.len() {
        return Err(malformed());
    }
    let held = |id: usize| (first_held..step.inputs.len()).contains(&id).then(|| id - first_held);
    let mut phases: Vec<Phase> =
        node.inputs.iter().map(|&id| if held(id).is_some() { Phase::Once } else { Phase::Loop }).collect();
    // For each value of the body, what it is in the graph of constants.
    let mut there: Vec<Option<usize>> = node.inputs.iter().map(|&id| held(id)).collect();
    for inner in body.nodes() {
        let phase = phase(inner, &phases).ok_or_else(malformed)?;
        phases.resize(phases.len() + inner.outputs.len(), phase);
        if phase == Phase::Loop {
            there.resize(phases.len(), None);
            continue;
        }
        let find = |ids: &[usize], from: &[Option<usize>]| -> Option<Vec<usize>> {
            ids.iter().map(|&id| from.get(id).copied().flatten()).collect()
        };
        let outputs: Vec<usize> = (*next..*next + inner.outputs.len()).collect();
        *next += inner.outputs.len();
        there.extend(outputs.iter().map(|&id| Some(id)));
        let weights = inner.weights.iter().map(|&weight| node.weights.get(weight).copied());
        work.push(NodeSpec {
            inputs: find(&inner.inputs, &there).ok_or_else(malformed)?,
            weights: weights.collect::<Option<_>>().ok_or_else(malformed)?,
            outputs,
            ..inner.clone()
        });
    }
    let made = |id: usize| id >= constants && phases.get(id) == Some(&Phase::Once);
    let looped = body
        .nodes()
        .iter()
        .filter(|inner| inner.outputs.iter().any(|&id| phases.get(id) == Some(&Phase::Loop)));
    let mut read: Vec<usize> = Vec::new();
    for id in looped.flat_map(|inner| &inner.inputs).chain(body.outputs()).copied() {
        if made(id) && !read.contains(&id) {
            read.push(id);
        }
    }
    if read.is_empty() {
        return Ok(None);
    }
    body.replace(&read, |inner| !inner.outputs.iter().any(|&id| phases.get(id) == Some(&Phase::Once)));
    let read = read.into_iter().map(|id| there.get(id).copied().flatten().ok_or_else(malformed));
    Ok(Some(Reduced { node: index, body, read: read.collect::<Result<_>>()? }))
}

fn phase(node: &NodeSpec, phases: &[Phase]) -> Option<Phase> {
    if ["dropout", "sample"].contains(&node.op.as_str()) {
        return Some(Phase::Loop);
    }
    let inputs: Option<Vec<Phase>> = node.inputs.iter().map(|&id| phases.get(id).copied()).collect();
    let inputs = inputs?;
    Some(if inputs.contains(&Phase::Loop) {
        Phase::Loop
    } else if inputs.contains(&Phase::Once) {
        Phase::Once
    } else {
        Phase::Free
    })
}
