//! The gated recurrent unit (Cho et al. 2014). Its gates are, in this order, z, r and the candidate g.
//!
//! What is kept for the way back is z, r, g and the fourth thing that g depends on.

use ndarray::{Array2, Axis, concatenate};

use super::cell::{Back, PackedCell, View, blocks};

/// The reset gate multiplies what the state adds, as cuDNN has it:
///
/// - z, r = σ(x·W + b + h·U + b')
/// - s = h·U + b'
/// - g = φ(x·W + b + r∘s)
/// - h' = z∘h + (1 − z)∘g
pub(super) fn forward_reset_after(cell: &PackedCell, x: &View<'_>, h: &View<'_>) -> [Array2<f64>; 2] {
    let input = cell.times(x, &cell.kernel) + cell.bias.row(0);
    let recurrent = cell.times(h, &cell.recurrent) + cell.bias.row(1);
    let ([xz, xr, xg], [hz, hr, s]) = (blocks(&input), blocks(&recurrent));
    let (z, r) = (cell.sigma(&(&xz + &hz)), cell.sigma(&(&xr + &hr)));
    let g = cell.phi(&(&xg + &r * &s));
    [&z * h + (1.0 - &z) * &g, concatenate![Axis(1), z, r, g, s]]
}

/// From `dh`, the gradient of h', those of both sides of the gates' sums.
pub(super) fn backward_reset_after(cell: &PackedCell, h: &View<'_>, kept: &View<'_>, dh: &View<'_>) -> Back {
    let [z, r, g, s] = blocks(kept);
    let dz = dh * (h - &g) * cell.sigma_slope(&z);
    let dg = dh * (1.0 - &z) * cell.phi_slope(&g);
    let dr = &dg * &s * cell.sigma_slope(&r);
    let through = Back::through(cell, h, concatenate![Axis(1), dz, dr, &dg * &r]);
    Back { input: concatenate![Axis(1), dz, dr, dg], dh: through.dh + dh * &z, ..through }
}

/// The reset gate multiplies the state itself, as in the paper:
///
/// - z, r = σ(x·W + h·U + b)
/// - s = r∘h
/// - g = φ(x·W + s·U + b)
/// - h' = z∘h + (1 − z)∘g
pub(super) fn forward_reset_before(cell: &PackedCell, x: &View<'_>, h: &View<'_>) -> [Array2<f64>; 2] {
    let input = cell.times(x, &cell.kernel) + cell.bias.row(0);
    let ([xz, xr, xg], [uz, ur, ug]) = (blocks(&input), blocks(&cell.recurrent));
    let (z, r) = (cell.sigma(&(&xz + cell.times(h, &uz))), cell.sigma(&(&xr + cell.times(h, &ur))));
    let s = &r * h;
    let g = cell.phi(&(&xg + cell.times(&s, &ug)));
    [&z * h + (1.0 - &z) * &g, concatenate![Axis(1), z, r, g, s]]
}

/// From `dh`, the gradient of h', those of the gates' sums.
pub(super) fn backward_reset_before(cell: &PackedCell, h: &View<'_>, kept: &View<'_>, dh: &View<'_>) -> Back {
    let ([z, r, g, s], [uz, ur, ug]) = (blocks(kept), blocks(&cell.recurrent));
    let dz = dh * (h - &g) * cell.sigma_slope(&z);
    let dg = dh * (1.0 - &z) * cell.phi_slope(&g);
    let ds = cell.times(&dg, &ug.t());
    let dr = &ds * h * cell.sigma_slope(&r);
    let gates = concatenate![Axis(1), dz, dr, dg];
    Back {
        d_recurrent: concatenate![
            Axis(1),
            cell.times(&h.t(), &dz),
            cell.times(&h.t(), &dr),
            cell.times(&s.t(), &dg)
        ],
        dh: dh * &z + ds * r + cell.times(&dz, &uz.t()) + cell.times(&dr, &ur.t()),
        recurrent: gates.clone(),
        input: gates,
    }
}
