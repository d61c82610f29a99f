//! Data that enters and leaves the engine.

use crate::buffer::Buffer;
use seqloom_kernels::Scalar;

/// Elements of a tensor owned by the engine.
#[derive(Debug, Clone, PartialEq)]
pub enum TensorData {
    /// Floating-point values.
    F32(Buffer<f32>),
    /// Token ids or labels.
    I32(Vec<i32>),
}

impl TensorData {
    /// Number of elements.
    pub fn len(&self) -> usize {
        match self {
            Self::F32(data) => data.len(),
            Self::I32(data) => data.len(),
        }
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Which time steps of a tensor hold data.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Sequence {
    /// All of them.
    #[default]
    Full,
    /// The first `lengths[row]` steps of each row; the rest is padding.
    Lengths(Vec<u32>),
    /// Those with a non-zero entry, `[batch * time]`.
    Mask(Vec<u8>),
    /// As lengths, but the data holds only the valid steps, row after row; the time dimension of the shape is the
    /// longest length.
    Ragged(Vec<u32>),
}

impl Sequence {
    /// The same, borrowed.
    pub fn as_batch(&self) -> BatchSequence<'_> {
        match self {
            Self::Full => BatchSequence::Full,
            Self::Lengths(lengths) => BatchSequence::Lengths(lengths),
            Self::Mask(mask) => BatchSequence::Mask(mask),
            Self::Ragged(lengths) => BatchSequence::Ragged(lengths),
        }
    }
}

/// A tensor owned by the engine, row-major, batch first.
#[derive(Debug, Clone, PartialEq)]
pub struct HostTensor {
    /// Elements.
    pub data: TensorData,
    /// Dimensions; for ragged data the padded ones.
    pub shape: Vec<usize>,
    /// Which steps are valid.
    pub sequence: Sequence,
}

/// The gradient by a state of a recurrence after every step, in the order of its input.
#[derive(Debug, Clone, PartialEq)]
pub struct StateGradient<T: Scalar> {
    /// The operation's name, then the state's: `lstm/h`.
    pub name: String,
    /// Elements, `[batch, time, …]`; zero for steps that are not valid.
    pub values: Buffer<T>,
    /// Dimensions.
    pub shape: Vec<usize>,
    /// Which steps are valid.
    pub sequence: Sequence,
}

/// Borrowed elements of one input of a batch.
#[derive(Debug, Clone, Copy)]
pub enum BatchData<'a, T: Scalar> {
    /// Floating-point values.
    Float(&'a [T]),
    /// The same in a buffer, which the executor shares instead of copying it where no step is padding.
    Shared(&'a Buffer<T>),
    /// Token ids or labels.
    Int(&'a [i32]),
}

/// Borrowed form of [`Sequence`].
#[derive(Debug, Clone, Copy, Default)]
pub enum BatchSequence<'a> {
    /// All steps are valid.
    #[default]
    Full,
    /// Right-padded rows.
    Lengths(&'a [u32]),
    /// Any holes, `[batch * time]`.
    Mask(&'a [u8]),
    /// Concatenated valid steps.
    Ragged(&'a [u32]),
}

/// One input of a batch, borrowed until it has been bound.
#[derive(Debug, Clone, Copy)]
pub struct BatchInput<'a, T: Scalar> {
    /// Elements.
    pub data: BatchData<'a, T>,
    /// Dimensions, batch first; for ragged data the padded ones.
    pub shape: &'a [usize],
    /// Which steps are valid.
    pub sequence: BatchSequence<'a>,
}

impl<'a, T: Scalar> BatchInput<'a, T> {
    /// The floating-point elements; none for integers.
    pub(crate) fn floats(&self) -> &'a [T] {
        match self.data {
            BatchData::Float(data) => data,
            BatchData::Shared(data) => data,
            BatchData::Int(_) => &[],
        }
    }
}

/// A result of the executor, valid until the next batch is bound.
#[derive(Debug, Clone, Copy)]
pub struct TensorView<'a, T> {
    /// Elements, row-major.
    pub data: &'a [T],
    /// Dimensions, batch first.
    pub shape: &'a [usize],
}
