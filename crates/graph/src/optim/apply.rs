//! One step of a rule over all weights.

use super::rule::{MAX_STATES, Rule, Span};
use super::state_len;
use crate::gradients::{Gradient, Gradients, RowGradient};
use crate::parallel::{in_parallel, part_count};
use crate::params::{Parameters, Slot};
use seqloom_kernels::AlignedVec;

/// The gradient of rows that a batch did not use.
static ZEROS: [f32; 4096] = [0.0; 4096];

/// Consecutive elements of one weight: the work that one thread takes at a time.
struct Piece<'a> {
    weight: usize,
    /// The place of the first element in the weight.
    start: usize,
    values: &'a mut [f32],
    state: [&'a mut [f32]; MAX_STATES],
}

impl<'a> Piece<'a> {
    /// Takes the first `len` elements off.
    fn take(&mut self, len: usize) -> Piece<'a> {
        let first = Piece {
            weight: self.weight,
            start: self.start,
            values: take(&mut self.values, len),
            state: self.state.each_mut().map(|state| take(state, len)),
        };
        self.start += len;
        first
    }
}

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
) {
    let trainable: usize = slots.iter().map(state_len).sum();
    let largest = trainable.div_ceil(part_count()).max(ZEROS.len());
    let mut arenas: [&mut [f32]; MAX_STATES] = Default::default();
    for (arena, state) in arenas.iter_mut().zip(states) {
        *arena = state;
    }
    let mut values = parameters.arena_mut();
    let mut end = 0;
    let mut pieces = Vec::new();
    for (weight, slot) in slots.iter().enumerate() {
        take(&mut values, slot.offset - end);
        end = slot.offset + slot.len;
        let mut rest = Piece {
            weight,
            start: 0,
            values: take(&mut values, slot.len),
            state: arenas.each_mut().map(|arena| take(arena, state_len(slot))),
        };
        while slot.trainable && !rest.values.is_empty() {
            pieces.push(rest.take(largest));
        }
    }
    in_parallel(pieces, |piece| match gradients.get(piece.weight) {
        None => {}
        Some(Gradient::Dense(gradient)) => {
            let scale = scales[piece.weight];
            update(rule, scale, &gradient[piece.start..piece.start + piece.values.len()], piece);
        }
        Some(Gradient::Rows(list)) => update_rows(rule, scales[piece.weight], list, piece),
    });
}

fn update(rule: &dyn Rule, scale: f32, gradient: &[f32], piece: Piece<'_>) {
    let len = piece.values.len();
    // The arenas' padding behind the weight is cut off.
    let state = piece.state.map(|state| if state.is_empty() { state } else { &mut state[..len] });
    rule.update(Span { weights: piece.values, gradient, scale, state });
}

/// Walks the piece row by row of the list, and over the stretches between them with a gradient of zero.
fn update_rows(rule: &dyn Rule, scale: f32, list: &RowGradient<f32>, mut piece: Piece<'_>) {
    let width = list.width;
    let mut next = list.rows.partition_point(|&row| (row + 1) * width <= piece.start);
    while !piece.values.is_empty() {
        let row_start = list.rows.get(next).map_or(usize::MAX, |row| row * width);
        if piece.start < row_start {
            let stretch = piece.take(row_start - piece.start);
            if !rule.rests_without_gradient() {
                update_idle(rule, stretch);
            }
        } else {
            let skip = piece.start - row_start;
            let row = piece.take(width - skip);
            let from = next * width + skip;
            update(rule, scale, &list.values[from..from + row.values.len()], row);
            next += 1;
        }
    }
}

fn update_idle(rule: &dyn Rule, mut stretch: Piece<'_>) {
    while !stretch.values.is_empty() {
        let part = stretch.take(ZEROS.len());
        update(rule, 1.0, &ZEROS[..part.values.len()], part);
    }
}
