//! `scalar`: a number, the same for every row.

use super::{Backward, Entry, Forward, MaskRule, Op, Operation, Role, Site, Streamed, TimeAxes, made};
use crate::error::Result;
use crate::form::{Form, Known};
use crate::setting::settings;
use crate::shape::{Meta, Shape};
use seqloom_kernels::Scalar;

settings! {
    struct Attributes {
        value: f64;
    }
}

/// A constant of rank 0.
#[derive(Debug, Clone)]
pub(crate) struct ScalarOp {
    value: f64,
}

pub(super) const OPERATIONS: &[Entry] = &[Entry {
    inputs: 0..=0,
    settings: Attributes::SETTINGS,
    traced: Some("scalar"),
    ..Entry::of("scalar", |site| made(ScalarOp::new(site)?))
}];

impl ScalarOp {
    pub(crate) fn new(site: &Site<'_>) -> Result<Self> {
        let Attributes { value } = Attributes::read(site.attributes())?;
        Ok(Self { value })
    }
}

impl Operation for ScalarOp {
    fn stream(&self, _inputs: &[Streamed]) -> Option<TimeAxes> {
        Some(vec![None])
    }

    fn role(&self) -> Role {
        Role::Constant(self.value)
    }
}

impl<T: Scalar> Op<T> for ScalarOp {
    fn infer(&mut self, _inputs: &[Meta], outputs: &mut [Meta]) -> Result<()> {
        outputs[0] = Meta::float(Shape::SCALAR);
        Ok(())
    }

    fn forward(&mut self, context: &mut Forward<'_, T>) -> Result<()> {
        let frame = &mut context.frame;
        let ([], [y]) = frame.buffers.carve([], [frame.outputs[0].place])?;
        y.fill(T::from_f64(self.value));
        Ok(())
    }

    fn backward(&mut self, _context: &mut Backward<'_, T>) -> Result<()> {
        Ok(())
    }

    fn mask_rule(&self) -> MaskRule {
        MaskRule::Own
    }

    fn form(&self, _known: &[Known], _output: usize) -> Form {
        match self.value {
            0.0..=1.0 => Form::UnitInterval,
            1.0.. => Form::NonNegative,
            _ => Form::Real,
        }
    }
}
