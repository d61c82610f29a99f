//! Products with a right matrix that is packed once and used many times.

use super::block::{Block, Left, Out, Right};
use super::pack::pack_columns;
use crate::simd::{Detected, Promised, dispatch, lanes};
use crate::{AlignedVec, Matrix, MatrixMut, OutOfMemory, pool};

/// Multiplications below which a product is not worth waking a thread for.
const PARALLEL: usize = 1 << 17;

/// A matrix in panels of two vectors' width.
#[derive(Debug)]
pub struct PackedMatrix {
    level: Detected,
    data: AlignedVec<f32>,
    depth: usize,
    columns: usize,
}

/// Packs `b`, reusing the buffer of an earlier pack.
pub(crate) fn pack_matrix(
    level: Detected,
    b: Matrix<'_, f32>,
    into: &mut Option<PackedMatrix>,
) -> Result<(), OutOfMemory> {
    b.check();
    let width = 2 * lanes(level);
    let panels = b.columns.div_ceil(width);
    let length = panels.checked_mul(width).and_then(|columns| columns.checked_mul(b.rows));
    let length = length.ok_or(OutOfMemory { bytes: None })?;
    let mut data = into.take().map_or_else(AlignedVec::new, |old| old.data);
    data.try_grow(length)?;
    // SAFETY: `check` made sure that the matrix lies inside its slice.
    unsafe {
        let strides = (b.row_stride, b.column_stride);
        pack_columns(b.data.as_ptr(), strides, b.rows, b.columns, width, &mut data);
    }
    *into = Some(PackedMatrix { level, data, depth: b.rows, columns: b.columns });
    Ok(())
}

/// What the threads share.
struct Operands {
    left: Left,
    right: Right,
    out: Out,
}

// SAFETY: the members of a team write to disjoint shares of the output, which is borrowed exclusively.
unsafe impl Sync for Operands {}

/// c = a·b, or c += a·b if `accumulate`; `a` is row-major.
pub(crate) fn gemm_packed(a: Matrix<'_, f32>, b: &PackedMatrix, mut c: MatrixMut<'_, f32>, accumulate: bool) {
    assert!(a.column_stride == 1, "the left matrix must be row-major");
    a.check();
    c.check();
    assert!(
        a.rows == c.rows && a.columns == b.depth && b.columns == c.columns,
        "a product of {} x {} by {} x {} into {} x {}",
        a.rows,
        a.columns,
        b.depth,
        b.columns,
        c.rows,
        c.columns
    );
    if c.is_settled(b.depth, accumulate) {
        return;
    }
    let width = 2 * lanes(b.level);
    let operands = Operands {
        left: Left::plain(a.data.as_ptr(), a.row_stride, 1),
        right: Right { pointer: b.data.as_ptr(), panel: b.depth * width, row: width },
        out: Out { pointer: c.data.as_mut_ptr(), panel: width, row: c.row_stride, columns: c.columns },
    };
    let (rows, panels) = (c.rows, c.columns.div_ceil(width));
    let parallel = rows.saturating_mul(c.columns).saturating_mul(b.depth) >= PARALLEL;
    pool::run_if(parallel, |team| {
        let operands = &operands;
        let tiles = rows.div_ceil(4);
        let (rows, panels) =
            if panels >= tiles { (0..rows, team.split(panels, 1)) } else { (team.split(rows, 4), 0..panels) };
        if rows.is_empty() || panels.is_empty() {
            return;
        }
        let Operands { left, right, out } = *operands;
        let block = Block { left, right, out, rows, panels, depth: b.depth, accumulate };
        // SAFETY: the views were checked, and the rows and panels are this member's alone.
        dispatch(b.level, unsafe { Promised::new(block) });
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gemm::gemm;
    use crate::tests::{levels, noise};

    #[test]
    fn gives_the_bits_of_the_general_product() {
        for level in levels() {
            for (rows, depth, columns) in [(1, 1, 1), (5, 17, 33), (32, 300, 70), (13, 64, 16), (2, 7, 100)] {
                let (a, b) = (noise(1, rows * depth), noise(2, depth * columns));
                for transposed in [false, true] {
                    let b = if transposed {
                        Matrix::new(&b, columns, depth).transposed()
                    } else {
                        Matrix::new(&b, depth, columns)
                    };
                    let a = Matrix::new(&a, rows, depth);
                    let mut packed = None;
                    pack_matrix(level, b, &mut packed).unwrap();
                    for accumulate in [false, true] {
                        let mut results = [noise(3, rows * columns), noise(3, rows * columns)];
                        let [expected, got] = &mut results;
                        gemm(level, a, b, MatrixMut::new(expected, rows, columns), accumulate);
                        gemm_packed(
                            a,
                            packed.as_ref().unwrap(),
                            MatrixMut::new(got, rows, columns),
                            accumulate,
                        );
                        assert_eq!(expected, got);
                    }
                }
            }
        }
    }
}
