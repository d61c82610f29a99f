//! `slice`: a part of a value along one axis.

use super::activation::expect_float;
use super::axis::{Lines, axis_of, feature_axis};
use super::{
    Backward, Entry, Forward, MaskRule, Op, Operation, Role, Site, Streamed, TimeAxes, made, stream,
};
use crate::error::{Error, Result};
use crate::form::{Form, Known};
use crate::parallel::while_wanted;
use crate::setting::settings;
use crate::shape::{ANY, Meta};
use seqloom_kernels::Scalar;

settings! {
    struct Attributes {
        axis: i64;
        start: usize;
        end: usize [AT_LEAST_ONE];
    }
}

/// Elements `start..end` of an axis.
#[derive(Debug, Clone)]
pub(crate) struct Slice {
    axis: i64,
    start: usize,
    end: usize,
    in_body: bool,
}

pub(super) const OPERATIONS: &[Entry] = &[Entry {
    settings: Attributes::SETTINGS,
    traced: Some("slice"),
    ..Entry::of("slice", |site| made(Slice::new(site)?))
}];

impl Slice {
    pub(crate) fn new(site: &Site<'_>) -> Result<Self> {
        let Attributes { axis, start, end } = Attributes::read(site.attributes())?;
        if start >= end || end >= ANY / 16 {
            return Err(Error::option(format!("a slice from {start} to {end} is empty")));
        }
        Ok(Self { axis, start, end, in_body: site.in_body() })
    }

    /// A part of the features of sequences.
    pub(crate) fn of_features(start: usize, end: usize) -> Self {
        Self { axis: 2, start, end, in_body: false }
    }
}

impl Operation for Slice {
    fn stream(&self, inputs: &[Streamed]) -> Option<TimeAxes> {
        stream::along(inputs, &[axis_of(self.axis, inputs[0].rank())])
    }

    fn role(&self) -> Role {
        Role::Slice { axis: self.axis, start: self.start }
    }
}

impl<T: Scalar> Op<T> for Slice {
    fn infer(&mut self, inputs: &[Meta], outputs: &mut [Meta]) -> Result<()> {
        expect_float(&inputs[0])?;
        let axis = feature_axis(self.axis, &inputs[0])?;
        let mut shape = inputs[0].shape;
        if shape.dims()[axis] < self.end {
            return Err(Error::shape(format!(
                "axis {axis} of a value of shape {shape} cannot be cut from {} to {}",
                self.start, self.end
            )));
        }
        shape.dims_mut()[axis] = self.end - self.start;
        outputs[0] = Meta::float(shape);
        Ok(())
    }

    fn forward(&mut self, context: &mut Forward<'_, T>) -> Result<()> {
        let frame = &mut context.frame;
        let shape = frame.inputs[0].shape;
        let lines = Lines::new(&shape, axis_of(self.axis, shape.rank()))?;
        let (start, width) = (self.start * lines.inner, (self.end - self.start) * lines.inner);
        let ([x], [y]) = frame.buffers.carve([frame.inputs[0].place], [frame.outputs[0].place])?;
        for (x, y) in while_wanted(x.chunks_exact(lines.block()).zip(y.chunks_exact_mut(width))) {
            y.copy_from_slice(&x[start..start + width]);
        }
        Ok(())
    }

    fn backward(&mut self, context: &mut Backward<'_, T>) -> Result<()> {
        let frame = &mut context.frame;
        let shape = frame.inputs[0].shape;
        let lines = Lines::new(&shape, axis_of(self.axis, shape.rank()))?;
        let (start, width) = (self.start * lines.inner, (self.end - self.start) * lines.inner);
        let ([dy], [dx]) = frame.buffers.carve([frame.outputs[0].gradient], [frame.inputs[0].gradient])?;
        for (dx, dy) in while_wanted(dx.chunks_exact_mut(lines.block()).zip(dy.chunks_exact(width))) {
            for (dx, &dy) in dx[start..start + width].iter_mut().zip(dy) {
                *dx += dy;
            }
        }
        Ok(())
    }

    fn mask_rule(&self) -> MaskRule {
        // A range of the steps needs a mask of its own. In a model's graph, TypeScript counts this axis from the
        // front.
        if self.axis == 1 && !self.in_body { MaskRule::Own } else { MaskRule::First }
    }

    fn takes_unbatched(&self) -> bool {
        true
    }

    fn form(&self, known: &[Known], _output: usize) -> Form {
        let rank = known[0].meta.shape.rank();
        if axis_of(self.axis, rank) + 1 == rank { known[0].form.in_parts() } else { known[0].form }
    }
}
