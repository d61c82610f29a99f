//! `concatenate`: inputs side by side along an axis.

use super::activation::expect_float;
use super::axis::{axis_of, feature_axis};
use super::context::mask_of;
use super::{
    Backward, Entry, Forward, Frame, MaskRule, Op, Operation, Site, Streamed, TimeAxes, ValueRef, made,
    stream,
};
use crate::error::{Error, Result};
use crate::form::{Form, Known};
use crate::mask::SequenceMask;
use crate::parallel::each_rows;
use crate::setting::settings;
use crate::shape::{ANY, Meta};
use seqloom_kernels::Scalar;

settings! {
    struct Attributes {
        axis: i64;
    }
}

/// Joins its inputs along one axis.
#[derive(Debug, Clone)]
pub(crate) struct Concatenate {
    axis: i64,
    in_body: bool,
}

pub(super) const OPERATIONS: &[Entry] = &[Entry {
    inputs: 1..=usize::MAX,
    settings: Attributes::SETTINGS,
    traced: Some("concatenate"),
    ..Entry::of("concatenate", |site| made(Concatenate::new(site)?))
}];

impl Concatenate {
    pub(crate) fn new(site: &Site<'_>) -> Result<Self> {
        let Attributes { axis } = Attributes::read(site.attributes())?;
        if axis < -1 {
            return Err(Error::option(format!("axis must be -1 or counted from the front; got {axis}")));
        }
        Ok(Self { axis, in_body: site.in_body() })
    }

    /// Whether it joins steps, so that its result has a mask of its own.
    fn joins_steps(&self) -> bool {
        self.axis == 1 && !self.in_body
    }
}

/// Whether a step of the inputs, one after the other, is valid.
fn is_valid(inputs: &[ValueRef], masks: &[SequenceMask], row: usize, mut step: usize) -> bool {
    for input in inputs {
        let steps = input.shape.time();
        if step < steps {
            return mask_of(masks, input).is_none_or(|mask| mask.is_valid(row, step));
        }
        step -= steps;
    }
    true
}

/// Calls `visit` with each input, the elements of one block of it, and where that block starts in a block of the
/// output.
fn for_each_input(
    axis: usize,
    inputs: &[ValueRef],
    mut visit: impl FnMut(&ValueRef, usize, usize) -> Result<()>,
) -> Result<()> {
    let mut start = 0;
    for input in inputs {
        let width = input.shape.inner(axis)?;
        visit(input, width, start)?;
        start += width;
    }
    Ok(())
}

impl Operation for Concatenate {
    fn stream(&self, inputs: &[Streamed]) -> Option<TimeAxes> {
        // Steps that stand still cannot be joined to steps that come one by one.
        let still = |input: &Streamed| input.time.is_none();
        let moving = inputs.iter().any(|input| input.time.is_some());
        if moving && inputs.iter().any(still) {
            return None;
        }
        stream::along(inputs, &[axis_of(self.axis, inputs[0].rank())])
    }
}

impl<T: Scalar> Op<T> for Concatenate {
    fn infer(&mut self, inputs: &[Meta], outputs: &mut [Meta]) -> Result<()> {
        let axis = feature_axis(self.axis, &inputs[0])?;
        let mut shape = inputs[0].shape;
        let mut total = Some(0_usize);
        for meta in inputs {
            expect_float(meta)?;
            let mismatch = || {
                Error::shape(format!(
                    "inputs must have equal dimensions except axis {axis}; got {shape} and {}",
                    meta.shape
                ))
            };
            if meta.batched != inputs[0].batched {
                return Err(mismatch());
            }
            let mut other = meta.shape;
            let width = std::mem::replace(other.dims_mut().get_mut(axis).ok_or_else(mismatch)?, ANY);
            let mut unified = shape.unify(&other).ok_or_else(mismatch)?;
            unified.dims_mut()[axis] = ANY;
            shape = unified;
            total = if width == ANY { None } else { total.and_then(|total| total.checked_add(width)) };
        }
        shape.dims_mut()[axis] = total.unwrap_or(ANY);
        outputs[0] = Meta::float(shape);
        Ok(())
    }

    fn forward(&mut self, context: &mut Forward<'_, T>) -> Result<()> {
        let Forward { frame: Frame { inputs, outputs, buffers, .. }, masks } = context;
        let masked = |input: &ValueRef| mask_of(masks, input).is_some();
        if let Some(index) = outputs[0].mask.filter(|_| self.joins_steps() && inputs.iter().any(masked)) {
            let (batch, time) = (outputs[0].shape.batch(), outputs[0].shape.time());
            let mut mask = std::mem::take(&mut masks[index]);
            let result = mask.set(batch, time, |row, step| is_valid(inputs, masks, row, step));
            masks[index] = mask;
            result?;
        }
        let axis = axis_of(self.axis, outputs[0].shape.rank());
        let total = outputs[0].shape.inner(axis)?;
        for_each_input(axis, inputs, |input, width, start| {
            let ([x], [y]) = buffers.carve([input.place], [outputs[0].place])?;
            each_rows(y, total, x.len(), |first, y| {
                for (x, y) in x[first * width..].chunks_exact(width).zip(y.chunks_exact_mut(total)) {
                    y[start..start + width].copy_from_slice(x);
                }
            });
            Ok(())
        })
    }

    fn backward(&mut self, context: &mut Backward<'_, T>) -> Result<()> {
        let Frame { inputs, outputs, buffers, .. } = &mut context.frame;
        let axis = axis_of(self.axis, outputs[0].shape.rank());
        let total = outputs[0].shape.inner(axis)?;
        for_each_input(axis, inputs, |input, width, start| {
            let ([dy], [dx]) = buffers.carve([outputs[0].gradient], [input.gradient])?;
            let work = dx.len();
            each_rows(dx, width, work, |first, dx| {
                for (dx, dy) in dx.chunks_exact_mut(width).zip(dy[first * total..].chunks_exact(total)) {
                    let dy = &dy[start..start + width];
                    if input.fresh {
                        dx.copy_from_slice(dy);
                    } else {
                        dx.iter_mut().zip(dy).for_each(|(dx, &dy)| *dx += dy);
                    }
                }
            });
            Ok(())
        })
    }

    fn writes_gradient(&self, _index: usize) -> bool {
        true
    }

    fn mask_rule(&self) -> MaskRule {
        if self.joins_steps() { MaskRule::Own } else { MaskRule::Merge }
    }

    fn takes_unbatched(&self) -> bool {
        true
    }

    fn form(&self, known: &[Known], _output: usize) -> Form {
        let form = Form::join(known.iter().map(|known| known.form));
        let rank = known[0].meta.shape.rank();
        if axis_of(self.axis, rank) + 1 == rank { form.in_parts() } else { form }
    }
}
