//! Softmax.

use crate::Real;

/// Each row of `columns` elements: y = exp(x − max x) / Σ exp(x − max x).
///
/// # Panics
/// If the slices differ in length, or the length is not a multiple of `columns`.
pub fn softmax_rows<T: Real>(x: &[T], columns: usize, y: &mut [T]) {
    assert_eq!(x.len(), y.len(), "length of y");
    if x.is_empty() {
        return;
    }
    assert!(columns > 0 && x.len().is_multiple_of(columns), "{} elements in rows of {columns}", x.len());
    for (x, y) in x.chunks_exact(columns).zip(y.chunks_exact_mut(columns)) {
        let max = x.iter().copied().fold(-T::INFINITY, T::max);
        let mut sum = T::ZERO;
        for (&x, y) in x.iter().zip(&mut *y) {
            *y = (x - max).exp();
            sum += *y;
        }
        for y in y {
            *y /= sum;
        }
    }
}
