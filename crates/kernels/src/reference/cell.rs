//! What the equations of recurrent cells, in files of their own, have in common.
//!
//! Arrays are `[rows, features]`; the rows of a step are those sequences that still run. Weights are in Keras's layout: the gates of a
//! cell lie side by side in the columns of W (the kernel), U (the recurrent kernel) and b (the bias). φ is the activation of the cell, σ that of
//! its gates; primes of functions are derivatives, and other primes mark what is new.

use ndarray::{Array2, ArrayRef2, ArrayView2, s};

use super::bfloat16::rounded;
use super::{activate, derivative_from_output};
use crate::{CellSpec, CellWeights, Precision};

/// The rows of a step.
pub(super) type View<'a> = ArrayView2<'a, f64>;

/// A cell's weights.
#[derive(Debug)]
pub struct PackedCell {
    spec: CellSpec,
    precision: Precision,
    /// W
    pub(super) kernel: Array2<f64>,
    /// U
    pub(super) recurrent: Array2<f64>,
    /// `[2, gates·hidden]`: b, and what is added to h·U, which is zero but for the reset-after GRU.
    pub(super) bias: Array2<f64>,
}

/// Copies a cell's weights. In bfloat16, both factors of all matrix products are rounded, and what is summed for the bias's gradient.
///
/// # Panics
/// If a slice's length contradicts the cell.
pub fn pack_cell(spec: &CellSpec, weights: CellWeights<'_, f64>, precision: Precision) -> PackedCell {
    weights.check(spec);
    let columns = spec.gates() * spec.hidden();
    let mut bias = Array2::zeros((2, columns));
    for (to, &from) in bias.iter_mut().zip(weights.bias.unwrap_or_default()) {
        *to = from;
    }
    PackedCell {
        spec: *spec,
        precision,
        kernel: view(weights.kernel, spec.input(), columns).to_owned(),
        recurrent: view(weights.recurrent, spec.hidden(), columns).to_owned(),
        bias,
    }
}

impl PackedCell {
    /// What a factor is in the cell's precision.
    pub(super) fn factor(&self, matrix: &ArrayRef2<f64>) -> Array2<f64> {
        match self.precision {
            Precision::Float32 => matrix.to_owned(),
            Precision::Bfloat16 => matrix.mapv(rounded),
        }
    }

    /// A product in the cell's precision.
    pub(super) fn times(&self, left: &ArrayRef2<f64>, right: &ArrayRef2<f64>) -> Array2<f64> {
        self.factor(left).dot(&self.factor(right))
    }

    /// φ(z)
    pub(super) fn phi(&self, z: &ArrayRef2<f64>) -> Array2<f64> {
        z.mapv(|z| activate(self.spec.activation(), z))
    }

    /// φ'(z), given y = φ(z)
    pub(super) fn phi_slope(&self, y: &ArrayRef2<f64>) -> Array2<f64> {
        y.mapv(|y| derivative_from_output(self.spec.activation(), y))
    }

    /// σ(z)
    pub(super) fn sigma(&self, z: &ArrayRef2<f64>) -> Array2<f64> {
        z.mapv(|z| activate(self.spec.recurrent_activation(), z))
    }

    /// σ'(z), given y = σ(z)
    pub(super) fn sigma_slope(&self, y: &ArrayRef2<f64>) -> Array2<f64> {
        y.mapv(|y| derivative_from_output(self.spec.recurrent_activation(), y))
    }
}

/// The columns of each of `N` gates.
pub(super) fn blocks<const N: usize>(gates: &ArrayRef2<f64>) -> [View<'_>; N] {
    let n = gates.ncols() / N;
    std::array::from_fn(|gate| gates.slice(s![.., gate * n..(gate + 1) * n]))
}

/// What a step back in time gives, the gradient of c aside.
pub(super) struct Back {
    /// Gradient of x·W + b.
    pub(super) input: Array2<f64>,
    /// Gradient of h·U and the bias that is added to it.
    pub(super) recurrent: Array2<f64>,
    /// Gradient of U.
    pub(super) d_recurrent: Array2<f64>,
    /// Gradient of h.
    pub(super) dh: Array2<f64>,
}

impl Back {
    /// Of gates that are functions of x·W + h·U + b, whose gradient is `d`.
    pub(super) fn through(cell: &PackedCell, h: &View<'_>, d: Array2<f64>) -> Self {
        Self {
            d_recurrent: cell.times(&h.t(), &d),
            dh: cell.times(&d, &cell.recurrent.t()),
            recurrent: d.clone(),
            input: d,
        }
    }
}

/// A slice as a matrix.
pub(super) fn view(data: &[f64], rows: usize, columns: usize) -> View<'_> {
    ArrayView2::from_shape((rows, columns), data).expect("lengths were checked")
}
