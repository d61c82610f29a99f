//! Products with a right matrix that is packed once and used many times.

use super::block::{Block, Left, Out, Right};
use super::pack::{pack_columns, pair_rows};
use super::pairs::multiply_pairs;
use crate::simd::{Detected, Pairs, Promised, dispatch, lanes};
use crate::{AlignedVec, Matrix, MatrixMut, OutOfMemory, Precision, pool};

/// Multiplications below which a product is not worth waking a thread for.
const PARALLEL: usize = 1 << 17;

/// A matrix in panels of two vectors' width.
#[derive(Debug)]
pub struct PackedMatrix {
    level: Detected,
    /// Whether the panels are pairs of bfloat16; they lie where those of float32 would.
    pairs: Option<Pairs>,
    data: AlignedVec<f32>,
    depth: usize,
    columns: usize,
}

/// Packs `b`, reusing the buffer of an earlier pack.
pub(crate) fn pack_matrix(
    level: Detected,
    b: Matrix<'_, f32>,
    precision: Precision,
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
    let pairs = Pairs::new(level).filter(|_| precision == Precision::Bfloat16);
    if pairs.is_some() && length > 0 {
        data[..length].chunks_exact_mut(b.rows * width).for_each(|panel| pair_rows(panel, width));
    }
    *into = Some(PackedMatrix { level, pairs, data, depth: b.rows, columns: b.columns });
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

/// c = a·b, or c += a·b if `accumulate`; `a` is row-major, and rounded to bfloat16 where the packed matrix is.
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
    pool::in_parts(parallel, |part| {
        let operands = &operands;
        let tiles = rows.div_ceil(4);
        let (rows, panels) =
            if panels >= tiles { (0..rows, part.split(panels, 1)) } else { (part.split(rows, 4), 0..panels) };
        if rows.is_empty() || panels.is_empty() {
            return;
        }
        let Operands { left, right, out } = *operands;
        let block = Block { left, right, out, rows, panels, depth: b.depth, accumulate };
        match b.pairs {
            // SAFETY: the views were checked, and the rows and panels are this part's alone.
            None => dispatch(b.level, unsafe { Promised::new(block) }),
            // SAFETY: as above; the panels were paired.
            Some(pairs) => unsafe { multiply_pairs(pairs, block) },
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gemm::gemm;
    use crate::reference;
    use crate::tests::{levels, noise};

    #[test]
    fn bfloat16_matches_its_reference() {
        for level in levels().into_iter().filter(|&level| Pairs::new(level).is_some()) {
            for (rows, depth, columns) in
                [(1, 1, 1), (5, 17, 33), (100, 1300, 70), (13, 512, 16), (2, 7, 100)]
            {
                let [mut a, b, c] =
                    [rows * depth, depth * columns, rows * columns].map(|length| noise(1, length));
                a[0] = 1e-40;
                let mut packed = None;
                pack_matrix(level, Matrix::new(&b, depth, columns), Precision::Bfloat16, &mut packed)
                    .unwrap();
                let mut got = c.clone();
                let a = Matrix::new(&a, rows, depth);
                gemm_packed(a, packed.as_ref().unwrap(), MatrixMut::new(&mut got, rows, columns), true);
                let wide = |values: &[f32]| values.iter().map(|&x| f64::from(x)).collect::<Vec<_>>();
                let (a, b, mut exact) = (wide(a.data), wide(&b), wide(&c));
                let packed = reference::pack_matrix(Matrix::new(&b, depth, columns), Precision::Bfloat16);
                let into = MatrixMut::new(&mut exact, rows, columns);
                reference::gemm_packed(Matrix::new(&a, rows, depth), &packed, into, true);
                // Only the order and the roundings of the sums differ.
                let bound = 1e-6 * (depth as f64).sqrt() + 1e-6;
                for (got, exact) in got.iter().zip(&exact) {
                    assert!(
                        (f64::from(*got) - exact).abs() <= bound,
                        "{rows} {depth} {columns}: {got} {exact}"
                    );
                }
            }
        }
    }

    #[test]
    fn what_is_not_finite_stays_so() {
        for level in levels().into_iter().filter(|&level| Pairs::new(level).is_some()) {
            for (value, sum) in
                [(f32::INFINITY, f32::INFINITY), (f32::NAN, f32::NAN), (f32::MAX, f32::INFINITY)]
            {
                let mut packed = None;
                pack_matrix(level, Matrix::new(&[1.0; 3], 3, 1), Precision::Bfloat16, &mut packed).unwrap();
                let mut got = [0.0];
                let values = [1.0, value, 1.0];
                gemm_packed(
                    Matrix::new(&values, 1, 3),
                    packed.as_ref().unwrap(),
                    MatrixMut::new(&mut got, 1, 1),
                    false,
                );
                assert_eq!(got[0].to_bits() & 0x7fff_ffff, sum.to_bits() & 0x7fff_ffff, "{value}");
            }
        }
    }

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
                    pack_matrix(level, b, Precision::Float32, &mut packed).unwrap();
                    for accumulate in [false, true] {
                        let mut results = [noise(3, rows * columns), noise(3, rows * columns)];
                        let [expected, got] = &mut results;
                        let general = (level, Precision::Float32);
                        gemm(general, a, b, MatrixMut::new(expected, rows, columns), accumulate);
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
