//! Turns a graph over sequences into a graph over one step whose states go in and come out.

use crate::error::{Error, Result};
use crate::spec::{Dtype, GraphSpec, InputSpec, NodeSpec};

/// Operations that compute each step from that step alone, once states are carried by the recurrent ones.
const STEPWISE: [&str; 14] = [
    "activation",
    "add",
    "average",
    "concatenate",
    "dense",
    "dropout",
    "embedding",
    "lastStep",
    "layerNorm",
    "masking",
    "maximum",
    "minimum",
    "multiply",
    "subtract",
];

/// The graph of one step: input 0 is the model's, further inputs are initial states; output 0 is the model's, further
/// outputs are last states, in the same order.
#[derive(Debug)]
pub(super) struct Streaming {
    pub(super) graph: GraphSpec,
    /// Elements of each state's row.
    pub(super) units: Vec<usize>,
}

impl Streaming {
    /// # Errors
    /// `ERR_UNSUPPORTED` naming what cannot run step by step.
    pub(super) fn new(spec: &GraphSpec) -> Result<Self> {
        let ([input], [_]) = (&spec.inputs[..], &spec.outputs[..]) else {
            return Err(Error::unsupported(format!(
                "A session runs models with one input and one output; this one has {} and {}",
                spec.inputs.len(),
                spec.outputs.len()
            )));
        };
        let sequence = match input.dtype {
            Dtype::Int32 => input.shape.len() >= 2,
            Dtype::Float32 => input.shape.len() >= 3,
        };
        if !sequence {
            return Err(Error::unsupported(format!(
                "A session needs sequences, but the input '{}' has none",
                input.name
            )));
        }
        let mut graph = spec.clone();
        graph.inputs[0].shape[1] = None;
        let mut states = Vec::new();
        let mut units = Vec::new();
        for node in &mut graph.nodes {
            let count = recurrent_states(node)?;
            for state in 0..count {
                let last = *node.outputs.get(state + 1).ok_or_else(|| malformed(node))?;
                let size =
                    node.attributes.get("units").and_then(|units| usize::try_from(units.as_u64()?).ok());
                let size = size.ok_or_else(|| malformed(node))?;
                graph.inputs.push(InputSpec {
                    name: format!("state {state} of {}", node.name),
                    dtype: Dtype::Float32,
                    shape: vec![None, Some(size)],
                });
                units.push(size);
                states.push(last);
                // Ids of inputs are not moved below, so the new ones are marked by what they will be.
                node.inputs.push(usize::MAX - units.len());
            }
        }
        let added = units.len();
        let moved = |id: usize| match id {
            0 => 0,
            id if id >= usize::MAX - added => usize::MAX - id,
            id => id.saturating_add(added),
        };
        for node in &mut graph.nodes {
            node.inputs.iter_mut().chain(&mut node.outputs).for_each(|id| *id = moved(*id));
        }
        graph.outputs.extend(states);
        graph.outputs.iter_mut().for_each(|id| *id = moved(*id));
        Ok(Self { graph, units })
    }
}

fn malformed(node: &NodeSpec) -> Error {
    Error::format(format!("Layer '{}' is not a complete recurrent layer", node.name))
}

/// How many states a node carries from step to step.
fn recurrent_states(node: &NodeSpec) -> Result<usize> {
    let count = match node.op.as_str() {
        "simpleRnn" | "gru" => 1,
        "lstm" => 2,
        op if STEPWISE.contains(&op) => return Ok(0),
        op => {
            return Err(Error::unsupported(format!(
                "Layer '{}' ({op}) needs the whole sequence, so the model cannot run in a session",
                node.name
            )));
        }
    };
    if node.attributes.get("order").and_then(|order| order.as_str()) != Some("forward") {
        return Err(Error::unsupported(format!(
            "Layer '{}' reads its sequence from the end, so the model cannot run in a session",
            node.name
        )));
    }
    if node.inputs.len() != 1 {
        return Err(Error::unsupported(format!(
            "Layer '{}' has an initial state of its own, so the model cannot run in a session",
            node.name
        )));
    }
    Ok(count)
}
