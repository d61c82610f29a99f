//! Matrix product.

use ndarray::linalg::general_mat_mul;
use ndarray::{Array2, ArrayView2, ArrayViewMut2, LinalgScalar, ShapeBuilder, aview1};

use crate::matrix::check_shapes;
use crate::{Matrix, MatrixMut, Real};

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

/// c = a·b + bias.
///
/// # Panics
/// If the shapes do not match or a view exceeds its slice.
pub fn gemm_bias<T: Real + LinalgScalar>(
    a: Matrix<'_, T>,
    b: Matrix<'_, T>,
    bias: &[T],
    mut c: MatrixMut<'_, T>,
) {
    check_shapes(&a, &b, &c);
    assert_eq!(bias.len(), c.columns, "length of the bias");
    array_mut(&mut c).assign(&aview1(bias));
    gemm(a, b, c, true);
}

/// A matrix of its own.
#[derive(Debug)]
pub struct PackedMatrix<T>(Array2<T>);

impl<T> PackedMatrix<T> {
    /// The matrix.
    pub fn matrix(&self) -> Matrix<'_, T> {
        Matrix::new(self.0.as_slice().unwrap_or_default(), self.0.nrows(), self.0.ncols())
    }
}

/// Copies a matrix.
///
/// # Panics
/// If the view exceeds its slice.
pub fn pack_matrix<T: Real>(b: Matrix<'_, T>) -> PackedMatrix<T> {
    b.check();
    PackedMatrix(array(&b).as_standard_layout().into_owned())
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
