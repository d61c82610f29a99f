//! `repeatVector`: the same features at every one of `n` time steps.

use super::activation::expect_float;
use super::{Backward, Entry, Forward, MaskRule, Op, Operation, Site, made};
use crate::error::{Error, Result};
use crate::form::{Form, Known};
use crate::parallel::while_wanted;
use crate::setting::settings;
use crate::shape::{ANY, Meta, Shape};
use seqloom_kernels::Scalar;

settings! {
    struct Attributes {
        n: usize [AT_LEAST_ONE];
    }
}

/// `[batch, features]` to `[batch, n, features]`.
#[derive(Debug, Clone)]
pub(crate) struct RepeatVector {
    n: usize,
}

pub(super) const OPERATIONS: &[Entry] = &[Entry {
    settings: Attributes::SETTINGS,
    in_body: false,
    ..Entry::of("repeatVector", |site| made(RepeatVector::new(site)?))
}];

impl RepeatVector {
    pub(crate) fn new(site: &Site<'_>) -> Result<Self> {
        let n = Attributes::read(site.attributes())?.n;
        if n == ANY {
            return Err(Error::option(format!("n must be below {ANY}")));
        }
        Ok(Self { n })
    }
}

impl Operation for RepeatVector {}

impl<T: Scalar> Op<T> for RepeatVector {
    fn infer(&mut self, inputs: &[Meta], outputs: &mut [Meta]) -> Result<()> {
        expect_float(&inputs[0])?;
        let &[batch, features] = inputs[0].shape.dims() else {
            return Err(Error::shape(format!(
                "the input must have shape [batch, features]; got {}",
                inputs[0].shape
            )));
        };
        outputs[0] = Meta::float(Shape::new(&[batch, self.n, features])?);
        Ok(())
    }

    fn forward(&mut self, context: &mut Forward<'_, T>) -> Result<()> {
        let frame = &mut context.frame;
        let width = frame.inputs[0].shape.last();
        let ([x], [y]) = frame.buffers.carve([frame.inputs[0].place], [frame.outputs[0].place])?;
        for (x, y) in while_wanted(x.chunks_exact(width).zip(y.chunks_exact_mut(width * self.n))) {
            for y in y.chunks_exact_mut(width) {
                y.copy_from_slice(x);
            }
        }
        Ok(())
    }

    fn backward(&mut self, context: &mut Backward<'_, T>) -> Result<()> {
        let frame = &mut context.frame;
        let width = frame.inputs[0].shape.last();
        let ([dy], [dx]) = frame.buffers.carve([frame.outputs[0].gradient], [frame.inputs[0].gradient])?;
        for (dx, dy) in while_wanted(dx.chunks_exact_mut(width).zip(dy.chunks_exact(width * self.n))) {
            super::dense::add_rows(dy, dx);
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
