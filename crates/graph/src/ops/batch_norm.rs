//! `batchNorm`: zero mean and unit variance of every channel over the batch (Ioffe and Szegedy 2015).

use super::activation::expect_float;
use super::axis::{Lines, axis_of, feature_axis};
use super::context::mask_of;
use super::{
    Backward, Entry, Forward, Op, Operands, Operation, Place, Site, Sizes, Streamed, TimeAxes, made, stream,
};
use crate::error::{Error, Result};
use crate::form::{Form, Known};
use crate::mask::SequenceMask;
use crate::memory;
use crate::parallel::{each_rows, while_wanted};
use crate::setting::settings;
use crate::shape::{Meta, Shape, fits};
use seqloom_kernels::Scalar;

settings! {
    struct Attributes {
        axis: i64;
        epsilon: f64 [NON_NEGATIVE];
        momentum: f64 [NON_NEGATIVE];
        center: bool;
        scale: bool;
        frozen: bool;
    }
}

/// y = (x − mean) / √(variance + epsilon) · gamma + beta along an axis, with the weights gamma (if `scale`), beta (if
/// `center`), the moving mean and the moving variance. In training, mean and variance are those of the batch's valid
/// steps; otherwise, and if `frozen`, the moving ones. Outputs: y, and what the moving ones become: themselves times
/// `momentum` and the batch's times the rest. Inputs: x and, where the weights of another use are, what the moving ones
/// become there.
#[derive(Debug, Clone)]
pub(crate) struct BatchNorm {
    axis: i64,
    epsilon: f64,
    momentum: f64,
    gamma: Option<usize>,
    beta: Option<usize>,
    frozen: bool,
    channels: usize,
    /// Sums over a batch, in three lists of the channels.
    sums: Vec<f64>,
}

pub(super) const OPERATIONS: &[Entry] = &[Entry {
    inputs: 1..=3,
    weights: 2..=4,
    outputs: 3..=3,
    settings: Attributes::SETTINGS,
    in_body: false,
    ..Entry::of("batchNorm", |site| made(BatchNorm::new(site)?))
}];

impl BatchNorm {
    pub(crate) fn new(site: &Site<'_>) -> Result<Self> {
        let Attributes { axis, epsilon, momentum, center, scale, frozen } =
            Attributes::read(site.attributes())?;
        let learned = usize::from(scale) + usize::from(center);
        site.expect_weights(learned + 2)?;
        if site.input_count() > 1 {
            site.expect_inputs(3)?;
        }
        let channels = match *site.weight_shape(learned) {
            [channels] if channels > 0 => channels,
            ref shape => {
                return Err(Error::shape(format!(
                    "the moving mean must have shape [channels]; got {shape:?}"
                )));
            }
        };
        for index in 0..learned + 2 {
            site.expect_weight(index, "weight of each channel", &[channels])?;
        }
        let gamma = scale.then_some(0);
        let beta = center.then_some(usize::from(scale));
        Ok(Self { axis, epsilon, momentum, gamma, beta, frozen, channels, sums: Vec::new() })
    }

    /// The number of the moving mean among the weights; the moving variance is the next one.
    fn moving(&self) -> usize {
        usize::from(self.gamma.is_some()) + usize::from(self.beta.is_some())
    }
}

/// A value whose channels lie along an axis, and which of its elements count.
#[derive(Clone, Copy)]
struct Channels<'a> {
    lines: Lines,
    axis: usize,
    /// Elements of a step.
    width: usize,
    mask: Option<&'a SequenceMask>,
}

impl<'a> Channels<'a> {
    fn new(shape: &Shape, axis: i64, mask: Option<&'a SequenceMask>) -> Result<Self> {
        let axis = axis_of(axis, shape.rank());
        let width = if shape.rank() > 2 { shape.inner(2)? } else { 1 };
        Ok(Self { lines: Lines::new(shape, axis)?, axis, width, mask })
    }

    /// Whether the elements of a channel in a block count.
    fn counts(&self, block: usize, channel: usize) -> bool {
        let Some(mask) = self.mask else { return true };
        if self.axis == 1 {
            return mask.is_valid(block, channel);
        }
        let step = block * self.lines.block() / self.width.max(1);
        mask.is_valid(step / mask.time().max(1), step % mask.time().max(1))
    }

