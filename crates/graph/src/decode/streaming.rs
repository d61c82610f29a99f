//! Turns a graph over sequences into a graph over one step whose states go in and come out.

use crate::error::{Error, Result};
use crate::spec::{Dtype, GraphSpec, InputSpec, NodeSpec};
use serde_json::Value;

/// Operations that compute each step from that step alone, once states are carried by the recurrent ones.
const STEPWISE: [&str; 19] = [
    "activation",
    "add",
    "average",
    "cast",
    "concatenate",
    "dense",
    "dropout",
    "elementwise",
    "embedding",
    "lastStep",
    "layerNorm",
    "masking",
    "maximum",
    "minimum",
    "multiply",
    "parameter",
    "scalar",
    "stopGradient",
    "subtract",
];

/// Those that do so along any axis behind the time.
const ALONG_AN_AXIS: [&str; 5] = ["argmax", "normalize", "reduce", "slice", "softmax"];

/// The graph of one step: input 0 is the model's, further inputs are initial states; output 0 is the model's, further
/// outputs are last states, in the same order.
#[derive(Debug)]
pub(super) struct Streaming {
    pub(super) graph: GraphSpec,
    /// The shape of each state's rows.
    pub(super) states: Vec<Vec<usize>>,
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
        let mut last = Vec::new();
        let mut shapes: Vec<Vec<usize>> = Vec::new();
        // Which values depend on the sequence.
        let mut moving = vec![true];
        for node in &mut graph.nodes {
            let depends = node.inputs.iter().any(|&id| moving.get(id).copied().unwrap_or(false));
            moving.resize(moving.len() + node.outputs.len(), depends);
            let carried = carried_states(node, &moving)?;
            for (position, shape) in carried.shapes.into_iter().enumerate() {
                last.push(*node.outputs.get(carried.first_output + position).ok_or_else(|| malformed(node))?);
                let mut dims = vec![None];
                dims.extend(shape.iter().copied().map(Some));
                graph.inputs.push(InputSpec {
                    name: format!("state {position} of {}", node.name),
                    dtype: Dtype::Float32,
                    shape: dims,
                });
                shapes.push(shape);
                // Ids of inputs are not moved below, so the new ones are marked by what they will be.
                node.inputs.insert(carried.first_input + position, usize::MAX - shapes.len());
            }
        }
        let added = shapes.len();
        let moved = |id: usize| match id {
            0 => 0,
            id if id >= usize::MAX - added => usize::MAX - id,
            id => id.saturating_add(added),
        };
        for node in &mut graph.nodes {
            node.inputs.iter_mut().chain(&mut node.outputs).for_each(|id| *id = moved(*id));
        }
        graph.outputs.extend(last);
        graph.outputs.iter_mut().for_each(|id| *id = moved(*id));
        Ok(Self { graph, states: shapes })
    }
}

fn malformed(node: &NodeSpec) -> Error {
    Error::format(format!("Layer '{}' is not a complete recurrent layer", node.name))
}

/// The states that a node carries from step to step: where they are among its inputs and outputs, and their shapes without batch.
#[derive(Debug, Default)]
struct Carried {
    first_input: usize,
    first_output: usize,
    shapes: Vec<Vec<usize>>,
}

fn carried_states(node: &mut NodeSpec, moving: &[bool]) -> Result<Carried> {
    let units = node.attributes.get("units").and_then(|units| usize::try_from(units.as_u64()?).ok());
    let carried = match (node.op.as_str(), units) {
        ("simpleRnn" | "gru", Some(units)) => {
            Carried { first_input: 1, first_output: 1, shapes: vec![vec![units]] }
        }
        ("lstm", Some(units)) => Carried { first_input: 1, first_output: 1, shapes: vec![vec![units]; 2] },
        ("simpleRnn" | "gru" | "lstm", None) => return Err(malformed(node)),
        ("scan", _) => scan_states(node, moving)?,
        (op, _) if STEPWISE.contains(&op) || is_stepwise(node) => return Ok(Carried::default()),
        (op, _) => {
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
    if node.op != "scan" && node.inputs.len() != 1 {
        return Err(own_initial_state(node));
    }
    Ok(carried)
}

fn own_initial_state(node: &NodeSpec) -> Error {
    Error::unsupported(format!(
        "Layer '{}' has an initial state of its own, so the model cannot run in a session",
        node.name
    ))
}

/// Whether an operation along an axis leaves the steps alone.
fn is_stepwise(node: &NodeSpec) -> bool {
    let behind_time = |axis: &Value| axis.as_u64().is_some_and(|axis| axis >= 2);
    let axes = node.attributes.get("axes").and_then(Value::as_array);
    let one = node.attributes.get("axis").is_some_and(behind_time);
    ALONG_AN_AXIS.contains(&node.op.as_str())
        && (one || axes.is_some_and(|axes| axes.iter().all(behind_time)))
}

/// The states of a scan whose constants are the same at all steps.
fn scan_states(node: &mut NodeSpec, moving: &[bool]) -> Result<Carried> {
    let number = |key: &str| node.attributes.get(key).and_then(|value| usize::try_from(value.as_u64()?).ok());
    let (sequences, outputs) = (number("sequences"), number("outputs"));
    let shapes = node.attributes.get("stateShapes").cloned();
    let shapes: Option<Vec<Vec<usize>>> = shapes.and_then(|shapes| serde_json::from_value(shapes).ok());
    let inputs = node.attributes.get("body").and_then(|body| body.get("inputs")?.as_array().map(Vec::len));
    let (Some(sequences), Some(outputs), Some(shapes), Some(inputs)) = (sequences, outputs, shapes, inputs)
    else {
        return Err(malformed(node));
    };
    let constants = inputs.checked_sub(sequences).and_then(|rest| rest.checked_sub(shapes.len()));
    let constants = constants.ok_or_else(|| malformed(node))?;
    if !shapes.is_empty() && node.inputs.len() != sequences.saturating_add(constants) {
        return Err(own_initial_state(node));
    }
    let constants = node.inputs.get(sequences..).ok_or_else(|| malformed(node))?;
    if sequences == 0 || constants.iter().any(|&id| moving.get(id).copied().unwrap_or(true)) {
        return Err(Error::unsupported(format!(
            "Layer '{}' needs the whole sequence in every step, so the model cannot run in a session",
            node.name
        )));
    }
    // All of them are given now.
    node.attributes.remove("initial");
    Ok(Carried { first_input: sequences, first_output: outputs, shapes })
}
