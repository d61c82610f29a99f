//! Runs a graph: binds a batch, computes values, differentiates.

mod bind;
mod execute;
mod pass;
mod size;

pub(crate) use bind::first_not_finite;
pub use size::RunBytes;

use crate::buffer::Buffer;
use crate::error::{Error, Result};
use crate::form::Form;
use crate::gradients::Gradients;
use crate::ir::{Checked, Graph};
use crate::mask::SequenceMask;
use crate::ops::{Place, Role, ValueRef};
use crate::plan::{Layout, Program};
use crate::registry;
use crate::shape::Meta;
use crate::tensor::{StateGradient, TensorView};
use crate::transform::fuse;
use crate::values::WeightSpec;
use crate::wire::GraphSpec;
use seqloom_kernels::{AlignedVec, Precision, Scalar, simd};

/// How far the current batch has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    /// There is no batch.
    Unbound,
    Bound,
    /// The forward pass of a program has run.
    Forward(usize),
    /// Its backward pass has run too.
    Backward(usize),
}

/// What is told of a backward pass: the gradients so far, and a weight whose own is complete.
pub(crate) type OnCompleted<'a, T> = dyn FnMut(&Gradients<T>, usize) -> Result<()> + 'a;

/// A program, where its buffers lie, and the batch shapes for which that was computed.
#[derive(Debug)]
struct Planned {
    program: Program,
    layout: Layout,
    generation: u64,
}

/// A graph together with the memory to run it. Memory grows with the largest batch and is reused: a batch of sizes seen
/// before allocates nothing.
pub struct Executor<T: Scalar> {
    checked: Checked<T>,
    /// Types and shapes of all values for the bound batch.
    metas: Vec<Meta>,
    masks: Vec<SequenceMask>,
    /// The floating-point inputs, by input: copies, or shared with the caller.
    floats: Vec<Buffer<T>>,
    /// Copies of the int32 inputs, by input.
    integers: Vec<Vec<i32>>,
    /// Values, gradients, stashes and workspaces.
    block: AlignedVec<T>,
    plans: Vec<Planned>,
    /// Counts the changes of shapes.
    generation: u64,
    progress: Progress,
    scratch: Scratch,
}

/// Lists that are refilled for every node.
#[derive(Debug, Default)]
struct Scratch {
    inputs: Vec<ValueRef>,
    outputs: Vec<ValueRef>,
    input_metas: Vec<Meta>,
    output_metas: Vec<Meta>,
}

impl<T: Scalar> Executor<T> {
    /// Checks a graph and prepares to run it.
    ///
    /// # Errors
    /// `ERR_FORMAT`, `ERR_SHAPE`, `ERR_OPTION`, `ERR_DATA`, `ERR_MEMORY` or `ERR_UNSUPPORTED` naming the layer whose
    /// description is wrong.
    pub fn new(spec: GraphSpec) -> Result<Self> {
        Self::of(registry::read(spec)?)
    }

