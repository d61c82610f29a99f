//! Products with int8 weights.

use crate::int8::{Int8Matrix, LARGEST, SMALLEST};
use crate::{Matrix, MatrixMut, Real};

/// c = a·b, or c += a·b if `accumulate`, with the rows of `a` quantized: each to integers from −127 to 127 times the
/// row's largest magnitude / 127, ties to even. The sums of their products with the weights are exact.
///
/// # Panics
/// If the shapes do not match or a view exceeds its slice.
pub fn gemm_int8<T: Real>(a: Matrix<'_, T>, b: Int8Matrix<'_>, mut c: MatrixMut<'_, T>, accumulate: bool) {
    a.check();
    b.check();
    c.check();
    assert!(
        a.rows == c.rows && a.columns == b.rows && b.columns == c.columns,
        "the shapes of an int8 product"
    );
    let largest_number = T::from_f32(LARGEST);
    let mut integers = vec![0i64; b.rows];
    for (m, row) in c.rows_mut().enumerate() {
        let x = |k: usize| a.data[m * a.row_stride + k * a.column_stride];
        let largest = (0..b.rows).fold(T::ZERO, |most, k| {
            if x(k).is_nan() || most.is_nan() { T::from_f32(f32::NAN) } else { most.max(x(k).abs()) }
        });
        let zero = largest < T::from_f32(SMALLEST);
        let (scale, factor) =
            if zero { (T::ZERO, T::ZERO) } else { (largest / largest_number, largest_number / largest) };
        for (k, integer) in integers.iter_mut().enumerate() {
            *integer = (x(k) * factor).to_f64().round_ties_even() as i64;
        }
        for (column, c) in row.iter_mut().enumerate() {
            let weight =
                |k: usize| b.values[if b.transposed { column * b.rows + k } else { k * b.columns + column }];
            let sum: i64 = integers.iter().enumerate().map(|(k, x)| x * i64::from(weight(k))).sum();
            let value = T::from_f64(sum as f64) * scale * T::from_f32(b.scales[column]);
            *c = if accumulate { *c + value } else { value };
        }
    }
}

/// The numbers that integers stand for, `[rows, columns]`.
///
/// # Panics
/// If a slice does not have the length that follows from the sizes.
pub fn dequantized<T: Real>(matrix: Int8Matrix<'_>) -> Vec<T> {
    matrix.check();
    let Int8Matrix { values, scales, rows, columns, transposed } = matrix;
    let value = |row: usize, column: usize| {
        values[if transposed { column * rows + row } else { row * columns + column }]
    };
    let number =
        |row, column: usize| T::from_f32(f32::from(value(row, column))) * T::from_f32(scales[column]);
    (0..rows).flat_map(|row| (0..columns).map(move |column| number(row, column))).collect()
}
