//! `poolAverage` and `poolMax`: the mean and the maximum over each row's valid steps.

use super::context::mask_of;
use super::last_step::without_time;
use super::{Backward, Entry, Forward, MaskRule, Op, Operation, made};
use crate::error::Result;
use crate::form::{Form, Known};
use crate::parallel::while_wanted;
use crate::shape::Meta;
use seqloom_kernels::Scalar;

/// `[batch, time, …]` to `[batch, …]`; zero for rows without a valid step.
#[derive(Debug, Clone)]
pub(crate) struct Pool {
    maximum: bool,
}

pub(super) const OPERATIONS: &[Entry] = &[
    Entry { in_body: false, ..Entry::of("poolAverage", |_| made(Pool { maximum: false })) },
    Entry { in_body: false, ..Entry::of("poolMax", |_| made(Pool { maximum: true })) },
];

impl Operation for Pool {}

impl<T: Scalar> Op<T> for Pool {
    fn infer(&mut self, inputs: &[Meta], outputs: &mut [Meta]) -> Result<()> {
        outputs[0] = without_time(&inputs[0])?;
        Ok(())
    }

    fn forward(&mut self, context: &mut Forward<'_, T>) -> Result<()> {
        let Forward { frame, masks } = context;
        let width = frame.outputs[0].shape.inner(1)?;
        let time = frame.inputs[0].shape.time();
        let mask = mask_of(masks, &frame.inputs[0]);
        let ([x], [y]) = frame.buffers.carve([frame.inputs[0].place], [frame.outputs[0].place])?;
        for (row, (x, y)) in
            while_wanted(x.chunks_exact(width * time).zip(y.chunks_exact_mut(width))).enumerate()
        {
            y.fill(T::ZERO);
            let mut count = 0;
            for (step, x) in x.chunks_exact(width).enumerate() {
                if mask.is_some_and(|mask| !mask.is_valid(row, step)) {
                    continue;
                }
                count += 1;
                for (y, &x) in y.iter_mut().zip(x) {
                    if !self.maximum {
                        *y += x;
                    } else if count == 1 || x > *y {
                        *y = x;
                    }
                }
            }
            if !self.maximum && count > 1 {
                let count = T::from_usize(count);
                for y in y {
                    *y /= count;
                }
            }
        }
        Ok(())
    }

    fn backward(&mut self, context: &mut Backward<'_, T>) -> Result<()> {
        let Backward { frame, masks, .. } = context;
        let width = frame.outputs[0].shape.inner(1)?;
        let time = frame.inputs[0].shape.time();
        let mask = mask_of(masks, &frame.inputs[0]);
        let valid = |row, step| mask.is_none_or(|mask| mask.is_valid(row, step));
        let ([x, y, dy], [dx]) = frame.buffers.carve(
            [frame.inputs[0].place, frame.outputs[0].place, frame.outputs[0].gradient],
            [frame.inputs[0].gradient],
        )?;
        for (row, (dx, dy)) in
            while_wanted(dx.chunks_exact_mut(width * time).zip(dy.chunks_exact(width))).enumerate()
        {
            if self.maximum {
                // Among equal steps the first one gets the gradient.
                for (feature, &dy) in dy.iter().enumerate() {
                    let at = |step: usize| step * width + feature;
                    let first = (0..time).find(|&step| {
                        valid(row, step) && x[row * width * time + at(step)] == y[row * width + feature]
                    });
                    if let Some(step) = first {
                        dx[at(step)] += dy;
                    }
                }
                continue;
            }
            let count = T::from_usize((0..time).filter(|&step| valid(row, step)).count());
            for (_, dx) in dx.chunks_exact_mut(width).enumerate().filter(|&(step, _)| valid(row, step)) {
                for (dx, &dy) in dx.iter_mut().zip(dy) {
                    *dx += dy / count;
                }
            }
        }
        Ok(())
    }

    fn keeps_input(&self, _index: usize) -> bool {
        self.maximum
    }

    fn keeps_output(&self, _index: usize) -> bool {
        self.maximum
    }

    fn mask_rule(&self) -> MaskRule {
        // The steps are gone; what comes after the batch is another dimension.
        MaskRule::Own
    }

    fn form(&self, known: &[Known], _output: usize) -> Form {
        if self.maximum { known[0].form.in_parts() } else { known[0].form }
    }
}
