//! Long short-term memory (Hochreiter and Schmidhuber 1997) with a forget gate (Gers, Schmidhuber and Cummins 2000).

use ndarray::{Array2, ArrayViewMut2, Axis, concatenate};

use super::cell::{Back, PackedCell, View, blocks};

/// The gates are i, f and o = σ(x·W + h·U + b) and the candidate g = φ(x·W + h·U + b), each with columns of its own in the order i, f, g, o;
///
/// - c' = f∘c + i∘g
/// - h' = o∘φ(c')
///
/// Gives h', and what is kept for the way back: i, f, g, o, c'.
pub(super) fn forward(cell: &PackedCell, x: &View<'_>, h: &View<'_>, c: &View<'_>) -> [Array2<f64>; 2] {
    let sums = cell.times(x, &cell.kernel) + cell.times(h, &cell.recurrent) + cell.bias.row(0);
    let [i, f, g, o] = blocks(&sums);
    let (i, f, g, o) = (cell.sigma(&i), cell.sigma(&f), cell.phi(&g), cell.sigma(&o));
    let new_c = &f * c + &i * &g;
    let new_h = &o * cell.phi(&new_c);
    [new_h, concatenate![Axis(1), i, f, g, o, new_c]]
}

/// c' of what was kept.
pub(super) fn new_c<'a>(kept: &View<'a>) -> View<'a> {
    kept.split_at(Axis(1), kept.ncols() / 5 * 4).1
}

/// From `dh` and `dc`, the gradients of h' and c', those of the gates' sums; `dc` becomes the gradient of c.
pub(super) fn backward(
    cell: &PackedCell,
    h: &View<'_>,
    c: &View<'_>,
    kept: &View<'_>,
    dh: &View<'_>,
    dc: &mut ArrayViewMut2<'_, f64>,
) -> Back {
    let [i, f, g, o, new_c] = blocks(kept);
    let shown = cell.phi(&new_c);
    *dc += &(dh * &o * cell.phi_slope(&shown));
    let di = &*dc * &g * cell.sigma_slope(&i);
    let df = &*dc * c * cell.sigma_slope(&f);
    let dg = &*dc * &i * cell.phi_slope(&g);
    let d_o = dh * &shown * cell.sigma_slope(&o);
    *dc *= &f;
    Back::through(cell, h, concatenate![Axis(1), di, df, dg, d_o])
}
