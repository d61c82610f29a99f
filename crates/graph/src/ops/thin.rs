//! Products of a vector and a matrix, for which packing the matrix would cost more than multiplying. All of them
//! add to their results, and share large ones among threads so that every element is summed in one order.

use crate::parallel::each_rows;
use seqloom_kernels::Scalar;
use seqloom_kernels::simd::{Plain, vectorised};

/// y += x·matrix, the sum of the matrix's rows by the weights x; a row is as long as y.
pub(crate) fn combine<T: Scalar>(x: &[T], matrix: &[T], y: &mut [T]) {
    let width = y.len().max(1);
    each_rows(y, 1, matrix.len(), |first, y| vectorised(Combine { x, matrix, width, first, y }));
}

/// y += matrix·x, one product for each of the matrix's rows, which are as long as x.
pub(crate) fn dots<T: Scalar>(matrix: &[T], x: &[T], y: &mut [T]) {
    each_rows(y, 1, matrix.len(), |first, y| {
        vectorised(Dots { rows: &matrix[first * x.len()..(first + y.len()) * x.len()], x, y });
    });
}

/// matrix += x·yᵀ; a row is as long as y.
pub(crate) fn outer<T: Scalar>(x: &[T], y: &[T], matrix: &mut [T]) {
    let work = matrix.len();
    each_rows(matrix, y.len(), work, |first, rows| vectorised(Outer { x: &x[first..], y, rows }));
}

/// The columns of y from `first` on.
struct Combine<'a, T> {
    x: &'a [T],
    matrix: &'a [T],
    width: usize,
    first: usize,
    y: &'a mut [T],
}

impl<T: Scalar> Plain for Combine<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let columns = self.first..self.first + self.y.len();
        // Four rows at a time, so that y is not loaded and stored for each.
        let (xs, blocks) = (self.x.chunks_exact(4), self.matrix.chunks_exact(4 * self.width));
        let rest = xs.remainder().iter().zip(blocks.remainder().chunks_exact(self.width));
        for (x, block) in xs.zip(blocks) {
            let row = |index: usize| &block[index * self.width..][columns.clone()];
            let rows = row(0).iter().zip(row(1)).zip(row(2)).zip(row(3));
            for (y, (((&a, &b), &c), &d)) in self.y.iter_mut().zip(rows) {
                *y += (x[0] * a + x[1] * b) + (x[2] * c + x[3] * d);
            }
        }
        for (&x, row) in rest {
            for (y, &value) in self.y.iter_mut().zip(&row[columns.clone()]) {
                *y += x * value;
            }
        }
    }
}

struct Dots<'a, T> {
    rows: &'a [T],
    x: &'a [T],
    y: &'a mut [T],
}

/// Sums of a product side by side, which hide the time that an addition takes.
const LANES: usize = 32;

impl<T: Scalar> Plain for Dots<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let width = self.x.len().max(1);
        for (y, row) in self.y.iter_mut().zip(self.rows.chunks_exact(width)) {
            let mut lanes = [T::ZERO; LANES];
            let (mut xs, mut values) = (self.x.chunks_exact(LANES), row.chunks_exact(LANES));
            for (x, values) in (&mut xs).zip(&mut values) {
                for lane in 0..LANES {
                    lanes[lane] += x[lane] * values[lane];
                }
            }
            for (lane, (&x, &value)) in lanes.iter_mut().zip(xs.remainder().iter().zip(values.remainder())) {
                *lane += x * value;
            }
            let mut sum = T::ZERO;
            for lane in lanes {
                sum += lane;
            }
            *y += sum;
        }
    }
}

struct Outer<'a, T> {
    x: &'a [T],
    y: &'a [T],
    rows: &'a mut [T],
}

impl<T: Scalar> Plain for Outer<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for (&x, row) in self.x.iter().zip(self.rows.chunks_exact_mut(self.y.len().max(1))) {
            for (value, &y) in row.iter_mut().zip(self.y) {
                *value += x * y;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn are_products() {
        for (rows, columns) in [(1, 1), (3, 70), (9, 33), (200, 300)] {
            let at = |i: usize| (i * 7919 % 103) as f64 / 51.0 - 1.0;
            let matrix: Vec<f64> = (0..rows * columns).map(at).collect();
            let (long, wide): (Vec<f64>, Vec<f64>) =
                ((0..rows).map(at).collect(), (0..columns).map(at).collect());
            let (mut combined, mut dotted, mut crossed) = (wide.clone(), long.clone(), matrix.clone());
            combine(&long, &matrix, &mut combined);
            dots(&matrix, &wide, &mut dotted);
            outer(&long, &wide, &mut crossed);
            for column in 0..columns {
                let sum: f64 = (0..rows).map(|row| long[row] * matrix[row * columns + column]).sum();
                assert!((combined[column] - wide[column] - sum).abs() < 1e-9);
            }
            for row in 0..rows {
                let sum: f64 = (0..columns).map(|column| wide[column] * matrix[row * columns + column]).sum();
                assert!((dotted[row] - long[row] - sum).abs() < 1e-9);
                for (column, &factor) in wide.iter().enumerate() {
                    let at = row * columns + column;
                    assert!((crossed[at] - matrix[at] - long[row] * factor).abs() < 1e-12);
                }
            }
        }
    }
}
