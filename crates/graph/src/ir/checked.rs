//! The checked graph: operations instead of their descriptions, a shape for every value, masks assigned.

use super::{Graph, Node};
use crate::error::{Error, Result};
use crate::form::{Form, Known};
use crate::mode::Record;
use crate::ops::{Described, MaskRule, Op, Role, instantiate};
use crate::params::element_count;
use crate::shape::{ANY, Meta, Shape};
use crate::values::{Dtype, InputSpec, WeightSpec};
use seqloom_kernels::Scalar;
use std::collections::HashSet;
use std::sync::Arc;

/// An operation that runs, and its operands.
pub(crate) struct Call<T: Scalar> {
    /// `Layer 'lstm' (lstm)`, for messages.
    pub(crate) label: String,
    pub(crate) op: Box<dyn Op<T>>,
    /// What is known of the operation.
    pub(crate) facts: Arc<dyn Described>,
    /// Ids of the values it reads.
    pub(crate) inputs: Vec<usize>,
    /// Ids of the values it defines.
    pub(crate) outputs: Vec<usize>,
    /// Indices of its weights.
    pub(crate) weights: Vec<usize>,
    /// Whether any of its weights is trainable.
    pub(crate) trainable: bool,
    /// The masks that it makes.
    pub(crate) own_masks: Vec<OwnMask>,
}

impl<T: Scalar> Call<T> {
    /// Whether a backward pass that goes with `record` visits it for its own sake.
    pub(crate) fn learns(&self, record: Record) -> bool {
        self.trainable || (record == Record::States && self.facts.recurrence().is_some())
    }

    /// Names the node in an error of its operation.
    pub(crate) fn explain(&self, error: Error) -> Error {
        error.within(&self.label)
    }
}

/// A mask that a node defines.
#[derive(Debug, Clone)]
pub(crate) struct OwnMask {
    /// Its index.
    pub(crate) index: usize,
    /// The value whose batch and time it has.
    pub(crate) value: usize,
    /// The masks it is the intersection of; none when the operation fills it in.
    pub(crate) sources: Vec<usize>,
}

/// A graph that has passed every check that needs no data.
pub(crate) struct Checked<T: Scalar> {
    /// What it was made from.
    pub(crate) graph: Graph,
    pub(crate) nodes: Vec<Call<T>>,
    /// Type and shape of every value, symbolic dimensions unknown.
    pub(crate) values: Vec<Meta>,
    /// Which values have no memory, since their readers compute them.
    pub(crate) absent: Vec<bool>,
    /// The mask of every value.
    pub(crate) masks: Vec<Option<usize>>,
    pub(crate) mask_count: usize,
    /// Which weights' gradients are lists of rows.
    pub(crate) row_gradients: Vec<bool>,
}

impl<T: Scalar> Checked<T> {
    /// Checks a graph.
    pub(crate) fn new(graph: Graph) -> Result<Self> {
        check_weights(&graph.weights)?;
        Self::check(graph, false)
    }

    /// Checks one step of a scan: weights have been checked by the graph around it, inputs whose first dimension is
    /// known have no batch, and nothing has a mask.
    pub(crate) fn body(graph: Graph) -> Result<Self> {
        let checked = Self::check(graph, true)?;
        checked.expect_rows()?;
        Ok(checked)
    }

    /// Checks that every output has a row for each row of the inputs, or is a number.
    ///
    /// # Errors
    /// `ERR_UNSUPPORTED` naming an output that depends on no input.
    pub(crate) fn expect_rows(&self) -> Result<()> {
        let fixed = |&&output: &&usize| {
            self.values.get(output).is_some_and(|meta| !meta.batched && meta.shape.rank() > 0)
        };
        match self.graph.outputs.iter().find(fixed) {
            None => Ok(()),
            Some(output) => Err(Error::unsupported(format!("The output {output} depends on no input"))),
        }
    }

    fn check(graph: Graph, body: bool) -> Result<Self> {
        let mut values = Vec::new();
        for input in &graph.inputs {
            values.push(input_meta(input, body)?);
        }
        let mut nodes = Vec::new();
        for node in &graph.nodes {
            nodes.push(build(node, &graph, &mut values, body)?);
        }
        for &output in &graph.outputs {
            match values.get(output) {
                Some(meta) if meta.dtype == Dtype::Float32 => {}
                Some(_) => return Err(Error::format(format!("The output {output} is an int32 input"))),
                None => return Err(Error::format(format!("The output {output} is not defined"))),
            }
        }
        Ok(Self {
            row_gradients: row_gradients(&graph, &nodes),
            graph,
            nodes,
            absent: vec![false; values.len()],
            masks: vec![None; values.len()],
            values,
            mask_count: 0,
        })
    }