    /// For each channel the sum of a term of the elements of `a` and `b` that count, always in the same order.
    fn sum<T: Scalar>(
        &self,
        a: &[T],
        b: &[T],
        into: &mut [f64],
        term: impl Fn(usize, f64, f64) -> f64 + Sync,
    ) {
        let Lines { inner, .. } = self.lines;
        let by_step = self.mask.is_some() && self.axis == 1;
        each_rows(into, 1, a.len(), |first, part| {
            part.fill(0.0);
            let blocks = a.chunks_exact(self.lines.block()).zip(b.chunks_exact(self.lines.block()));
            for (block, (a, b)) in while_wanted(blocks).enumerate() {
                if !by_step && !self.counts(block, first) {
                    continue;
                }
                for start in 0..inner {
                    let start = first * inner + start;
                    let (a, b) = (a.iter().skip(start).step_by(inner), b.iter().skip(start).step_by(inner));
                    for ((channel, sum), (&a, &b)) in part.iter_mut().enumerate().zip(a.zip(b)) {
                        if !by_step || self.counts(block, first + channel) {
                            *sum += term(first + channel, a.to_f64(), b.to_f64());
                        }
                    }
                }
            }
        });
    }

    /// Calls `apply` for every element of `into`, with its channel, whether it counts, and the same element of `a` and `b`.
    fn each<T: Scalar>(
        &self,
        a: &[T],
        b: &[T],
        into: &mut [T],
        apply: impl Fn(&mut T, usize, bool, T, T) + Sync,
    ) {
        let Lines { inner, .. } = self.lines;
        let size = self.lines.block();
        let by_step = self.mask.is_some() && self.axis == 1;
        let work = into.len();
        each_rows(into, size, work, |first, part| {
            for (block, into) in while_wanted(part.chunks_exact_mut(size)).enumerate() {
                let from = (first + block) * size;
                let (a, b) = (&a[from..from + size], &b[from..from + size]);
                let counts = by_step || self.counts(first + block, 0);
                for start in 0..inner {
                    let (a, b) = (a.iter().skip(start).step_by(inner), b.iter().skip(start).step_by(inner));
                    let elements = into.iter_mut().skip(start).step_by(inner).zip(a.zip(b));
                    for (channel, (into, (&a, &b))) in elements.enumerate() {
                        let counts = if by_step { self.counts(first + block, channel) } else { counts };
                        apply(into, channel, counts, a, b);
                    }
                }
            }
        });
    }
}

impl Operation for BatchNorm {
    fn stream(&self, inputs: &[Streamed]) -> Option<TimeAxes> {
        let time = stream::along(inputs, &[axis_of(self.axis, inputs[0].rank())])?;
        Some(time.into_iter().chain([None, None]).collect())
    }
}

impl<T: Scalar> Op<T> for BatchNorm {
    fn infer(&mut self, inputs: &[Meta], outputs: &mut [Meta]) -> Result<()> {
        expect_float(&inputs[0])?;
        let shape = inputs[0].shape;
        let axis = feature_axis(self.axis, &inputs[0])?;
        if !fits(shape.dims()[axis], self.channels) {
            return Err(Error::shape(format!(
                "the input must have {} channels along axis {axis}; got {shape}",
                self.channels
            )));
        }
        let statistics = Meta::float(Shape::new(&[self.channels])?);
        if let Some(input) = inputs[1..].iter().find(|input| input.shape != statistics.shape) {
            return Err(Error::shape(format!(
                "moving statistics must have shape {}; got {}",
                statistics.shape, input.shape
            )));
        }
        outputs[0] = inputs[0];
        outputs[1..].fill(statistics);
        Ok(())
    }

    fn sizes(&mut self, operands: Operands<'_>) -> Result<Sizes> {
        // Mean, inverse deviation and number of elements of each channel.
        let statistics = 3 * self.channels;
        Ok(if operands.recording {
            Sizes { stash: statistics, ..Sizes::default() }
        } else {
            Sizes { forward: statistics, ..Sizes::default() }
        })
    }