    /// The same for a graph that has been read.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub(crate) fn of(graph: Graph) -> Result<Self> {
        let checked = Checked::new(graph)?;
        checked.expect_rows()?;
        Ok(Self::of_checked(checked))
    }

    /// The same for a graph that is trained, some outputs of which may be computed of weights alone.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub(crate) fn for_training(graph: Graph) -> Result<Self> {
        Ok(Self::of_checked(Checked::new(graph)?))
    }

    fn of_checked(mut checked: Checked<T>) -> Self {
        fuse(&mut checked);
        checked.assign_masks();
        let inputs = checked.graph.inputs.len();
        Self {
            metas: checked.values.clone(),
            masks: (0..checked.mask_count).map(|_| SequenceMask::default()).collect(),
            floats: (0..inputs).map(|_| Buffer::empty()).collect(),
            integers: vec![Vec::new(); inputs],
            block: AlignedVec::new(),
            plans: Vec::new(),
            generation: 0,
            progress: Progress::Unbound,
            scratch: Scratch::default(),
            checked,
        }
    }

    /// The graph that the executor was made from.
    pub fn graph(&self) -> &Graph {
        &self.checked.graph
    }

    /// Room for the gradients of this graph's weights.
    ///
    /// # Errors
    /// `ERR_MEMORY` when it cannot be allocated.
    pub fn gradients(&self) -> Result<Gradients<T>> {
        Gradients::new(&self.checked.graph.weights, &self.checked.row_gradients)
    }

    /// The same, for a caller that clears them before they are used, perhaps on another thread.
    ///
    /// # Errors
    /// As [`Self::gradients`].
    pub(crate) fn uncleared_gradients(&self) -> Result<Gradients<T>> {
        Gradients::any(&self.checked.graph.weights, &self.checked.row_gradients)
    }

    /// Computes products with weights in a precision from now on.
    ///
    /// # Errors
    /// `ERR_UNSUPPORTED` with the reason where this machine cannot.
    pub fn set_precision(&mut self, precision: Precision) -> Result<()> {
        if precision == Precision::Bfloat16 {
            simd::bfloat16().map_err(|error| Error::unsupported(error.to_string()))?;
        }
        self.checked.nodes.iter_mut().for_each(|node| node.op.set_precision(precision));
        Ok(())
    }

    /// Keeps only the states before segments of so many steps for the backward pass, which computes the rest again, from
    /// now on: after Chen et al. (Training deep nets with sublinear memory cost, 2016).
    ///
    /// # Errors
    /// `ERR_UNSUPPORTED` for a loop that cannot, and where there is none.
    pub fn set_checkpoints(&mut self, every: Option<usize>) -> Result<()> {
        let mut found = every.is_none();
        for node in &mut self.checked.nodes {
            found |= node.op.set_checkpoints(every).map_err(|error| node.explain(error))?;
        }
        if found {
            return Ok(());
        }
        Err(Error::unsupported(
            "checkpointEvery computes the steps of simple RNN, LSTM and GRU again, and the model has none of these",
        ))
    }

    /// A trainable weight whose rows are looked up, but whose gradient is not a list of rows.
    pub(crate) fn dense_table(&self) -> Option<&WeightSpec> {
        let Checked { nodes, graph, row_gradients, .. } = &self.checked;
        let lookups = nodes.iter().filter(|node| node.facts.role() == Role::Lookup);
        let mut tables = lookups.flat_map(|node| node.weights.iter().copied());
        let dense = tables.find(|&table| graph.weights[table].trainable && !row_gradients[table]);
        dense.map(|table| &graph.weights[table])
    }

    /// The dimensions of graph output `output`, `None` for those that depend on the batch; `None` when there is no such
    /// output.
    pub fn output_shape(&self, output: usize) -> Option<Vec<Option<usize>>> {
        self.value_shape(*self.checked.graph.outputs.get(output)?)
    }

    /// The same for any value of the graph, by its id.
    pub fn value_shape(&self, value: usize) -> Option<Vec<Option<usize>>> {
        let meta = self.checked.values.get(value)?;
        Some(meta.shape.dims().iter().map(|&dim| (dim != crate::shape::ANY).then_some(dim)).collect())
    }

    /// The dimensions of graph output `output` for the bound batch; `None` when there is no such output or no batch.
    pub fn bound_shape(&self, output: usize) -> Option<&[usize]> {
        let value = *self.checked.graph.outputs.get(output)?;
        let bound = self.progress != Progress::Unbound;
        self.metas.get(value).filter(|_| bound).map(|meta| meta.shape.dims())
    }

    /// Releases shared inputs; the executor is without a batch then.
    pub fn release(&mut self) {
        self.progress = Progress::Unbound;
        self.floats.iter_mut().for_each(Buffer::release);
    }

    /// Bytes that the executor holds for values, gradients, inputs and packed weights.
    pub fn memory(&self) -> usize {
        let floats: usize = self.floats.iter().map(Buffer::own_bytes).sum();
        let integers: usize = self.integers.iter().map(Vec::capacity).sum();
        let kept: usize = self.checked.nodes.iter().map(|node| node.op.memory()).sum();
        self.block.len() * size_of::<T>() + floats + integers * size_of::<i32>() + kept
    }

    /// The elements of graph output `output` after a forward pass that computed it.
    ///
    /// # Errors
    /// `ERR_STATE` when no forward pass has computed it.
    pub fn value(&self, output: usize) -> Result<TensorView<'_, T>> {
        let not_computed = || Error::state(format!("The output {output} has not been computed"));
        let planned = self.planned().ok_or_else(not_computed)?;
        if planned.program.outputs.binary_search(&output).is_err() {
            return Err(not_computed());
        }
        let value = *self.checked.graph.outputs.get(output).ok_or_else(not_computed)?;
        let places = planned.layout.values.get(value).ok_or_else(not_computed)?;
        let data = self.at(places.value).ok_or_else(not_computed)?;
        Ok(TensorView { data, shape: self.metas[value].shape.dims() })
    }

    /// Which steps of graph output `output` are valid; `None` when it has no time axis or all of them are.
    pub fn output_mask(&self, output: usize) -> Option<&SequenceMask> {
        self.planned()?;
        let value = *self.checked.graph.outputs.get(output)?;
        let mask = self.masks.get(self.checked.masks[value]?)?;
        (!mask.is_full()).then_some(mask)
    }

    /// What is known of the elements of every output, except in training.
    pub fn output_forms(&self) -> Vec<Form> {
        let forms = self.checked.forms();
        let form = |&value: &usize| forms.get(value).copied().unwrap_or(Form::Unknown);
        self.checked.graph.outputs.iter().map(form).collect()
    }

    /// Whether graph output `output` repeats the last valid step at masked ones, and is not zero there.
    pub(crate) fn output_repeats(&self, output: usize) -> bool {
        self.checked.graph.outputs.get(output).is_some_and(|&value| self.checked.repeats_steps(value))
    }

    /// The gradient of floating-point input `input` after a backward pass with
    /// [`WeightsAndInputs`](crate::Record::WeightsAndInputs); `None` otherwise and where no output depends on the
    /// input.
    pub fn input_gradient(&self, input: usize) -> Option<&[T]> {
        let Progress::Backward(plan) = self.progress else { return None };
        if input >= self.checked.graph.inputs.len() {
            return None;
        }
        let gradient = self.plans.get(plan)?.layout.values.get(input)?.gradient;
        if gradient == Place::None { None } else { self.at(gradient) }
    }

    /// The gradients with respect to the states of recurrences after every step, for states that an output depends on.
    /// Only once after each backward pass with [`States`](crate::Record::States).
    pub fn take_state_gradients(&mut self) -> Vec<StateGradient<T>> {
        let mut all = Vec::new();
        for (spec, node) in self.checked.graph.nodes.iter().zip(&mut self.checked.nodes) {
            let own = node.op.take_state_gradients().into_iter();
            all.extend(own.map(|one| StateGradient { name: format!("{}/{}", spec.name, one.name), ..one }));
        }
        all
    }

    fn planned(&self) -> Option<&Planned> {
        match self.progress {
            Progress::Forward(plan) | Progress::Backward(plan) => self.plans.get(plan),
            Progress::Unbound | Progress::Bound => None,
        }
    }

    fn at(&self, place: Place) -> Option<&[T]> {
        match place {
            Place::None => None,
            Place::Block { start, len } => self.block.get(start..start.checked_add(len)?),
            Place::Input { index, len } => self.floats.get(index)?.get(..len),
        }
    }
}

impl<T: Scalar> std::fmt::Debug for Executor<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Executor")
            .field("nodes", &self.checked.nodes.len())
            .field("progress", &self.progress)
            .finish_non_exhaustive()
    }
}
