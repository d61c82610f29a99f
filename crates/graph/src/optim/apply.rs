//! One step of a rule over all weights.

use super::arena::Arena;
use super::overflow::Bound;
use super::rounding::Rounding;
use super::rule::{Changing, MAX_STATES, Rest, Rows, Rule, Span, Tensor, ZEROS, decay, own_len};
use super::touched::Touched;
use crate::gradients::{Gradient, Gradients};
use crate::params::{Parameters, Slot};
use seqloom_kernels::pool::each_block_of_both;

/// Elements that one thread takes at a time: of weight and states together less than its nearest cache holds.
const BLOCK: usize = ZEROS.len();

/// The most blocks of a table of which only the rows of a batch change: the time to find those must not grow with the table.
const LISTED_BLOCKS: usize = 64;

/// Elements from which on a weight is worth more than one thread.
const PARALLEL: usize = 1 << 14;

/// Takes the first `len` elements off a slice, or nothing where it is empty.
fn take<'a, T>(slice: &mut &'a mut [T], len: usize) -> &'a mut [T] {
    let len = len.min(slice.len());
    let (first, rest) = std::mem::take(slice).split_at_mut(len);
    *slice = rest;
    first
}

/// What an optimizer keeps from step to step.
pub(super) struct Kept<'a> {
    pub(super) states: &'a mut [Arena],
    pub(super) touched: &'a [Touched],
    pub(super) bound: &'a Bound,
    /// What a rule for whole weights needs to work with: for the largest one, and before that its gradient.
    pub(super) scratch: &'a mut [f32],
}

/// A rule whose step is prepared, and what is said beside it.
#[derive(Clone, Copy)]
pub(super) struct Prepared<'a> {
    pub(super) rule: &'a dyn Rule,
    /// By weight, what its decay leaves of it.
    pub(super) keep: &'a [f32],
    /// Whether rows of tables without a gradient stay as they are.
    pub(super) sparse: bool,
    /// The factor on the learning rate of the weights that it is prepared for.
    pub(super) multiplier: f64,
    /// How states in bfloat16 are rounded.
    pub(super) rounding: &'a Rounding,
}

impl Prepared<'_> {
    /// What stays as it is of a table where there is no gradient.
    pub(super) fn rest(&self, weight: usize) -> Rest {
        match self.keep[weight] {
            _ if self.sparse => Rest::All,
            1.0 => self.rule.rest(),
            _ => Rest::None,
        }
    }
}

/// Writes all elements of a clipped gradient.
fn densify(gradient: Gradient<'_, f32>, scale: f32, into: &mut [f32]) {
    match gradient {
        Gradient::Dense(values) => into.copy_from_slice(values),
        Gradient::Rows(list) => {
            into.fill(0.0);
            for (&row, values) in list.rows.iter().zip(list.values.chunks_exact(list.width.max(1))) {
                if let Some(target) = into.get_mut(row * list.width..(row + 1) * list.width) {
                    target.copy_from_slice(values);
                }
            }
        }
    }
    if scale != 1.0 {
        into.iter_mut().for_each(|value| *value *= scale);
    }
}

