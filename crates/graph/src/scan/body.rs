//! The checked body of a scan, and when each of its operations runs.

use super::recurrences::{self, Cycle};
use super::sizes::proven_shapes;
use super::spec::{Counts, ScanSpec};
use crate::error::{Error, Result};
use crate::ir::{Call, Checked, Graph, Node, Phase, infer, phases};
use crate::ops::Role;
use crate::ops::elementwise::{Elementwise, ElementwiseKind};
use crate::shape::{Meta, Shape};
use seqloom_kernels::Scalar;
use std::sync::Arc;

/// What is known of a value of the body before its shape is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Value {
    pub(super) phase: Phase,
    /// Whether a backward pass computes its gradient.
    pub(super) wants_gradient: bool,
    /// Whether the operations' backward passes read it.
    pub(super) kept: bool,
    /// Whether the values of all steps are kept side by side: results, values read after the loop, and so on.
    pub(super) tracked: bool,
    /// Whether the gradients of all steps are kept side by side.
    pub(super) gradient_tracked: bool,
    /// Whether only the chain that makes it uses it.
    pub(super) inner: bool,
    /// Whether the backward pass computes it again instead of keeping it.
    pub(super) recomputed: bool,
    /// Whether only what runs in the same chunk of time uses it and its gradient.
    pub(super) local: bool,
}

/// A slice of another value that is read in place.
#[derive(Debug, Clone, Copy)]
pub(super) struct SliceView {
    pub(super) source: usize,
    pub(super) axis: usize,
    pub(super) start: usize,
}

/// One step of a scan as operations.
pub(super) struct Body<T: Scalar> {
    pub(super) nodes: Vec<Call<T>>,
    /// By node.
    pub(super) phases: Vec<Phase>,
    /// Whether the backward pass visits the node.
    pub(super) visited: Vec<bool>,
    pub(super) values: Vec<Value>,
    /// Shapes in which unknown sizes after the batch dimension are equal only if they are the same for every batch.
    pub(super) proven: Vec<Shape>,
    /// Types and shapes as declared.
    declared: Vec<Meta>,
    /// Types and shapes for the current batch.
    pub(super) metas: Vec<Meta>,
    pub(super) counts: Counts,
    /// The recurrences that run as passes over time, before the loop.
    pub(super) cycles: Vec<Cycle>,
    /// The values of each step's outputs, then of the new states; no value occurs twice.
    pub(super) outputs: Vec<usize>,
    /// For each product in the loop, how many elements of its kernel's gradient are kept per sequence.
    pub(super) summed: Vec<usize>,
    /// By node: whether the gradient of its second input is computed after the loop.
    pub(super) deferred: Vec<bool>,
    /// By value: the slice of another value that it is, if it need not be copied.
    pub(super) slices: Vec<Option<SliceView>>,
    /// By value: the value of which it is a reshaped view, if it need not be copied.
    pub(super) views: Vec<Option<usize>>,
    /// By value: the value whose gradient it shares.
    pub(super) shared: Vec<Option<usize>>,
    /// By value: its number, if it is a constant.
    pub(super) constants: Vec<Option<f64>>,
    scratch: (Vec<Meta>, Vec<Meta>),
}

impl<T: Scalar> Body<T> {
    /// Checks a body and plans it.
    pub(super) fn new(spec: &ScanSpec) -> Result<Self> {
        let first = Checked::<T>::body(spec.body.clone())?;
        check(spec, &first)?;
        let original = first.nodes.len();
        let counts = spec.counts.clone();
        let mut cycles = recurrences::find(&first.nodes, &first.values, &counts, &spec.body.outputs);
        let phases =
            plan_phases((&first.nodes, &first.values), &counts, original, &spec.body.outputs, &mut cycles);
        let (described, pinned) = carried(spec, &first, &phases, &cycles);
        let graph = if described.nodes.len() == original { first } else { Checked::body(described)? };
        let outputs = graph.graph.outputs.clone();
        if !cycles.is_empty() {
            let swept = |cycle: &Cycle| cycles.iter().any(|known| known.states == cycle.states);
            let found = recurrences::find(&graph.nodes, &graph.values, &counts, &outputs);
            cycles = found.into_iter().filter(swept).collect();
        }
        let phases = plan_phases((&graph.nodes, &graph.values), &counts, pinned, &outputs, &mut cycles);
        let mut nodes = graph.nodes;
        let mut body = Self {
            proven: proven_shapes(&mut nodes, &graph.values, counts.body_inputs()),
            visited: Vec::new(),
            summed: Vec::new(),
            deferred: vec![false; nodes.len()],
            slices: Vec::new(),
            views: Vec::new(),
            shared: Vec::new(),
            constants: constants(&nodes, graph.values.len()),
            values: values(&nodes, &phases, &counts, &cycles, graph.values.len()),
            metas: graph.values.clone(),
            declared: graph.values,
            nodes,
            phases,
            counts,
            cycles,
            outputs,
            scratch: (Vec::new(), Vec::new()),
        };
        body.plan_gradients();
        Ok(body)
    }

