//! Which operations can run one step at a time, and where their results have the time axis.

use crate::error::{Error, Result};
use crate::op::axis_of;
use crate::shape::{ANY, Meta, Shape, product};
use crate::spec::NodeSpec;
use serde_json::Value;

/// What is known of the values of a graph as its nodes are visited in order.
#[derive(Debug)]
pub(super) struct Timing<'a> {
    /// Types and shapes.
    pub(super) metas: &'a [Meta],
    /// Which values depend on the step's input.
    pub(super) moving: Vec<bool>,
    /// The time axis of values that move.
    axes: Vec<Option<usize>>,
}

impl<'a> Timing<'a> {
    /// Before the first node: of the inputs, `step` moves.
    pub(super) fn new(metas: &'a [Meta], inputs: usize, step: usize) -> Self {
        let moving = (0..inputs).map(|input| input == step).collect();
        let axes = (0..inputs).map(|input| (input == step).then_some(1)).collect();
        Self { metas, moving, axes }
    }

    /// The time axis of a value.
    pub(super) fn axis(&self, id: usize) -> Option<usize> {
        self.axes.get(id).copied().flatten()
    }

    pub(super) fn moves(&self, id: usize) -> bool {
        self.moving.get(id).copied().unwrap_or(false)
    }

    fn rank(&self, id: usize) -> usize {
        self.shape(id).rank()
    }

    fn shape(&self, id: usize) -> Shape {
        self.metas.get(id).map_or(Shape::SCALAR, |meta| meta.shape)
    }

    /// Takes in the next node. True if it moves, so that it runs at every step.
    ///
    /// # Errors
    /// `ERR_UNSUPPORTED` for one that needs the whole sequence.
    pub(super) fn visit(&mut self, node: &NodeSpec) -> Result<bool> {
        let moves = node.inputs.iter().any(|&id| self.moves(id));
        let axes = if moves {
            self.outputs(node).ok_or_else(|| whole_sequence(node))?
        } else {
            vec![None; node.outputs.len()]
        };
        self.moving.resize(self.moving.len() + node.outputs.len(), moves);
        self.axes.extend(axes);
        Ok(moves)
    }

    /// The time axes of a node's outputs; nothing if it does not compute each step from that step alone.
    fn outputs(&self, node: &NodeSpec) -> Option<Vec<Option<usize>>> {
        let &first = node.inputs.first()?;
        let time = self.common(node)?;
        let behind = |time: Option<usize>| time.is_none_or(|time| time + 1 < self.rank(first));
        let one = |fits: bool| fits.then(|| vec![time]);
        match node.op.as_str() {
            "add" | "average" | "cast" | "dropout" | "elementwise" | "embedding" | "maximum" | "minimum"
            | "multiply" | "stopGradient" | "subtract" => one(true),
            // These see the last axis as a whole, or may.
            "activation" | "dense" | "layerNorm" | "masking" => one(behind(time)),
            "sequenceMask" => one(time == Some(1)),
            "lastStep" => (time == Some(1)).then(|| vec![None]),
            "argmax" | "normalize" | "reduce" | "slice" | "softmax" | "concatenate" => {
                self.along(node, first, time)
            }
            "transpose" => {
                let to: Vec<usize> = attribute(node, "permutation")?;
                Some(vec![match time {
                    None => None,
                    Some(time) => Some(to.iter().position(|&from| from == time)?),
                }])
            }
            "reshape" => {
                let target: Vec<Option<usize>> = attribute(node, "shape")?;
                Some(vec![match time {
                    None => None,
                    Some(time) => Some(reshaped(&self.shape(first), time, &target)?),
                }])
            }
            "matmul" => Some(vec![self.product(node, time)?]),
            "simpleRnn" | "gru" | "lstm" => {
                let initial = node.inputs.get(1..)?.iter().any(|&id| self.moves(id));
                (time == Some(1) && self.moves(first) && !initial).then(|| carried(node, 1))
            }
            "scan" => {
                let sequences: usize = attribute(node, "sequences")?;
                let (sequences, others) = node.inputs.split_at_checked(sequences)?;
                let steps = sequences.iter().all(|&id| self.axis(id) == Some(1));
                let fixed = others.iter().all(|&id| !self.moves(id));
                (steps && fixed).then(|| carried(node, attribute(node, "outputs").unwrap_or(0)))
            }
            _ => None,
        }
    }

