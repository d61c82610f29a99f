//! Which nodes a run needs, forward and backward, and how long each value lives.

use crate::ir::Checked;
use crate::mode::Record;
use crate::values::Dtype;
use seqloom_kernels::Scalar;

/// The part of a graph that one kind of run needs. Times count the forward nodes `0..n`; the backward pass starts
/// at `n` with the gradients it is given and visits the nodes in reverse until `2n`.
#[derive(Debug)]
pub(crate) struct Program {
    /// The graph outputs that are computed, ascending indices into the graph's `outputs`.
    pub(crate) outputs: Vec<usize>,
    pub(crate) record: Record,
    /// Nodes in the order of the forward pass.
    pub(crate) nodes: Vec<usize>,
    /// For each of `nodes`, whether the backward pass visits it.
    pub(crate) backward: Vec<bool>,
    /// For each of `nodes`, the weights whose gradients are complete once the backward pass has visited it.
    pub(crate) completes: Vec<Vec<usize>>,
    /// For each value, when it is written and last read; `None` when it has no memory.
    pub(crate) lives: Vec<Option<Life>>,
    /// The same for its gradient.
    pub(crate) gradient_lives: Vec<Option<Life>>,
}

/// A span of time, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Life {
    pub(crate) first: usize,
    pub(crate) last: usize,
}

impl Program {
    /// Plans the computation of some outputs, given by ascending indices.
    pub(crate) fn new<T: Scalar>(checked: &Checked<T>, outputs: Vec<usize>, record: Record) -> Self {
        let wanted: Vec<usize> = outputs.iter().map(|&output| checked.graph.outputs[output]).collect();
        let nodes = needed(checked, &wanted);
        let gradients = wants_gradient(checked, &nodes, &wanted, record);
        let backward: Vec<bool> = nodes
            .iter()
            .map(|&index| {
                let node = &checked.nodes[index];
                node.outputs.iter().enumerate().filter(|&(_, &value)| gradients.seeded[value]).any(
                    |(output, _)| {
                        let mut inputs = node.inputs.iter().enumerate();
                        node.learns(record)
                            || inputs.any(|(input, &id)| {
                                gradients.kept[id] && node.op.differentiable(input, output)
                            })
                    },
                )
            })
            .collect();
        let completes = completed(checked, &nodes, &backward);
        let mut program = Self {
            outputs,
            record,
            nodes,
            backward,
            completes,
            lives: Vec::new(),
            gradient_lives: Vec::new(),
        };
        program.measure(checked, &wanted, &gradients);
        program
    }

    /// The time of the backward visit of the node at `position`.
    pub(crate) fn backward_time(&self, position: usize) -> usize {
        2 * self.nodes.len() - position
    }

    /// The time when the backward pass starts.
    pub(crate) fn seed_time(&self) -> usize {
        self.nodes.len()
    }

    /// The time after everything.
    fn end(&self) -> usize {
        2 * self.nodes.len() + 1
    }

    fn measure<T: Scalar>(&mut self, checked: &Checked<T>, wanted: &[usize], gradients: &Gradients) {
        let end = self.end();
        let count = checked.values.len();
        let mut written: Vec<Option<usize>> = vec![None; count];
        let mut read: Vec<Option<usize>> = vec![None; count];
        let mut received: Vec<Option<usize>> = vec![None; count];
        let mut consumed: Vec<usize> = vec![end; count];
        let extend =
            |slot: &mut Option<usize>, time: usize| *slot = Some(slot.map_or(time, |old| old.max(time)));
        for (position, &index) in self.nodes.iter().enumerate() {
            let node = &checked.nodes[index];
            let back = self.backward_time(position);
            for (operand, &input) in node.inputs.iter().enumerate() {
                extend(&mut read[input], position);
                if self.backward[position] {
                    if node.op.keeps_input(operand) {
                        extend(&mut read[input], back);
                    }
                    // Backward visits come in falling order of position: the last assignment is the earliest visit.
                    let flows = (0..node.outputs.len()).any(|output| node.op.differentiable(operand, output));
                    if gradients.kept[input] && flows {
                        received[input] = Some(back);
                    }
                }
            }
            for (operand, &output) in node.outputs.iter().enumerate() {
                written[output] = Some(position);
                consumed[output] = back;
                if self.backward[position] && node.op.keeps_output(operand) {
                    extend(&mut read[output], back);
                }
            }
        }
        for &value in wanted {
            extend(&mut read[value], end);
            if gradients.kept[value] {
                received[value] = Some(self.seed_time());
            }
        }
        self.lives = written
            .into_iter()
            .zip(read)
            .map(|(written, read)| Some(Life { first: written?, last: read? }))
            .collect();
        self.gradient_lives = received
            .into_iter()
            .zip(consumed)
            .map(|(received, consumed)| received.map(|first| Life { first, last: consumed.max(first) }))
            .collect();
    }
}

/// For each node, the weights that no other one uses which the backward pass visits later.
fn completed<T: Scalar>(checked: &Checked<T>, nodes: &[usize], backward: &[bool]) -> Vec<Vec<usize>> {
    let mut seen = vec![false; checked.graph.weights.len()];
    nodes
        .iter()
        .zip(backward)
        .map(|(&index, &visited)| {
            let weights = if visited { &checked.nodes[index].weights[..] } else { &[] };
            weights.iter().copied().filter(|&weight| !std::mem::replace(&mut seen[weight], true)).collect()
        })
        .collect()
}

/// The nodes that `wanted` values depend on, in order.
fn needed<T: Scalar>(checked: &Checked<T>, wanted: &[usize]) -> Vec<usize> {
    let mut needed = vec![false; checked.values.len()];
    for &value in wanted {
        needed[value] = true;
    }
    let mut nodes = Vec::new();
    for (index, node) in checked.nodes.iter().enumerate().rev() {
        if node.outputs.iter().any(|&output| needed[output]) {
            nodes.push(index);
            for &input in &node.inputs {
                needed[input] = true;
            }
        }
    }
    nodes.reverse();
    nodes
}

struct Gradients {
    /// Values that a wanted output depends on differentiably.
    seeded: Vec<bool>,
    /// Those of them that also depend on a trainable weight or a wanted input.
    kept: Vec<bool>,
}

fn wants_gradient<T: Scalar>(
    checked: &Checked<T>,
    nodes: &[usize],
    wanted: &[usize],
    record: Record,
) -> Gradients {
    let count = checked.values.len();
    let mut seeded = vec![false; count];
    let mut depends = vec![false; count];
    if record == Record::Nothing {
        return Gradients { seeded, kept: depends };
    }
    if record >= Record::WeightsAndInputs {
        for (value, meta) in checked.values.iter().enumerate().take(checked.graph.inputs.len()) {
            depends[value] = meta.dtype == Dtype::Float32;
        }
    }
    for &index in nodes {
        let node = &checked.nodes[index];
        for (output, &value) in node.outputs.iter().enumerate() {
            depends[value] = node.learns(record)
                || node
                    .inputs
                    .iter()
                    .enumerate()
                    .any(|(input, &id)| depends[id] && node.op.differentiable(input, output));
        }
    }
    for &value in wanted {
        seeded[value] = true;
    }
    for &index in nodes.iter().rev() {
        let node = &checked.nodes[index];
        for (input, &id) in node.inputs.iter().enumerate() {
            seeded[id] |= node
                .outputs
                .iter()
                .enumerate()
                .any(|(output, &value)| seeded[value] && node.op.differentiable(input, output));
        }
    }
    let kept = seeded.iter().zip(depends).map(|(&seeded, depends)| seeded && depends).collect();
    Gradients { seeded, kept }
}
