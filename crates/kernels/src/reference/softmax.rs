//! Softmax. That the largest element is subtracted changes no result, but keeps powers from overflowing.

use ndarray::{ArrayRef1, ArrayView2, ArrayViewMut2};

use crate::Real;

/// Each row of `columns` elements: y = exp(x − max x) / Σ exp(x − max x).
///
/// # Panics
/// If the slices differ in length, or the length is not a multiple of `columns`.
pub fn softmax_rows<T: Real>(x: &[T], columns: usize, y: &mut [T]) {
    let count = x.len() / columns.max(1);
    for (x, mut y) in
        matrix(x, count, columns).rows().into_iter().zip(matrix_mut(y, count, columns).rows_mut())
    {
        let [max, sum] = statistics_of(&x);
        y.assign(&x.mapv(|x| (x - max).exp() / sum));
    }
}

/// For each row of `columns` elements max x and Σ exp(x − max x).
///
/// # Panics
/// If the statistics are not as many as the rows.
pub fn softmax_statistics<T: Real>(x: &[T], columns: usize, statistics: &mut [[T; 2]]) {
    let rows = matrix(x, statistics.len(), columns);
    for (x, statistics) in rows.rows().into_iter().zip(statistics) {
        *statistics = statistics_of(&x);
    }
}

fn statistics_of<T: Real>(x: &ArrayRef1<T>) -> [T; 2] {
    let max = x.fold(-T::INFINITY, |max, &x| max.max(x));
    [max, x.iter().map(|&x| (x - max).exp()).sum()]
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
    assert_eq!(scales.len(), statistics.len(), "number of scales");
    let (x, mut y) = (matrix(x, scales.len(), columns), matrix_mut(y, scales.len(), columns));
    for (row, (&[max, sum], &scale)) in statistics.iter().zip(scales).enumerate() {
        // A row without weight may hold anything.
        let softmax = |x: T| if scale == T::ZERO { scale } else { (x - max).exp() / sum * scale };
        let (p, mut y) = (x.row(row).mapv(softmax), y.row_mut(row));
        if accumulate {
            y += &p;
        } else {
            y.assign(&p);
        }
    }
}

fn matrix<T>(x: &[T], rows: usize, columns: usize) -> ArrayView2<'_, T> {
    assert_eq!(x.len(), rows * columns, "elements in rows of {columns}");
    ArrayView2::from_shape((rows, columns), x).expect("the length was checked")
}

fn matrix_mut<T>(y: &mut [T], rows: usize, columns: usize) -> ArrayViewMut2<'_, T> {
    assert_eq!(y.len(), rows * columns, "elements in rows of {columns}");
    ArrayViewMut2::from_shape((rows, columns), y).expect("the length was checked")
}
