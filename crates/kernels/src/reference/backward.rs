//! Backward pass of the reference cells, one row at a time.

use super::cell::{PackedCell, cell_sizes, stash_width};
use super::derivative_from_output as slope;
use super::forward::is_cancelled;
use super::gates::{add, multiply_add_transposed, outer_add};
use crate::cell::check_steps;
use crate::{CellBackward, CellKind, CellSpec, Real};

/// Back-propagates through a whole sequence (see [`crate::Scalar::cell_backward`]).
///
/// # Panics
/// If a slice's length contradicts the cell or the steps.
pub fn cell_backward<T: Real>(spec: &CellSpec, packed: &PackedCell<T>, io: CellBackward<'_, T>) {
    io.check(spec, 0, |rows, batch| cell_sizes(spec, rows, batch));
    let (_, batch) = check_steps(io.steps);
    let (n, width) = (spec.hidden(), stash_width(spec.kind()) * spec.hidden());
    let columns = spec.gates() * n;
    let CellBackward {
        steps,
        x,
        h0,
        c0,
        y,
        stash,
        dy,
        dc_last,
        mut dx,
        dh0,
        dc0,
        d_kernel,
        d_recurrent,
        mut d_bias,
        workspace,
        cancel,
    } = io;
    let reset_before = spec.kind() == CellKind::Gru { reset_after: false };
    let (dh_all, rest) = workspace.split_at_mut(batch * n);
    let (dc_all, rest) = rest.split_at_mut(batch * n);
    let (sides, rest) = rest.split_at_mut(2 * columns);
    let (input_side, recurrent_side) = sides.split_at_mut(columns);
    let (dh_next, rest) = rest.split_at_mut(n);
    let (dh_reset, rest) = rest.split_at_mut(n);
    let zero = &mut rest[..n];
    zero.fill(T::ZERO);
    let zero: &[T] = zero;
    dh_all.fill(T::ZERO);
    if let Some(dx) = &mut dx {
        dx.fill(T::ZERO);
    }
    match dc_last {
        Some(dc_last) => dc_all.copy_from_slice(dc_last),
        None => dc_all.fill(T::ZERO),
    }
    for (t, step) in steps.windows(2).enumerate().rev() {
        if is_cancelled(cancel) {
            return;
        }
        for (j, row) in (step[0]..step[1]).enumerate() {
            let before = t.checked_sub(1).map(|before| steps[before] + j);
            let h: &[T] = match before {
                Some(before) => &y[before * n..][..n],
                None => h0.map_or(zero, |h0| &h0[j * n..][..n]),
            };
            let dh = &mut dh_all[j * n..][..n];
            add(dh, dy[row * n..][..n].iter().copied());
            let (past, kept) = stash.split_at(row * width);
            dh_next.fill(T::ZERO);
            match spec.kind() {
                CellKind::Rnn => {
                    for u in 0..n {
                        input_side[u] = dh[u] * slope(spec.activation(), y[row * n + u]);
                    }
                    recurrent_side.copy_from_slice(input_side);
                }
                CellKind::Lstm => {
                    let c: &[T] = match before {
                        Some(before) => &past[before * width + 4 * n..][..n],
                        None => c0.map_or(zero, |c0| &c0[j * n..][..n]),
                    };
                    lstm(spec, &kept[..width], c, dh, &mut dc_all[j * n..][..n], input_side);
                    recurrent_side.copy_from_slice(input_side);
                }
                CellKind::Gru { reset_after } => {
                    let row = GruRow { spec, kept: &kept[..width], h, dh, reset_after };
                    row.backward(&packed.recurrent, dh_next, dh_reset, input_side, recurrent_side);
                }
            }
            if let Some(dx) = &mut dx {
                let dx = &mut dx[x.source(row) * spec.input()..][..spec.input()];
                multiply_add_transposed(input_side, &packed.kernel, columns, 0, dx);
            }
            outer_add(
                &x.matrix()[x.source(row) * spec.input()..][..spec.input()],
                input_side,
                d_kernel,
                columns,
                0,
            );
            let direct = if reset_before { 2 * n } else { columns };
            outer_add(h, &recurrent_side[..direct], d_recurrent, columns, 0);
            if reset_before {
                outer_add(&kept[3 * n..4 * n], &recurrent_side[2 * n..], d_recurrent, columns, 2 * n);
            }
            multiply_add_transposed(&recurrent_side[..direct], &packed.recurrent, columns, 0, dh_next);
            dh.copy_from_slice(dh_next);
            if let Some(d_bias) = &mut d_bias {
                let (first, second) = d_bias.split_at_mut(columns);
                add(first, input_side.iter().copied());
                add(second, recurrent_side.iter().copied());
            }
        }
    }
    if let Some(dh0) = dh0 {
        dh0.copy_from_slice(dh_all);
    }
    if let Some(dc0) = dc0
        && spec.kind() == CellKind::Lstm
    {
        dc0.copy_from_slice(dc_all);
    }
}