    /// The time axis that a node's inputs share; nothing if they contradict each other. Inputs that do not move must be the same at
    /// every step.
    fn common(&self, node: &NodeSpec) -> Option<Option<usize>> {
        let mut time = None;
        for axis in node.inputs.iter().filter_map(|&id| self.axis(id)) {
            if time.is_some_and(|time| time != axis) && node.op != "matmul" {
                return None;
            }
            time = Some(axis);
        }
        let (Some(axis), false) = (time, ["matmul", "scan"].contains(&node.op.as_str())) else {
            return Some(time);
        };
        let constant = |id: usize| {
            let batched = self.metas.get(id).is_some_and(|meta| meta.batched);
            !batched || self.shape(id).dims().get(axis) == Some(&1)
        };
        let recurrent = ["simpleRnn", "gru", "lstm"].contains(&node.op.as_str());
        let fits = recurrent || node.inputs.iter().all(|&id| self.axis(id).is_some() || constant(id));
        fits.then_some(time)
    }

    /// An operation along axes, which must leave the time alone.
    fn along(&self, node: &NodeSpec, first: usize, time: Option<usize>) -> Option<Vec<Option<usize>>> {
        let rank = self.rank(first);
        let named = node.attributes.get("axis").map_or(Some(-1), Value::as_i64);
        let axes: Vec<usize> = match node.attributes.get("axes") {
            Some(axes) => serde_json::from_value(axes.clone()).ok()?,
            None => vec![axis_of(named?, rank)],
        };
        if time.is_some_and(|time| axes.contains(&time)) {
            return None;
        }
        // Steps that stand still cannot be joined to steps that come one by one.
        if node.op == "concatenate" && time.is_some() && node.inputs.iter().any(|&id| self.axis(id).is_none())
        {
            return None;
        }
        let removes = match node.op.as_str() {
            "argmax" => true,
            "reduce" => node.attributes.get("keepDims") != Some(&Value::Bool(true)),
            _ => false,
        };
        let before = |time: usize| axes.iter().filter(|&&axis| axis < time).count();
        Some(vec![time.map(|time| if removes { time - before(time) } else { time })])
    }

    /// The time axis of a product, whose operands may have it where the result keeps it.
    fn product(&self, node: &NodeSpec, time: Option<usize>) -> Option<Option<usize>> {
        let &[a, b] = &*node.inputs else { return None };
        if time.is_none() {
            return Some(None);
        }
        let flag = |name: &str| node.attributes.get(name) == Some(&Value::Bool(true));
        let (rank_a, rank_b) = (self.rank(a), self.rank(b));
        let rank = rank_a.max(rank_b);
        let rows = rank_a.checked_sub(if flag("transposeA") { 1 } else { 2 })?;
        let columns = rank_b.checked_sub(if flag("transposeB") { 2 } else { 1 })?;
        match (self.axis(a), self.axis(b)) {
            (Some(axis), None) if axis == rows => Some(Some(rank - 2)),
            (None, Some(axis)) if axis == columns => Some(Some(rank - 1)),
            // Matrices side by side, one for each step.
            (Some(axis), None) if axis + 2 < rank_a => {
                let once = rank_a == rank_b && self.shape(b).dims().get(axis) == Some(&1);
                (once || !self.metas.get(b)?.batched).then_some(Some(axis))
            }
            (Some(axis), Some(other)) if axis == other && axis + 2 < rank => Some(Some(axis)),
            _ => None,
        }
    }
}

/// The outputs of a recurrence: sequences, then last states.
fn carried(node: &NodeSpec, sequences: usize) -> Vec<Option<usize>> {
    (0..node.outputs.len()).map(|output| (output < sequences).then_some(1)).collect()
}

fn attribute<V: serde::de::DeserializeOwned>(node: &NodeSpec, name: &str) -> Option<V> {
    serde_json::from_value(node.attributes.get(name)?.clone()).ok()
}

/// Where the time axis goes if the dimensions before and behind it keep their products.
fn reshaped(shape: &Shape, time: usize, target: &[Option<usize>]) -> Option<usize> {
    let known = |dims: &[usize]| if dims.contains(&ANY) { None } else { product(dims) };
    let (before, behind) = (known(shape.dims().get(1..time)?)?, known(shape.dims().get(time + 1..)?)?);
    let open = target.iter().position(Option::is_none)?;
    let known = |dims: &[Option<usize>]| {
        dims.iter().copied().collect::<Option<Vec<_>>>().and_then(|dims| product(&dims))
    };
    let fits = known(&target[..open])? == before && known(&target[open + 1..])? == behind;
    fits.then_some(open + 1)
}

/// The error for a node that cannot run step by step.
pub(super) fn whole_sequence(node: &NodeSpec) -> Error {
    Error::unsupported(format!(
        "Layer '{}' ({}) needs the whole sequence, so the model cannot run in a session",
        node.name, node.op
    ))
}
