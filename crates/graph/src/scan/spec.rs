//! How a scan is described on the wire.

use crate::error::{Error, Result};
use crate::op::{Order, OutputOrder, Site};
use crate::spec::{Dtype, GraphSpec, Initializer, InitializerKind, InputSpec, NodeSpec, VERSION, WeightSpec};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Attributes {
    body: BodySpec,
    sequences: usize,
    state_shapes: Vec<Vec<usize>>,
    outputs: usize,
    order: Order,
    output_order: OutputOrder,
    zero_output_for_mask: bool,
    #[serde(default)]
    steps: Option<usize>,
    #[serde(default)]
    initial: Option<Vec<bool>>,
}

/// One step, as it stands on the wire.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct BodySpec {
    inputs: Vec<BodyInput>,
    weights: Vec<BodyWeight>,
    nodes: Vec<NodeSpec>,
    outputs: Vec<usize>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct BodyInput {
    name: String,
    shape: Vec<Option<usize>>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct BodyWeight {
    shape: Vec<usize>,
}

impl BodySpec {
    /// The body of a scan.
    ///
    /// # Errors
    /// `ERR_FORMAT` for a node without one.
    pub(crate) fn of(node: &NodeSpec) -> Result<Self> {
        let body = node.attributes.get("body").cloned().unwrap_or_default();
        serde_json::from_value(body)
            .map_err(|error| Error::format(format!("The body of layer '{}': {error}", node.name)))
    }

    /// As a scan's attribute.
    ///
    /// # Errors
    /// `ERR_NATIVE` should it not become JSON.
    pub(crate) fn to_value(&self) -> Result<serde_json::Value> {
        serde_json::to_value(self)
            .map_err(|error| Error::native(format!("A scan cannot be written: {error}")))
    }

    /// How many values it reads; they have the first ids.
    pub(crate) fn input_count(&self) -> usize {
        self.inputs.len()
    }

    /// Its operations.
    pub(crate) fn nodes(&self) -> &[NodeSpec] {
        &self.nodes
    }

    /// The ids of its results.
    pub(crate) fn outputs(&self) -> &[usize] {
        &self.outputs
    }

    /// Leaves out operations; values of theirs that are `read` become inputs behind the others, which [`Self::add_input`] adds.
    pub(crate) fn replace(&mut self, read: &[usize], keep: impl Fn(&NodeSpec) -> bool) {
        let mut ids: HashMap<usize, usize> = (0..self.inputs.len()).map(|id| (id, id)).collect();
        ids.extend(read.iter().enumerate().map(|(index, &id)| (id, self.inputs.len() + index)));
        let mut next = self.inputs.len() + read.len();
        self.nodes.retain(keep);
        for node in &mut self.nodes {
            node.inputs.iter_mut().for_each(|id| *id = ids.get(id).copied().unwrap_or(usize::MAX));
            for id in &mut node.outputs {
                ids.insert(*id, next);
                *id = next;
                next += 1;
            }
        }
        self.outputs.iter_mut().for_each(|id| *id = ids.get(id).copied().unwrap_or(usize::MAX));
    }

    /// Adds an input behind the others.
    pub(crate) fn add_input(&mut self, name: String, shape: Vec<Option<usize>>) {
        self.inputs.push(BodyInput { name, shape });
    }
}

/// A description whose counts and weights fit together.
#[derive(Debug)]
pub(super) struct ScanSpec {
    /// One step: inputs are a step of each sequence, the states, the constants; outputs those of each step, then the new states.
    pub(super) body: GraphSpec,
    pub(super) counts: Counts,
    pub(super) state_shapes: Vec<Vec<usize>>,
    pub(super) reversed: bool,
    pub(super) output_reversed: bool,
    pub(super) zero_output_for_mask: bool,
    /// The number of steps where there are no sequences.
    pub(super) steps: Option<usize>,
}

/// How many there are of everything that goes into a scan and comes out of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) sequences: usize,
    pub(super) states: usize,
    pub(super) constants: usize,
    /// Outputs of every step.
    pub(super) outputs: usize,
    /// For each state, which input of the node it begins with; zero where there is none.
    pub(super) initial: Vec<Option<usize>>,
}

