//! One step of a rule over all weights.

use super::overflow::Bound;
use super::rule::{MAX_STATES, Rest, Rows, Rule, Span, state_len};
use super::touched::Touched;
use crate::gradients::{Gradient, Gradients};
use crate::params::{Parameters, Slot};
use seqloom_kernels::AlignedVec;
use seqloom_kernels::pool::each_block;

/// Elements that one thread takes at a time: of weight and states together less than its nearest cache holds.
const BLOCK: usize = 1 << 11;

/// Elements from which on a weight is worth more than one thread.
const PARALLEL: usize = 1 << 14;

/// Takes the first `len` elements off a slice, or nothing where it is empty.
fn take<'a>(slice: &mut &'a mut [f32], len: usize) -> &'a mut [f32] {
    let len = len.min(slice.len());
    let (first, rest) = std::mem::take(slice).split_at_mut(len);
    *slice = rest;
    first
}

/// What an optimizer keeps from step to step.
pub(super) struct Kept<'a> {
    pub(super) states: &'a mut [AlignedVec<f32>],
    pub(super) touched: &'a [Touched],
    pub(super) bound: &'a Bound,
}

/// A rule whose step is prepared, and what is said beside it.
#[derive(Clone, Copy)]
pub(super) struct Prepared<'a> {
    pub(super) rule: &'a dyn Rule,
    /// The share of each weight that is added to its gradient.
    pub(super) penalty: f32,
    /// What a gradient of zero leaves as it is.
    pub(super) rest: Rest,
}

/// Applies a prepared step to every trainable weight that has a gradient, and raises `bound` to what comes of it.
pub(super) fn sweep(
    prepared: Prepared<'_>,
    slots: &[Slot],
    scales: &[f32],
    parameters: &mut Parameters<f32>,
    gradients: &Gradients<f32>,
    kept: Kept<'_>,
) {
    let Kept { states, touched, bound } = kept;
    let Prepared { rule, penalty, rest } = prepared;
    let mut arenas: [&mut [f32]; MAX_STATES] = Default::default();
    for (arena, state) in arenas.iter_mut().zip(states) {
        *arena = state;
    }
    let mut values = parameters.arena_mut();
    let mut end = 0;
    for (weight, slot) in slots.iter().enumerate() {
        take(&mut values, slot.offset - end);
        end = slot.offset + slot.len;
        let value = take(&mut values, slot.len);
        let [mut first, mut second, mut third] = arenas.each_mut().map(|arena| take(arena, state_len(slot)));
        // The padding after the weight is left out.
        let parts =
            [value, take(&mut first, slot.len), take(&mut second, slot.len), take(&mut third, slot.len)];
        let (scale, parallel) = (scales[weight], slot.len >= PARALLEL);
        match gradients.get(weight) {
            Some(Gradient::Dense(gradient)) if slot.trainable => {
                each_block(parts, BLOCK, parallel, |start, [weights, first, second, third]| {
                    let gradient = &gradient[start..start + weights.len()];
                    let mut state = [first, second, third];
                    let span = state.each_mut().map(|state| &mut **state);
                    rule.update(Span { weights: &mut *weights, gradient, scale, penalty, state: span });
                    bound.raise(std::iter::once(&*weights).chain(state.iter().map(|state| &**state)));
                });
            }
            Some(Gradient::Rows(list)) if slot.trainable => {
                let rows = (BLOCK / list.width).max(1);
                each_block(parts, rows * list.width, parallel, |start, [weights, one, two, three]| {
                    let first = start / list.width;
                    let (mut state, touched) = ([one, two, three], touched[weight].rows());
                    let reborrowed = state.each_mut().map(|state| &mut **state);
                    let weights_too = &mut *weights;
                    rule.update_rows(Rows {
                        first,
                        weights: weights_too,
                        state: reborrowed,
                        list,
                        scale,
                        penalty,
                        rest,
                        touched,
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
                });
            }
            _ => {}
        }
    }
}
