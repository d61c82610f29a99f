//! Matrix product.

use crate::{AlignedVec, Matrix, MatrixMut, OutOfMemory, Real};

/// c = a·b, or c += a·b if `accumulate`.
///
/// # Panics
/// If the shapes do not match or a view exceeds its slice.
pub fn gemm<T: Real>(a: Matrix<'_, T>, b: Matrix<'_, T>, c: MatrixMut<'_, T>, accumulate: bool) {
    check_shapes(&a, &b, &c);
    for row in 0..c.rows {
        if c.columns == 0 {
            break;
        }
        let out = &mut c.data[row * c.row_stride..][..c.columns];
        if !accumulate {
            out.fill(T::ZERO);
        }
        for k in 0..a.columns {
            let factor = a.data[row * a.row_stride + k * a.column_stride];
            for (column, out) in out.iter_mut().enumerate() {
                *out += factor * b.data[k * b.row_stride + column * b.column_stride];
            }
        }
    }
}

/// c = a·b + bias.
///
/// # Panics
/// If the shapes do not match or a view exceeds its slice.
pub fn gemm_bias<T: Real>(a: Matrix<'_, T>, b: Matrix<'_, T>, bias: &[T], mut c: MatrixMut<'_, T>) {
    check_shapes(&a, &b, &c);
    assert_eq!(bias.len(), c.columns, "length of the bias");
    c.rows_mut().for_each(|row| row.copy_from_slice(bias));
    gemm(a, b, c, true);
}

/// A matrix of its own.
#[derive(Debug)]
pub struct PackedMatrix<T> {
    data: AlignedVec<T>,
    rows: usize,
    columns: usize,
}

impl<T> PackedMatrix<T> {
    /// The matrix.
    pub fn matrix(&self) -> Matrix<'_, T> {
        Matrix::new(&self.data, self.rows, self.columns)
    }
}

/// Copies a matrix.
///
/// # Errors
/// [`OutOfMemory`] if it cannot be allocated.
pub fn pack_matrix<T: Real>(b: Matrix<'_, T>, into: &mut Option<PackedMatrix<T>>) -> Result<(), OutOfMemory> {
    b.check();
    let mut data = AlignedVec::try_new(b.rows.checked_mul(b.columns).ok_or(OutOfMemory { bytes: None })?)?;
    for (row, to) in data.chunks_exact_mut(b.columns.max(1)).enumerate() {
        for (column, to) in to.iter_mut().enumerate() {
            *to = b.data[row * b.row_stride + column * b.column_stride];
        }
    }
    *into = Some(PackedMatrix { data, rows: b.rows, columns: b.columns });
    Ok(())
}

/// # Panics
/// If the shapes do not match or a view exceeds its slice.
pub(crate) fn check_shapes<T>(a: &Matrix<'_, T>, b: &Matrix<'_, T>, c: &MatrixMut<'_, T>) {
    a.check();
    b.check();
    c.check();
    assert!(
        a.rows == c.rows && a.columns == b.rows && b.columns == c.columns,
        "gemm of {} x {} by {} x {} into {} x {}",
        a.rows,
        a.columns,
        b.rows,
        b.columns,
        c.rows,
        c.columns
    );
}