impl Counts {
    /// Which input of the node the initial state `state` is.
    pub(super) fn initial_input(&self, state: usize) -> Option<usize> {
        self.initial[state]
    }

    /// Which input of the node a constant is.
    pub(super) fn constant_input(&self, constant: usize) -> usize {
        self.sequences + self.initial.iter().flatten().count() + constant
    }

    /// Number of inputs of the body.
    pub(super) fn body_inputs(&self) -> usize {
        self.sequences + self.states + self.constants
    }
}

impl ScanSpec {
    /// Reads the attributes of a node and checks what can be checked without shapes.
    pub(super) fn new(site: &Site<'_>) -> Result<Self> {
        if site.in_body() {
            return Err(Error::unsupported("a scan within a scan; unroll one of the two"));
        }
        let attributes: Attributes = site.attributes()?;
        let (sequences, states) = (attributes.sequences, attributes.state_shapes.len());
        let body = attributes.body;
        let known = sequences.checked_add(states);
        let constants = known.and_then(|known| body.inputs.len().checked_sub(known)).ok_or_else(|| {
            Error::format(format!(
                "the body must have inputs for {sequences} sequences and {states} states; it has {}",
                body.inputs.len()
            ))
        })?;
        let given = site.input_count();
        let initial = attributes.initial.unwrap_or_else(|| vec![given == body.inputs.len(); states]);
        if initial.len() != states {
            return Err(Error::format(format!(
                "initial must say for {states} states whether they are given"
            )));
        }
        let mut next = sequences..;
        let initial: Vec<Option<usize>> =
            initial.into_iter().map(|given| if given { next.next() } else { None }).collect();
        let first = initial.iter().flatten().count();
        let counts = Counts { sequences, states, constants, outputs: attributes.outputs, initial };
        if given != sequences + first + constants {
            return Err(Error::format(format!(
                "a body of {sequences} sequences, {states} states and {constants} constants cannot have {given} inputs"
            )));
        }
        let results = attributes.outputs.checked_add(states).filter(|&count| count == body.outputs.len());
        let results = results.ok_or_else(|| {
            Error::format(format!(
                "the body must have {} outputs and {states} states as its outputs; it has {}",
                attributes.outputs,
                body.outputs.len()
            ))
        })?;
        site.arity(given..=given, body.weights.len()..=body.weights.len(), results)?;
        match (sequences, attributes.steps) {
            (0, Some(1..)) | (1.., None) => {}
            (0, _) => return Err(Error::option("steps must be at least 1 where there are no sequences")),
            _ => return Err(Error::option("steps is for scans without sequences")),
        }
        if results == 0 {
            return Err(Error::format("the body has neither outputs nor states"));
        }
        for (index, weight) in body.weights.iter().enumerate() {
            site.expect_weight(index, &format!("weight {index}"), &weight.shape)?;
        }
        let weights = (0..body.weights.len()).map(|index| body_weight(site, index)).collect::<Result<_>>()?;
        let inputs = body
            .inputs
            .into_iter()
            .map(|input| InputSpec { name: input.name, dtype: Dtype::Float32, shape: input.shape })
            .collect();
        let reversed = attributes.order == Order::Backward;
        Ok(Self {
            body: GraphSpec { version: VERSION, inputs, weights, nodes: body.nodes, outputs: body.outputs },
            counts,
            state_shapes: attributes.state_shapes,
            reversed,
            output_reversed: reversed && attributes.output_order == OutputOrder::Processing,
            zero_output_for_mask: attributes.zero_output_for_mask,
            steps: attributes.steps,
        })
    }
}

/// The weight as the body sees it; what it begins with is the model's business.
fn body_weight(site: &Site<'_>, index: usize) -> Result<WeightSpec> {
    let weight = site.weight(index).ok_or_else(|| Error::native("A weight of a scan is missing"))?;
    let initializer = Initializer { kind: InitializerKind::Zeros {}, seed: None };
    Ok(WeightSpec { initializer, ..weight.clone() })
}
