//! Recurrent cells over packed rows, step by step.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

use ndarray::{Array2, ArrayViewMut2, Axis, s};

use super::cell::{PackedCell, View, view};
use super::{gru, lstm, rnn};
use crate::cell::check_steps;
use crate::{CellBackward, CellForward, CellInput, CellKind, CellSizes, CellSpec, RowOrder};

/// Values that one unit of one row keeps for the backward pass, see the cells' files.
const fn kept_width(kind: CellKind) -> usize {
    match kind {
        CellKind::Rnn => 0,
        CellKind::Lstm => 5,
        CellKind::Gru { .. } => 4,
    }
}

/// The buffers that calls over `rows` packed rows of `batch` sequences need; `None` if a size overflows.
pub fn cell_sizes(spec: &CellSpec, rows: usize, batch: usize) -> Option<CellSizes> {
    batch.checked_mul(spec.hidden())?;
    rows.checked_mul(spec.input().max(spec.hidden()))?;
    let stash = rows.checked_mul(kept_width(spec.kind()))?.checked_mul(spec.hidden())?;
    Some(CellSizes { stash, forward_workspace: 0, backward_workspace: 0 })
}

/// Runs a whole sequence (see [`crate::Scalar::cell_forward`]).
///
/// # Panics
/// If a slice's length contradicts the cell or the steps.
pub fn cell_forward(spec: &CellSpec, cell: &PackedCell, io: CellForward<'_, f64>) {
    io.check(spec, 0, |rows, batch| cell_sizes(spec, rows, batch));
    let (rows, batch) = check_steps(io.steps);
    let (n, is_lstm) = (spec.hidden(), spec.kind() == CellKind::Lstm);
    let matrix = view(io.x.matrix(), io.x.matrix().len() / spec.input(), spec.input());
    let (mut h, mut c) = (state(io.h0, batch, n), state(io.c0.filter(|_| is_lstm), batch, n));
    let mut y = view_mut(io.y, rows, n);
    let mut stash = io.stash.map(|stash| view_mut(stash, rows, kept_width(spec.kind()) * n));
    for (t, step) in io.steps.windows(2).enumerate() {
        if is_cancelled(io.cancel) {
            return;
        }
        let rows = step[0]..step[1];
        let lies = |order: RowOrder| {
            let (first, apart) = order.step(io.steps, t);
            (0..rows.len()).map(move |row| first + row * apart)
        };
        let x = match &io.x {
            CellInput::Rows(_) => matrix.select(Axis(0), &lies(io.x_order).collect::<Vec<_>>()),
            tokens => matrix.select(Axis(0), &sources(tokens, rows.clone())),
        };
        let (mut h, mut c) = (h.slice_mut(s![..rows.len(), ..]), c.slice_mut(s![..rows.len(), ..]));
        let [new_h, kept] = match spec.kind() {
            CellKind::Rnn => rnn::forward(cell, &x.view(), &h.view()),
            CellKind::Lstm => lstm::forward(cell, &x.view(), &h.view(), &c.view()),
            CellKind::Gru { reset_after: true } => gru::forward_reset_after(cell, &x.view(), &h.view()),
            CellKind::Gru { reset_after: false } => gru::forward_reset_before(cell, &x.view(), &h.view()),
        };
        h.assign(&new_h);
        if is_lstm {
            c.assign(&lstm::new_c(&kept.view()));
        }
        for (row, new_h) in lies(io.y_order).zip(new_h.rows()) {
            y.row_mut(row).assign(&new_h);
        }
        if let Some(stash) = &mut stash {
            stash.slice_mut(s![rows, ..]).assign(&kept);
        }
    }
    if let Some(c_last) = io.c_last.filter(|_| is_lstm) {
        view_mut(c_last, batch, n).assign(&c);
    }
}