    /// The value of the new state `state`.
    pub(super) fn new_state(&self, state: usize) -> usize {
        self.outputs[self.counts.outputs + state]
    }

    /// The index of the state that value `value` is, if it is one.
    pub(super) fn state_of(&self, value: usize) -> Option<usize> {
        value.checked_sub(self.counts.sequences).filter(|&state| state < self.counts.states)
    }

    /// The node that makes a value, unless it is an input.
    pub(super) fn maker(&self, value: usize) -> Option<usize> {
        self.nodes.iter().position(|node| node.outputs.contains(&value))
    }

    /// Computes all shapes for inputs of these shapes, batch first if there is one.
    pub(super) fn infer(&mut self, inputs: impl Iterator<Item = Shape>) -> Result<()> {
        for (value, shape) in inputs.enumerate() {
            let declared = self.declared[value].shape;
            let fits = shape.unify(&declared).filter(|_| shape.rank() == declared.rank());
            self.metas[value].shape = fits.ok_or_else(|| {
                Error::shape(format!("input {value} of the step must have shape {declared}; got {shape}"))
            })?;
        }
        let (inputs, outputs) = &mut self.scratch;
        infer(&mut self.nodes, &mut self.metas, (inputs, outputs))?;
        for state in 0..self.counts.states {
            let (old, new) = (self.metas[self.counts.sequences + state], self.metas[self.new_state(state)]);
            if old.shape.unify(&new.shape).is_none() {
                return Err(Error::shape(format!(
                    "state {state} has shape {}, but the step gives it shape {}",
                    old.shape, new.shape
                )));
            }
        }
        Ok(())
    }

    /// Which values have gradients and which nodes are visited for them.
    fn plan_gradients(&mut self) {
        let mut depends = vec![false; self.values.len()];
        depends[..self.counts.body_inputs()].fill(true);
        for node in &self.nodes {
            for (output, &value) in node.outputs.iter().enumerate() {
                let mut inputs = node.inputs.iter().enumerate();
                depends[value] = node.trainable
                    || inputs.any(|(input, &id)| depends[id] && node.op.differentiable(input, output));
            }
        }
        let mut reached = vec![false; self.values.len()];
        for &value in &self.outputs {
            reached[value] = true;
        }
        self.visited = vec![false; self.nodes.len()];
        for (index, node) in self.nodes.iter().enumerate().rev() {
            for (output, &value) in node.outputs.iter().enumerate() {
                if !reached[value] {
                    continue;
                }
                let mut visited = node.trainable;
                for (input, &id) in node.inputs.iter().enumerate() {
                    let flows = node.op.differentiable(input, output);
                    reached[id] |= flows;
                    visited |= flows && depends[id];
                }
                self.visited[index] |= visited && depends[value];
            }
        }
        for (value, (depends, reached)) in self.values.iter_mut().zip(depends.into_iter().zip(reached)) {
            value.wants_gradient = depends && reached;
        }
        // The gradient of a state exists at every step or at none.
        for state in 0..self.counts.states {
            let new = self.new_state(state);
            let wants = self.values[new].wants_gradient;
            self.values[self.counts.sequences + state].wants_gradient &= wants;
        }
    }

