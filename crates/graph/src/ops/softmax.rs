//! `softmax` along an axis, with a mask.

use super::activation::expect_float;
use super::axis::{Lines, axis_of, feature_axis};
use super::elementwise::{broadcast, repeated};
use super::{Backward, Entry, Forward, Op, Operation, Place, Site, Streamed, TimeAxes, made, stream};
use crate::error::{Error, Result};
use crate::form::{Form, Known};
use crate::setting::settings;
use crate::shape::Meta;
use seqloom_kernels::{Activation, Scalar};

settings! {
    struct Attributes {
        axis: i64;
    }
}

/// Inputs: x, and a mask that broadcasts to it: where it is 0, the result is 0. Where the mask excludes everything,
/// all results are 0.
#[derive(Debug, Clone)]
pub(crate) struct Softmax {
    axis: i64,
}

pub(super) const OPERATIONS: &[Entry] = &[Entry {
    inputs: 1..=2,
    settings: Attributes::SETTINGS,
    traced: Some("softmax"),
    ..Entry::of("softmax", |site| made(Softmax::new(site)?))
}];

impl Softmax {
    pub(crate) fn new(site: &Site<'_>) -> Result<Self> {
        Ok(Self { axis: Attributes::read(site.attributes())?.axis })
    }
}

impl Operation for Softmax {
    fn stream(&self, inputs: &[Streamed]) -> Option<TimeAxes> {
        stream::along(inputs, &[axis_of(self.axis, inputs[0].rank())])
    }
}

impl<T: Scalar> Op<T> for Softmax {
    fn infer(&mut self, inputs: &[Meta], outputs: &mut [Meta]) -> Result<()> {
        inputs.iter().try_for_each(expect_float)?;
        feature_axis(self.axis, &inputs[0])?;
        if let Some(mask) = inputs.get(1) {
            let whole = broadcast(inputs).ok().and_then(|whole| whole.unify(&inputs[0].shape));
            if whole.is_none() || (mask.batched && !inputs[0].batched) {
                return Err(Error::shape(format!(
                    "a mask of shape {} does not broadcast to {}",
                    mask.shape, inputs[0].shape
                )));
            }
        }
        outputs[0] = Meta::float(inputs[0].shape);
        Ok(())
    }

    fn forward(&mut self, context: &mut Forward<'_, T>) -> Result<()> {
        let frame = &mut context.frame;
        let shape = frame.inputs[0].shape;
        let lines = Lines::new(&shape, axis_of(self.axis, shape.rank()))?;
        let mask = frame.inputs.get(1).copied();
        let mask_place = mask.map_or(Place::None, |mask| mask.place);
        let ([x, included], [y]) =
            frame.buffers.carve([frame.inputs[0].place, mask_place], [frame.outputs[0].place])?;
        let Some(mask) = mask else {
            if lines.inner == 1 {
                T::softmax_rows(x, lines.count, y);
                return Ok(());
            }
            softmax(lines, x, |_| true, y);
            return Ok(());
        };
        let at = repeated(&shape, &mask.shape);
        softmax(lines, x, |index| included[at(index)] != T::ZERO, y);
        Ok(())
    }

    fn backward(&mut self, context: &mut Backward<'_, T>) -> Result<()> {
        let frame = &mut context.frame;
        let shape = frame.inputs[0].shape;
        let lines = Lines::new(&shape, axis_of(self.axis, shape.rank()))?;
        let ([y, dy], [dx]) = frame
            .buffers
            .carve([frame.outputs[0].place, frame.outputs[0].gradient], [frame.inputs[0].gradient])?;
        for start in lines.starts(dx.len()) {
            let dot = lines.line(start).map(|at| y[at] * dy[at]).sum::<T>();
            for at in lines.line(start) {
                dx[at] += y[at] * (dy[at] - dot);
            }
        }
        Ok(())
    }

    fn takes_unbatched(&self) -> bool {
        true
    }

    fn keeps_output(&self, _index: usize) -> bool {
        true
    }

    fn differentiable(&self, input: usize, _output: usize) -> bool {
        input == 0
    }

    fn form(&self, known: &[Known], _output: usize) -> Form {
        let rank = known[0].meta.shape.rank();
        if axis_of(self.axis, rank) + 1 == rank { Form::Distribution } else { Form::UnitInterval }
    }
}

/// The exponentials of all lines are computed at once, in vectors.
fn softmax<T: Scalar>(lines: Lines, x: &[T], included: impl Fn(usize) -> bool, y: &mut [T]) {
    for start in lines.starts(x.len()) {
        let mut max = None;
        for at in lines.line(start).filter(|&at| included(at)) {
            max = Some(max.map_or(x[at], |max: T| if x[at] > max || x[at].is_nan() { x[at] } else { max }));
        }
        let max = max.unwrap_or(T::ZERO);
        for at in lines.line(start) {
            y[at] = if included(at) { x[at] - max } else { T::ZERO };
        }
    }
    T::activation_in_place(Activation::Exponential, y);
    for start in lines.starts(x.len()) {
        let mut sum = T::ZERO;
        for at in lines.line(start) {
            if !included(at) {
                y[at] = T::ZERO;
            }
            sum += y[at];
        }
        if sum != T::ZERO {
            for at in lines.line(start) {
                y[at] /= sum;
            }
        }
    }
}
