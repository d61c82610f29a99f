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

/// For each row of `columns` elements max x and Σ exp(x − max x).
///
/// # Panics
/// If the statistics are not as many as the rows.
pub fn softmax_statistics<T: Real>(x: &[T], columns: usize, statistics: &mut [[T; 2]]) {
    assert_eq!(x.len(), statistics.len() * columns, "rows of {columns}");
    for (x, statistics) in x.chunks_exact(columns.max(1)).zip(statistics) {
        let max = x.iter().copied().fold(-T::INFINITY, T::max);
        *statistics = [max, x.iter().map(|&x| (x - max).exp()).sum()];
    }
}

/// The softmax of each row with its statistics, times the row's scale: y = that, or y += that if `accumulate`.
///
/// # Panics
/// If the slices do not hold the same rows.
pub fn scaled_softmax_rows<T: Real>(
    x: &[T],
    columns: usize,
    statistics: &[[T; 2]],
    scales: &[T],
    accumulate: bool,
    y: &mut [T],
) {
    assert!(x.len() == statistics.len() * columns && x.len() == y.len(), "rows of {columns}");
    assert_eq!(scales.len(), statistics.len(), "number of scales");
    let columns = columns.max(1);
    let rows = x.chunks_exact(columns).zip(y.chunks_exact_mut(columns));
    for ((x, y), (&[max, sum], &scale)) in rows.zip(statistics.iter().zip(scales)) {
        for (&x, y) in x.iter().zip(y) {
            // A row without weight may hold anything.
            let p = if scale == T::ZERO { T::ZERO } else { (x - max).exp() / sum * scale };
            *y = if accumulate { *y + p } else { p };
        }
    }
}