/// One row of an LSTM: gate gradients into `d`, and dc carried to the step before.
fn lstm<T: Real>(spec: &CellSpec, kept: &[T], c_before: &[T], dh: &[T], dc: &mut [T], d: &mut [T]) {
    let n = spec.hidden();
    for u in 0..n {
        let [i, f, g, o, c] = [0, 1, 2, 3, 4].map(|slot| kept[slot * n + u]);
        let out = super::activate(spec.activation(), c);
        let dc_here = dc[u] + dh[u] * o * slope(spec.activation(), out);
        d[u] = dc_here * g * slope(spec.recurrent_activation(), i);
        d[n + u] = dc_here * c_before[u] * slope(spec.recurrent_activation(), f);
        d[2 * n + u] = dc_here * i * slope(spec.activation(), g);
        d[3 * n + u] = dh[u] * out * slope(spec.recurrent_activation(), o);
        dc[u] = dc_here * f;
    }
}

struct GruRow<'a, T> {
    spec: &'a CellSpec,
    kept: &'a [T],
    h: &'a [T],
    dh: &'a [T],
    reset_after: bool,
}

impl<T: Real> GruRow<'_, T> {
    /// Gate gradients of both sides, and what dh the state receives other than through the gates.
    fn backward(
        &self,
        recurrent: &[T],
        dh_next: &mut [T],
        dh_reset: &mut [T],
        input_side: &mut [T],
        recurrent_side: &mut [T],
    ) {
        let n = self.spec.hidden();
        let part = |slot: usize, u: usize| self.kept[slot * n + u];
        for u in 0..n {
            let (z, candidate) = (part(0, u), part(2, u));
            dh_next[u] = self.dh[u] * z;
            input_side[u] = self.dh[u] * (self.h[u] - candidate) * slope(self.spec.recurrent_activation(), z);
            input_side[2 * n + u] = self.dh[u] * (T::ONE - z) * slope(self.spec.activation(), candidate);
        }
        if self.reset_after {
            for u in 0..n {
                let r = part(1, u);
                let d = input_side[2 * n + u];
                input_side[n + u] = d * part(3, u) * slope(self.spec.recurrent_activation(), r);
                recurrent_side[2 * n + u] = d * r;
            }
        } else {
            recurrent_side[2 * n..].copy_from_slice(&input_side[2 * n..]);
            dh_reset.fill(T::ZERO);
            multiply_add_transposed(&input_side[2 * n..], recurrent, 3 * n, 2 * n, dh_reset);
            for u in 0..n {
                let r = part(1, u);
                input_side[n + u] = dh_reset[u] * self.h[u] * slope(self.spec.recurrent_activation(), r);
                dh_next[u] += dh_reset[u] * r;
            }
        }
        recurrent_side[..2 * n].copy_from_slice(&input_side[..2 * n]);
    }
}