/// Back-propagates through a whole sequence (see [`crate::Scalar::cell_backward`]).
///
/// # Panics
/// If a slice's length contradicts the cell or the steps.
pub fn cell_backward(spec: &CellSpec, cell: &PackedCell, io: CellBackward<'_, f64>) {
    io.check(spec, 0, |rows, batch| cell_sizes(spec, rows, batch));
    let (rows, batch) = check_steps(io.steps);
    let (n, columns, is_lstm) = (spec.hidden(), cell.kernel.ncols(), spec.kind() == CellKind::Lstm);
    let matrix = view(io.x.matrix(), io.x.matrix().len() / spec.input(), spec.input());
    let (h0, c0) = (state(io.h0, batch, n), state(io.c0.filter(|_| is_lstm), batch, n));
    let (y, dy) = (view(io.y, rows, n), view(io.dy, rows, n));
    let stash = view(io.stash, rows, kept_width(spec.kind()) * n);
    let mut dx = io.dx.map(|dx| view_mut(dx, matrix.nrows(), spec.input()));
    let (mut dh, mut dc) = (Array2::zeros((batch, n)), state(io.dc_last.filter(|_| is_lstm), batch, n));
    let mut d_kernel = view_mut(io.d_kernel, spec.input(), columns);
    let mut d_recurrent = view_mut(io.d_recurrent, n, columns);
    let mut d_bias = io.d_bias.map(|d_bias| view_mut(d_bias, spec.bias_len() / columns, columns));
    if let Some(dx) = &mut dx {
        dx.fill(0.0);
    }
    for (t, step) in io.steps.windows(2).enumerate().rev() {
        if is_cancelled(io.cancel) {
            return;
        }
        let rows = step[0]..step[1];
        let sources = sources(&io.x, rows.clone());
        let x = matrix.select(Axis(0), &sources);
        let (new_h, kept) = (y.slice(s![rows.clone(), ..]), stash.slice(s![rows.clone(), ..]));
        let h = before(&y, &h0, io.steps, t);
        let (mut dh, mut dc) = (dh.slice_mut(s![..rows.len(), ..]), dc.slice_mut(s![..rows.len(), ..]));
        dh += &dy.slice(s![rows, ..]);
        let back = match spec.kind() {
            CellKind::Rnn => rnn::backward(cell, &h, &new_h, &dh.view()),
            CellKind::Lstm => {
                let c = before(&lstm::new_c(&stash), &c0, io.steps, t);
                lstm::backward(cell, &h, &c, &kept, &dh.view(), &mut dc)
            }
            CellKind::Gru { reset_after: true } => gru::backward_reset_after(cell, &h, &kept, &dh.view()),
            CellKind::Gru { reset_after: false } => gru::backward_reset_before(cell, &h, &kept, &dh.view()),
        };
        dh.assign(&back.dh);
        d_kernel += &cell.times(&x.t(), &back.input);
        d_recurrent += &back.d_recurrent;
        if let Some(d_bias) = &mut d_bias {
            let sides = [&back.input, &back.recurrent];
            for (mut d_bias, side) in d_bias.rows_mut().into_iter().zip(sides) {
                d_bias += &cell.factor(side).sum_axis(Axis(0));
            }
        }
        if let Some(dx) = &mut dx {
            for (source, d) in sources.into_iter().zip(cell.times(&back.input, &cell.kernel.t()).rows()) {
                let mut dx = dx.row_mut(source);
                dx += &d;
            }
        }
    }
    if let Some(dh0) = io.dh0 {
        view_mut(dh0, batch, n).assign(&dh);
    }
    if let Some(dc0) = io.dc0.filter(|_| is_lstm) {
        view_mut(dc0, batch, n).assign(&dc);
    }
}

/// The rows of the matrix that packed rows are.
fn sources(x: &CellInput<'_, f64>, rows: Range<usize>) -> Vec<usize> {
    match x {
        CellInput::Rows(_) => rows.collect(),
        CellInput::Tokens { ids, .. } => ids[rows].iter().map(|&id| id as usize).collect(),
    }
}

/// What the rows of step `t` had after the step before: of all rows, or the first values.
fn before<'a>(all: &View<'a>, first: &'a Array2<f64>, steps: &[usize], t: usize) -> View<'a> {
    let count = steps[t + 1] - steps[t];
    match t.checked_sub(1) {
        None => first.slice(s![..count, ..]),
        Some(before) => all.slice_move(s![steps[before]..steps[before] + count, ..]),
    }
}

/// A state to begin with, zero if it is not given.
fn state(first: Option<&[f64]>, batch: usize, n: usize) -> Array2<f64> {
    first.map_or_else(|| Array2::zeros((batch, n)), |first| view(first, batch, n).to_owned())
}

fn is_cancelled(cancel: Option<&AtomicBool>) -> bool {
    cancel.is_some_and(|cancel| cancel.load(Ordering::Relaxed))
}

fn view_mut(data: &mut [f64], rows: usize, columns: usize) -> ArrayViewMut2<'_, f64> {
    ArrayViewMut2::from_shape((rows, columns), data).expect("lengths were checked")
}
