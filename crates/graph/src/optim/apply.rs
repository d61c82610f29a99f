//! One step of a rule over all weights.

use super::rule::{MAX_STATES, Rest, Rule, Span};
use super::state_len;
use super::touched::Touched;
use crate::gradients::{Gradient, Gradients, RowGradient};
use crate::params::{Parameters, Slot};
use seqloom_kernels::AlignedVec;
use seqloom_kernels::pool::each_block;

/// Elements that one thread takes at a time: of weight and states together less than its nearest cache holds.
const BLOCK: usize = 1 << 11;

/// Elements from which on a weight is worth more than one thread.
const PARALLEL: usize = 1 << 14;

/// The gradient of rows that a batch did not use.
static ZEROS: [f32; BLOCK] = [0.0; BLOCK];

/// Consecutive elements of one weight and of its states.
type Parts<'a> = [&'a mut [f32]; MAX_STATES + 1];

/// Takes the first `len` elements off a slice, or nothing where it is empty.
fn take<'a>(slice: &mut &'a mut [f32], len: usize) -> &'a mut [f32] {
    let len = len.min(slice.len());
    let (first, rest) = std::mem::take(slice).split_at_mut(len);
    *slice = rest;
    first
}

/// Applies the prepared step of `rule` to every trainable weight that has a gradient.
pub(super) fn sweep(
    rule: &dyn Rule,
    slots: &[Slot],
    scales: &[f32],
    parameters: &mut Parameters<f32>,
    gradients: &Gradients<f32>,
    states: &mut [AlignedVec<f32>],
    touched: &[Touched],
) {
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
        // The padding behind the weight is cut off.
        let parts =
            [value, take(&mut first, slot.len), take(&mut second, slot.len), take(&mut third, slot.len)];
        let (scale, parallel) = (scales[weight], slot.len >= PARALLEL);
        match gradients.get(weight) {
            Some(Gradient::Dense(gradient)) if slot.trainable => {
                each_block(parts, BLOCK, parallel, |start, parts| {
                    update(rule, scale, &gradient[start..start + parts[0].len()], parts);
                });
            }
            Some(Gradient::Rows(list)) if slot.trainable => {
                let rows = (BLOCK / list.width).max(1);
                each_block(parts, rows * list.width, parallel, |start, parts| {
                    update_rows(rule, scale, list, &touched[weight], start / list.width, parts);
                });
            }
            _ => {}
        }
    }
}

fn update(rule: &dyn Rule, scale: f32, gradient: &[f32], [weights, first, second, third]: Parts<'_>) {
    rule.update(Span { weights, gradient, scale, state: [first, second, third] });
}

/// Walks the rows from `row` on: those of the list, and the stretches between them with a gradient of zero.
fn update_rows(
    rule: &dyn Rule,
    scale: f32,
    list: &RowGradient<f32>,
    touched: &Touched,
    mut row: usize,
    mut parts: Parts<'_>,
) {
    let width = list.width;
    let end = row + parts[0].len() / width;
    let mut next = list.rows.partition_point(|&listed| listed < row);
    while row < end {
        let listed = list.rows.get(next).map_or(end, |&listed| listed.min(end));
        // A stretch ends where resting rows begin or end.
        let (count, rests) = match rule.rest() {
            _ if row == listed => (1, false),
            Rest::None => (listed - row, false),
            Rest::All => (listed - row, true),
            Rest::Untouched => touched.stretch(row..listed),
        };
        let mut stretch = parts.each_mut().map(|part| take(part, count * width));
        if row == listed {
            update(rule, scale, &list.values[next * width..(next + 1) * width], stretch);
            next += 1;
        } else if !rests {
            while !stretch[0].is_empty() {
                let some = stretch.each_mut().map(|part| take(part, BLOCK));
                update(rule, 1.0, &ZEROS[..some[0].len()], some);
            }
        }
        row += count;
    }
}
