//! exp and the functions made of it.
//!
//! exp(x) = 2^n · e^r with n = round(x / ln 2) and r = x − n·ln 2, where ln 2 is split in two constants so that
//! n·LN_2_HIGH is exact even without fused multiplication. The polynomial for e^r is that of Cephes's `expf`.

use crate::simd::Simd;

/// 355 / 512, so that n·LN_2_HIGH needs few bits.
const LN_2_HIGH: f32 = 0.693_359_4;
const LN_2_LOW: f32 = -2.121_944_4e-4;
const COEFFICIENTS: [f32; 6] =
    [1.987_569_1e-4, 1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_6e-1, 0.5];

/// (n, e^r − 1) for x in the range where n fits an exponent.
#[inline(always)]
fn reduce<S: Simd>(s: S, x: S::Vector) -> (S::Vector, S::Vector) {
    let n = s.round(s.mul(x, s.splat(std::f32::consts::LOG2_E)));
    let r = s.mul_add(n, s.splat(-LN_2_HIGH), x);
    let r = s.mul_add(n, s.splat(-LN_2_LOW), r);
    let mut p = s.splat(COEFFICIENTS[0]);
    for c in &COEFFICIENTS[1..] {
        p = s.mul_add(p, r, s.splat(*c));
    }
    (n, s.mul_add(s.mul(r, r), p, r))
}

/// e^x, except that NaN gives some number.
#[inline(always)]
fn exp_of_number<S: Simd>(s: S, x: S::Vector) -> S::Vector {
    // Beyond these the result is 0 or infinite anyway.
    let x = s.min(s.max(x, s.splat(-104.0)), s.splat(89.0));
    let (n, p) = reduce(s, x);
    // n spans −150..=128, so the scale is applied in two halves.
    let half = s.round(s.mul(n, s.splat(0.5)));
    let y = s.mul(s.add(p, s.splat(1.0)), s.power_of_two(half));
    s.mul(y, s.power_of_two(s.sub(n, half)))
}

/// e^x.
#[inline(always)]
pub(super) fn exp<S: Simd>(s: S, x: S::Vector) -> S::Vector {
    s.select(s.is_nan(x), x, exp_of_number(s, x))
}

/// e^x − 1, accurate near 0, for x ≤ 64; NaN gives some number.
#[inline(always)]
fn exp_m1_of_number<S: Simd>(s: S, x: S::Vector) -> S::Vector {
    let (n, p) = reduce(s, s.max(x, s.splat(-20.0)));
    let scale = s.power_of_two(n);
    s.mul_add(scale, p, s.sub(scale, s.splat(1.0)))
}

/// e^x − 1 for x ≤ 64, accurate near 0.
#[inline(always)]
pub(super) fn exp_m1<S: Simd>(s: S, x: S::Vector) -> S::Vector {
    s.select(s.is_nan(x), x, exp_m1_of_number(s, x))
}

/// 1 / (1 + e^−x), computed from e^−|x| so that nothing overflows or cancels.
#[inline(always)]
pub(crate) fn sigmoid<S: Simd>(s: S, x: S::Vector) -> S::Vector {
    let zero = s.splat(0.0);
    let one = s.splat(1.0);
    let e = exp_of_number(s, s.sub(zero, s.abs(x)));
    let numerator = s.select(s.less(x, zero), e, one);
    s.select(s.is_nan(x), x, s.div(numerator, s.add(one, e)))
}

/// tanh(x) = m / (m + 2) with m = e^2|x| − 1, and the sign of x.
#[inline(always)]
pub(crate) fn tanh<S: Simd>(s: S, x: S::Vector) -> S::Vector {
    let magnitude = s.abs(x);
    let doubled = s.min(s.add(magnitude, magnitude), s.splat(20.0));
    let m = exp_m1_of_number(s, doubled);
    let y = s.copy_sign(s.div(m, s.add(m, s.splat(2.0))), x);
    s.select(s.is_nan(x), x, y)
}