    /// What is known of every value when nothing is trained.
    pub(crate) fn forms(&self) -> Vec<Form> {
        forms(&self.nodes, &self.values, vec![Form::Unknown; self.graph.inputs.len()])
    }

    /// Whether a value repeats the last valid step at masked ones: what its last recurrences were told to do.
    pub(crate) fn repeats_steps(&self, value: usize) -> bool {
        let mut repeats = vec![false; self.values.len()];
        for node in &self.nodes {
            let own = node.op.repeats_steps();
            let here = own.unwrap_or_else(|| node.inputs.iter().any(|&input| repeats[input]));
            node.outputs.iter().for_each(|&output| repeats[output] = here);
        }
        repeats.get(value).copied().unwrap_or(false)
    }

    /// Gives every value with a time axis a mask: its input's, an intersection, or one of its own.
    pub(crate) fn assign_masks(&mut self) {
        let mut masks = 0;
        let mut fresh = || {
            masks += 1;
            masks - 1
        };
        for (index, input) in self.graph.inputs.iter().enumerate() {
            let open = matches!(*input.shape, [_, None]);
            if input.shape.len() >= 3 || (input.shape.len() == 2 && (open || input.dtype == Dtype::Int32)) {
                self.masks[index] = Some(fresh());
            }
        }
        for node in &mut self.nodes {
            let count = match node.op.mask_rule() {
                MaskRule::First => 1,
                MaskRule::Merge => usize::MAX,
                MaskRule::MergeFirst(count) => count,
                MaskRule::Own => 0,
            };
            let inputs = || node.inputs.iter().take(count).copied();
            let any = inputs().any(|input| self.masks[input].is_some());
            let has_time = |output: usize| {
                let meta = self.values[node.outputs[output]];
                let rank = meta.shape.rank();
                !node.op.is_state(output)
                    && meta.batched
                    && (rank >= 3 || (rank == 2 && any && node.op.keeps_time(output)))
            };
            let timed_outputs: Vec<usize> = (0..node.outputs.len())
                .filter(|&output| has_time(output))
                .map(|output| node.outputs[output])
                .collect();
            // What lies behind the batch in a state is no time, so that all of it is valid.
            for (output, &value) in node.outputs.iter().enumerate() {
                let meta = self.values[value];
                if node.op.is_state(output) && meta.batched && meta.shape.rank() >= 3 {
                    let index = fresh();
                    node.own_masks.push(OwnMask { index, value, sources: Vec::new() });
                    self.masks[value] = Some(index);
                }
            }
            let Some(&timed) = timed_outputs.first() else { continue };
            // A value that is repeated along the time axis has no steps of its own.
            let time = self.values[timed].shape.time();
            let has_steps = |&input: &usize| time == 1 || self.values[input].shape.time() != 1;
            let mut sources: Vec<usize> =
                inputs().filter(has_steps).filter_map(|input| self.masks[input]).collect();
            sources.sort_unstable();
            sources.dedup();
            let mask = match *sources {
                [only] => only,
                _ => {
                    let index = fresh();
                    node.own_masks.push(OwnMask { index, value: timed, sources });
                    index
                }
            };
            for value in timed_outputs {
                self.masks[value] = Some(mask);
            }
        }
        self.mask_count = masks;
    }
}

fn check_weights(weights: &[WeightSpec]) -> Result<()> {
    let mut names = HashSet::new();
    for weight in weights {
        if !names.insert(weight.name.as_str()) {
            return Err(Error::format(format!("Two weights are named '{}'", weight.name)));
        }
        if weight.shape.contains(&0) {
            return Err(Error::shape(format!(
                "The weight '{}' has an empty dimension: {:?}",
                weight.name, weight.shape
            )));
        }
        if element_count(&weight.shape).is_none_or(|count| count >= ANY / 16) {
            return Err(Error::memory(format!(
                "The weight '{}' of shape {:?} has more elements than can be addressed",
                weight.name, weight.shape
            )));
        }
    }
    Ok(())
}

fn input_meta(input: &InputSpec, body: bool) -> Result<Meta> {
    let mut shape = Shape::SCALAR;
    for dim in &input.shape {
        if matches!(dim, Some(0 | ANY)) {
            return Err(Error::shape(format!(
                "The input '{}' has a dimension of no possible size",
                input.name
            )));
        }
        shape = shape.pushed(dim.unwrap_or(ANY)).map_err(|error| in_input(input, &error))?;
    }
    let batched = !body || shape.dims().first() == Some(&ANY);
    if batched && shape.rank() == 0 {
        return Err(Error::shape(format!("The input '{}' needs a batch dimension", input.name)));
    }
    Ok(Meta { dtype: input.dtype, shape, batched })
}

