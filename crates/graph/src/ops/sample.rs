//! `sample`: draws a class for every row.

use super::activation::expect_float;
use super::{
    Backward, Entry, Forward, Op, Operands, Operation, Site, Sizes, Streamed, TimeAxes, made, stream,
};
use crate::error::{Error, Result};
use crate::setting::settings;
use crate::shape::{Meta, Shape};
use seqloom_kernels::Scalar;

settings! {
    struct Attributes {
        temperature: f64 [POSITIVE];
    }
}

/// Logits `[batch, classes]` to the number of a class drawn with probability softmax(logits / temperature).
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    temperature: f64,
}

pub(super) const OPERATIONS: &[Entry] = &[Entry {
    settings: Attributes::SETTINGS,
    traced: Some("sample"),
    ..Entry::of("sample", |site| made(Sample::new(site)?))
}];

impl Sample {
    pub(crate) fn new(site: &Site<'_>) -> Result<Self> {
        let Attributes { temperature } = Attributes::read(site.attributes())?;
        Ok(Self { temperature })
    }
}

impl Operation for Sample {
    fn stream(&self, inputs: &[Streamed]) -> Option<TimeAxes> {
        stream::without(inputs, &[1])
    }

    fn draws(&self) -> bool {
        true
    }
}

impl<T: Scalar> Op<T> for Sample {
    fn infer(&mut self, inputs: &[Meta], outputs: &mut [Meta]) -> Result<()> {
        expect_float(&inputs[0])?;
        let shape = inputs[0].shape;
        if shape.rank() != 2 {
            return Err(Error::shape(format!("the logits must have shape [batch, classes]; got {shape}")));
        }
        outputs[0] = Meta::float(Shape::new(&shape.dims()[..1])?);
        Ok(())
    }

    fn sizes(&mut self, operands: Operands<'_>) -> Result<Sizes> {
        Ok(Sizes { forward: operands.inputs[0].shape.elements()?, ..Sizes::default() })
    }

    fn forward(&mut self, context: &mut Forward<'_, T>) -> Result<()> {
        let frame = &mut context.frame;
        let (stream, moment, first_row) = (frame.stream(true, None), frame.moment, frame.run.first_row);
        let classes = frame.inputs[0].shape.last();
        let ([x], [y, scaled]) =
            frame.buffers.carve([frame.inputs[0].place], [frame.outputs[0].place, frame.workspace])?;
        let scale = T::from_f64(1.0 / self.temperature);
        let rows = x.chunks_exact(classes).zip(scaled.chunks_exact_mut(classes)).zip(y);
        for (row, ((x, weights), y)) in rows.enumerate() {
            let largest = x.iter().copied().fold(-T::INFINITY, T::max);
            let mut total = T::ZERO;
            for (weight, &x) in weights.iter_mut().zip(x) {
                *weight = ((x - largest) * scale).exp();
                total += *weight;
            }
            let mut left = T::from_f32(stream.uniform((first_row + moment.row(row)) as u64)) * total;
            // Rounding may leave a rest after the last class that is possible.
            let mut class = weights.iter().rposition(|&weight| weight > T::ZERO).unwrap_or(0);
            for (index, &weight) in weights.iter().enumerate() {
                if left < weight {
                    class = index;
                    break;
                }
                left -= weight;
            }
            *y = T::from_usize(class);
        }
        Ok(())
    }

    fn backward(&mut self, _context: &mut Backward<'_, T>) -> Result<()> {
        Ok(())
    }

    fn differentiable(&self, _input: usize, _output: usize) -> bool {
        false
    }
}
