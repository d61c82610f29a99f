//! `dropout`: in training, zeroes a random fraction of the elements and scales the others up, or multiplies or adds
//! normally distributed noise (Srivastava et al. 2014).

use super::activation::expect_float;
use super::{
    Backward, Entry, Forward, Op, Operands, Operation, Place, Site, Sizes, Streamed, TimeAxes, made, stream,
};
use crate::error::{Error, Result};
use crate::form::{Form, Known};
use crate::parallel::while_wanted;
use crate::setting::{names, settings};
use crate::shape::{Meta, Shape};
use seqloom_kernels::Scalar;

settings! {
    struct Attributes {
        rate: f64 [SHARE];
        share_steps: bool;
        per_step: Option<bool> = null;
        seed: Option<u64> = null;
        /// Noise instead, with which standard deviation.
        noise: Option<Noise> = null;
        deviation: f64 [NON_NEGATIVE] = 0.0;
    }
}

names! {
    /// Normally distributed noise.
    enum Noise {
        /// Elements are multiplied by it; its mean is 1.
        Factor,
        /// It is added; its mean is 0.
        Term,
    }
}

/// The number of bits that elements of one row have in the stream, so that a row's numbers do not depend on the
/// padded length.
const ROW_BITS: u32 = 40;

/// Drops elements at `rate`; with `share_steps` the same ones at every time step. In the body of a scan, `per_step`
/// says whether each step drops others. `seed` replaces the model's.
#[derive(Debug, Clone)]
pub(crate) struct Dropout {
    rate: f64,
    noise: Option<(Noise, f64)>,
    share_steps: bool,
    per_step: bool,
    seed: Option<u64>,
}

pub(super) const OPERATIONS: &[Entry] = &[Entry {
    settings: Attributes::SETTINGS,
    traced: Some("rows"),
    ..Entry::of("dropout", |site| made(Dropout::new(site)?))
}];

impl Dropout {
    pub(crate) fn new(site: &Site<'_>) -> Result<Self> {
        let Attributes { rate, share_steps, per_step, seed, noise, deviation } =
            Attributes::read(site.attributes())?;
        if per_step.is_some() && !site.in_body() {
            return Err(Error::option("perStep is for the steps of a scan"));
        }
        let share_steps = share_steps && !site.in_body();
        let noise = noise.map(|noise| (noise, deviation));
        Ok(Self { rate, noise, share_steps, per_step: per_step.unwrap_or(true), seed })
    }

    /// Whether what is drawn is added.
    fn adds(&self) -> bool {
        matches!(self.noise, Some((Noise::Term, _)))
    }

    /// What is drawn for an element, from four bytes or a normal deviate of its own.
    fn drawn<T: Scalar>(&self, bits: u32, normal: impl FnOnce() -> f32) -> T {
        match self.noise {
            Some((noise, deviation)) => {
                let mean = if noise == Noise::Factor { 1.0 } else { 0.0 };
                T::from_f64(mean + deviation * f64::from(normal()))
            }
            None if f64::from(bits) < self.rate * 4_294_967_296.0 => T::ZERO,
            None => T::from_f64(1.0 / (1.0 - self.rate)),
        }
    }

    /// How often a row's factors repeat, and how many there are.
    fn factors(&self, shape: &Shape) -> Result<(usize, usize)> {
        if self.share_steps && shape.rank() >= 3 {
            Ok((shape.time(), shape.inner(2)?))
        } else {
            Ok((1, shape.inner(1)?))
        }
    }
}

/// Calls `apply` for every element and its factor; `scale` holds one factor per row and unshared element.
fn for_each<'a, T: Scalar>(
    scale: &'a [T],
    (repeats, width): (usize, usize),
    x: &'a [T],
    y: &'a mut [T],
    apply: impl Fn(&mut T, T, T),
) {
    for (step, (x, y)) in while_wanted(x.chunks_exact(width).zip(y.chunks_exact_mut(width))).enumerate() {
        let row = step / repeats;
        for ((y, &x), &scale) in y.iter_mut().zip(x).zip(&scale[row * width..(row + 1) * width]) {
            apply(y, x, scale);
        }
    }
}

impl Operation for Dropout {
    fn stream(&self, inputs: &[Streamed]) -> Option<TimeAxes> {
        stream::elements(inputs)
    }

    fn draws(&self) -> bool {
        true
    }

    fn is_identity_in_prediction(&self) -> bool {
        true
    }
}

impl<T: Scalar> Op<T> for Dropout {
    fn infer(&mut self, inputs: &[Meta], outputs: &mut [Meta]) -> Result<()> {
        expect_float(&inputs[0])?;
        outputs[0] = inputs[0];
        Ok(())
    }

    fn sizes(&mut self, operands: Operands<'_>) -> Result<Sizes> {
        let shape = operands.inputs[0].shape;
        let (_, width) = self.factors(&shape)?;
        let count = shape.elements()?.min(width.saturating_mul(shape.batch()));
        Ok(if operands.recording {
            Sizes { stash: count, ..Sizes::default() }
        } else {
            Sizes { forward: count, ..Sizes::default() }
        })
    }

    fn forward(&mut self, context: &mut Forward<'_, T>) -> Result<()> {
        let frame = &mut context.frame;
        let shape = frame.inputs[0].shape;
        let (stream, moment) = (frame.stream(self.per_step, self.seed), frame.moment);
        let first_row = frame.run.first_row;
        let scale_place = if frame.stash == Place::None { frame.workspace } else { frame.stash };
        let ([x], [y, scale]) =
            frame.buffers.carve([frame.inputs[0].place], [frame.outputs[0].place, scale_place])?;
        if !frame.run.training || (self.rate == 0.0 && self.noise.is_none()) {
            scale.fill(T::ONE);
            y.copy_from_slice(x);
            return Ok(());
        }
        let (repeats, width) = self.factors(&shape)?;
        for (row, scale) in while_wanted(scale.chunks_exact_mut(width)).enumerate() {
            let first = ((first_row + moment.row(row)) as u64) << ROW_BITS;
            for (block, scale) in scale.chunks_mut(4).enumerate() {
                let bits = stream.block(first / 4 + block as u64);
                let element = first + 4 * block as u64;
                for ((scale, bits), at) in scale.iter_mut().zip(bits).zip(element..) {
                    *scale = self.drawn(bits, || stream.normal(at));
                }
            }
        }
        if self.adds() {
            for_each(scale, (repeats, width), x, y, |y, x, term| *y = x + term);
        } else {
            for_each(scale, (repeats, width), x, y, |y, x, scale| *y = x * scale);
        }
        Ok(())
    }

    fn backward(&mut self, context: &mut Backward<'_, T>) -> Result<()> {
        let frame = &mut context.frame;
        let factors = self.factors(&frame.inputs[0].shape)?;
        let ([scale, dy], [dx]) =
            frame.buffers.carve([frame.stash, frame.outputs[0].gradient], [frame.inputs[0].gradient])?;
        let adds = self.adds();
        for_each(scale, factors, dy, dx, |dx, dy, scale| *dx += if adds { dy } else { dy * scale });
        Ok(())
    }

    fn form(&self, known: &[Known], _output: usize) -> Form {
        known[0].form
    }
}