    fn forward(&mut self, context: &mut Forward<'_, T>) -> Result<()> {
        let Forward { frame, masks } = context;
        let channels = Channels::new(&frame.inputs[0].shape, self.axis, mask_of(masks, &frame.inputs[0]))?;
        let gamma = self.gamma.map(|index| frame.weights.get(index));
        let beta = self.beta.map(|index| frame.weights.get(index));
        let moving = [self.moving(), self.moving() + 1].map(|index| frame.weights.get(index));
        let of_batch = frame.run.training && !self.frozen;
        let kept = if frame.stash == Place::None { frame.workspace } else { frame.stash };
        let [y, mean, variance] = [0, 1, 2].map(|output| frame.outputs[output].place);
        let [x, other_mean, other_variance] =
            [0, 1, 2].map(|input| frame.inputs.get(input).map_or(Place::None, |value| value.place));
        let ([x, other_mean, other_variance], [y, new_mean, new_variance, kept]) =
            frame.buffers.carve([x, other_mean, other_variance], [y, mean, variance, kept])?;
        let before = if frame.inputs.len() > 1 { [other_mean, other_variance] } else { moving };
        memory::refill(&mut self.sums, 3 * self.channels, 0.0, "The statistics of a batch")?;
        let (means, others) = self.sums.split_at_mut(self.channels);
        let (variances, counts) = others.split_at_mut(self.channels);
        if of_batch {
            channels.sum(x, x, counts, |_, _, _| 1.0);
            channels.sum(x, x, means, |_, x, _| x);
            means.iter_mut().zip(&*counts).for_each(|(mean, count)| *mean /= count.max(1.0));
            channels.sum(x, x, variances, |channel, x, _| (x - means[channel]).powi(2));
            variances.iter_mut().zip(&*counts).for_each(|(variance, count)| *variance /= count.max(1.0));
            for (new, before, batch) in
                [(new_mean, before[0], &*means), (new_variance, before[1], &*variances)]
            {
                for ((new, before), batch) in new.iter_mut().zip(before).zip(batch) {
                    *new = T::from_f64(before.to_f64() * self.momentum + batch * (1.0 - self.momentum));
                }
            }
        } else {
            for (sums, moving) in [(&mut *means, moving[0]), (&mut *variances, moving[1])] {
                sums.iter_mut().zip(moving).for_each(|(sum, moving)| *sum = moving.to_f64());
            }
            for (new, before) in [(new_mean, before[0]), (new_variance, before[1])] {
                new.iter_mut().zip(before).for_each(|(new, &before)| *new = before);
            }
        }
        let (kept_means, kept) = kept.split_at_mut(self.channels);
        let (inverses, kept_counts) = kept.split_at_mut(self.channels);
        for channel in 0..self.channels {
            kept_means[channel] = T::from_f64(means[channel]);
            inverses[channel] = T::from_f64(1.0 / (variances[channel] + self.epsilon).sqrt());
            kept_counts[channel] = T::from_f64(counts[channel]);
        }
        let (means, inverses) = (&*kept_means, &*inverses);
        channels.each(x, x, y, |y, channel, _, x, _| {
            let scaled =
                (x - means[channel]) * inverses[channel] * gamma.map_or(T::ONE, |gamma| gamma[channel]);
            *y = scaled + beta.map_or(T::ZERO, |beta| beta[channel]);
        });
        Ok(())
    }

    fn backward(&mut self, context: &mut Backward<'_, T>) -> Result<()> {
        let Backward { frame, gradients, masks } = context;
        // Only the statistics are used, which have no gradient.
        if frame.outputs[0].gradient == Place::None {
            return Ok(());
        }
        let channels = Channels::new(&frame.inputs[0].shape, self.axis, mask_of(masks, &frame.inputs[0]))?;
        let gamma = self.gamma.map(|index| frame.weights.get(index));
        let weight = |index: Option<usize>| index.and_then(|index| frame.weights.index(index));
        let [d_gamma, d_beta] = gradients.dense([weight(self.gamma), weight(self.beta)])?;
        let wants_input = frame.inputs[0].gradient != Place::None;
        let ([x, kept, dy], [dx]) = frame.buffers.carve(
            [frame.inputs[0].place, frame.stash, frame.outputs[0].gradient],
            [frame.inputs[0].gradient],
        )?;
        let (means, kept) = kept.split_at(self.channels);
        let (inverses, counts) = kept.split_at(self.channels);
        memory::refill(&mut self.sums, 2 * self.channels, 0.0, "The statistics of a batch")?;
        let (sums, dots) = self.sums.split_at_mut(self.channels);
        // Elements that do not count in the statistics are normalised by them, too.
        let all = Channels { mask: None, ..channels };
        all.sum(x, dy, sums, |_, _, dy| dy);
        all.sum(x, dy, dots, |channel, x, dy| {
            dy * (x - means[channel].to_f64()) * inverses[channel].to_f64()
        });
        for (gradient, sums) in [(d_gamma, &*dots), (d_beta, &*sums)] {
            gradient.iter_mut().zip(sums).for_each(|(gradient, &sum)| *gradient += T::from_f64(sum));
        }
        if !wants_input {
            return Ok(());
        }
        channels.each(x, dy, dx, |dx, channel, counts_here, x, dy| {
            let (mean, inverse, count) = (means[channel], inverses[channel], counts[channel]);
            let mut gradient = dy;
            // Without a count, the statistics are not those of the batch.
            if counts_here && count > T::ZERO {
                let (sum, dot) = (T::from_f64(sums[channel]), T::from_f64(dots[channel]));
                gradient -= (sum + (x - mean) * inverse * dot) / count;
            }
            *dx += gradient * inverse * gamma.map_or(T::ONE, |gamma| gamma[channel]);
        });
        Ok(())
    }

    fn keeps_input(&self, index: usize) -> bool {
        index == 0
    }

    fn differentiable(&self, input: usize, output: usize) -> bool {
        input == 0 && output == 0
    }

    fn form(&self, _known: &[Known], output: usize) -> Form {
        if output == 0 { Form::Real } else { Form::Unknown }
    }
}
