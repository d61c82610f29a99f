//! A graph with typed operations, as it is rewritten; and the same graph checked, as it is planned and run.

mod checked;
mod phase;

pub(crate) use checked::{Call, Checked, forms, infer, label};
pub(crate) use phase::{Phase, phases};

use crate::ops::Described;
use crate::values::{Channels, InputSpec, WeightSpec};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// A graph. Value ids count the inputs first, then the outputs of the nodes, each defined once and before its use.
#[derive(Debug, Clone, Default)]
pub struct Graph {
    /// Inputs, with the value ids `0..inputs.len()`.
    pub inputs: Vec<InputSpec>,
    /// Weights.
    pub weights: Vec<WeightSpec>,
    /// Nodes in an order in which they can run.
    pub(crate) nodes: Vec<Node>,
    /// Value ids of the results.
    pub outputs: Vec<usize>,
}

/// An operation and its operands.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    /// Name used in messages.
    pub(crate) name: String,
    /// The operation's name.
    pub(crate) kind: &'static str,
    pub(crate) op: Arc<dyn Described>,
    /// Ids of the values it reads.
    pub(crate) inputs: Vec<usize>,
    /// Indices of the weights it uses.
    pub(crate) weights: Vec<usize>,
    /// Ids of the values it defines.
    pub(crate) outputs: Vec<usize>,
    /// Whether training and prediction carry its states from batch to batch.
    pub(crate) stateful: bool,
}

impl Graph {
    /// A graph of the same weights, with ids of its own: inputs and operands come with their ids here.
    pub(crate) fn assemble(
        &self,
        inputs: Vec<(usize, InputSpec)>,
        mut nodes: Vec<Node>,
        outputs: &[usize],
    ) -> Self {
        let mut ids: HashMap<usize, usize> =
            inputs.iter().enumerate().map(|(new, &(old, _))| (old, new)).collect();
        // What is not there stays an id that no graph has, and is refused as such.
        let find = |ids: &HashMap<usize, usize>, old: usize| ids.get(&old).copied().unwrap_or(usize::MAX);
        let mut next = inputs.len();
        for node in &mut nodes {
            node.inputs.iter_mut().for_each(|id| *id = find(&ids, *id));
            for id in &mut node.outputs {
                ids.insert(*id, next);
                *id = next;
                next += 1;
            }
        }
        Self {
            inputs: inputs.into_iter().map(|(_, input)| input).collect(),
            weights: self.weights.clone(),
            nodes,
            outputs: outputs.iter().map(|&id| find(&ids, id)).collect(),
        }
    }

    /// The same with those nodes alone that the outputs need.
    pub(crate) fn extract(&self, inputs: Vec<(usize, InputSpec)>, nodes: &[Node], outputs: &[usize]) -> Self {
        let mut wanted: HashSet<usize> = outputs.iter().copied().collect();
        let mut kept: Vec<Node> = Vec::new();
        for node in nodes.iter().rev() {
            if node.outputs.iter().any(|id| wanted.contains(id)) {
                wanted.extend(&node.inputs);
                kept.push(node.clone());
            }
        }
        kept.reverse();
        self.assemble(inputs, kept, outputs)
    }
}

impl AsRef<[WeightSpec]> for Graph {
    fn as_ref(&self) -> &[WeightSpec] {
        &self.weights
    }
}

/// The description of a value as an input, its unknown dimensions open.
pub(crate) fn open_shape(shape: &crate::shape::Shape) -> Vec<Option<usize>> {
    shape.dims().iter().map(|&dim| (dim != crate::shape::ANY).then_some(dim)).collect()
}

/// How each weight can be int8: as all operations that use it agree.
pub(crate) fn int8_channels(nodes: &[Node], weights: usize) -> Vec<Option<Channels>> {
    let mut found: Vec<Option<Channels>> = vec![None; weights];
    let mut refused = vec![false; weights];
    for node in nodes {
        let able: HashMap<usize, Option<Channels>> = node.op.int8().into_iter().collect();
        for (place, &weight) in node.weights.iter().enumerate() {
            match (able.get(&place).copied(), found[weight]) {
                (Some(None), _) => {}
                (Some(channels), None) => found[weight] = channels,
                (Some(Some(channels)), Some(other)) if channels == other => {}
                _ => refused[weight] = true,
            }
        }
    }
    found.into_iter().zip(refused).map(|(channels, refused)| channels.filter(|_| !refused)).collect()
}
