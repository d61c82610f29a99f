//! `reduce`: sums, means and maxima over axes. Over the time axis only valid steps count.

use super::activation::expect_float;
use super::axis::without;
use super::context::mask_of;
use super::elementwise::strides;
use super::{
    Backward, Entry, Forward, MaskRule, Op, Operands, Operation, Site, Sizes, Streamed, TimeAxes, ValueRef,
    made, stream,
};
use crate::error::{Error, Result};
use crate::form::{Form, Known};
use crate::mask::SequenceMask;
use crate::parallel::while_wanted;
use crate::setting::{names, settings};
use crate::shape::{MAX_RANK, Meta, Shape};
use seqloom_kernels::Scalar;

names! {
    enum Reduction {
        Sum,
        Mean,
        Max,
    }
}

settings! {
    struct Attributes {
        kind: Reduction;
        axes: Vec<usize>;
        keep_dims: bool;
    }
}

/// Combines the elements of some axes; where no step is valid, gives 0. Equal maxima share the gradient.
#[derive(Debug, Clone)]
pub(crate) struct Reduce {
    kind: Reduction,
    axes: Vec<usize>,
    keep: bool,
    in_body: bool,
}

pub(super) const OPERATIONS: &[Entry] = &[Entry {
    settings: Attributes::SETTINGS,
    traced: Some("reduce"),
    ..Entry::of("reduce", |site| made(Reduce::new(site)?))
}];

impl Reduce {
    pub(crate) fn new(site: &Site<'_>) -> Result<Self> {
        let Attributes { kind, mut axes, keep_dims } = Attributes::read(site.attributes())?;
        axes.sort_unstable();
        axes.dedup();
        if axes.is_empty() || axes.iter().any(|&axis| axis >= MAX_RANK) {
            return Err(Error::option("axes must name axes of the value"));
        }
        Ok(Self { kind, axes, keep: keep_dims, in_body: site.in_body() })
    }

    /// How elements map to results.
    fn plan<'m>(&self, input: &ValueRef, masks: &'m [SequenceMask]) -> Result<Walk<'m>> {
        let shape = input.shape;
        let kept = without(&shape, &self.axes, true)?;
        let mask = mask_of(masks, input).filter(|_| self.axes.contains(&1));
        Ok(Walk { shape, strides: strides(&shape, &kept), mask, steps: shape.inner(2)? })
    }
}

struct Walk<'m> {
    shape: Shape,
    /// Of the results, along the dimensions of the elements.
    strides: [usize; MAX_RANK],
    mask: Option<&'m SequenceMask>,
    /// Elements of a step.
    steps: usize,
}

impl Walk<'_> {
    /// Calls `visit(first element, first result, stride of the result)` for every run of the last axis that counts.
    fn for_each(&self, elements: usize, mut visit: impl FnMut(std::ops::Range<usize>, usize, usize)) {
        let dims = self.shape.dims();
        let last = dims.len() - 1;
        let width = dims[last];
        let mut index = [0; MAX_RANK];
        let mut to = 0;
        let time = self.shape.time();
        for start in while_wanted((0..elements).step_by(width.max(1))) {
            let step = start / self.steps.max(1);
            // In values of rank 2 the last axis is the time itself.
            let valid = |at: usize| self.mask.is_none_or(|mask| mask.is_valid(at / time, at % time));
            if last == 1 && self.mask.is_some() {
                for at in (start..start + width).filter(|&at| valid(at)) {
                    visit(at..at + 1, to + (at - start) * self.strides[last], 0);
                }
            } else if valid(step) {
                visit(start..start + width, to, self.strides[last]);
            }
            for axis in (0..last).rev() {
                index[axis] += 1;
                to += self.strides[axis];
                if index[axis] < dims[axis] {
                    break;
                }
                to -= self.strides[axis] * dims[axis];
                index[axis] = 0;
            }
        }
    }
}

impl Operation for Reduce {
    fn stream(&self, inputs: &[Streamed]) -> Option<TimeAxes> {
        if self.keep { stream::along(inputs, &self.axes) } else { stream::without(inputs, &self.axes) }
    }
}

impl<T: Scalar> Op<T> for Reduce {
    fn infer(&mut self, inputs: &[Meta], outputs: &mut [Meta]) -> Result<()> {
        expect_float(&inputs[0])?;
        let meta = inputs[0];
        let wrong = self.axes.iter().any(|&axis| axis >= meta.shape.rank() || (axis == 0 && meta.batched));
        if wrong {
            return Err(Error::option(format!(
                "{:?} are not axes after the batch of a value of shape {}",
                self.axes, meta.shape
            )));
        }
        outputs[0] = Meta::float(without(&meta.shape, &self.axes, self.keep)?);
        Ok(())
    }