    /// Finds values that never leave their chain and are larger than their inputs, such as the hidden units of an
    /// attention, which combine one row of the step with each row of the memory. The backward pass computes them again:
    /// kept for all steps, they would not fit in the caches.
    fn find_recomputed(&mut self) {
        for node in &self.nodes {
            let (Some(kind), &[output]) = (node.facts.role().elementwise(), &node.outputs[..]) else {
                continue;
            };
            // A pass over time waits for memory, not for arithmetic.
            let swift = self.values[output].phase == Phase::Early && kind.is_swift();
            let small = |&value: &usize| {
                self.constants[value].is_some()
                    || self.values[value].phase == Phase::Once
                    || self.values[value].recomputed
                    || is_repeated(&self.metas[value].shape, &self.metas[output].shape)
            };
            self.values[output].recomputed =
                self.values[output].inner && (swift || node.inputs.iter().all(small));
        }
    }

    /// Keeps a value for the backward pass or, if it is computed again, its inputs.
    fn keep(&mut self, value: usize) {
        if !self.values[value].recomputed {
            self.values[value].kept = true;
        } else if let Some(maker) = self.maker(value) {
            for input in self.nodes[maker].inputs.clone() {
                self.keep(input);
            }
        }
    }

    /// Which values are kept for all steps.
    pub(super) fn plan_tracks(&mut self) {
        self.find_recomputed();
        for index in 0..self.nodes.len() {
            let late = self.phases[index] == Phase::Late;
            let node = &self.nodes[index];
            let inputs = node.inputs.iter().enumerate().map(|(at, &value)| (value, node.op.keeps_input(at)));
            let outputs =
                node.outputs.iter().enumerate().map(|(at, &value)| (value, node.op.keeps_output(at)));
            let kept: Vec<usize> =
                inputs.chain(outputs).filter(|&(_, kept)| kept).map(|(value, _)| value).collect();
            node.inputs.iter().for_each(|&value| self.values[value].tracked |= late);
            if self.visited[index] {
                kept.into_iter().for_each(|value| self.keep(value));
            }
        }
        for &value in &self.outputs {
            self.values[value].tracked = true;
        }
        for (value, slice) in self.slices.iter().enumerate() {
            if let Some(slice) = slice {
                self.values[slice.source].kept |= self.values[value].kept;
            }
        }
        for value in (0..self.values.len()).rev() {
            if let Some(source) = self.views[value] {
                let view = self.values[value];
                let source = &mut self.values[source];
                source.kept |= view.kept;
                source.tracked |= view.tracked;
                source.gradient_tracked |= view.gradient_tracked;
            }
        }
        self.find_local();
    }

    /// Finds values that do not outlive their chunk of time.
    fn find_local(&mut self) {
        if self.cycles.is_empty() {
            return;
        }
        for (node, &phase) in self.nodes.iter().zip(&self.phases) {
            for &value in &node.outputs {
                let known = &mut self.values[value];
                known.local = phase == Phase::Early && !known.tracked && !known.gradient_tracked;
            }
            for &value in node.inputs.iter().filter(|_| phase != Phase::Early) {
                self.values[value].local = false;
            }
        }
        // Views come after what they show.
        for (value, source) in self.views.iter().enumerate().rev() {
            if let Some(source) = *source {
                self.values[source].local &= self.values[value].local;
            }
        }
    }

    /// How many rows a chunk of time has at most: at least those of a step.
    pub(super) fn chunk(&self, batch: usize, rows: usize) -> Result<usize> {
        let mut width = 1_usize;
        for (value, known) in self.values.iter().enumerate() {
            let stored = known.phase == Phase::Early && !known.inner && self.slices[value].is_none();
            if stored && self.metas[value].batched {
                width = width.saturating_add(self.metas[value].shape.inner(1)?);
            }
        }
        Ok((CHUNK / width).max(batch).min(rows))
    }

    /// The states that passes over time make: their old and their new values.
    pub(super) fn swept(&self) -> impl Iterator<Item = (usize, usize)> {
        let states = self.cycles.iter().flat_map(|cycle| &cycle.states);
        states.map(|&state| (self.counts.sequences + state, self.new_state(state)))
    }
}

/// Elements of a chunk of time: 4 MB, which stay in the shared cache.
const CHUNK: usize = 1 << 20;

/// Whether a value has a single row for several rows of the whole.
fn is_repeated(shape: &Shape, whole: &Shape) -> bool {
    let mut dims = whole.dims().iter().rev().zip(1..);
    dims.any(|(&dim, from_end)| dim != 1 && repeats(shape, from_end))
}

/// Whether a value has a single entry along an axis, counted from the end: the last axis is 1.
pub(super) fn repeats(shape: &Shape, from_end: usize) -> bool {
    shape.rank().checked_sub(from_end).is_none_or(|axis| shape.dims()[axis] == 1)
}

