//! The description of a scan in the wire format.

use crate::error::{Error, Result};
use crate::ir::{Graph, Node, int8_channels};
use crate::ops::{
    Described, Entry, Operation, Order, OutputOrder, Recurrence, Site, State, Streamed, TimeAxes,
    recurrent_axes,
};
#[cfg(test)]
use crate::setting::SettingKind;
use crate::setting::{Type, settings};
use crate::values::{Channels, Dtype, InputSpec, WeightSpec};
use crate::wire::NodeSpec;
use serde::Deserialize;
use std::sync::Arc;

settings! {
    struct Attributes {
        body: BodySpec;
        sequences: usize;
        state_shapes: Vec<Vec<usize>>;
        outputs: usize;
        order: Order;
        output_order: OutputOrder;
        zero_output_for_mask: bool;
        steps: Option<usize> = null;
        initial: Option<Vec<bool>> = null;
    }
}

/// One step in the wire format.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct BodySpec {
    inputs: Vec<BodyInput>,
    weights: Vec<BodyWeight>,
    nodes: Vec<NodeSpec>,
    outputs: Vec<usize>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct BodyInput {
    name: String,
    shape: Vec<Option<usize>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct BodyWeight {
    shape: Vec<usize>,
}

impl Type for BodySpec {
    #[cfg(test)]
    const KIND: SettingKind = SettingKind::Other;
}

/// A function that reads the nodes of a body, given its weights.
type ReadNodes = fn(Vec<NodeSpec>, &[WeightSpec], bool) -> Result<Vec<Node>>;

/// A scan as an operation, whose body is read by `read`.
pub(crate) const fn entry(read: fn(&Site<'_>) -> Result<Arc<dyn Described>>) -> Entry {
    const ANY: std::ops::RangeInclusive<usize> = 0..=usize::MAX;
    let settings = Attributes::SETTINGS;
    Entry { inputs: ANY, weights: ANY, outputs: ANY, settings, in_body: false, ..Entry::of("scan", read) }
}

/// A description whose counts and weights fit together.
#[derive(Debug, Clone)]
pub(crate) struct ScanSpec {
    /// One step: inputs are a step of each sequence, the states, the constants; outputs those of each step, then the
    /// new states.
    pub(super) body: Graph,
    /// For each of the body's weights, its index in the model.
    pub(super) weights: Vec<usize>,
    pub(super) counts: Counts,
    pub(super) state_shapes: Vec<Vec<usize>>,
    pub(super) reversed: bool,
    pub(super) output_reversed: bool,
    pub(super) zero_output_for_mask: bool,
    /// The number of steps, if there are no sequences.
    pub(super) steps: Option<usize>,
}

/// The numbers of inputs and outputs of a scan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) sequences: usize,
    pub(super) states: usize,
    pub(super) constants: usize,
    /// Outputs of every step.
    pub(super) outputs: usize,
    /// For each state, the input of the node that it begins with; zeros if there is none.
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
    pub(crate) fn new(site: &Site<'_>, read: ReadNodes) -> Result<Self> {
        let attributes = Attributes::read(site.attributes())?;
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
        site.expect_weights(body.weights.len())?;
        site.expect_outputs(results)?;
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
        let mut weights = Vec::new();
        let mut own = Vec::new();
        for index in 0..body.weights.len() {
            let weight = site.weight(index);
            own.push(weight.cloned().ok_or_else(|| Error::native("A weight of a scan is missing"))?);
            weights.push(site.weight_index(index)?);
        }
        let nodes = read(body.nodes, &own, true)?;
        let inputs = body
            .inputs
            .into_iter()
            .map(|input| InputSpec { name: input.name, dtype: Dtype::Float32, shape: input.shape })
            .collect();
        let reversed = attributes.order == Order::Backward;
        Ok(Self {
            body: Graph { inputs, weights: own, nodes, outputs: body.outputs },
            weights,
            counts,
            state_shapes: attributes.state_shapes,
            reversed,
            output_reversed: reversed && attributes.output_order == OutputOrder::Processing,
            zero_output_for_mask: attributes.zero_output_for_mask,
            steps: attributes.steps,
        })
    }
}

impl ScanSpec {
    /// One step.
    pub(crate) fn body(&self) -> &Graph {
        &self.body
    }

    /// The same without some operations; their values that are still read become constants, after the others.
    pub(crate) fn without(&self, constants: Vec<(usize, InputSpec)>, leave: &[bool]) -> Self {
        let body = &self.body;
        let counts = Counts { constants: self.counts.constants + constants.len(), ..self.counts.clone() };
        let kept = body.nodes.iter().zip(leave).filter(|(_, leave)| !**leave);
        let nodes = kept.map(|(node, _)| node.clone()).collect();
        let inputs = body.inputs.iter().cloned().enumerate().chain(constants).collect();
        Self { body: body.assemble(inputs, nodes, &body.outputs), counts, ..self.clone() }
    }
}

impl Operation for ScanSpec {
    fn stream(&self, inputs: &[Streamed]) -> Option<TimeAxes> {
        let (sequences, others) = inputs.split_at_checked(self.counts.sequences)?;
        let steps = sequences.iter().all(|sequence| sequence.time == Some(1));
        let fits = steps && others.iter().all(|other| !other.moves);
        fits.then(|| recurrent_axes(self.counts.outputs, self.counts.states))
    }

    fn int8(&self) -> Vec<(usize, Option<Channels>)> {
        int8_channels(&self.body.nodes, self.weights.len())
            .into_iter()
            .enumerate()
            .filter_map(|(place, channels)| Some((place, Some(channels?))))
            .collect()
    }

    fn recurrence(&self) -> Option<Recurrence> {
        let Counts { sequences, states, outputs, .. } = self.counts;
        let mut given = self.clone();
        given.counts.initial = (0..states).map(|state| Some(sequences + state)).collect();
        let state = |(shape, &initial): (&Vec<usize>, _)| State { shape: Some(shape.clone()), initial };
        Some(Recurrence {
            sequences,
            outputs,
            states: self.state_shapes.iter().zip(&self.counts.initial).map(state).collect(),
            reversed: self.reversed,
            given: Arc::new(given),
        })
    }
}
