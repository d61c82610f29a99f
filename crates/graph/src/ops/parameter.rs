//! `parameter`: a weight as a value.

use super::{Backward, Entry, Forward, MaskRule, Op, Operation, Site, Streamed, TimeAxes, made};
use crate::error::Result;
use crate::form::{Form, Known};
use crate::shape::{Meta, Shape};
use crate::values::Channels;
use seqloom_kernels::Scalar;

/// The weight itself, without a batch dimension.
#[derive(Debug, Clone)]
pub(crate) struct Parameter {
    shape: Shape,
}

pub(super) const OPERATIONS: &[Entry] =
    &[Entry { inputs: 0..=0, weights: 1..=1, ..Entry::of("parameter", |site| made(Parameter::new(site)?)) }];

impl Parameter {
    pub(crate) fn new(site: &Site<'_>) -> Result<Self> {
        Ok(Self { shape: Shape::new(site.weight_shape(0))? })
    }
}

impl Operation for Parameter {
    fn stream(&self, _inputs: &[Streamed]) -> Option<TimeAxes> {
        Some(vec![None])
    }

    fn int8(&self) -> Vec<(usize, Option<Channels>)> {
        vec![(0, None)]
    }
}

impl<T: Scalar> Op<T> for Parameter {
    fn infer(&mut self, _inputs: &[Meta], outputs: &mut [Meta]) -> Result<()> {
        outputs[0] = Meta::float(self.shape);
        Ok(())
    }

    fn forward(&mut self, context: &mut Forward<'_, T>) -> Result<()> {
        let frame = &mut context.frame;
        let weight = frame.weights.values(0)?;
        let ([], [y]) = frame.buffers.carve([], [frame.outputs[0].place])?;
        y.copy_from_slice(&weight);
        Ok(())
    }

    fn backward(&mut self, context: &mut Backward<'_, T>) -> Result<()> {
        let Backward { frame, gradients, .. } = context;
        let [gradient] = gradients.dense(frame.weights.indices([0]))?;
        let ([dy], []) = frame.buffers.carve([frame.outputs[0].gradient], [])?;
        for (gradient, &dy) in gradient.iter_mut().zip(dy) {
            *gradient += dy;
        }
        Ok(())
    }

    fn mask_rule(&self) -> MaskRule {
        MaskRule::Own
    }

    fn form(&self, _known: &[Known], _output: usize) -> Form {
        Form::Real
    }
}