/// Checks what the graph alone does not check: the kinds of the inputs and outputs.
fn check<T: Scalar>(spec: &ScanSpec, graph: &Checked<T>) -> Result<()> {
    let counts = &spec.counts;
    for (value, input) in spec.body.inputs.iter().enumerate().take(counts.sequences + counts.states) {
        let meta = graph.values[value];
        if !meta.batched {
            return Err(Error::shape(format!(
                "the input '{}' of the step must have a batch dimension; it has shape {}",
                input.name, meta.shape
            )));
        }
        let Some(shape) = value.checked_sub(counts.sequences).map(|state| &spec.state_shapes[state]) else {
            continue;
        };
        if meta.shape.dims().get(1..) != Some(shape) {
            return Err(Error::shape(format!(
                "the state '{}' is said to have shape {shape:?}, but as an input of the step it has shape {}",
                input.name, meta.shape
            )));
        }
    }
    for (index, &output) in spec.body.outputs.iter().enumerate() {
        let meta = graph.values[output];
        if !meta.batched {
            return Err(Error::shape(format!(
                "output {index} of the step has shape {}, which has no batch dimension",
                meta.shape
            )));
        }
        if index >= counts.outputs {
            let state = index - counts.outputs;
            let old = graph.values[counts.sequences + state].shape;
            if old.unify(&meta.shape).is_none() {
                return Err(Error::shape(format!(
                    "state {state} has shape {old}, but the step gives it shape {}",
                    meta.shape
                )));
            }
        }
    }
    Ok(())
}

/// When each node runs; nodes from `pinned` on run in the loop. Leaves those recurrences that can run before the loop.
fn plan_phases<T: Scalar>(
    (nodes, metas): (&[Call<T>], &[Meta]),
    counts: &Counts,
    pinned: usize,
    outputs: &[usize],
    cycles: &mut Vec<Cycle>,
) -> Vec<Phase> {
    loop {
        let sequences = std::iter::repeat_n(Phase::Early, counts.sequences);
        let states = (0..counts.states).map(|state| state_phase(cycles, state));
        let (mut phases, of_value) = phases(nodes, metas, sequences.chain(states).collect(), pinned);
        let before = cycles.len();
        let early = |&state: &usize| of_value[outputs[counts.outputs + state]] == Phase::Early;
        cycles.retain(|cycle| cycle.states.iter().all(early));
        if cycles.len() == before {
            postpone(nodes, metas, counts, outputs, &of_value, &mut phases);
            return phases;
        }
    }
}

/// When the value of a state is there.
fn state_phase(cycles: &[Cycle], state: usize) -> Phase {
    let swept = cycles.iter().any(|cycle| cycle.states.contains(&state));
    if swept { Phase::Early } else { Phase::Step }
}

/// Moves nodes after the loop if no state depends on them and they only read values of steps.
fn postpone<T: Scalar>(
    nodes: &[Call<T>],
    metas: &[Meta],
    counts: &Counts,
    outputs: &[usize],
    of_value: &[Phase],
    phases: &mut [Phase],
) {
    let mut wanted_in_loop = vec![false; metas.len()];
    for &value in &outputs[counts.outputs..] {
        wanted_in_loop[value] = true;
    }
    let body_inputs = counts.body_inputs();
    for (index, node) in nodes.iter().enumerate().rev() {
        let is_state = |value: usize| value < body_inputs && of_value[value] == Phase::Step;
        let by_rows = node
            .inputs
            .iter()
            .all(|&value| !is_state(value) && (of_value[value] != Phase::Once || !metas[value].batched));
        let free = node.outputs.iter().all(|&value| !wanted_in_loop[value]);
        // Merely passing a value on costs less in the loop than after it.
        let worthwhile = node.facts.role().elementwise() != Some(ElementwiseKind::Identity);
        if phases[index] == Phase::Step && free && by_rows && worthwhile && !node.facts.draws() {
            phases[index] = Phase::Late;
        } else if phases[index] == Phase::Step {
            for &value in &node.inputs {
                wanted_in_loop[value] = true;
            }
        }
    }
}

