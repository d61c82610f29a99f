//! Packed weights and buffer sizes of the reference cells.

use crate::{AlignedVec, CellKind, CellSizes, CellSpec, CellWeights, OutOfMemory, Real};

/// A cell's weights: a plain copy in Keras's layout.
#[derive(Debug, Default)]
pub struct PackedCell<T: Real> {
    pub(super) kernel: AlignedVec<T>,
    pub(super) recurrent: AlignedVec<T>,
    /// [2, gates·hidden] (input bias, recurrent bias); the second half is zero but for the reset-after GRU.
    pub(super) bias: AlignedVec<T>,
}

/// Copies a cell's weights, reusing the buffers of an earlier pack.
///
/// # Errors
/// [`OutOfMemory`] if a buffer cannot be allocated.
///
/// # Panics
/// If a slice's length contradicts the cell.
pub fn pack_cell<T: Real>(
    spec: &CellSpec,
    weights: CellWeights<'_, T>,
    into: &mut Option<PackedCell<T>>,
) -> Result<(), OutOfMemory> {
    weights.check(spec);
    let fits =
        |p: &PackedCell<T>| p.kernel.len() == spec.kernel_len() && p.recurrent.len() == spec.recurrent_len();
    if !into.as_ref().is_some_and(fits) {
        *into = None;
        *into = Some(PackedCell {
            kernel: AlignedVec::try_new(spec.kernel_len())?,
            recurrent: AlignedVec::try_new(spec.recurrent_len())?,
            bias: AlignedVec::try_new(2 * spec.gates() * spec.hidden())?,
        });
    }
    if let Some(packed) = into {
        packed.kernel.copy_from_slice(weights.kernel);
        packed.recurrent.copy_from_slice(weights.recurrent);
        packed.bias.fill(T::ZERO);
        if let Some(bias) = weights.bias {
            packed.bias[..bias.len()].copy_from_slice(bias);
        }
    }
    Ok(())
}

/// Values that one unit of one row stashes: LSTM i, f, g, o, c; GRU z, r, candidate, and U_h·h' + b (reset after)
/// or r·h' (reset before).
pub(super) const fn stash_width(kind: CellKind) -> usize {
    match kind {
        CellKind::Rnn => 0,
        CellKind::Lstm => 5,
        CellKind::Gru { .. } => 4,
    }
}

/// The buffers that calls over `rows` packed rows of `batch` sequences need; `None` if a size overflows.
pub fn cell_sizes(spec: &CellSpec, rows: usize, batch: usize) -> Option<CellSizes> {
    let stash = rows.checked_mul(stash_width(spec.kind()))?.checked_mul(spec.hidden())?;
    let state = batch.checked_mul(spec.hidden())?;
    rows.checked_mul(spec.input().max(spec.hidden()))?;
    // Both sides' pre-activations of one row, a row of zeros, and one row's stash (forward) or two rows of dh.
    let row = 2 * spec.gates() * spec.hidden() + 6 * spec.hidden();
    Some(CellSizes {
        stash,
        forward_workspace: state.checked_add(row)?,
        backward_workspace: state.checked_mul(2)?.checked_add(row)?,
    })
}
