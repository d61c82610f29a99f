//! The product against the reference, and its independence of threads and of other rows.

use super::{gemm, gemm_bias};
use crate::simd::Pairs;
use crate::tests::{levels, noise, serial};
use crate::{Matrix, MatrixMut, Precision, pool, reference};

#[derive(Clone, Copy, Debug)]
struct Case {
    rows: usize,
    depth: usize,
    columns: usize,
    transposed: (bool, bool),
}

fn matrix(data: &[f32], rows: usize, columns: usize, transposed: bool) -> Matrix<'_, f32> {
    if transposed { Matrix::new(data, columns, rows).transposed() } else { Matrix::new(data, rows, columns) }
}

fn run(level: crate::simd::Detected, case: Case, accumulate: bool) -> Vec<f32> {
    let a = noise(1, case.rows * case.depth);
    let b = noise(2, case.depth * case.columns);
    let mut c = noise(3, case.rows * case.columns);
    gemm(
        (level, Precision::Float32),
        matrix(&a, case.rows, case.depth, case.transposed.0),
        matrix(&b, case.depth, case.columns, case.transposed.1),
        MatrixMut::new(&mut c, case.rows, case.columns),
        accumulate,
    );
    c
}

fn check(level: crate::simd::Detected, case: Case, accumulate: bool) {
    let got = run(level, case, accumulate);
    let wide = |seed, length| noise(seed, length).into_iter().map(f64::from).collect::<Vec<_>>();
    let (a, b) = (wide(1, case.rows * case.depth), wide(2, case.depth * case.columns));
    let mut c = wide(3, case.rows * case.columns);
    let a = Matrix::new(&a, case.rows, case.depth);
    let b = Matrix::new(&b, case.depth, case.columns);
    let transpose = |m: Matrix<'_, f64>, rows, columns, flip| {
        let stride = if flip { (1, rows) } else { (columns, 1) };
        let flat: Vec<f64> = (0..rows * columns)
            .map(|i| m.data[(i / columns.max(1)) * stride.0 + (i % columns.max(1)) * stride.1])
            .collect();
        flat
    };
    let a = transpose(a, case.rows, case.depth, case.transposed.0);
    let b = transpose(b, case.depth, case.columns, case.transposed.1);
    reference::gemm(
        Matrix::new(&a, case.rows, case.depth),
        Matrix::new(&b, case.depth, case.columns),
        MatrixMut::new(&mut c, case.rows, case.columns),
        accumulate,
    );
    for (i, (got, exact)) in got.iter().zip(&c).enumerate() {
        let bound = 1e-6 * (case.depth as f64).sqrt() + 1e-6;
        assert!((f64::from(*got) - exact).abs() <= bound, "{case:?} at {level}, {i}: {got} {exact}");
    }
}

#[test]
fn matches_the_reference() {
    let _serial = serial();
    let sizes = [1, 2, 3, 7, 13, 17, 33, 65];
    for level in levels() {
        for &rows in &sizes {
            for &columns in &sizes {
                for depth in [0, 1, 7, 65, 300] {
                    let flips = [(false, false), (true, false), (false, true), (true, true)];
                    for (i, transposed) in flips.into_iter().enumerate() {
                        check(level, Case { rows, depth, columns, transposed }, (rows + i) % 2 == 0);
                    }
                }
            }
        }
        for (rows, depth, columns) in [(0, 3, 3), (3, 3, 0), (300, 513, 290), (1, 700, 900), (900, 40, 3)] {
            for transposed in [(false, false), (true, true)] {
                check(level, Case { rows, depth, columns, transposed }, true);
            }
        }
    }
}

