//! Products of one row with Keras-layout weights.

use crate::Real;

/// `out[columns] += x · weights[x.len(), stride][.., first..first + out.len()]`
pub(super) fn multiply_add<T: Real>(x: &[T], weights: &[T], stride: usize, first: usize, out: &mut [T]) {
    for (&x, row) in x.iter().zip(weights.chunks_exact(stride)) {
        for (out, &w) in out.iter_mut().zip(&row[first..]) {
            *out += x * w;
        }
    }
}

/// dx += d · weightsᵀ, over the columns `first..first + d.len()`.
pub(super) fn multiply_add_transposed<T: Real>(
    d: &[T],
    weights: &[T],
    stride: usize,
    first: usize,
    dx: &mut [T],
) {
    for (dx, row) in dx.iter_mut().zip(weights.chunks_exact(stride)) {
        *dx += d.iter().zip(&row[first..]).map(|(&d, &w)| d * w).sum::<T>();
    }
}

/// d_weights[.., first..first + d.len()] += xᵀ · d
pub(super) fn outer_add<T: Real>(x: &[T], d: &[T], d_weights: &mut [T], stride: usize, first: usize) {
    for (&x, row) in x.iter().zip(d_weights.chunks_exact_mut(stride)) {
        add(&mut row[first..first + d.len()], d.iter().map(|&d| x * d));
    }
}

/// out += values
pub(super) fn add<T: Real>(out: &mut [T], values: impl Iterator<Item = T>) {
    for (out, value) in out.iter_mut().zip(values) {
        *out += value;
    }
}
