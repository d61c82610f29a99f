//! The operations, one file each: shape rule, forward, backward, the memory they need, and how they stream.
//!
//! A new operation is a file with a type that implements [`Operation`] and [`Op`] and its entries, its `mod` line,
//! and its place in [`OPERATIONS`].

pub(crate) mod activation;
pub(crate) mod argmax;
mod axis;
pub(crate) mod batch_norm;
mod buffers;
pub(crate) mod cast;
pub(crate) mod concatenate;
mod context;
pub(crate) mod counts;
mod crf;
mod ctc;
mod cumulative_sum;
pub(crate) mod dense;
pub(crate) mod dropout;
pub(crate) mod elementwise;
pub(crate) mod embedding;
mod entry;
pub(crate) mod gather;
pub(crate) mod int8;
pub(crate) mod last_step;
mod layer_norm;
pub(crate) mod loss;
pub(crate) mod masking;
pub(crate) mod matmul;
pub(crate) mod mean_over_steps;
pub(crate) mod merge;
pub(crate) mod metric;
mod moments;
pub(crate) mod normalize;
mod operation;
pub(crate) mod parameter;
pub(crate) mod pool;
pub(crate) mod recurrent;
pub(crate) mod reduce;
pub(crate) mod repeat_vector;
pub(crate) mod reshape;
pub(crate) mod sample;
pub(crate) mod scalar;
mod sequence_counts;
mod site;
pub(crate) mod slice;
pub(crate) mod softmax;
mod stream;
pub(crate) mod thin;
mod transducer;
pub(crate) mod transpose;
mod unaligned;
mod windows;

pub(crate) use activation::expect_float;
pub(crate) use axis::axis_of;
pub(crate) use buffers::{Buffers, Place};
pub(crate) use context::{Backward, Forward, Frame, Moment, ValueRef, Weights, check_cancelled};
pub(crate) use dense::add_rows;
pub(crate) use entry::{Entry, made};
pub(crate) use int8::{Int8Product, suits_int8};
pub(crate) use operation::{
    Absorbed, ActivationKind, Described, Operation, Recurrence, Role, State, instantiate,
};
pub(crate) use recurrent::{
    Order, OutputOrder, Prepared, Recurrent, StepOrder, Surroundings, gather, scatter_add,
};
pub(crate) use site::Site;
pub(crate) use stream::{Streamed, TimeAxes, recurrent as recurrent_axes};

use crate::error::Result;
use crate::form::{Form, Known};
use crate::shape::{Meta, Shape};
use crate::tensor::StateGradient;
use seqloom_kernels::{CellSpec, Precision, Scalar};

/// All operations but those that hold a graph of their own.
pub(crate) const OPERATIONS: &[&[Entry]] = &[
    activation::OPERATIONS,
    argmax::OPERATIONS,
    batch_norm::OPERATIONS,
    cast::OPERATIONS,
    concatenate::OPERATIONS,
    counts::OPERATIONS,
    crf::OPERATIONS,
    ctc::OPERATIONS,
    cumulative_sum::OPERATIONS,
    dense::OPERATIONS,
    dropout::OPERATIONS,
    elementwise::OPERATIONS,
    embedding::OPERATIONS,
    gather::OPERATIONS,
    last_step::OPERATIONS,
    layer_norm::OPERATIONS,
    loss::OPERATIONS,
    masking::OPERATIONS,
    matmul::OPERATIONS,
    mean_over_steps::OPERATIONS,
    merge::OPERATIONS,
    metric::OPERATIONS,
    normalize::OPERATIONS,
    parameter::OPERATIONS,
    pool::OPERATIONS,
    recurrent::OPERATIONS,
    reduce::OPERATIONS,
    repeat_vector::OPERATIONS,
    reshape::OPERATIONS,
    sample::OPERATIONS,
    scalar::OPERATIONS,
    sequence_counts::OPERATIONS,
    slice::OPERATIONS,
    softmax::OPERATIONS,
    transducer::OPERATIONS,
    transpose::OPERATIONS,
    windows::OPERATIONS,
];

/// How an operation's outputs that have a time axis get their mask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MaskRule {
    /// The first input's.
    First,
    /// The steps that are valid in every input.
    Merge,
    /// The steps that are valid in each of the first inputs, of which there are this many.
    MergeFirst(usize),
    /// A mask of their own: all steps unless the operation's forward pass says otherwise.
    Own,
}

/// Elements of memory that an operation needs besides its inputs and outputs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Sizes {
    /// Kept from the forward to the backward pass (only when recording).
    pub(crate) stash: usize,
    /// During the forward pass.
    pub(crate) forward: usize,
    /// During the backward pass.
    pub(crate) backward: usize,
}

