//! Takes out of the steps' scans what depends on their constants alone: a session computes it once, not in every step.

use crate::error::{Error, Result};
use crate::ir::{Checked, Graph, Node, Phase, open_shape, phases};
use crate::scan::ScanSpec;
use crate::values::{Dtype, InputSpec};
use std::any::Any;
use std::sync::Arc;

/// A scan whose work on constants has been taken out.
struct Reduced<'a> {
    /// Its index among the nodes.
    node: usize,
    scan: &'a ScanSpec,
    /// The operations of its body that have been taken out.
    moved: Vec<bool>,
    /// What it reads now: ids of its body, and of the new graph of constants.
    read: Vec<(usize, usize)>,
}

/// Splits the graph of a step, whose inputs from `first_held` on are constants, into the step without that work, and
/// the graph of the work: from those inputs to what the step then reads as further inputs.
pub(super) fn split(step: Graph, first_held: usize) -> Result<(Graph, Option<Graph>)> {
    let held: Vec<InputSpec> = step.inputs.get(first_held..).unwrap_or_default().to_vec();
    let mut work = Graph { inputs: held, nodes: Vec::new(), outputs: Vec::new(), ..step.clone() };
    let mut reduced = Vec::new();
    let mut next = work.inputs.len();
    for (index, node) in step.nodes.iter().enumerate() {
        if let Some(scan) = (&*node.op as &dyn Any).downcast_ref::<ScanSpec>() {
            reduced.extend(reduce(&step, (index, node, scan), first_held, &mut work.nodes, &mut next)?);
        }
    }
    if reduced.is_empty() {
        return Ok((step, None));
    }
    work.outputs = reduced.iter().flat_map(|scan| scan.read.iter().map(|&(_, id)| id)).collect();
    let metas = Checked::<f32>::new(work.clone())?.values;
    let mut inputs: Vec<(usize, InputSpec)> = step.inputs.iter().cloned().enumerate().collect();
    let mut nodes = step.nodes.clone();
    // Ids after all others stand for the new inputs.
    let mut id = nodes.iter().flat_map(|node| &node.outputs).max().map_or(0, |last| last + 1);
    for Reduced { node, scan, moved, read } in reduced {
        let node = &mut nodes[node];
        let mut constants = Vec::new();
        for &(inner, value) in &read {
            let meta = metas.get(value).ok_or_else(|| Error::native("A constant of a scan was lost"))?;
            let shape = open_shape(&meta.shape);
            let name = format!("{} from constants, {value}", node.name);
            let input = InputSpec { name, dtype: Dtype::Float32, shape };
            inputs.push((id, input.clone()));
            constants.push((inner, input));
            node.inputs.push(id);
            id += 1;
        }
        node.op = Arc::new(scan.without(constants, &moved));
    }
    Ok((step.extract(inputs, &nodes, &step.outputs), Some(work)))
}

/// Moves a scan's work on constants to `work`, if there is any.
fn reduce<'a>(
    step: &Graph,
    (index, node, scan): (usize, &Node, &'a ScanSpec),
    first_held: usize,
    work: &mut Vec<Node>,
    next: &mut usize,
) -> Result<Option<Reduced<'a>>> {
    let malformed = || Error::format(format!("Layer '{}' is not a complete scan", node.name));
    let body = scan.body();
    let constants = body.inputs.len();
    // All states are given, so that the body's inputs are the node's.
    if constants != node.inputs.len() {
        return Err(malformed());
    }
    let held = |id: usize| (first_held..step.inputs.len()).contains(&id).then(|| id - first_held);
    // For each value of the body, what it is in the graph of constants.
    let mut there: Vec<Option<usize>> = node.inputs.iter().map(|&id| held(id)).collect();
    let given = there.iter().map(|held| if held.is_some() { Phase::Once } else { Phase::Step }).collect();
    let checked = Checked::<f32>::body(body.clone())?;
    let (phases, of_value) = phases(&checked.nodes, &checked.values, given, usize::MAX);
    there.resize(of_value.len(), None);
    for (inner, _) in body.nodes.iter().zip(&phases).filter(|(_, phase)| **phase == Phase::Once) {
        for &id in &inner.outputs {
            there[id] = Some(*next);
            *next += 1;
        }
        let find = |ids: &[usize]| ids.iter().map(|&id| there[id]).collect::<Option<Vec<usize>>>();
        let weights = inner.weights.iter().map(|&weight| node.weights.get(weight).copied());
        work.push(Node {
            inputs: find(&inner.inputs).ok_or_else(malformed)?,
            weights: weights.collect::<Option<_>>().ok_or_else(malformed)?,
            outputs: find(&inner.outputs).ok_or_else(malformed)?,
            ..inner.clone()
        });
    }
    // What depends only on weights and numbers stays in the body.
    let moved = |id: usize| of_value[id] == Phase::Once && checked.values[id].batched;
    let looped = body.nodes.iter().zip(&phases).filter(|(_, phase)| **phase == Phase::Step);
    let mut read: Vec<usize> = Vec::new();
    for &id in looped.flat_map(|(inner, _)| &inner.inputs).chain(&body.outputs) {
        if id >= constants && moved(id) && !read.contains(&id) {
            read.push(id);
        }
    }
    if read.is_empty() {
        return Ok(None);
    }
    let read = read.into_iter().map(|id| Ok((id, there[id].ok_or_else(malformed)?)));
    let moved = body.nodes.iter().map(|inner| inner.outputs.iter().any(|&id| moved(id))).collect();
    Ok(Some(Reduced { node: index, scan, moved, read: read.collect::<Result<_>>()? }))
}
