//! The simple recurrent network (Elman 1990).

use ndarray::Array2;

use super::cell::{Back, PackedCell, View};

/// h' = φ(x·W + h·U + b). Nothing else is kept for the way back.
pub(super) fn forward(cell: &PackedCell, x: &View<'_>, h: &View<'_>) -> [Array2<f64>; 2] {
    let new_h = cell.phi(&(cell.times(x, &cell.kernel) + cell.times(h, &cell.recurrent) + cell.bias.row(0)));
    let nothing = Array2::zeros((h.nrows(), 0));
    [new_h, nothing]
}

/// From `dh`, the gradient of h', that of the sum: dh∘φ'.
pub(super) fn backward(cell: &PackedCell, h: &View<'_>, new_h: &View<'_>, dh: &View<'_>) -> Back {
    Back::through(cell, h, dh * cell.phi_slope(new_h))
}
