//! What an operation sees of the graph while it runs.

use super::{Buffers, Place, StepOrder};
use crate::buffer::Buffer;
use crate::error::{Error, Result};
use crate::gradients::Gradients;
use crate::mask::SequenceMask;
use crate::mode::Run;
use crate::params::Parameters;
use crate::rng::{Key, Stream};
use crate::shape::Shape;
use crate::tensor::StateGradient;
use crate::values::Dtype;
use seqloom_kernels::{Int8Matrix, Scalar};
use std::borrow::Cow;
use std::sync::atomic::Ordering;

/// An operand: its shape, where it is, where its gradient is, and its mask.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ValueRef {
    pub(crate) shape: Shape,
    pub(crate) dtype: Dtype,
    /// The elements of a floating-point value.
    pub(crate) place: Place,
    /// Its gradient, [`Place::None`] when nobody wants or provides one.
    pub(crate) gradient: Place,
    /// Whether its gradient holds nothing yet, so that it must be written, not added to; only where
    /// [`super::Op::writes_gradient`] allows it.
    pub(crate) fresh: bool,
    /// Index of its mask in `masks`.
    pub(crate) mask: Option<usize>,
    /// The graph input that it is, if it is one.
    pub(crate) input: Option<usize>,
}

/// The weights of the model and the indices of an operation's own.
pub(crate) struct Weights<'a, T: Scalar> {
    pub(crate) params: &'a Parameters<T>,
    pub(crate) indices: &'a [usize],
}

impl<'a, T: Scalar> Weights<'a, T> {
    /// The elements of the operation's weight `index`; empty when it has fewer weights.
    pub(crate) fn get(&self, index: usize) -> &'a [T] {
        self.index(index).and_then(|weight| self.params.get(weight)).unwrap_or(&[])
    }

    /// The elements of the operation's weight `index`, or the numbers that its integers stand for.
    pub(crate) fn values(&self, index: usize) -> Result<Cow<'a, [T]>> {
        let values = self.index(index).map(|weight| self.params.values(weight)).transpose()?;
        Ok(values.flatten().unwrap_or_default())
    }

    /// The operation's weight `index` as an int8 matrix, if it is one.
    pub(crate) fn int8(&self, index: usize) -> Option<Int8Matrix<'a>> {
        self.params.int8_matrix(self.index(index)?)
    }

    /// The number in the model of the operation's weight `index`.
    pub(crate) fn index(&self, index: usize) -> Option<usize> {
        self.indices.get(index).copied()
    }

    /// The same for several, as [`Gradients::dense`] takes them.
    pub(crate) fn indices<const N: usize>(&self, indices: [usize; N]) -> [Option<usize>; N] {
        indices.map(|index| self.index(index))
    }
}

/// The parts of a context that both passes have.
pub(crate) struct Frame<'a, T: Scalar> {
    pub(crate) inputs: &'a [ValueRef],
    pub(crate) outputs: &'a [ValueRef],
    pub(crate) buffers: Buffers<'a, T>,
    pub(crate) weights: Weights<'a, T>,
    /// Elements of the graph's int32 inputs.
    pub(crate) integers: &'a [Vec<i32>],
    /// What the forward pass leaves for the backward pass; nowhere when not recording.
    pub(crate) stash: Place,
    pub(crate) workspace: Place,
    pub(crate) run: &'a Run<'a>,
    /// Position of the node in the graph: the key of its random numbers.
    pub(crate) node: usize,
    /// Where in a scan it runs.
    pub(crate) moment: Moment<'a>,
}

/// What a node inside of a scan has to know about the step: packed rows have another order than the batch.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Moment<'a> {
    /// How many steps came before; none outside of a loop.
    pub(crate) step: Option<usize>,
    /// The batch row of each row; the same when absent.
    pub(crate) rows: Option<&'a [usize]>,
}

impl Moment<'_> {
    /// The batch row of a row.
    pub(crate) fn row(&self, row: usize) -> usize {
        self.rows.and_then(|rows| rows.get(row)).copied().unwrap_or(row)
    }
}

impl<'a, T: Scalar> Frame<'a, T> {
    /// The node's random numbers, the same at all steps or, with `every_step`, others at each; of the model's seed, if
    /// there is no other.
    pub(crate) fn stream(&self, every_step: bool, seed: Option<u64>) -> Stream {
        let key = Key { seed: seed.unwrap_or(self.run.seed), step: self.run.step, op: self.node as u64 };
        let stream = Stream::new(key);
        match self.moment.step.filter(|_| every_step) {
            Some(step) => Stream::new(Key { seed: stream.bits64(step as u64), ..key }),
            None => stream,
        }
    }

    /// The elements of input `index`, which is an int32 graph input.
    pub(crate) fn integers(&self, index: usize) -> Result<&'a [i32]> {
        self.inputs
            .get(index)
            .and_then(|value| self.integers.get(value.input?))
            .map(Vec::as_slice)
            .ok_or_else(|| Error::native("An int32 value is not a graph input"))
    }

    /// Ends the pass when the caller has cancelled it.
    pub(crate) fn check_cancelled(&self) -> Result<()> {
        check_cancelled(self.run)
    }
}

/// Ends a pass when the caller has cancelled it.
pub(crate) fn check_cancelled(run: &Run<'_>) -> Result<()> {
    match run.cancel {
        Some(flag) if flag.load(Ordering::Relaxed) => Err(Error::aborted()),
        _ => Ok(()),
    }
}

/// The context of a forward pass.
pub(crate) struct Forward<'a, T: Scalar> {
    pub(crate) frame: Frame<'a, T>,
    pub(crate) masks: &'a mut [SequenceMask],
}

/// The context of a backward pass.
pub(crate) struct Backward<'a, T: Scalar> {
    pub(crate) frame: Frame<'a, T>,
    pub(crate) masks: &'a [SequenceMask],
    pub(crate) gradients: &'a mut Gradients<T>,
}

impl<T: Scalar> StateGradient<T> {
    /// Puts packed rows into the order of the batch; `dims` are the state's own dimensions.
    pub(crate) fn unpacked(
        name: &str,
        packed: &[T],
        order: &StepOrder<'_>,
        mask: &SequenceMask,
        dims: &[usize],
    ) -> Result<Self> {
        let batch = order.packing.counts().len();
        let width = dims.iter().product::<usize>();
        let values = Buffer::build(batch * order.time * width, "The gradients of the states", |values| {
            order.scatter_add(packed, width, true, values);
            Ok(())
        })?;
        let mut shape = vec![batch, order.time];
        shape.extend(dims);
        Ok(Self { name: name.into(), values, shape, sequence: mask.sequence() })
    }
}

/// The mask of a value, if it has one.
pub(crate) fn mask_of<'a>(masks: &'a [SequenceMask], value: &ValueRef) -> Option<&'a SequenceMask> {
    value.mask.and_then(|mask| masks.get(mask)).filter(|mask| !mask.is_full())
}
