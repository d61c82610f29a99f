use super::matrix::{gemm, pack_for};
use super::unit::{Unit, available};
use super::*;
use crate::simd::lanes;
use crate::tests::{levels, noise, serial};
use crate::{Matrix, MatrixMut, pool, reference};

/// Integers and scales of the columns of a matrix.
fn quantized(depth: usize, columns: usize, transposed: bool) -> (Vec<i8>, Vec<f32>) {
    let numbers = noise(7, depth * columns);
    let mut values = vec![0; depth * columns];
    let scales = (0..columns)
        .map(|column| {
            let at = |k: usize| if transposed { column * depth + k } else { k * columns + column };
            let channel = (0..depth).map(|k| numbers[at(k)] * (1.0 + column as f32));
            quantize(channel, |k, value| values[at(k)] = value)
        })
        .collect();
    (values, scales)
}

/// Every way to multiply that this machine has, with the lanes that go with it.
fn units() -> Vec<(Unit, usize)> {
    let each = |level| available(level).into_iter().map(move |unit| (unit, lanes(level)));
    levels().into_iter().flat_map(each).collect()
}

#[test]
fn every_instruction_set_gives_the_bits_of_the_reference() {
    let _serial = serial();
    for (rows, depth, columns) in [
        (1, 1, 1),
        (1, 7, 300),
        (2, 33, 65),
        (3, 64, 70),
        (4, 130, 17),
        (7, 17, 33),
        (31, 65, 129),
        (64, 256, 40),
        (300, 5, 3),
        (5, 1000, 7),
    ] {
        for transposed in [false, true] {
            let (values, scales) = quantized(depth, columns, transposed);
            let b = Int8Matrix { values: &values, scales: &scales, rows: depth, columns, transposed };
            let a = noise(1, rows * depth);
            let a = Matrix::new(&a, rows, depth);
            for accumulate in [false, true] {
                let mut expected = noise(3, rows * columns);
                reference::gemm_int8(a, b, MatrixMut::new(&mut expected, rows, columns), accumulate);
                for (unit, lanes) in units() {
                    let packed = pack_for(unit, lanes, b).unwrap();
                    for threads in [1, 2, 3] {
                        pool::set_threads(threads).unwrap();
                        let mut got = noise(3, rows * columns);
                        gemm(a, &packed, MatrixMut::new(&mut got, rows, columns), accumulate);
                        assert_eq!(
                            got, expected,
                            "{unit:?}, {rows} x {depth} x {columns}, {threads} threads"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn the_largest_numbers_neither_saturate_nor_overflow() {
    let _serial = serial();
    for depth in [4, MAX_DEPTH] {
        for sign in [1, -1] {
            let values = vec![-127i8; depth];
            let b =
                Int8Matrix { values: &values, scales: &[1.0], rows: depth, columns: 1, transposed: false };
            let a = vec![127.0 * sign as f32; depth];
            for (unit, lanes) in units() {
                let mut got = [0.0];
                let c = MatrixMut::new(&mut got, 1, 1);
                gemm(Matrix::new(&a, 1, depth), &pack_for(unit, lanes, b).unwrap(), c, false);
                assert_eq!(got[0], (-127 * 127 * sign * depth as i64) as f32, "{unit:?}");
            }
        }
    }
}

#[test]
fn rows_without_numbers_are_zero_and_what_is_not_finite_stays_so() {
    let _serial = serial();
    let (values, scales) = quantized(5, 3, false);
    let b = Int8Matrix { values: &values, scales: &scales, rows: 5, columns: 3, transposed: false };
    for (unit, lanes) in units() {
        let packed = pack_for(unit, lanes, b).unwrap();
        for (bad, finite) in [(0.0, true), (1e-38, true), (f32::NAN, false), (f32::INFINITY, false)] {
            for place in 0..5 {
                let mut a = [0.0; 5];
                a[place] = bad;
                let mut got = [7.0; 3];
                gemm(Matrix::new(&a, 1, 5), &packed, MatrixMut::new(&mut got, 1, 3), false);
                assert!(
                    got.iter().all(|x| if finite { *x == 0.0 } else { !x.is_finite() }),
                    "{unit:?} {bad} {got:?}"
                );
            }
        }
    }
}

#[test]
fn what_integers_stand_for_gives_them_again() {
    for seed in 0..2000 {
        let size = f32::from_bits(0x3000_0000 + seed as u32 * 104_729);
        let numbers: Vec<f32> = noise(seed, 9).into_iter().map(|x| x * size).collect();
        let (mut first, mut second) = ([0; 9], [0; 9]);
        let scale = quantize(numbers.iter().copied(), |i, value| first[i] = value);
        let again =
            quantize(first.iter().map(|&value| f32::from(value) * scale), |i, value| second[i] = value);
        assert_eq!((first, scale), (second, again));
        for (x, value) in numbers.iter().zip(first) {
            assert!((x - f32::from(value) * scale).abs() <= 0.5001 * scale);
        }
        assert!(first.contains(&127) || first.contains(&-127));
    }
    assert_eq!(quantize([0.0, -0.0].into_iter(), |_, value| assert_eq!(value, 0)), 0.0);
    assert!(quantize([1.0, f32::NAN, 2.0].into_iter(), |_, _| {}).is_nan());
}
