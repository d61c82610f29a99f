//! Products of matrices with any strides, shared among the threads.

use std::ops::Range;

use super::block::{Block, Left, Out, Right};
use super::pack::{pack_columns, with_buffer};
use super::pairs::{multiply_rows, multiply_strips};
use super::strips::Strips;
use super::{DEPTH, ROWS};
use crate::matrix::check_shapes;
use crate::simd::{Detected, Kernel, Pairs, Promised, Simd, dispatch, lanes};
use crate::{Matrix, MatrixMut, Precision, pool};

/// Multiplications below which a product is not worth waking a thread for.
const PARALLEL: usize = 1 << 17;
/// Columns of the right matrix that are packed together.
const COLUMNS: usize = 256;
/// With at most this many rows, the right matrix is read once or twice, so packing it first does not pay.
const FEW_ROWS: usize = 12;

/// c = a·b, or c += a·b if `accumulate`, with factors of a precision.
pub(crate) fn gemm(
    (level, precision): (Detected, Precision),
    a: Matrix<'_, f32>,
    b: Matrix<'_, f32>,
    c: MatrixMut<'_, f32>,
    accumulate: bool,
) {
    multiply((level, precision), a, b, None, c, accumulate);
}

/// c = a·b + bias, the bias being added to every row.
pub(crate) fn gemm_bias(
    (level, precision): (Detected, Precision),
    a: Matrix<'_, f32>,
    b: Matrix<'_, f32>,
    bias: &[f32],
    c: MatrixMut<'_, f32>,
) {
    assert_eq!(bias.len(), c.columns, "length of the bias");
    multiply((level, precision), a, b, Some(bias), c, true);
}

fn multiply(
    (level, precision): (Detected, Precision),
    a: Matrix<'_, f32>,
    b: Matrix<'_, f32>,
    bias: Option<&[f32]>,
    mut c: MatrixMut<'_, f32>,
    accumulate: bool,
) {
    check_shapes(&a, &b, &c);
    if let Some(bias) = bias.filter(|_| a.columns == 0) {
        c.rows_mut().for_each(|row| row.copy_from_slice(bias));
    }
    if c.is_settled(a.columns, accumulate) {
        return;
    }
    let product = Product {
        a,
        b,
        pairs: Pairs::new(level).filter(|_| precision == Precision::Bfloat16),
        bias,
        out: Out {
            pointer: c.data.as_mut_ptr(),
            panel: 2 * lanes(level),
            row: c.row_stride,
            columns: c.columns,
        },
        accumulate,
    };
    let (rows, panels) = (c.rows, c.columns.div_ceil(2 * lanes(level)));
    let parallel = rows.saturating_mul(c.columns).saturating_mul(a.columns) >= PARALLEL;
    pool::in_parts(parallel, |part| {
        let tiles = rows.div_ceil(4);
        let (rows, panels) =
            if panels >= tiles { (0..rows, part.split(panels, 1)) } else { (part.split(rows, 4), 0..panels) };
        if !rows.is_empty() && !panels.is_empty() {
            dispatch(level, Share { product: &product, rows, panels });
        }
    });
}

struct Product<'a> {
    a: Matrix<'a, f32>,
    b: Matrix<'a, f32>,
    /// Where the factors are rounded to bfloat16.
    pairs: Option<Pairs>,
    /// What the output holds first, in every row.
    bias: Option<&'a [f32]>,
    out: Out,
    accumulate: bool,
}

// SAFETY: the members of a team write to disjoint shares of the output, which is borrowed exclusively.
unsafe impl Sync for Product<'_> {}

/// What one thread computes.
struct Share<'a> {
    product: &'a Product<'a>,
    rows: Range<usize>,
    panels: Range<usize>,
}

impl Kernel for Share<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let width = 2 * S::LANES;
        let whole = self.product.b.columns / width;
        let mut panels = self.panels.clone();
        if self.product.b.column_stride == 1 && self.rows.len() <= FEW_ROWS {
            // The matrix can serve as its own panels, except for an incomplete last one.
            let direct = panels.start..panels.end.min(whole);
            if !direct.is_empty() {
                // SAFETY: the panels are this member's, here and below, and the block of K is the operands'.
                unsafe { self.start(direct.start * width..direct.end * width) };
                let b = self.product.b;
                with_buffer(ROWS * DEPTH, |left| {
                    for k in blocks(b.rows) {
                        // SAFETY: row k.start exists.
                        let pointer = unsafe { b.data.as_ptr().add(k.start * b.row_stride) };
                        let right = Right { pointer, panel: width, row: b.row_stride };
                        // SAFETY: see above; whole panels of the matrix are there.
                        unsafe { self.multiply(s, right, self.product.out, direct.clone(), k, left) };
                    }
                });
                panels.start = direct.end;
            }
        }
        while !panels.is_empty() {
            let some = panels.start..panels.end.min(panels.start + COLUMNS / width);
            panels.start = some.end;
            // SAFETY: see above.
            unsafe { self.packed(s, some) };
        }
    }
}

