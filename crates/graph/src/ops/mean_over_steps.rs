//! `meanOverSteps`: what a loss or metric of one's own is averaged by.

use super::activation::expect_float;
use super::context::mask_of;
use super::{Backward, Entry, Forward, Op, Operation, Place, made};
use crate::error::{Error, Result};
use crate::mask::SequenceMask;
use crate::shape::{Meta, Shape, fits};
use seqloom_kernels::Scalar;

/// Inputs: a value `[batch]`, `[batch, time]` or of rank 0, and optionally sample weights `[batch]` or like it.
/// Outputs: Σ weight · value / (number of valid positions), and that number.
#[derive(Debug, Clone)]
pub(crate) struct MeanOverSteps;

pub(super) const OPERATIONS: &[Entry] = &[Entry {
    inputs: 1..=2,
    outputs: 2..=2,
    in_body: false,
    ..Entry::of("meanOverSteps", |_| made(MeanOverSteps))
}];

/// The positions that count.
fn valid(mask: Option<&SequenceMask>, positions: usize, time: usize) -> impl Iterator<Item = usize> {
    (0..positions).filter(move |&at| mask.is_none_or(|mask| mask.is_valid(at / time, at % time)))
}

impl Operation for MeanOverSteps {}

impl<T: Scalar> Op<T> for MeanOverSteps {
    fn infer(&mut self, inputs: &[Meta], outputs: &mut [Meta]) -> Result<()> {
        inputs.iter().try_for_each(expect_float)?;
        let shape = inputs[0].shape;
        if shape.rank() > 2 || (shape.rank() > 0 && !inputs[0].batched) {
            return Err(Error::shape(format!(
                "the value must have shape [batch] or [batch, time]; got {shape}"
            )));
        }
        if let Some(weights) = inputs.get(1) {
            let rows = weights.shape.rank() == 1 && fits(weights.shape.batch(), shape.batch());
            if !(rows || weights.shape.unify(&shape).is_some()) || shape.rank() == 0 {
                return Err(Error::shape(format!(
                    "the sample weights of a value of shape {shape} must have shape [batch] or its own; got {}",
                    weights.shape
                )));
            }
        }
        outputs.fill(Meta::float(Shape::SCALAR));
        Ok(())
    }

    fn forward(&mut self, context: &mut Forward<'_, T>) -> Result<()> {
        let Forward { frame, masks } = context;
        let value = frame.inputs[0];
        let mask = mask_of(masks, &value);
        let time = value.shape.time();
        let weights = frame.inputs.get(1).map_or(Place::None, |weights| weights.place);
        let ([x, weights], [mean, count]) =
            frame.buffers.carve([value.place, weights], [frame.outputs[0].place, frame.outputs[1].place])?;
        let (mut sum, mut number) = (0.0, 0);
        let share = if weights.len() == x.len() { 1 } else { time };
        for at in valid(mask, x.len(), time) {
            sum += x[at].to_f64() * weights.get(at / share).map_or(1.0, |weight| weight.to_f64());
            number += 1;
        }
        if let Some(mean) = mean.first_mut() {
            *mean = T::from_f64(if number == 0 { 0.0 } else { sum / number as f64 });
        }
        if let Some(count) = count.first_mut() {
            *count = T::from_usize(number);
        }
        Ok(())
    }

    fn backward(&mut self, context: &mut Backward<'_, T>) -> Result<()> {
        let Backward { frame, masks, .. } = context;
        let value = frame.inputs[0];
        let mask = mask_of(masks, &value);
        let time = value.shape.time();
        let weights = frame.inputs.get(1).map_or(Place::None, |weights| weights.place);
        let ([dy, weights], [dx]) =
            frame.buffers.carve([frame.outputs[0].gradient, weights], [value.gradient])?;
        let number = valid(mask, dx.len(), time).count().max(1);
        let steps = if weights.len() == dx.len() { 1 } else { time };
        let share = dy.first().map_or(0.0, |dy| dy.to_f64()) / number as f64;
        for at in valid(mask, dx.len(), time) {
            dx[at] += T::from_f64(share * weights.get(at / steps).map_or(1.0, |weight| weight.to_f64()));
        }
        Ok(())
    }

    fn takes_unbatched(&self) -> bool {
        true
    }

    fn keeps_input(&self, index: usize) -> bool {
        index == 1
    }

    fn differentiable(&self, input: usize, output: usize) -> bool {
        input == 0 && output == 0
    }
}
