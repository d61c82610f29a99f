//! Matrix product.

use ndarray::linalg::general_mat_mul;
use ndarray::{Array2, ArrayView2, ArrayViewMut2, LinalgScalar, ShapeBuilder};

use super::bfloat16::rounded;
use crate::matrix::check_shapes;
use crate::{Matrix, MatrixMut, Precision, Real};

/// c = a·b, or c += a·b if `accumulate`.
///
/// # Panics
/// If the shapes do not match or a view exceeds its slice.
pub fn gemm<T: Real + LinalgScalar>(
    a: Matrix<'_, T>,
    b: Matrix<'_, T>,
    mut c: MatrixMut<'_, T>,
    accumulate: bool,
) {
    check_shapes(&a, &b, &c);
    let kept = if accumulate { T::ONE } else { T::ZERO };
    general_mat_mul(T::ONE, &array(&a), &array(&b), kept, &mut array_mut(&mut c));
}

/// A matrix of its own.
#[derive(Debug)]
pub struct PackedMatrix {
    matrix: Array2<f64>,
    precision: Precision,
}

/// Copies a matrix, rounded to the precision.
///
/// # Panics
/// If the view exceeds its slice.
pub fn pack_matrix(b: Matrix<'_, f64>, precision: Precision) -> PackedMatrix {
    b.check();
    PackedMatrix { matrix: in_precision(array(&b), precision), precision }
}

/// c = a·b, or c += a·b if `accumulate`, with `a` rounded as `b` is.
///
/// # Panics
/// If the shapes do not match or a view exceeds its slice.
pub fn gemm_packed(a: Matrix<'_, f64>, b: &PackedMatrix, mut c: MatrixMut<'_, f64>, accumulate: bool) {
    a.check();
    c.check();
    assert!(a.rows == c.rows && a.columns == b.matrix.nrows() && b.matrix.ncols() == c.columns, "shapes");
    let kept = if accumulate { 1.0 } else { 0.0 };
    general_mat_mul(1.0, &in_precision(array(&a), b.precision), &b.matrix, kept, &mut array_mut(&mut c));
}

fn in_precision(matrix: ArrayView2<'_, f64>, precision: Precision) -> Array2<f64> {
    match precision {
        Precision::Float32 => matrix.as_standard_layout().into_owned(),
        Precision::Bfloat16 => matrix.mapv(rounded),
    }
}

fn array<'a, T>(matrix: &Matrix<'a, T>) -> ArrayView2<'a, T> {
    let (shape, strides) = ((matrix.rows, matrix.columns), (matrix.row_stride, matrix.column_stride));
    // Strides of a matrix without elements may lead anywhere.
    let view = if matrix.rows == 0 || matrix.columns == 0 {
        ArrayView2::from_shape(shape, &[])
    } else {
        ArrayView2::from_shape(shape.strides(strides), matrix.data)
    };
    view.expect("the matrix was checked")
}

fn array_mut<'a, T>(matrix: &'a mut MatrixMut<'_, T>) -> ArrayViewMut2<'a, T> {
    let (shape, strides) = ((matrix.rows, matrix.columns), (matrix.row_stride, 1));
    let view = if matrix.rows == 0 || matrix.columns == 0 {
        ArrayViewMut2::from_shape(shape, &mut [])
    } else {
        ArrayViewMut2::from_shape(shape.strides(strides), matrix.data)
    };
    view.expect("the matrix was checked")
}