/// The blocks of a depth.
fn blocks(depth: usize) -> impl Iterator<Item = Range<usize>> {
    (0..depth).step_by(DEPTH).map(move |k| k..depth.min(k + DEPTH))
}

impl Share<'_> {
    /// Copies the bias, if there is one, to some columns of all rows of the share.
    ///
    /// # Safety
    /// The columns are the share's.
    unsafe fn start(&self, columns: Range<usize>) {
        let Some(bias) = self.product.bias else { return };
        for row in self.rows.clone() {
            // SAFETY: the rows and columns are inside the output, and no other member has them.
            unsafe {
                let into = self.product.out.pointer.add(row * self.product.out.row + columns.start);
                into.copy_from_nonoverlapping(bias[columns.clone()].as_ptr(), columns.len());
            }
        }
    }

    /// Some panels, packing the right matrix.
    ///
    /// # Safety
    /// The panels are the share's.
    #[inline(always)]
    unsafe fn packed<S: Simd>(&self, s: S, panels: Range<usize>) {
        let (b, width) = (self.product.b, 2 * S::LANES);
        let first = panels.start * width;
        let columns = b.columns.min(panels.end * width) - first;
        // SAFETY: the columns are those of the panels.
        unsafe { self.start(first..first + columns) };
        with_buffer(DEPTH * (COLUMNS + ROWS), |buffer| {
            let (right, left) = buffer.split_at_mut(DEPTH * COLUMNS);
            for k in blocks(b.rows) {
                // SAFETY: the block of b is inside its slice, which `check_shapes` made sure of.
                unsafe {
                    let source = b.data.as_ptr().add(k.start * b.row_stride + first * b.column_stride);
                    pack_columns(source, (b.row_stride, b.column_stride), k.len(), columns, width, right);
                }
                let right = Right { pointer: right.as_ptr(), panel: k.len() * width, row: width };
                let out = self.product.out;
                // SAFETY: column `first` is inside the output.
                let out = Out { pointer: unsafe { out.pointer.add(first) }, columns, ..out };
                // SAFETY: the panels were packed, and the output begins at the first of them.
                unsafe { self.multiply(s, right, out, 0..panels.len(), k, left) };
            }
        });
    }

    /// All rows of the share by some panels, over one block of K.
    ///
    /// # Safety
    /// The right operand has these panels over the block of K, which is one of the matrices', and the panels of the
    /// output are the share's.
    #[inline(always)]
    unsafe fn multiply<S: Simd>(
        &self,
        s: S,
        right: Right,
        out: Out,
        panels: Range<usize>,
        k: Range<usize>,
        buffer: &mut [f32],
    ) {
        let a = self.product.a;
        let accumulate = self.product.accumulate || k.start > 0;
        for first in self.rows.clone().step_by(ROWS) {
            let rows = ROWS.min(self.rows.end - first);
            // SAFETY: the block of a and the rows of the output are inside their slices, which `check_shapes` made
            // sure of; other members have other rows or other panels.
            unsafe {
                let source = a.data.as_ptr().add(first * a.row_stride + k.start * a.column_stride);
                let block = Block {
                    left: Left::plain(source, a.row_stride, 1),
                    right,
                    out: Out { pointer: out.pointer.add(first * out.row), ..out },
                    rows: 0..rows,
                    panels: panels.clone(),
                    depth: k.len(),
                    accumulate,
                };
                if a.column_stride == 1 {
                    match self.product.pairs {
                        None => s.enter(Promised::new(block)),
                        Some(pairs) => multiply_rows(pairs, block),
                    }
                    continue;
                }
                let mut strips = Strips::new(buffer, rows, k.len(), S::MAX_ROWS);
                strips.copy(0..rows, 0..k.len(), source, (a.row_stride, a.column_stride));
                let block = Block { left: Left::strips(strips.as_ptr(), k.len()), ..block };
                match self.product.pairs {
                    None => s.enter(Promised::new(block)),
                    Some(pairs) => multiply_strips(pairs, &mut strips, block),
                }
            }
        }
    }
}
