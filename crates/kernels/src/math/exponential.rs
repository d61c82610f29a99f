//! exp and the functions made of it.
//!
//! exp(x) = 2^n · e^r with n = round(x / ln 2) and r = x − n·ln 2, where ln 2 is split in two constants so that
//! n·LN_2_HIGH is exact even without fused multiplication. These functions are most of what the gates of a recurrent
//! cell cost, so they have no branches and no comparisons: bounds are applied by a minimum and a maximum that keep
//! NaN, and the quotients below are accurate for both signs.

use crate::simd::{ROUNDER, Simd};

/// 355 / 512, so that n·LN_2_HIGH needs few bits.
const LN_2_HIGH: f32 = 0.693_359_4;
const LN_2_LOW: f32 = -2.121_944_4e-4;
/// (e^r − 1 − r) / r² for |r| ≤ ln 2 / 2, from the constant term on: the polynomial of degree 4 with the least
/// greatest error, which in e^r is 2^-28.
const COEFFICIENTS: [f32; 5] = [0.499_999_94, 0.166_665_21, 0.041_668_39, 8.368_716e-3, 1.381_460_2e-3];

/// x, clamped to `low` and `high`; NaN stays NaN.
#[inline(always)]
fn clamp<S: Simd>(s: S, x: S::Vector, low: f32, high: f32) -> S::Vector {
    s.min(s.splat(high), s.max(s.splat(low), x))
}

/// (n + ROUNDER, e^r − 1) for |x| < 2^20.
#[inline(always)]
fn reduce<S: Simd>(s: S, x: S::Vector) -> (S::Vector, S::Vector) {
    let rounded = s.mul_add(x, s.splat(std::f32::consts::LOG2_E), s.splat(ROUNDER));
    let n = s.sub(rounded, s.splat(ROUNDER));
    let r = s.mul_add(n, s.splat(-LN_2_HIGH), x);
    let r = s.mul_add(n, s.splat(-LN_2_LOW), r);
    let [c0, c1, c2, c3, c4] = COEFFICIENTS;
    // Not Horner's rule: as many operations, but a shorter chain of dependent ones.
    let square = s.mul(r, r);
    let high = s.mul_add(s.splat(c4), square, s.mul_add(s.splat(c3), r, s.splat(c2)));
    let p = s.mul_add(high, square, s.mul_add(s.splat(c1), r, s.splat(c0)));
    (rounded, s.mul_add(p, square, r))
}

/// e^x.
#[inline(always)]
pub(super) fn exp<S: Simd>(s: S, x: S::Vector) -> S::Vector {
    // Beyond these the result is 0 or infinite anyway.
    let (rounded, p) = reduce(s, clamp(s, x, -104.0, 89.0));
    // n spans −150..=128, so the scale is applied in two halves.
    let rounder = s.splat(ROUNDER);
    let n = s.sub(rounded, rounder);
    let half = s.mul_add(n, s.splat(0.5), rounder);
    let rest = s.add(s.sub(n, s.sub(half, rounder)), rounder);
    s.mul(s.mul(s.add(p, s.splat(1.0)), s.power_of_two(half)), s.power_of_two(rest))
}

/// e^x − 1 for −87 ≤ x ≤ 88, accurate near 0.
#[inline(always)]
fn exp_m1_inside<S: Simd>(s: S, x: S::Vector) -> S::Vector {
    let (rounded, p) = reduce(s, x);
    let scale = s.power_of_two(rounded);
    s.mul_add(scale, p, s.sub(scale, s.splat(1.0)))
}

/// e^x − 1 for x ≤ 64, accurate near 0.
#[inline(always)]
pub(super) fn exp_m1<S: Simd>(s: S, x: S::Vector) -> S::Vector {
    exp_m1_inside(s, s.max(s.splat(-20.0), x))
}

/// 1 / (1 + e^−x); nothing cancels, and within the bounds nothing overflows.
#[inline(always)]
pub(crate) fn sigmoid<S: Simd>(s: S, x: S::Vector) -> S::Vector {
    let one = s.splat(1.0);
    let (rounded, p) = reduce(s, clamp(s, s.sub(s.splat(0.0), x), -87.0, 88.0));
    let scale = s.power_of_two(rounded);
    s.div(one, s.add(one, s.mul_add(scale, p, scale)))
}

/// tanh(x) = m / (m + 2) with m = e^2x − 1.
#[inline(always)]
pub(crate) fn tanh<S: Simd>(s: S, x: S::Vector) -> S::Vector {
    let m = exp_m1_inside(s, clamp(s, s.add(x, x), -20.0, 20.0));
    s.div(m, s.add(m, s.splat(2.0)))
}
