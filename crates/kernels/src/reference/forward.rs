//! Forward pass of the reference cells, one row at a time.

use std::sync::atomic::{AtomicBool, Ordering};

use super::activate;
use super::cell::{PackedCell, cell_sizes, stash_width};
use super::gates::multiply_add;
use crate::cell::check_steps;
use crate::{Activation, CellForward, CellKind, CellSpec, Real};

/// Whether the caller wants to stop.
pub(super) fn is_cancelled(cancel: Option<&AtomicBool>) -> bool {
    cancel.is_some_and(|c| c.load(Ordering::Relaxed))
}

/// Runs a whole sequence (see [`crate::Scalar::cell_forward`]).
///
/// # Panics
/// If a slice's length contradicts the cell or the steps.
pub fn cell_forward<T: Real>(spec: &CellSpec, packed: &PackedCell<T>, io: CellForward<'_, T>) {
    io.check(spec, 0, |rows, batch| cell_sizes(spec, rows, batch));
    let (_, batch) = check_steps(io.steps);
    let (n, width) = (spec.hidden(), stash_width(spec.kind()) * spec.hidden());
    let columns = spec.gates() * n;
    let CellForward { steps, x, h0, c0, y, c_last, mut stash, workspace, cancel } = io;
    let (c, scratch) = workspace.split_at_mut(batch * n);
    let (pre, scratch) = scratch.split_at_mut(2 * columns);
    let (input_side, recurrent_side) = pre.split_at_mut(columns);
    match c0 {
        Some(c0) => c.copy_from_slice(c0),
        None => c.fill(T::ZERO),
    }
    let (zero, scratch) = scratch.split_at_mut(n);
    zero.fill(T::ZERO);
    let zero: &[T] = zero;
    for (t, step) in steps.windows(2).enumerate() {
        if is_cancelled(cancel) {
            return;
        }
        for (j, row) in (step[0]..step[1]).enumerate() {
            let (done, rest) = y.split_at_mut(row * n);
            let h = match t.checked_sub(1) {
                Some(before) => &done[(steps[before] + j) * n..][..n],
                None => h0.map_or(zero, |h0| &h0[j * n..][..n]),
            };
            let kept = match &mut stash {
                Some(stash) => &mut stash[row * width..][..width],
                None => &mut scratch[..width],
            };
            input_side.copy_from_slice(&packed.bias[..columns]);
            recurrent_side.copy_from_slice(&packed.bias[columns..]);
            multiply_add(
                &x.matrix()[x.source(row) * spec.input()..][..spec.input()],
                &packed.kernel,
                columns,
                0,
                input_side,
            );
            let direct = if spec.kind() == (CellKind::Gru { reset_after: false }) { 2 * n } else { columns };
            multiply_add(h, &packed.recurrent, columns, 0, &mut recurrent_side[..direct]);
            let row = Row { input_side, recurrent_side, h, kept, out: &mut rest[..n] };
            match spec.kind() {
                CellKind::Rnn => rnn(spec, row),
                CellKind::Lstm => lstm(spec, row, &mut c[j * n..][..n]),
                CellKind::Gru { reset_after } => gru(spec, row, reset_after, &packed.recurrent),
            }
        }
    }
    if let Some(c_last) = c_last
        && spec.kind() == CellKind::Lstm
    {
        c_last.copy_from_slice(c);
    }
}

/// One row of one step: its pre-activations, its last state, and where the stash and the new state go.
struct Row<'a, T> {
    input_side: &'a [T],
    recurrent_side: &'a mut [T],
    h: &'a [T],
    kept: &'a mut [T],
    out: &'a mut [T],
}

fn rnn<T: Real>(spec: &CellSpec, row: Row<'_, T>) {
    for (u, out) in row.out.iter_mut().enumerate() {
        *out = activate(spec.activation(), row.input_side[u] + row.recurrent_side[u]);
    }
}

fn lstm<T: Real>(spec: &CellSpec, row: Row<'_, T>, c: &mut [T]) {
    let n = spec.hidden();
    for (u, c) in c.iter_mut().enumerate() {
        let gate = |g: usize, kind: Activation| {
            activate(kind, row.input_side[g * n + u] + row.recurrent_side[g * n + u])
        };
        let i = gate(0, spec.recurrent_activation());
        let f = gate(1, spec.recurrent_activation());
        let g = gate(2, spec.activation());
        let o = gate(3, spec.recurrent_activation());
        *c = f * *c + i * g;
        row.out[u] = o * activate(spec.activation(), *c);
        for (slot, value) in [i, f, g, o, *c].into_iter().enumerate() {
            row.kept[slot * n + u] = value;
        }
    }
}

fn gru<T: Real>(spec: &CellSpec, row: Row<'_, T>, reset_after: bool, recurrent: &[T]) {
    let n = spec.hidden();
    for u in 0..2 * n {
        row.kept[u] = activate(spec.recurrent_activation(), row.input_side[u] + row.recurrent_side[u]);
    }
    if !reset_after {
        for u in 0..n {
            row.kept[3 * n + u] = row.kept[n + u] * row.h[u];
        }
        multiply_add(&row.kept[3 * n..], recurrent, 3 * n, 2 * n, &mut row.recurrent_side[2 * n..]);
    }
    for u in 0..n {
        let (z, r, side) = (row.kept[u], row.kept[n + u], row.recurrent_side[2 * n + u]);
        let side = if reset_after {
            row.kept[3 * n + u] = side;
            r * side
        } else {
            side
        };
        let candidate = activate(spec.activation(), row.input_side[2 * n + u] + side);
        row.kept[2 * n + u] = candidate;
        row.out[u] = z * row.h[u] + (T::ONE - z) * candidate;
    }
}