#[test]
fn does_not_depend_on_threads_or_rows() {
    let _serial = serial();
    for level in levels() {
        for transposed in [(false, false), (false, true)] {
            let case = Case { rows: 101, depth: 300, columns: 90, transposed };
            let mut results = [1, 2, 3].map(|threads| {
                pool::set_threads(threads).unwrap();
                run(level, case, true)
            });
            assert!(results[0] == results[1] && results[0] == results[2], "{level}");
            for rows in [1, 2, 3, 4, 5, 6, 7, 12, 13] {
                results[1] = noise(3, rows * 90);
                let (a, b) = (noise(1, 101 * 300), noise(2, 300 * 90));
                gemm(
                    (level, Precision::Float32),
                    Matrix::new(&a[..rows * 300], rows, 300),
                    matrix(&b, 300, 90, transposed.1),
                    MatrixMut::new(&mut results[1], rows, 90),
                    true,
                );
                assert_eq!(results[1], results[0][..rows * 90], "{rows} rows at {level}");
            }
        }
    }
}

#[test]
fn a_bias_is_what_the_output_starts_with() {
    let _serial = serial();
    for level in levels() {
        for (rows, depth, columns) in [(1, 5, 40), (13, 300, 33), (40, 7, 600), (3, 0, 17)] {
            let (a, b, bias) = (noise(1, rows * depth), noise(2, depth * columns), noise(3, columns));
            let (a, b) = (Matrix::new(&a, rows, depth), Matrix::new(&b, depth, columns));
            let mut expected = bias.repeat(rows);
            let general = (level, Precision::Float32);
            gemm(general, a, b, MatrixMut::new(&mut expected, rows, columns), true);
            let mut got = vec![f32::NAN; rows * columns];
            gemm_bias(general, a, b, &bias, MatrixMut::new(&mut got, rows, columns));
            assert_eq!(got, expected, "{rows} x {depth} x {columns} at {level}");
        }
    }
}

#[test]
fn bfloat16_matches_its_reference_whatever_the_strides() {
    let _serial = serial();
    for level in levels().into_iter().filter(|&level| Pairs::new(level).is_some()) {
        for (rows, depth, columns) in [(1, 1, 1), (5, 17, 33), (100, 700, 70), (13, 512, 16), (300, 7, 100)] {
            for transposed in [(false, false), (true, false), (false, true), (true, true)] {
                let (mut a, b) = (noise(1, rows * depth), noise(2, depth * columns));
                let c = noise(3, rows * columns);
                a[0] = 1e-40;
                let bias = noise(4, columns);
                let run = |threads| {
                    pool::set_threads(threads).unwrap();
                    let (mut added, mut from_bias) = (c.clone(), c.clone());
                    let a = matrix(&a, rows, depth, transposed.0);
                    let b = matrix(&b, depth, columns, transposed.1);
                    let level = (level, Precision::Bfloat16);
                    gemm(level, a, b, MatrixMut::new(&mut added, rows, columns), true);
                    gemm_bias(level, a, b, &bias, MatrixMut::new(&mut from_bias, rows, columns));
                    [added, from_bias]
                };
                let got = run(3);
                assert_eq!(got, run(1));
                let wide = |values: &[f32]| values.iter().map(|&x| f64::from(x)).collect::<Vec<_>>();
                let first = [wide(&c), (0..rows).flat_map(|_| wide(&bias)).collect()];
                let (a, b) = (wide(&a), wide(&b));
                let flipped = |data, rows, columns, transposed| match transposed {
                    true => Matrix::new(data, columns, rows).transposed(),
                    false => Matrix::new(data, rows, columns),
                };
                let (a, b): (Matrix<'_, f64>, Matrix<'_, f64>) =
                    (flipped(&a, rows, depth, transposed.0), flipped(&b, depth, columns, transposed.1));
                let packed = reference::pack_matrix(b, Precision::Bfloat16);
                // Only the order and the roundings of the sums differ.
                let bound = 1e-6 * (depth as f64).sqrt() + 1e-6;
                for (got, mut exact) in got.iter().zip(first) {
                    reference::gemm_packed(a, &packed, MatrixMut::new(&mut exact, rows, columns), true);
                    for (got, exact) in got.iter().zip(&exact) {
                        let error = (f64::from(*got) - exact).abs();
                        assert!(error <= bound, "{rows} {depth} {columns} {transposed:?}: {got} {exact}");
                    }
                }
            }
        }
    }
}
