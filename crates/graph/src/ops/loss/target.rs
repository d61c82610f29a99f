//! What losses and metrics compare predictions with.

use crate::error::{Error, Result};
use crate::mask::SequenceMask;
use crate::ops::activation::expect_float;
use crate::ops::context::{Frame, ValueRef, mask_of};
use crate::parallel::while_wanted;
use crate::shape::{ANY, Meta, Shape, fits};
use crate::values::Dtype;
use seqloom_kernels::Scalar;
use std::ops::Range;

/// Targets of either type.
#[derive(Debug, Clone, Copy)]
pub(in crate::ops) enum Targets<'a, T> {
    Floats(&'a [T]),
    Ints(&'a [i32]),
}

impl<'a, T: Scalar> Targets<'a, T> {
    /// The int32 targets of input 1, or `floats` when they are not int32.
    pub(in crate::ops) fn of(ints: Option<&'a [i32]>, floats: &'a [T]) -> Self {
        ints.map_or(Self::Floats(floats), Self::Ints)
    }

    /// Element `index` as a number.
    pub(in crate::ops) fn value(&self, index: usize) -> f64 {
        match self {
            Self::Floats(values) => values[index].to_f64(),
            Self::Ints(values) => f64::from(values[index]),
        }
    }

    /// The elements of a range.
    pub(in crate::ops) fn part(&self, range: Range<usize>) -> Self {
        match self {
            Self::Floats(values) => Self::Floats(&values[range]),
            Self::Ints(values) => Self::Ints(&values[range]),
        }
    }

    /// Element `position` as one of `classes` classes.
    pub(in crate::ops) fn class(
        &self,
        position: usize,
        classes: usize,
        positions: &Positions<'_>,
    ) -> Result<usize> {
        let Self::Ints(values) = self else {
            return Err(Error::native("Class labels are not int32"));
        };
        let label = values[position];
        usize::try_from(label).ok().filter(|&label| label < classes).ok_or_else(|| {
            Error::data(format!(
                "the label at {} is {label}, but there are {classes} classes: labels must be 0 to {}",
                positions.describe(position),
                classes - 1
            ))
            .at_row(positions.row(position))
        })
    }
}

/// The int32 elements of input 1, if that is its type.
pub(in crate::ops) fn integer_targets<'a, T: Scalar>(frame: &Frame<'a, T>) -> Result<Option<&'a [i32]>> {
    if frame.inputs[1].dtype == Dtype::Int32 { frame.integers(1).map(Some) } else { Ok(None) }
}

/// The positions of a prediction: everything but its last axis, of which only valid ones count.
pub(in crate::ops) struct Positions<'a> {
    mask: Option<&'a SequenceMask>,
    /// Positions of one step, and steps of one row.
    per_step: usize,
    time: usize,
    has_time: bool,
    total: usize,
}

impl<'a> Positions<'a> {
    /// The positions of `prediction`, whose steps must be those of `target`.
    pub(in crate::ops) fn new(
        masks: &'a [SequenceMask],
        prediction: &ValueRef,
        target: &ValueRef,
    ) -> Result<Self> {
        let shape = &prediction.shape;
        let has_time = shape.rank() >= 3;
        let columns = shape.last();
        let mask = if has_time { mask_of(masks, prediction) } else { None };
        if let Some(target) = mask_of(masks, target) {
            for row in 0..target.batch() {
                let end = mask.map_or(if has_time { shape.time() } else { 1 }, |mask| mask.end(row));
                let covered = (0..end).all(|step| {
                    target.is_valid(row, step) || mask.is_some_and(|mask| !mask.is_valid(row, step))
                });
                if target.end(row) != end || !covered {
                    return Err(Error::data(format!(
                        "the valid steps of the targets differ from those of the prediction in row {row}: the prediction ends \
                         at step {end}, the targets at step {}",
                        target.end(row)
                    ))
                    .at_row(row));
                }
            }
        }
        Ok(Self {
            mask,
            per_step: if has_time { shape.inner(2)? / columns } else { 1 },
            time: if has_time { shape.time() } else { 1 },
            has_time,
            total: shape.elements()? / columns,
        })
    }

    /// The row of a position.
    pub(in crate::ops) fn row(&self, position: usize) -> usize {
        position / (self.per_step * self.time)
    }

    fn step(&self, position: usize) -> usize {
        position / self.per_step % self.time
    }

    /// The positions that count, in order; none any more once the work is cancelled.
    pub(in crate::ops) fn valid(&self) -> impl Iterator<Item = usize> + '_ {
        while_wanted(0..self.total).filter(|&position| self.is_valid(position))
    }

    /// Whether a position counts.
    pub(in crate::ops) fn is_valid(&self, position: usize) -> bool {
        self.mask.is_none_or(|mask| mask.is_valid(self.row(position), self.step(position)))
    }

    /// How many positions count.
    pub(in crate::ops) fn count(&self) -> usize {
        self.mask.map_or(self.total, |mask| mask.valid_steps() * self.per_step)
    }

    /// The weight of a position: its own, or that of its step or row, as `weights` has one for each; 1 without weights.
    pub(in crate::ops) fn weight<T: Scalar>(&self, weights: &[T], position: usize) -> f64 {
        match self.total.checked_div(weights.len()) {
            Some(share) => weights.get(position / share.max(1)).map_or(1.0, |weight| weight.to_f64()),
            None => 1.0,
        }
    }

    /// A position for messages.
    pub(in crate::ops) fn describe(&self, position: usize) -> String {
        let row = self.row(position);
        if self.has_time { format!("row {row}, step {}", self.step(position)) } else { format!("row {row}") }
    }
}

/// Checks weights of rows, of steps or of positions, if there are any.
pub(in crate::ops) fn check_weights(prediction: &Shape, weights: Option<&Meta>) -> Result<()> {
    let Some(weights) = weights else { return Ok(()) };
    expect_float(weights)?;
    let rank = weights.shape.rank();
    let most = prediction.rank().max(2) - 1;
    let positions = Shape::new(&prediction.dims()[..rank.min(prediction.rank())])?;
    if (1..=most).contains(&rank) && positions.unify(&weights.shape).is_some() {
        return Ok(());
    }
    let (rows, most) = (Shape::new(&prediction.dims()[..1])?, Shape::new(&prediction.dims()[..most])?);
    let or = if most.rank() > 1 { format!(" or {most}") } else { String::new() };
    Err(Error::shape(format!("the sample weights must have shape {rows}{or}; got {}", weights.shape)))
}

/// Checks the shapes of a prediction and of its targets: class labels (`sparse`) or values.
pub(in crate::ops) fn check_target(sparse: bool, prediction: &Meta, target: &Meta) -> Result<()> {
    expect_float(prediction)?;
    let shape = prediction.shape;
    if shape.rank() < 2 {
        return Err(Error::shape(format!("the prediction must have at least 2 dimensions; got {shape}")));
    }
    if sparse && target.dtype != Dtype::Int32 {
        return Err(Error::data("the targets must be int32 class labels, but are float32"));
    }
    let positions = Shape::new(&shape.dims()[..shape.rank() - 1])?;
    let (full, narrow) = if sparse {
        (shape.with_last(1), true)
    } else {
        (shape, fits(shape.last(), 1) && shape.last() != ANY)
    };
    if full.unify(&target.shape).is_some() || (narrow && positions.unify(&target.shape).is_some()) {
        return Ok(());
    }
    let or = if narrow { format!(" or {positions}") } else { String::new() };
    Err(Error::shape(format!(
        "the targets of a prediction of shape {shape} must have shape {full}{or}; got {}",
        target.shape
    )))
}
