//! Products of rows of floats with an int8 matrix.

use super::panels::Panels;
use super::product::Product;
use super::rows::{QuantizeRows, Quantized, quantized_words};
use super::unit::{Unit, best, dispatch};
use super::{GROUP, Int8Matrix};
use crate::gemm::{Out, with_buffer};
use crate::simd::{Detected, lanes};
use crate::{Matrix, MatrixMut, OutOfMemory, pool};

/// An int8 matrix in the order in which the kernels of one instruction set read it.
#[derive(Debug)]
pub struct Int8Packed {
    unit: Unit,
    panels: Panels,
    rows: usize,
    columns: usize,
}

/// Packs a right matrix.
pub(crate) fn pack(level: Detected, matrix: Int8Matrix<'_>) -> Result<Int8Packed, OutOfMemory> {
    pack_for(best(level), lanes(level), matrix)
}

pub(super) fn pack_for(unit: Unit, lanes: usize, matrix: Int8Matrix<'_>) -> Result<Int8Packed, OutOfMemory> {
    let width = 2 * lanes;
    let count = matrix.columns.div_ceil(width);
    let panels = Panels::pack(unit, matrix, width, count, |panel| {
        panel * width..matrix.columns.min((panel + 1) * width)
    })?;
    Ok(Int8Packed { unit, panels, rows: matrix.rows, columns: matrix.columns })
}

/// Multiplications below which a product is not worth waking a thread for.
const PARALLEL: usize = 1 << 18;
/// Bytes of quantized rows that are worked on at a time.
const PIECE: usize = 1 << 17;

/// The rows of a piece, so that it stays in the near caches whatever the depth.
pub(crate) fn rows_of_piece(depth: usize, most: usize) -> usize {
    (PIECE / depth.next_multiple_of(GROUP).max(1)).clamp(1, most)
}

/// What the threads share.
struct Operands {
    left: *const f32,
    out: *mut f32,
}
// SAFETY: the members of a team write to disjoint shares of the output, which is borrowed exclusively.
unsafe impl Sync for Operands {}

/// c = a·b, or c += a·b if `accumulate`; `a` is row-major.
pub(crate) fn gemm(a: Matrix<'_, f32>, b: &Int8Packed, mut c: MatrixMut<'_, f32>, accumulate: bool) {
    assert!(a.column_stride == 1, "the left matrix must be row-major");
    a.check();
    c.check();
    assert!(
        a.rows == c.rows && a.columns == b.rows && b.columns == c.columns,
        "the shapes of an int8 product"
    );
    if c.is_settled(b.rows, accumulate) {
        return;
    }
    let width = b.panels.width();
    let (rows, depth, panels) = (c.rows, b.rows, b.panels.count());
    let (row_stride, columns) = (c.row_stride, c.columns);
    let operands = Operands { left: a.data.as_ptr(), out: c.data.as_mut_ptr() };
    let parallel = rows.saturating_mul(columns).saturating_mul(depth) >= PARALLEL;
    pool::in_parts(parallel, |part| {
        let operands = &operands;
        // Where the columns are split, every part quantizes all rows: little work beside the product.
        let (own, panels) = if panels >= 4 * part.count() && rows < 8 * part.count() {
            (0..rows, part.split(panels, 1))
        } else {
            (part.split(rows, 1), 0..panels)
        };
        if panels.is_empty() || own.is_empty() {
            return;
        }
        let most = rows_of_piece(depth, 256).min(own.len());
        with_buffer(quantized_words(most, depth).unwrap_or(0), |buffer| {
            let into = Quantized::within(buffer.as_mut_ptr(), most, depth);
            for first in own.clone().step_by(most) {
                let rows = most.min(own.end - first);
                // SAFETY: the views were checked, the rows and panels are this part's alone, and the buffer holds
                // the rows.
                unsafe {
                    let from = operands.left.add(first * a.row_stride);
                    dispatch(b.unit, QuantizeRows { from, row: a.row_stride, rows, depth, into });
                    let out = Out {
                        pointer: operands.out.add(first * row_stride + panels.start * width),
                        panel: width,
                        row: row_stride,
                        columns: columns - panels.start * width,
                    };
                    let product = Product {
                        left: into,
                        right: &b.panels,
                        out,
                        rows,
                        panels: panels.clone(),
                        accumulate,
                        descending: false,
                    };
                    dispatch(b.unit, product);
                }
            }
        });
    });
}
