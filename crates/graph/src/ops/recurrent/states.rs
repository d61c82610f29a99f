//! The gradient by h at every step, for whoever asks: the kernels sum it up as they go and keep none of it.

use super::layout::fault;
use crate::error::Result;
use crate::memory;
use crate::params::SLOT_ALIGNMENT;
use seqloom_kernels::{
    AlignedVec, CellBackward, CellForward, CellInput, CellKind, CellSpec, RowOrder, Scalar,
};
use std::sync::atomic::AtomicBool;

/// What a backward pass over packed rows begins with.
pub(super) struct Known<'a, T> {
    pub(super) steps: &'a [usize],
    /// `[rows, input]`.
    pub(super) x: &'a [T],
    /// `[rows, hidden]`: h after each row.
    pub(super) y: &'a [T],
    /// The initial states `[batch, hidden]`; empty for zeros.
    pub(super) initial: [&'a [T]; 2],
    /// The gradient of the outputs, those of the last h included.
    pub(super) dy: &'a [T],
    /// The gradient of the last c; empty for zeros.
    pub(super) dc_last: &'a [T],
    pub(super) cancel: Option<&'a AtomicBool>,
}

/// What errors call the memory.
const WHAT: &str = "The gradients of the states";

/// The gradient by h after each packed row, `[rows, hidden]`. Every step is run once more as a sequence of its own,
/// whose initial state is the h that is asked for.
pub(super) fn state_gradients<T: Scalar>(
    cell: &CellSpec,
    packed: &T::PackedCell,
    known: &Known<'_, T>,
) -> Result<AlignedVec<T>> {
    let (hidden, lstm) = (cell.hidden(), cell.kind() == CellKind::Lstm);
    let steps = known.steps.len() - 1;
    let batch = known.steps.get(1).copied().unwrap_or(0);
    let count = |step: usize| known.steps[step + 1] - known.steps[step];
    // The rows of a step in `[rows, width]`, and so many of the step before it.
    let of = |step: usize, width: usize| known.steps[step] * width..known.steps[step + 1] * width;
    let before = |step: usize| {
        let start = known.steps[step - 1] * hidden;
        start..start + count(step) * hidden
    };
    // A step has no more rows than the first one, so what that one needs is enough.
    let sizes = T::cell_sizes(cell, batch, batch).ok_or_else(fault)?;
    let stash_len = sizes.stash.next_multiple_of(SLOT_ALIGNMENT);
    let aligned = |len: usize| memory::aligned::<T>(len, WHAT);
    let mut stashes = aligned(stash_len.checked_mul(steps).ok_or_else(fault)?)?;
    let mut workspace = aligned(sizes.forward_workspace.max(sizes.backward_workspace))?;
    let state = if lstm { hidden } else { 0 };
    let (mut h, mut c) = (aligned(batch * hidden)?, aligned(known.steps[steps] * state)?);
    for step in 0..steps {
        let rows = count(step);
        let (earlier, own) = c.split_at_mut(known.steps[step] * state);
        let [h0, c0] = match step {
            0 => known.initial,
            _ => [&known.y[before(step)], if lstm { &earlier[before(step)] } else { &[] }],
        };
        T::cell_forward(
            cell,
            packed,
            CellForward {
                steps: &[0, rows],
                x: CellInput::Rows(&known.x[of(step, cell.input())]),
                x_order: RowOrder::Packed,
                h0: (!h0.is_empty()).then_some(h0),
                c0: (!c0.is_empty()).then_some(c0),
                y: &mut h[..rows * hidden],
                y_order: RowOrder::Packed,
                c_last: lstm.then(|| &mut own[..rows * hidden]),
                stash: Some(&mut stashes[step * stash_len..][..stash_len]),
                segment: None,
                workspace: &mut workspace,
                cancel: known.cancel,
            },
        );
    }
    let mut dh = aligned(known.dy.len())?;
    dh.copy_from_slice(known.dy);
    let (mut dh0, mut dc, mut dc0) =
        (aligned(batch * hidden)?, aligned(batch * state)?, aligned(batch * state)?);
    let (mut d_kernel, mut d_recurrent) = (aligned(cell.kernel_len())?, aligned(cell.recurrent_len())?);
    let mut after = 0;
    for step in (1..steps).rev() {
        let rows = count(step);
        // Sequences that end here begin with the gradient of their last c; the others go on with that of the next step.
        if let Some(last) = known.dc_last.get(after * state..rows * state) {
            dc[after * state..rows * state].copy_from_slice(last);
        }
        after = rows;
        T::cell_backward(
            cell,
            packed,
            CellBackward {
                steps: &[0, rows],
                x: CellInput::Rows(&known.x[of(step, cell.input())]),
                h0: Some(&known.y[before(step)]),
                c0: lstm.then(|| &c[before(step)]),
                y: &known.y[of(step, hidden)],
                stash: &mut stashes[step * stash_len..][..stash_len],
                segment: None,
                dy: &dh[of(step, hidden)],
                dc_last: lstm.then(|| &dc[..rows * hidden]),
                dx: None,
                dh0: Some(&mut dh0[..rows * hidden]),
                dc0: lstm.then(|| &mut dc0[..rows * hidden]),
                d_kernel: &mut d_kernel,
                d_recurrent: &mut d_recurrent,
                d_bias: None,
                workspace: &mut workspace,
                cancel: known.cancel,
            },
        );
        for (sum, &more) in dh[before(step)].iter_mut().zip(&dh0[..rows * hidden]) {
            *sum += more;
        }
        dc[..rows * state].copy_from_slice(&dc0[..rows * state]);
    }
    Ok(dh)
}
