//! The error bounds of the mathematical functions, over a stride of float32 or over all of it.

use super::{activation, activation_backward, scaled_softmax_rows, softmax_rows, softmax_statistics};
use crate::tests::{levels, noise};
use crate::{Activation, reference};

/// Steps between two numbers of the same sign.
fn ulps(a: f32, b: f32) -> u64 {
    let order = |x: f32| {
        let bits = i64::from(x.to_bits() as i32);
        if bits < 0 { i64::from(i32::MIN) - bits } else { bits }
    };
    order(a).abs_diff(order(b))
}

const BOUNDS: [(Activation, u64); 3] =
    [(Activation::Exponential, 4), (Activation::Sigmoid, 4), (Activation::Tanh, 4)];

/// The largest error in ulps over the floats `start, start + stride, …`, and where it is.
fn worst(level: crate::simd::Detected, kind: Activation, start: u32, end: u64, stride: usize) -> (u64, f32) {
    let mut worst = (0, 0.0);
    let mut block = Vec::with_capacity(4096);
    let mut y = [0.0f32; 4096];
    let mut bits = (u64::from(start)..end).step_by(stride).peekable();
    while bits.peek().is_some() {
        block.clear();
        block.extend(bits.by_ref().take(4096).map(|b| f32::from_bits(b as u32)));
        let y = &mut y[..block.len()];
        activation(level, kind, &block, y);
        for (&x, &got) in block.iter().zip(&*y) {
            let exact = reference::activate(kind, f64::from(x)) as f32;
            assert_eq!(got.is_nan(), exact.is_nan(), "{kind:?} of {x} at {level} is {got}");
            // Below the normal range a flushed zero is right as well.
            if got.is_nan() || (got == 0.0 && exact.abs() < f32::MIN_POSITIVE) {
                continue;
            }
            let error = ulps(got, exact);
            if error > worst.0 {
                worst = (error, x);
            }
        }
    }
    worst
}

#[test]
fn a_stride_of_floats() {
    for level in levels() {
        for (kind, bound) in BOUNDS {
            let (error, x) = worst(level, kind, 0, 1 << 32, 1009);
            assert!(error <= bound, "{kind:?} at {level}: {error} ulp at {x}");
        }
    }
}

/// All of float32: `cargo test --release -p seqloom-kernels every_float -- --ignored --nocapture`.
#[test]
#[ignore = "takes minutes"]
fn every_float() {
    use std::io::Write;
    for level in levels() {
        for (kind, bound) in BOUNDS {
            let (error, x) = worst(level, kind, 0, 1 << 32, 1);
            let _ = writeln!(std::io::stderr(), "{level} {kind:?}: {error} ulp at {x:e}");
            assert!(error <= bound);
        }
    }
}

#[test]
fn activations_match_the_reference() {
    let _serial = crate::tests::serial();
    for level in levels() {
        for kind in Activation::ALL {
            for length in [0, 1, 7, 17, 33, 65, 40_001] {
                let mut x: Vec<f32> = (0..length).map(|i| (i as f32 * 0.37 + 0.11) % 19.0 - 9.0).collect();
                let specials = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 0.0, -0.0, 1e-30, 100.0, -100.0];
                x.iter_mut().zip(specials).for_each(|(x, special)| *x = special);
                let mut y = vec![0.0; length];
                activation(level, kind, &x, &mut y);
                for (&x, &y) in x.iter().zip(&y) {
                    let exact = reference::activate(kind, f64::from(x)) as f32;
                    let close = (y - exact).abs() <= 1e-6 * exact.abs().max(1e-3) || y == exact;
                    assert!(close || (y.is_nan() && exact.is_nan()), "{kind:?}({x}) at {level}: {y} {exact}");
                }
                let dy: Vec<f32> = (0..length).map(|i| (i as f32 * 0.7) % 2.0 - 1.0).collect();
                let mut dx = vec![0.5; length];
                let mut expected = dx.clone();
                activation_backward(level, kind, &x, &y, &dy, &mut dx);
                reference::activation_backward(kind, &x, &y, &dy, &mut expected);
                for (a, b) in dx.iter().zip(&expected) {
                    let close = (a - b).abs() <= 1e-6 * b.abs().max(1.0) || a == b;
                    assert!(close || (a.is_nan() && b.is_nan()), "{kind:?} at {level}: {a} {b}");
                }
            }
        }
    }
}

#[test]
fn softmax_matches_the_reference() {
    let _serial = crate::tests::serial();
    for level in levels() {
        for (rows, columns) in [(0, 3), (1, 1), (3, 7), (2, 17), (5, 33), (1, 65), (2000, 33)] {
            let x: Vec<f32> = (0..rows * columns).map(|i| (i as f32 * 1.7) % 23.0 - 11.0).collect();
            let mut y = vec![0.0; x.len()];
            let mut expected = y.clone();
            softmax_rows(level, &x, columns, &mut y);
            reference::softmax_rows(&x, columns, &mut expected);
            for (a, b) in y.iter().zip(&expected) {
                assert!((a - b).abs() <= 1e-6 * b.abs().max(1e-6), "{level}: {a} {b}");
            }
        }
        let mut y = [0.0; 3];
        softmax_rows(level, &[1.0, f32::NAN, 2.0], 3, &mut y);
        assert!(y.iter().all(|y| y.is_nan()));
        softmax_rows(level, &[1e30, f32::NEG_INFINITY, 1e30], 3, &mut y);
        assert_eq!(y, [0.5, 0.0, 0.5]);
    }
}

#[test]
fn softmax_in_two_passes_matches_the_reference() {
    let _serial = crate::tests::serial();
    for level in levels() {
        for (rows, columns) in [(1, 1), (5, 3), (7, 16), (40, 65), (33, 2000)] {
            let x: Vec<f32> = noise(7, rows * columns).iter().map(|x| x * 30.0).collect();
            let scales: Vec<f32> =
                (0..rows).map(|row| if row == 2 { 0.0 } else { 0.5 + row as f32 }).collect();
            let wide = |x: &[f32]| x.iter().map(|&x| f64::from(x)).collect::<Vec<_>>();
            for accumulate in [false, true] {
                let (mut statistics, mut exact) = (vec![[0.0; 2]; rows], vec![[0.0; 2]; rows]);
                let mut y = noise(8, rows * columns);
                let mut expected = wide(&y);
                softmax_statistics(level, &x, columns, &mut statistics);
                scaled_softmax_rows(level, &x, columns, &statistics, &scales, accumulate, &mut y);
                reference::softmax_statistics(&wide(&x), columns, &mut exact);
                let scales = wide(&scales);
                reference::scaled_softmax_rows(
                    &wide(&x),
                    columns,
                    &exact,
                    &scales,
                    accumulate,
                    &mut expected,
                );
                for (y, expected) in y.iter().zip(expected) {
                    let error = (f64::from(*y) - expected).abs();
                    assert!(error <= 1e-5 * expected.abs() + 1e-6, "{y} {expected} at {level}");
                }
            }
        }
    }
}
