//! `lastStep`: each row's last valid step.

use super::activation::expect_float;
use super::context::mask_of;
use super::{Backward, Entry, Forward, MaskRule, Op, Operation, Streamed, TimeAxes, ValueRef, made};
use crate::error::{Error, Result};
use crate::form::{Form, Known};
use crate::mask::SequenceMask;
use crate::shape::{Meta, Shape};
use seqloom_kernels::Scalar;

/// `[batch, time, …]` to `[batch, …]`; zero for rows without a valid step.
#[derive(Debug, Clone)]
pub(crate) struct LastStep;

pub(super) const OPERATIONS: &[Entry] =
    &[Entry { in_body: false, ..Entry::of("lastStep", |_| made(LastStep)) }];

/// The shape without its time axis.
pub(super) fn without_time(meta: &Meta) -> Result<Meta> {
    expect_float(meta)?;
    match *meta.shape.dims() {
        [batch, _, ref features @ ..] if !features.is_empty() => {
            let mut shape = Shape::new(&[batch])?;
            for &dim in features {
                shape = shape.pushed(dim)?;
            }
            Ok(Meta::float(shape))
        }
        _ => Err(Error::shape(format!(
            "the input must have shape [batch, time, features]; got {}",
            meta.shape
        ))),
    }
}

/// The index of each row's last valid step in `[batch * time]`.
fn last_steps<'a>(
    value: &ValueRef,
    masks: &'a [SequenceMask],
) -> impl Iterator<Item = Option<usize>> + use<'a> {
    let (batch, time) = (value.shape.batch(), value.shape.time());
    let mask = mask_of(masks, value);
    (0..batch).map(move |row| {
        let end = mask.map_or(time, |mask| mask.end(row));
        end.checked_sub(1).map(|step| row * time + step)
    })
}

impl Operation for LastStep {
    fn stream(&self, inputs: &[Streamed]) -> Option<TimeAxes> {
        // The step at hand is the last one so far.
        (inputs[0].time == Some(1)).then(|| vec![None])
    }
}

impl<T: Scalar> Op<T> for LastStep {
    fn infer(&mut self, inputs: &[Meta], outputs: &mut [Meta]) -> Result<()> {
        outputs[0] = without_time(&inputs[0])?;
        Ok(())
    }

    fn forward(&mut self, context: &mut Forward<'_, T>) -> Result<()> {
        let Forward { frame, masks } = context;
        let width = frame.outputs[0].shape.inner(1)?;
        let steps = last_steps(&frame.inputs[0], masks);
        let ([x], [y]) = frame.buffers.carve([frame.inputs[0].place], [frame.outputs[0].place])?;
        for (y, step) in y.chunks_exact_mut(width).zip(steps) {
            match step {
                Some(step) => y.copy_from_slice(&x[step * width..(step + 1) * width]),
                None => y.fill(T::ZERO),
            }
        }
        Ok(())
    }

    fn backward(&mut self, context: &mut Backward<'_, T>) -> Result<()> {
        let Backward { frame, masks, .. } = context;
        let width = frame.outputs[0].shape.inner(1)?;
        let steps = last_steps(&frame.inputs[0], masks);
        let ([dy], [dx]) = frame.buffers.carve([frame.outputs[0].gradient], [frame.inputs[0].gradient])?;
        for (dy, step) in dy.chunks_exact(width).zip(steps) {
            let Some(step) = step else { continue };
            for (dx, &dy) in dx[step * width..(step + 1) * width].iter_mut().zip(dy) {
                *dx += dy;
            }
        }
        Ok(())
    }

    fn mask_rule(&self) -> MaskRule {
        // The steps are gone; what comes after the batch is another dimension.
        MaskRule::Own
    }

    fn form(&self, known: &[Known], _output: usize) -> Form {
        known[0].form
    }
}
