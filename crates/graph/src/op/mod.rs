//! The operations, one file each: shape rule, forward, backward, and the memory they need.
//!
//! A new operation is a file with a type that implements [`Op`] and a line in [`build`].

mod activation;
mod argmax;
mod axis;
mod buffers;
mod cast;
mod concatenate;
mod context;
mod counts;
mod dense;
mod dropout;
pub(crate) mod elementwise;
mod embedding;
mod gather;
mod last_step;
mod layer_norm;
mod loss;
mod masking;
mod matmul;
mod mean_over_steps;
mod merge;
mod metric;
mod moments;
mod normalize;
mod parameter;
mod pool;
mod recurrent;
mod reduce;
mod repeat_vector;
mod reshape;
mod sample;
mod scalar;
mod site;
mod slice;
mod softmax;
pub(crate) mod thin;
mod transpose;

pub(crate) use activation::expect_float;
pub(crate) use axis::axis_of;
pub(crate) use buffers::{Buffers, Place};
pub(crate) use context::{Backward, Forward, Frame, Moment, ValueRef, Weights, check_cancelled};
pub(crate) use dense::add_rows;
pub(crate) use recurrent::{Order, OutputOrder, StepOrder, gather, scatter_add};
pub(crate) use site::Site;

use crate::error::{Error, Result};
use crate::form::{Form, Known};
use crate::shape::Meta;
use crate::tensor::StateGradient;
use seqloom_kernels::{Activation, Scalar};

/// How an operation's outputs that have a time axis get their mask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MaskRule {
    /// The first input's.
    First,
    /// The steps that are valid in every input.
    Merge,
    /// The steps that are valid in each of the first inputs, so many.
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

/// What a graph knows about the operands of an operation when it is planned, so that [`Op::sizes`] can leave out what is not
/// wanted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Operands<'a> {
    pub(crate) inputs: &'a [Meta],
    pub(crate) outputs: &'a [Meta],
    /// Whether a backward pass may follow.
    pub(crate) recording: bool,
}

/// An operation of a graph, with whatever it caches between runs.
///
/// Errors need not name the layer; the caller adds it. `forward` and `backward` may rely on what `infer` has checked. Planning takes
/// `&mut self` too, so that an operation can hold a graph of its own and plan it for the sizes it is given.
pub(crate) trait Op<T: Scalar>: Send {
    /// Checks the inputs and computes types and shapes of the outputs. Runs once with unknown dimensions and again for every
    /// new batch size with known ones.
    fn infer(&mut self, inputs: &[Meta], outputs: &mut [Meta]) -> Result<()>;

    /// Memory needed besides inputs and outputs, for known shapes.
    fn sizes(&mut self, _operands: Operands<'_>) -> Result<Sizes> {
        Ok(Sizes::default())
    }