    fn sizes(&mut self, operands: Operands<'_>) -> Result<Sizes> {
        let results = operands.outputs[0].shape.elements()?;
        // How many elements each result is made of.
        let forward = if self.kind == Reduction::Mean { results } else { 0 };
        let backward = if self.kind == Reduction::Sum { 0 } else { results };
        Ok(Sizes { stash: 0, forward, backward })
    }

    fn forward(&mut self, context: &mut Forward<'_, T>) -> Result<()> {
        let Forward { frame, masks } = context;
        let plan = self.plan(&frame.inputs[0], masks)?;
        let ([x], [y, counts]) =
            frame.buffers.carve([frame.inputs[0].place], [frame.outputs[0].place, frame.workspace])?;
        y.fill(T::ZERO);
        match self.kind {
            Reduction::Sum | Reduction::Mean => {
                plan.for_each(x.len(), |from, to, stride| add(&x[from], y, to, stride))
            }
            Reduction::Max => {
                y.fill(-T::INFINITY);
                plan.for_each(x.len(), |from, to, stride| {
                    for (k, &x) in x[from].iter().enumerate() {
                        let y = &mut y[to + k * stride];
                        *y = if x > *y || x.is_nan() { x } else { *y };
                    }
                });
                if plan.mask.is_some() {
                    y.iter_mut().filter(|y| **y == -T::INFINITY).for_each(|y| *y = T::ZERO);
                }
            }
        }
        if self.kind == Reduction::Mean {
            count(&plan, x.len(), counts);
            for (y, &count) in y.iter_mut().zip(&*counts) {
                *y /= count.max(T::ONE);
            }
        }
        Ok(())
    }

    fn backward(&mut self, context: &mut Backward<'_, T>) -> Result<()> {
        let Backward { frame, masks, .. } = context;
        let (input, output) = (frame.inputs[0], frame.outputs[0]);
        let plan = self.plan(&input, masks)?;
        let ([x, y, dy], [dx, counts]) = frame
            .buffers
            .carve([input.place, output.place, output.gradient], [input.gradient, frame.workspace])?;
        let elements = dx.len();
        match self.kind {
            Reduction::Sum => plan.for_each(elements, |from, to, stride| {
                for (k, dx) in dx[from].iter_mut().enumerate() {
                    *dx += dy[to + k * stride];
                }
            }),
            Reduction::Mean => {
                count(&plan, elements, counts);
                plan.for_each(elements, |from, to, stride| {
                    for (k, dx) in dx[from].iter_mut().enumerate() {
                        *dx += dy[to + k * stride] / counts[to + k * stride];
                    }
                });
            }
            Reduction::Max => {
                counts.fill(T::ZERO);
                plan.for_each(elements, |from, to, stride| {
                    for (k, &x) in x[from].iter().enumerate() {
                        let at = to + k * stride;
                        counts[at] += if x == y[at] { T::ONE } else { T::ZERO };
                    }
                });
                plan.for_each(elements, |from, to, stride| {
                    for (k, (dx, &x)) in dx[from.clone()].iter_mut().zip(&x[from]).enumerate() {
                        let at = to + k * stride;
                        *dx += if x == y[at] { dy[at] / counts[at] } else { T::ZERO };
                    }
                });
            }
        }
        Ok(())
    }

    fn mask_rule(&self) -> MaskRule {
        if self.axes.contains(&1) && !self.in_body { MaskRule::Own } else { MaskRule::First }
    }

    fn keeps_time(&self, _output: usize) -> bool {
        !self.axes.contains(&1)
    }

    fn takes_unbatched(&self) -> bool {
        true
    }

    fn keeps_input(&self, _index: usize) -> bool {
        self.kind == Reduction::Max
    }

    fn keeps_output(&self, _index: usize) -> bool {
        self.kind == Reduction::Max
    }

    fn form(&self, known: &[Known], _output: usize) -> Form {
        let last = known[0].meta.shape.rank().saturating_sub(1);
        match (self.kind, known[0].form) {
            (Reduction::Mean, form) if !self.axes.contains(&last) => form,
            (Reduction::Sum, form) => Form::sum(&[form]),
            (Reduction::Mean, form) => form.in_parts(),
            (Reduction::Max, form) => Form::smaller(&[form]),
        }
    }
}

/// Adds a run of elements to one result or to as many.
fn add<T: Scalar>(x: &[T], y: &mut [T], to: usize, stride: usize) {
    if stride == 0 {
        y[to] += x.iter().copied().sum::<T>();
        return;
    }
    for (y, &x) in y[to..to + x.len()].iter_mut().zip(x) {
        *y += x;
    }
}

/// How many elements each result is made of.
fn count<T: Scalar>(plan: &Walk<'_>, elements: usize, counts: &mut [T]) {
    counts.fill(T::ZERO);
    plan.for_each(elements, |from, to, stride| {
        for k in 0..from.len() {
            counts[to + k * stride] += T::ONE;
        }
    });
}
