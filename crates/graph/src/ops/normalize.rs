//! `normalize`: zero mean and unit variance along an axis (Ba et al. 2016, without weights).

use super::activation::expect_float;
use super::axis::{Lines, axis_of, feature_axis};
use super::moments::moments;
use super::{
    Backward, Entry, Forward, MaskRule, Op, Operands, Operation, Site, Sizes, Streamed, TimeAxes, made,
    stream,
};
use crate::error::Result;
use crate::form::{Form, Known};
use crate::setting::settings;
use crate::shape::Meta;
use seqloom_kernels::Scalar;

settings! {
    struct Attributes {
        axis: i64;
        epsilon: f64 [POSITIVE];
    }
}

/// y = (x − mean) / √(variance + epsilon) along an axis.
#[derive(Debug, Clone)]
pub(crate) struct Normalize {
    axis: i64,
    epsilon: f64,
}

pub(super) const OPERATIONS: &[Entry] = &[Entry {
    settings: Attributes::SETTINGS,
    traced: Some("alongAxis"),
    ..Entry::of("normalize", |site| made(Normalize::new(site)?))
}];

impl Normalize {
    pub(crate) fn new(site: &Site<'_>) -> Result<Self> {
        let Attributes { axis, epsilon } = Attributes::read(site.attributes())?;
        Ok(Self { axis, epsilon })
    }
}

impl Operation for Normalize {
    fn stream(&self, inputs: &[Streamed]) -> Option<TimeAxes> {
        stream::along(inputs, &[axis_of(self.axis, inputs[0].rank())])
    }
}

impl<T: Scalar> Op<T> for Normalize {
    fn infer(&mut self, inputs: &[Meta], outputs: &mut [Meta]) -> Result<()> {
        expect_float(&inputs[0])?;
        feature_axis(self.axis, &inputs[0])?;
        outputs[0] = inputs[0];
        Ok(())
    }

    fn sizes(&mut self, operands: Operands<'_>) -> Result<Sizes> {
        let shape = operands.inputs[0].shape;
        let lines = Lines::new(&shape, axis_of(self.axis, shape.rank()))?;
        let stash = if operands.recording { shape.elements()? / lines.count.max(1) } else { 0 };
        Ok(Sizes { stash, ..Sizes::default() })
    }

    fn forward(&mut self, context: &mut Forward<'_, T>) -> Result<()> {
        let frame = &mut context.frame;
        let shape = frame.inputs[0].shape;
        let lines = Lines::new(&shape, axis_of(self.axis, shape.rank()))?;
        let ([x], [y, inverses]) =
            frame.buffers.carve([frame.inputs[0].place], [frame.outputs[0].place, frame.stash])?;
        for (line, start) in lines.starts(x.len()).enumerate() {
            let (mean, inverse) = moments(lines.line(start).map(|at| x[at]), lines.count, self.epsilon);
            for at in lines.line(start) {
                y[at] = (x[at] - mean) * inverse;
            }
            if let Some(kept) = inverses.get_mut(line) {
                *kept = inverse;
            }
        }
        Ok(())
    }

    fn backward(&mut self, context: &mut Backward<'_, T>) -> Result<()> {
        let frame = &mut context.frame;
        let shape = frame.inputs[0].shape;
        let lines = Lines::new(&shape, axis_of(self.axis, shape.rank()))?;
        let count = T::from_usize(lines.count);
        let ([y, dy, inverses], [dx]) = frame.buffers.carve(
            [frame.outputs[0].place, frame.outputs[0].gradient, frame.stash],
            [frame.inputs[0].gradient],
        )?;
        for (&inverse, start) in inverses.iter().zip(lines.starts(dx.len())) {
            let sum = lines.line(start).map(|at| dy[at]).sum::<T>();
            let dot = lines.line(start).map(|at| dy[at] * y[at]).sum::<T>();
            for at in lines.line(start) {
                dx[at] += inverse * (dy[at] - (sum + y[at] * dot) / count);
            }
        }
        Ok(())
    }

    fn mask_rule(&self) -> MaskRule {
        MaskRule::First
    }

    fn takes_unbatched(&self) -> bool {
        true
    }

    fn keeps_output(&self, _index: usize) -> bool {
        true
    }

    fn form(&self, _known: &[Known], _output: usize) -> Form {
        Form::Real
    }
}
