//! `masking`: steps whose features all equal a value become invalid.

use super::activation::expect_float;
use super::context::mask_of;
use super::{Backward, Entry, Forward, MaskRule, Op, Operation, Site, Streamed, TimeAxes, made, stream};
use crate::error::{Error, Result};
use crate::form::{Form, Known};
use crate::parallel::while_wanted;
use crate::setting::settings;
use crate::shape::Meta;
use seqloom_kernels::Scalar;

settings! {
    struct Attributes {
        mask_value: f64;
    }
}

/// Passes its input on with the masked steps set to zero.
#[derive(Debug, Clone)]
pub(crate) struct Masking {
    value: f64,
}

pub(super) const OPERATIONS: &[Entry] = &[Entry {
    settings: Attributes::SETTINGS,
    in_body: false,
    ..Entry::of("masking", |site| made(Masking::new(site)?))
}];

impl Masking {
    pub(crate) fn new(site: &Site<'_>) -> Result<Self> {
        Ok(Self { value: Attributes::read(site.attributes())?.mask_value })
    }
}

impl Operation for Masking {
    fn stream(&self, inputs: &[Streamed]) -> Option<TimeAxes> {
        stream::rows(inputs)
    }
}

impl<T: Scalar> Op<T> for Masking {
    fn infer(&mut self, inputs: &[Meta], outputs: &mut [Meta]) -> Result<()> {
        expect_float(&inputs[0])?;
        if inputs[0].shape.rank() < 3 {
            return Err(Error::shape(format!(
                "the input must have shape [batch, time, features]; got {}",
                inputs[0].shape
            )));
        }
        outputs[0] = inputs[0];
        Ok(())
    }

    fn forward(&mut self, context: &mut Forward<'_, T>) -> Result<()> {
        let Forward { frame, masks } = context;
        let (input, output) = (frame.inputs[0], frame.outputs[0]);
        let (batch, time, width) = (input.shape.batch(), input.shape.time(), input.shape.inner(2)?);
        let value = T::from_f64(self.value);
        let ([x], [y]) = frame.buffers.carve([input.place], [output.place])?;
        let index = output.mask.ok_or_else(|| Error::native("The output has no mask"))?;
        let mut mask = std::mem::take(&mut masks[index]);
        let source = mask_of(masks, &input);
        let result = mask.set(batch, time, |row, step| {
            let position = (row * time + step) * width;
            x[position..position + width].iter().any(|&x| x != value)
                && source.is_none_or(|source| source.is_valid(row, step))
        });
        for (position, (x, y)) in
            while_wanted(x.chunks_exact(width).zip(y.chunks_exact_mut(width))).enumerate()
        {
            if mask.is_valid(position / time, position % time) {
                y.copy_from_slice(x)
            } else {
                y.fill(T::ZERO)
            }
        }
        masks[index] = mask;
        result
    }

    fn backward(&mut self, context: &mut Backward<'_, T>) -> Result<()> {
        let Backward { frame, masks, .. } = context;
        let (input, output) = (frame.inputs[0], frame.outputs[0]);
        let (time, width) = (input.shape.time(), input.shape.inner(2)?);
        let mask = mask_of(masks, &output);
        let ([dy], [dx]) = frame.buffers.carve([output.gradient], [input.gradient])?;
        for (position, (dy, dx)) in
            while_wanted(dy.chunks_exact(width).zip(dx.chunks_exact_mut(width))).enumerate()
        {
            if mask.is_none_or(|mask| mask.is_valid(position / time, position % time)) {
                for (dx, &dy) in dx.iter_mut().zip(dy) {
                    *dx += dy;
                }
            }
        }
        Ok(())
    }

    fn mask_rule(&self) -> MaskRule {
        MaskRule::Own
    }

    fn form(&self, known: &[Known], _output: usize) -> Form {
        known[0].form
    }
}