/// Applies a prepared step to every trainable weight of its multiplier that has a gradient, and raises `bound` to what comes of it.
pub(super) fn sweep(
    prepared: Prepared<'_>,
    slots: &[Slot],
    scales: &[f32],
    parameters: &mut Parameters<f32>,
    gradients: &Gradients<f32>,
    kept: Kept<'_>,
) {
    let Kept { states, touched, bound, scratch } = kept;
    let Prepared { rule, keep, multiplier, rounding, .. } = prepared;
    let mut arenas: [&mut [f32]; MAX_STATES] = Default::default();
    let mut halves: [&mut [u16]; MAX_STATES] = Default::default();
    for ((arena, half), state) in arenas.iter_mut().zip(&mut halves).zip(states) {
        (*arena, *half) = state.both_mut();
    }
    let mut values = parameters.arena_mut();
    let (mut end, mut next) = (0, 0);
    for (weight, slot) in slots.iter().enumerate() {
        take(&mut values, slot.offset - end);
        end = slot.offset + slot.len;
        let value = take(&mut values, slot.len);
        let trained = slot.trainable && slot.learning_rate_multiplier == multiplier;
        let [mut first, mut second, mut third] =
            arenas.each_mut().map(|arena| take(arena, own_len(rule, slot)));
        let mut bits = halves.each_mut().map(|half| take(half, own_len(rule, slot)));
        let at = next;
        next += own_len(rule, slot);
        if let (Some(whole), Some(gradient)) = (rule.whole(), gradients.get(weight)) {
            if trained {
                let (dense, scratch) = scratch.split_at_mut(slot.len);
                densify(gradient, scales[weight], dense);
                decay(value, keep[weight]);
                let state =
                    [&mut first, &mut second, &mut third].map(|state| take(state, rule.state_size(slot)));
                let [one, two, three] = state;
                whole.apply(Tensor {
                    slot,
                    weights: &mut *value,
                    gradient: dense,
                    state: [&mut *one, &mut *two, &mut *three],
                    scratch,
                });
                bound.raise([&*value, one, two, three].into_iter());
            }
            continue;
        }
        // The padding after the weight is left out.
        let parts =
            [value, take(&mut first, slot.len), take(&mut second, slot.len), take(&mut third, slot.len)];
        let bits = bits.each_mut().map(|bits| take(bits, slot.len));
        let (scale, parallel) = (scales[weight], slot.len >= PARALLEL);
        let (rest, keep) = (prepared.rest(weight), keep[weight]);
        match gradients.get(weight) {
            Some(Gradient::Dense(gradient)) if trained => {
                each_block_of_both(
                    parts,
                    bits,
                    BLOCK,
                    parallel,
                    |start, [weights, one, two, three], bits| {
                        let gradient = &gradient[start..start + weights.len()];
                        decay(weights, keep);
                        rounding.with(at + start, [one, two, three], bits, |mut state| {
                            let span = state.each_mut().map(|state| &mut **state);
                            rule.update(Span { weights: &mut *weights, gradient, scale, state: span });
                            bound.raise(std::iter::once(&*weights).chain(state.iter().map(|state| &**state)));
                        });
                    },
                );
            }
            Some(Gradient::Rows(list)) if trained => {
                let mut rows = (BLOCK / list.width).max(1);
                let mut parallel = parallel;
                if rest == Rest::All {
                    rows = rows.max((slot.len / list.width).div_ceil(LISTED_BLOCKS));
                    parallel = list.values.len() >= PARALLEL;
                }
                let block = rows * list.width;
                each_block_of_both(
                    parts,
                    bits,
                    block,
                    parallel,
                    |start, [weights, one, two, three], bits| {
                        let first = start / list.width;
                        let changing = Changing { first, list, rest, touched: touched[weight].rows() };
                        if bits.iter().any(|bits| !bits.is_empty()) {
                            let table = Halves { start: at + start, weights, bits, scale, keep };
                            table.update(rule, changing, rounding, bound);
                            return;
                        }
                        let mut state = [one, two, three];
                        let reborrowed = state.each_mut().map(|state| &mut **state);
                        let weights_too = &mut *weights;
                        rule.update_rows(Rows {
                            changing,
                            weights: weights_too,
                            state: reborrowed,
                            scale,
                            keep,
                        });
                        let [one, two, three] = &state;
                        let parts = [&*weights, one, two, three];
                        if rest == Rest::None {
                            bound.raise(parts.into_iter());
                            return;
                        }
                        // All others have at most become smaller.
                        let last = first + weights.len() / list.width;
                        let here = list.rows.partition_point(|&row| row < first);
                        let rows = &list.rows[here..][..list.rows[here..].partition_point(|&row| row < last)];
                        let places = rows.iter().map(|row| (row - first) * list.width);
                        bound.raise(places.flat_map(|at| {
                            parts.into_iter().filter_map(move |values| values.get(at..at + list.width))
                        }));
                    },
                );
            }
            _ => {}
        }
    }
}

/// Rows of a table whose states are in bfloat16.
struct Halves<'a> {
    /// The place in the arenas of the first of their elements.
    start: usize,
    weights: &'a mut [f32],
    bits: [&'a mut [u16]; MAX_STATES],
    scale: f32,
    keep: f32,
}

impl Halves<'_> {
    /// Updates those that change, and raises `bound` to what comes of it.
    fn update(self, rule: &dyn Rule, changing: Changing<'_>, rounding: &Rounding, bound: &Bound) {
        let Self { start, weights, mut bits, scale, keep } = self;
        changing.each(weights.len(), |part, gradient| {
            for (from, gradient) in part.step_by(BLOCK).zip(gradient.chunks(BLOCK)) {
                let range = from..from + gradient.len();
                let weights = &mut weights[range.clone()];
                let bits = bits.each_mut().map(|bits| bits.get_mut(range.clone()).unwrap_or_default());
                decay(weights, keep);
                rounding.with(start + from, Default::default(), bits, |mut state| {
                    let span = state.each_mut().map(|state| &mut **state);
                    rule.update(Span { weights: &mut *weights, gradient, scale, state: span });
                    bound.raise(std::iter::once(&*weights).chain(state.iter().map(|state| &**state)));
                });
            }
        });
    }
}
