//! What is known of an operation before it runs. Each file of this folder says it for its own.

use super::elementwise::ElementwiseKind;
use super::stream::{Streamed, TimeAxes};
use super::{Lookup, Op};
use crate::error::Result;
use crate::values::Channels;
use seqloom_kernels::{Activation, Scalar};
use std::any::Any;
use std::fmt::Debug;
use std::sync::Arc;

/// The facts of an operation that do not depend on the type of its numbers.
pub(crate) trait Operation: Debug + Send + Sync {
    /// Where its outputs have the time axis when what it reads comes one step at a time; `None` if it needs the
    /// whole sequence.
    fn stream(&self, _inputs: &[Streamed]) -> Option<TimeAxes> {
        None
    }

    /// What it carries from step to step, if it is a recurrence.
    fn recurrence(&self) -> Option<Recurrence> {
        None
    }

    /// Whether it draws other numbers at every step.
    fn draws(&self) -> bool {
        false
    }

    /// Whether it is the same as its first input when nothing is trained.
    fn is_identity_in_prediction(&self) -> bool {
        false
    }

    /// Which of its weights, by their place in its list, it can use as int8, and how they must be stored then, if that
    /// matters.
    fn int8(&self) -> Vec<(usize, Option<Channels>)> {
        Vec::new()
    }

    /// What rewrites see in it.
    fn role(&self) -> Role {
        Role::Other
    }
}

/// An operation as a graph describes it. Each executor makes from it what it runs.
pub(crate) trait Described: Operation + Any {
    /// What runs in single precision.
    fn single(&self) -> Result<Box<dyn Op<f32>>>;

    /// What runs in double precision: without the feature, no code of it is made.
    #[cfg(feature = "double")]
    fn double(&self) -> Result<Box<dyn Op<f64>>>;
}

/// What runs in every precision that there is.
#[cfg(feature = "double")]
pub(crate) trait Runs: Op<f32> + Op<f64> {}
#[cfg(feature = "double")]
impl<O: Op<f32> + Op<f64>> Runs for O {}

/// What runs in every precision that there is.
#[cfg(not(feature = "double"))]
pub(crate) trait Runs: Op<f32> {}
#[cfg(not(feature = "double"))]
impl<O: Op<f32>> Runs for O {}

/// An operation without memory of its own runs as it is.
impl<O: Operation + Runs + Clone + 'static> Described for O {
    fn single(&self) -> Result<Box<dyn Op<f32>>> {
        Ok(Box::new(self.clone()))
    }

    #[cfg(feature = "double")]
    fn double(&self) -> Result<Box<dyn Op<f64>>> {
        Ok(Box::new(self.clone()))
    }
}

/// The part of an operation that runs, for one type of numbers.
pub(crate) fn instantiate<T: Scalar>(operation: &dyn Described) -> Result<Box<dyn Op<T>>> {
    let mut made: Option<Box<dyn Op<T>>> = None;
    let any: &mut dyn Any = &mut made;
    if let Some(made) = any.downcast_mut::<Option<Box<dyn Op<f32>>>>() {
        *made = Some(operation.single()?);
    }
    #[cfg(feature = "double")]
    if let Some(made) = any.downcast_mut::<Option<Box<dyn Op<f64>>>>() {
        *made = Some(operation.double()?);
    }
    made.ok_or_else(|| crate::Error::native("Double precision needs the feature `double`"))
}

/// What a recurrence carries from step to step.
///
/// Inputs: sequences, the initial states that are given, constants. Outputs: those of every step, then the last states.
#[derive(Debug, Clone)]
pub(crate) struct Recurrence {
    pub(crate) sequences: usize,
    pub(crate) outputs: usize,
    pub(crate) states: Vec<State>,
    /// Whether it reads its sequences from the end.
    pub(crate) reversed: bool,
    /// The same operation with all of its initial states among its inputs.
    pub(crate) given: Arc<dyn Described>,
}

/// A state of a recurrence.
#[derive(Debug, Clone)]
pub(crate) struct State {
    /// The shape of its rows; `None` stands for the one that the graph has inferred.
    pub(crate) shape: Option<Vec<usize>>,
    /// The input that it begins with; zeros where there is none.
    pub(crate) initial: Option<usize>,
}

/// What rewrites see in an operation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Role {
    /// Nothing in particular.
    Other,
    /// A number.
    Constant(f64),
    /// A function of its inputs, element by element, so that it can be part of a chain.
    Elementwise(ElementwiseKind),
    /// A product with its first weight, of these dimensions, to which it adds its second.
    Product([usize; 2]),
    /// A product of its inputs as matrices: whether each of them is transposed.
    Matmul([bool; 2]),
    /// Its input in another shape.
    View,
    /// A part of its input, from an index on along an axis.
    Slice { axis: i64, start: usize },
    /// An activation.
    Activation(ActivationKind),
    /// A fused cell, which can look up its input itself.
    Cell,
    /// Rows of its weight, chosen by tokens: the weight's gradient can be a list of rows.
    Lookup,
}

impl Role {
    /// The function that an element-wise operation computes.
    pub(crate) fn elementwise(self) -> Option<ElementwiseKind> {
        if let Self::Elementwise(kind) = self { Some(kind) } else { None }
    }
}

/// Element-wise activations and those over the last axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ActivationKind {
    Elementwise(Activation),
    Softmax,
    LogSoftmax,
}

/// What computes an operation's first input, offered to it so that it does that itself.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Absorbed {
    /// An activation: its input is read instead of its result.
    Activation(ActivationKind),
    /// A lookup.
    Lookup(Lookup),
    /// Its readers do all of its work.
    LeftToReaders,
}
