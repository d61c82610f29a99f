//! Strided matrix views.

/// A read-only matrix: element (r, c) is `data[r * row_stride + c * column_stride]`.
#[derive(Debug, Clone, Copy)]
pub struct Matrix<'a, T> {
    /// The elements.
    pub data: &'a [T],
    /// Number of rows.
    pub rows: usize,
    /// Number of columns.
    pub columns: usize,
    /// Elements from one row to the next.
    pub row_stride: usize,
    /// Elements from one column to the next.
    pub column_stride: usize,
}

impl<'a, T> Matrix<'a, T> {
    /// A dense row-major matrix.
    pub const fn new(data: &'a [T], rows: usize, columns: usize) -> Self {
        Self { data, rows, columns, row_stride: columns, column_stride: 1 }
    }

    /// The same elements with rows and columns exchanged.
    pub const fn transposed(self) -> Self {
        Self {
            data: self.data,
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
        }
    }

    /// # Panics
    /// If an element lies outside of the slice.
    pub(crate) fn check(&self) {
        assert!(
            fits(self.data.len(), self.rows, self.columns, self.row_stride, self.column_stride),
            "a matrix of {} x {} with strides {}, {} exceeds its slice of {}",
            self.rows,
            self.columns,
            self.row_stride,
            self.column_stride,
            self.data.len()
        );
    }
}

/// A writable row-major matrix: element (r, c) is `data[r * row_stride + c]`.
#[derive(Debug)]
pub struct MatrixMut<'a, T> {
    /// The elements.
    pub data: &'a mut [T],
    /// Number of rows.
    pub rows: usize,
    /// Number of columns.
    pub columns: usize,
    /// Elements from one row to the next; at least `columns`.
    pub row_stride: usize,
}

impl<'a, T> MatrixMut<'a, T> {
    /// A dense row-major matrix.
    pub const fn new(data: &'a mut [T], rows: usize, columns: usize) -> Self {
        Self { data, rows, columns, row_stride: columns }
    }

    /// The rows of a checked matrix.
    pub(crate) fn rows_mut(&mut self) -> impl Iterator<Item = &mut [T]> {
        let rows = if self.columns == 0 { 0 } else { self.rows };
        self.data.chunks_mut(self.row_stride.max(1)).take(rows).map(|row| &mut row[..self.columns])
    }

    /// # Panics
    /// If an element lies outside of the slice or rows overlap.
    pub(crate) fn check(&self) {
        assert!(
            self.row_stride >= self.columns
                && fits(self.data.len(), self.rows, self.columns, self.row_stride, 1),
            "a matrix of {} x {} with row stride {} exceeds its slice of {}",
            self.rows,
            self.columns,
            self.row_stride,
            self.data.len()
        );
    }
}

impl MatrixMut<'_, f32> {
    /// Whether a product into this matrix needs no further work; for a depth of zero, clears it unless `accumulate`.
    pub(crate) fn is_settled(&mut self, depth: usize, accumulate: bool) -> bool {
        if depth == 0 && !accumulate {
            self.rows_mut().for_each(|row| row.fill(0.0));
        }
        depth == 0 || self.rows == 0 || self.columns == 0
    }
}

fn fits(length: usize, rows: usize, columns: usize, row_stride: usize, column_stride: usize) -> bool {
    if rows == 0 || columns == 0 {
        return true;
    }
    let last = (rows - 1)
        .checked_mul(row_stride)
        .and_then(|r| (columns - 1).checked_mul(column_stride).and_then(|c| r.checked_add(c)));
    last.is_some_and(|last| last < length)
}
