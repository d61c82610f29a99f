//! `argmax`: where the largest element of an axis is.

use super::activation::expect_float;
use super::axis::{Lines, axis_of, feature_axis, without};
use super::{Backward, Entry, Forward, MaskRule, Op, Operation, Site, Streamed, TimeAxes, made, stream};
use crate::error::Result;
use crate::setting::settings;
use crate::shape::Meta;
use seqloom_kernels::Scalar;

settings! {
    struct Attributes {
        axis: i64;
    }
}

/// The index of the first largest element, without a gradient.
#[derive(Debug, Clone)]
pub(crate) struct Argmax {
    axis: i64,
}

pub(super) const OPERATIONS: &[Entry] = &[Entry {
    settings: Attributes::SETTINGS,
    traced: Some("withoutAxis"),
    ..Entry::of("argmax", |site| made(Argmax::new(site)?))
}];

impl Argmax {
    pub(crate) fn new(site: &Site<'_>) -> Result<Self> {
        Ok(Self { axis: Attributes::read(site.attributes())?.axis })
    }
}

impl Operation for Argmax {
    fn stream(&self, inputs: &[Streamed]) -> Option<TimeAxes> {
        stream::without(inputs, &[axis_of(self.axis, inputs[0].rank())])
    }
}

impl<T: Scalar> Op<T> for Argmax {
    fn infer(&mut self, inputs: &[Meta], outputs: &mut [Meta]) -> Result<()> {
        expect_float(&inputs[0])?;
        let axis = feature_axis(self.axis, &inputs[0])?;
        outputs[0] = Meta::float(without(&inputs[0].shape, &[axis], false)?);
        Ok(())
    }

    fn forward(&mut self, context: &mut Forward<'_, T>) -> Result<()> {
        let frame = &mut context.frame;
        let shape = frame.inputs[0].shape;
        let lines = Lines::new(&shape, axis_of(self.axis, shape.rank()))?;
        let ([x], [y]) = frame.buffers.carve([frame.inputs[0].place], [frame.outputs[0].place])?;
        for (y, start) in y.iter_mut().zip(lines.starts(x.len())) {
            let mut best = start;
            let mut index = 0;
            for (k, at) in lines.line(start).enumerate() {
                if x[at] > x[best] {
                    (best, index) = (at, k);
                }
            }
            *y = T::from_usize(index);
        }
        Ok(())
    }

    fn backward(&mut self, _context: &mut Backward<'_, T>) -> Result<()> {
        Ok(())
    }

    fn mask_rule(&self) -> MaskRule {
        if self.axis == 1 { MaskRule::Own } else { MaskRule::First }
    }

    fn keeps_time(&self, _output: usize) -> bool {
        self.axis != 1
    }

    fn takes_unbatched(&self) -> bool {
        true
    }

    fn differentiable(&self, _input: usize, _output: usize) -> bool {
        false
    }
}