/// The body, with copies of results that are not computed as they are needed: states must be written in the loop or by a
/// pass over time, each to its own memory, and outputs must have a row for each step. What reads the old state of a pass
/// otherwise than element by element reads a copy, too. Also returns the index of the first of the copies that the loop
/// makes.
fn carried<T: Scalar>(
    spec: &ScanSpec,
    graph: &Checked<T>,
    phases: &[Phase],
    cycles: &[Cycle],
) -> (Graph, usize) {
    let mut body = spec.body.clone();
    let counts = &spec.counts;
    let copy = |name: String, from: usize, to: usize| Node {
        name,
        kind: "elementwise",
        op: Arc::new(Elementwise::of(ElementwiseKind::Identity)),
        inputs: vec![from],
        weights: Vec::new(),
        outputs: vec![to],
        stateful: false,
    };
    let mut of_value = vec![Phase::Once; graph.values.len()];
    let mut made = vec![false; graph.values.len()];
    of_value[..counts.sequences].fill(Phase::Early);
    for state in 0..counts.states {
        of_value[counts.sequences + state] = state_phase(cycles, state);
    }
    for (node, &phase) in graph.nodes.iter().zip(phases) {
        for &value in &node.outputs {
            (of_value[value], made[value]) = (phase, true);
        }
    }
    let mut next = graph.values.len();
    let mut shown = Vec::new();
    for &state in cycles.iter().flat_map(|cycle| &cycle.states) {
        let old = counts.sequences + state;
        let mut readers = Vec::new();
        for (index, (node, phase)) in graph.nodes.iter().zip(phases).enumerate() {
            let by_elements = node.facts.role().elementwise().is_some() && *phase == Phase::Early;
            if node.inputs.contains(&old) && !by_elements && *phase != Phase::Step {
                readers.push(index);
            }
        }
        for &reader in &readers {
            let inputs = body.nodes[reader].inputs.iter_mut();
            inputs.filter(|value| **value == old).for_each(|value| *value = next);
        }
        if !readers.is_empty() {
            shown.push(copy(format!("state {state}"), old, next));
            next += 1;
        }
    }
    let mut used = vec![[false; 2]; graph.values.len()];
    // Those of passes over time, and those of the loop.
    let mut copies = [Vec::new(), Vec::new()];
    for (index, output) in body.outputs.iter_mut().enumerate() {
        let state = index.checked_sub(counts.outputs);
        let swept = state.is_some_and(|state| state_phase(cycles, state) == Phase::Early);
        let own = made[*output]
            && match of_value[*output] {
                Phase::Once => false,
                Phase::Step => true,
                Phase::Early | Phase::Late => state.is_none() || swept,
            };
        let kind = usize::from(state.is_some());
        if own && !used[*output][kind] {
            used[*output][kind] = true;
            continue;
        }
        let in_loop = cycles.is_empty() || of_value[*output] != Phase::Early || (state.is_some() && !swept);
        copies[usize::from(in_loop)].push(copy(format!("output {index}"), *output, next));
        *output = next;
        next += 1;
    }
    let mut nodes = shown;
    nodes.extend(std::mem::take(&mut body.nodes));
    let [early, in_loop] = copies;
    nodes.extend(early);
    let pinned = nodes.len();
    nodes.extend(in_loop);
    let inputs = body.inputs.iter().cloned().enumerate().collect();
    (body.assemble(inputs, nodes, &body.outputs), pinned)
}

fn constants<T: Scalar>(nodes: &[Call<T>], count: usize) -> Vec<Option<f64>> {
    let mut constants = vec![None; count];
    for node in nodes {
        if let (Role::Constant(constant), &[value]) = (node.facts.role(), &node.outputs[..]) {
            constants[value] = Some(constant);
        }
    }
    constants
}

fn values<T: Scalar>(
    nodes: &[Call<T>],
    phases: &[Phase],
    counts: &Counts,
    cycles: &[Cycle],
    count: usize,
) -> Vec<Value> {
    let value = |phase| Value {
        phase,
        wants_gradient: false,
        kept: false,
        tracked: false,
        gradient_tracked: false,
        inner: false,
        recomputed: false,
        local: false,
    };
    let mut values = vec![value(Phase::Once); count];
    values[..counts.sequences].fill(value(Phase::Early));
    for state in 0..counts.states {
        values[counts.sequences + state].phase = state_phase(cycles, state);
    }
    for (node, &phase) in nodes.iter().zip(phases) {
        for &output in &node.outputs {
            values[output].phase = phase;
        }
    }
    values
}