/// What a graph knows about the operands of an operation when it is planned, so that [`Op::sizes`] can leave out
/// what is not wanted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Operands<'a> {
    pub(crate) inputs: &'a [Meta],
    pub(crate) outputs: &'a [Meta],
    /// Whether a backward pass may follow.
    pub(crate) recording: bool,
}

/// The part of an operation that runs, with whatever it caches between runs.
///
/// Errors need not name the layer; the caller adds it. `forward` and `backward` may rely on what `infer` has
/// checked. Planning takes `&mut self` too, so that an operation can hold a graph of its own and plan it for the
/// sizes it is given.
pub(crate) trait Op<T: Scalar>: Send {
    /// Checks the inputs and computes types and shapes of the outputs. Runs once with unknown dimensions and again
    /// for every new batch size with known ones.
    fn infer(&mut self, inputs: &[Meta], outputs: &mut [Meta]) -> Result<()>;

    /// Memory needed besides inputs and outputs, for known shapes.
    fn sizes(&mut self, _operands: Operands<'_>) -> Result<Sizes> {
        Ok(Sizes::default())
    }

    /// Computes the outputs. Outputs without a reader have no memory.
    fn forward(&mut self, context: &mut Forward<'_, T>) -> Result<()>;

    /// Adds to the gradients of the inputs and weights that want one.
    fn backward(&mut self, context: &mut Backward<'_, T>) -> Result<()>;

    /// For a cell of which two, over inputs of this shape, are worth running side by side: which cell it is.
    fn side_by_side(&self, _shape: &Shape) -> Option<CellSpec> {
        None
    }

    /// Itself, if [`Op::side_by_side`] may give a cell.
    fn as_cell(&mut self) -> Option<&mut Recurrent<T>> {
        None
    }

    /// Where masks of the outputs come from.
    fn mask_rule(&self) -> MaskRule {
        MaskRule::First
    }

    /// Whether the backward pass reads input `index`.
    fn keeps_input(&self, _index: usize) -> bool {
        false
    }

    /// Whether the backward pass reads output `index`.
    fn keeps_output(&self, _index: usize) -> bool {
        false
    }

    /// Whether output `output`, if of rank 2, is `[batch, time]` where an input has a mask.
    fn keeps_time(&self, _output: usize) -> bool {
        false
    }

    /// Whether output `output` is what is left after the last step, without a time axis.
    fn is_state(&self, _output: usize) -> bool {
        false
    }

    /// Whether its inputs may be parameters and scalars, which have no batch dimension.
    fn takes_unbatched(&self) -> bool {
        false
    }

    /// Whether gradients flow from output `output` to input `input`.
    fn differentiable(&self, _input: usize, _output: usize) -> bool {
        true
    }

    /// Whether the backward pass can write the whole gradient of input `index` instead of adding to it, which saves
    /// a pass over zeros; it is told by [`ValueRef::fresh`].
    fn writes_gradient(&self, _index: usize) -> bool {
        false
    }

    /// For operations that write outputs at masked steps on purpose: whether these repeat the last valid step
    /// instead of being zero.
    fn repeats_steps(&self) -> Option<bool> {
        None
    }

    /// The gradients by its states that the last backward pass with [`crate::Record::States`] has kept.
    fn take_state_gradients(&mut self) -> Vec<StateGradient<T>> {
        Vec::new()
    }

    /// Computes its products with weights in a precision from now on, if it has any for which that pays.
    fn set_precision(&mut self, _precision: Precision) {}

    /// Keeps only what stands before segments of so many steps, and computes the rest again in the backward pass; false
    /// for what has no steps.
    fn set_checkpoints(&mut self, _every: Option<usize>) -> Result<bool> {
        Ok(false)
    }

    /// Bytes that it keeps between runs, such as packed weights.
    fn memory(&self) -> usize {
        0
    }

    /// The same once it has run, in training or not.
    fn packed_memory(&self, _training: bool) -> usize {
        self.memory()
    }

    /// What is known of output `output` from what is known of its inputs, in a pass that does not train.
    fn form(&self, _known: &[Known], _output: usize) -> Form {
        Form::Unknown
    }

    /// Offers to do itself what computes its first input, or leaves something to its readers; true if it does so
    /// from now on.
    fn absorb(&mut self, _source: Absorbed) -> bool {
        false
    }
}

/// Rows of a table, chosen by tokens.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lookup {
    /// The graph input that holds the tokens.
    pub(crate) tokens: usize,
    /// The weight that is the table.
    pub(crate) weight: usize,
    /// Its number of rows.
    pub(crate) vocabulary: usize,
    /// Whether it is int8.
    pub(crate) int8: bool,
}