    /// Computes the outputs. Outputs without a reader have no memory.
    fn forward(&mut self, context: &mut Forward<'_, T>) -> Result<()>;

    /// Adds to the gradients of the inputs and weights that want one.
    fn backward(&mut self, context: &mut Backward<'_, T>) -> Result<()>;

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

    /// Whether its inputs may be parameters and scalars, which have no batch dimension.
    fn takes_unbatched(&self) -> bool {
        false
    }

    /// Whether it draws other numbers at every step of a scan.
    fn is_random(&self) -> bool {
        false
    }

    /// Whether gradients flow from output `output` to input `input`.
    fn differentiable(&self, _input: usize, _output: usize) -> bool {
        true
    }

    /// Whether the backward pass can write the whole gradient of input `index` instead of adding to it, which saves a pass
    /// over zeros; it is told by [`ValueRef::fresh`].
    fn writes_gradient(&self, _index: usize) -> bool {
        false
    }

    /// If it writes outputs at masked steps on purpose: whether those repeat the last valid step, and are not zero.
    fn repeats_steps(&self) -> Option<bool> {
        None
    }

    /// Whether it carries states from step to step, whose gradients a backward pass with [`crate::Record::States`] keeps.
    fn has_states(&self) -> bool {
        false
    }

    /// What the last backward pass has kept of them.
    fn take_state_gradients(&mut self) -> Vec<StateGradient<T>> {
        Vec::new()
    }

    /// Bytes that it keeps between runs, such as packed weights.
    fn memory(&self) -> usize {
        0
    }

    /// Whether the gradient of its weight can be a list of rows.
    fn has_row_gradient(&self) -> bool {
        false
    }

    /// Tells a lookup that its readers do it themselves: it only checks the tokens.
    fn leave_lookup(&mut self) {}

    /// Where an operation that can look up its input 0 itself keeps what it needs for that.
    fn lookup_slot(&mut self) -> Option<&mut Option<Lookup>> {
        None
    }

    /// The number that it always gives.
    fn constant(&self) -> Option<f64> {
        None
    }

    /// The function of its inputs that it computes element by element, so that it can be part of a chain.
    fn elementwise(&self) -> Option<elementwise::Kind> {
        None
    }

    /// What is known of output `output` from what is known of its inputs, in a pass that does not train.
    fn form(&self, _known: &[Known], _output: usize) -> Form {
        Form::Unknown
    }

    /// If it multiplies with its first weight and adds its second: the dimensions of the first.
    fn product(&self) -> Option<[usize; 2]> {
        None
    }

    /// If it is the product of its inputs as matrices: whether each of them is transposed.
    fn matmul(&self) -> Option<[bool; 2]> {
        None
    }

    /// Whether its output is its input in another shape.
    fn is_view(&self) -> bool {
        false
    }

    /// The axis and the range that it cuts out of its input.
    fn slice(&self) -> Option<(i64, usize, usize)> {
        None
    }

    /// The activation that it computes, for rewrites.
    fn activation(&self) -> Option<ActivationKind> {
        None
    }

    /// Tells a loss that its prediction is computed by `activation`; true when the loss will read that activation's input
    /// instead.
    fn fuse_activation(&mut self, _activation: ActivationKind) -> bool {
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
}

/// Element-wise activations and those over the last axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ActivationKind {
    Elementwise(Activation),
    Softmax,
    LogSoftmax,
}

/// What the body of a scan may consist of: operations that see one step's values alone.
const BODY_OPERATIONS: [&str; 25] = [
    "activation",
    "add",
    "argmax",
    "average",
    "concatenate",
    "dense",
    "dropout",
    "elementwise",
    "gather",
    "layerNorm",
    "matmul",
    "maximum",
    "minimum",
    "multiply",
    "normalize",
    "parameter",
    "reduce",
    "reshape",
    "sample",
    "scalar",
    "slice",
    "softmax",
    "stopGradient",
    "subtract",
    "transpose",
];

/// The operation that a node of the wire format names.
pub(crate) fn build<T: Scalar>(site: &Site<'_>) -> Result<Box<dyn Op<T>>> {
    if site.in_body() && !BODY_OPERATIONS.contains(&site.op()) {
        return Err(Error::unsupported(format!("{} cannot be part of a cell's step", site.op())));
    }
    Ok(match site.op() {
        "activation" => Box::new(activation::ActivationOp::new(site)?),
        "add" | "average" | "subtract" | "multiply" | "maximum" | "minimum" => {
            Box::new(merge::Merge::new(site)?)
        }
        "argmax" => Box::new(argmax::Argmax::new(site)?),
        "cast" | "sequenceMask" | "stopGradient" => Box::new(cast::Cast::new(site)?),
        "concatenate" => Box::new(concatenate::Concatenate::new(site)?),
        "counts" => Box::new(counts::Counts::new(site)?),
        "dense" => Box::new(dense::Dense::new(site)?),
        "dropout" => Box::new(dropout::Dropout::new(site)?),
        "elementwise" => Box::new(elementwise::Elementwise::new(site)?),
        "embedding" => Box::new(embedding::Embedding::new(site)?),
        "gather" => Box::new(gather::Gather::new(site)?),
        "simpleRnn" | "lstm" | "gru" => Box::new(recurrent::Recurrent::<T>::new(site)?),
        "lastStep" => Box::new(last_step::LastStep::new(site)?),
        "layerNorm" => Box::new(layer_norm::LayerNorm::new(site)?),
        "loss" => loss::build(site)?,
        "masking" => Box::new(masking::Masking::new(site)?),
        "matmul" => Box::new(matmul::Matmul::new(site)?),
        "meanOverSteps" => Box::new(mean_over_steps::MeanOverSteps::new(site)?),
        "metric" => Box::new(metric::Metric::new(site)?),
        "normalize" => Box::new(normalize::Normalize::new(site)?),
        "parameter" => Box::new(parameter::Parameter::new(site)?),
        "poolAverage" | "poolMax" => Box::new(pool::Pool::new(site)?),
        "reduce" => Box::new(reduce::Reduce::new(site)?),
        "repeatVector" => Box::new(repeat_vector::RepeatVector::new(site)?),
        "reshape" => Box::new(reshape::Reshape::new(site)?),
        "sample" => Box::new(sample::Sample::new(site)?),
        "scalar" => Box::new(scalar::ScalarOp::new(site)?),
        "scan" => Box::new(crate::scan::Scan::new(site)?),
        "slice" => Box::new(slice::Slice::new(site)?),
        "softmax" => Box::new(softmax::Softmax::new(site)?),
        "transpose" => Box::new(transpose::Transpose::new(site)?),
        other => {
            return Err(Error::unsupported(format!(
                "There is no operation '{other}' (node '{}')",
                site.name()
            )));
        }
    })
}