fn in_input(input: &InputSpec, error: &Error) -> Error {
    error.clone().within(&format!("Input '{}'", input.name))
}

/// Makes what runs of an operation and appends the values it defines.
fn build<T: Scalar>(node: &Node, graph: &Graph, values: &mut Vec<Meta>, body: bool) -> Result<Call<T>> {
    let label = label(body, &node.name, node.kind);
    let explain = |error: Error| error.within(&label);
    let mut metas = Vec::new();
    for &input in &node.inputs {
        let meta = values.get(input).ok_or_else(|| {
            explain(Error::format(format!("the input value {input} is not defined before its use")))
        })?;
        metas.push(*meta);
    }
    let mut seen = HashSet::new();
    for &weight in &node.weights {
        if weight >= graph.weights.len() {
            return Err(explain(Error::format(format!("there is no weight {weight}"))));
        }
        if !seen.insert(weight) {
            return Err(explain(Error::unsupported(format!(
                "the weight {weight} is used twice by the same operation"
            ))));
        }
    }
    for (index, &output) in node.outputs.iter().enumerate() {
        if output != values.len() + index {
            return Err(explain(Error::format(format!(
                "value ids must be consecutive: expected {}, got {output}",
                values.len() + index
            ))));
        }
    }
    let mut op = instantiate::<T>(&*node.op).map_err(explain)?;
    if let Some(meta) = metas.iter().find(|meta| !meta.batched && !op.takes_unbatched()) {
        return Err(explain(Error::shape(format!(
            "the inputs must have a batch dimension; got a parameter or scalar of shape {}",
            meta.shape
        ))));
    }
    let mut outputs = vec![Meta::float(Shape::SCALAR); node.outputs.len()];
    op.infer(&metas, &mut outputs).map_err(explain)?;
    Meta::derive_batch(&metas, &mut outputs);
    values.extend(outputs);
    Ok(Call {
        op,
        facts: Arc::clone(&node.op),
        inputs: node.inputs.clone(),
        outputs: node.outputs.clone(),
        trainable: node.weights.iter().any(|&weight| graph.weights[weight].trainable),
        weights: node.weights.clone(),
        own_masks: Vec::new(),
        label,
    })
}

/// A weight's gradient is a list of rows when only lookups use it.
fn row_gradients<T: Scalar>(graph: &Graph, nodes: &[Call<T>]) -> Vec<bool> {
    let mut used = vec![false; graph.weights.len()];
    let mut rows = vec![true; graph.weights.len()];
    for node in nodes {
        for &weight in &node.weights {
            used[weight] = true;
            rows[weight] &= node.facts.role() == Role::Lookup;
        }
    }
    used.into_iter().zip(rows).map(|(used, rows)| used && rows).collect()
}

/// What messages call a node.
pub(crate) fn label(body: bool, name: &str, kind: &str) -> String {
    let what = if body { "Operation" } else { "Layer" };
    format!("{what} '{name}' ({kind})")
}

/// The forms of all values: of the graph's inputs, which are given, then of what its nodes compute.
pub(crate) fn forms<T: Scalar>(nodes: &[Call<T>], metas: &[Meta], mut known: Vec<Form>) -> Vec<Form> {
    known.resize(metas.len(), Form::Unknown);
    for node in nodes {
        let operands: Vec<Known> = (node.inputs.iter())
            .map(|&value| Known { value, meta: metas[value], form: known[value] })
            .collect();
        for (output, &value) in node.outputs.iter().enumerate() {
            known[value] = node.op.form(&operands, output);
        }
    }
    known
}

/// Computes types and shapes of what nodes define from those of the inputs, which are there already.
pub(crate) fn infer<T: Scalar>(
    nodes: &mut [Call<T>],
    metas: &mut [Meta],
    (inputs, outputs): (&mut Vec<Meta>, &mut Vec<Meta>),
) -> Result<()> {
    for node in nodes {
        inputs.clear();
        inputs.extend(node.inputs.iter().map(|&value| metas[value]));
        outputs.clear();
        outputs.resize(node.outputs.len(), Meta::float(Shape::SCALAR));
        let inferred = node.op.infer(inputs, outputs);
        Meta::derive_batch(inputs, outputs);
        let mut known = outputs.iter().filter(|meta| !meta.shape.dims().contains(&ANY));
        inferred
            .and_then(|()| known.try_for_each(|meta| meta.shape.elements().map(drop)))
            .map_err(|error| node.explain(error))?;
        for (&value, &meta) in node.outputs.iter().zip(&*outputs) {
            metas[value] = meta;
        }
    }
    Ok(())
}
