//! Arithmetic that generic code needs of `f32` and `f64`.

use std::fmt::{Debug, Display};
use std::iter::Sum;
use std::ops::{Add, AddAssign, Div, DivAssign, Mul, MulAssign, Neg, Sub, SubAssign};

use crate::Zeroable;

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for f64 {}
}

/// A real number: `f32` or `f64`.
pub trait Real:
    sealed::Sealed
    + Zeroable
    + Default
    + Debug
    + Display
    + PartialEq
    + PartialOrd
    + Send
    + Sync
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + AddAssign
    + SubAssign
    + MulAssign
    + DivAssign
    + Sum
{
    /// 0
    const ZERO: Self;
    /// 1
    const ONE: Self;
    /// The distance from 1 to the next number.
    const EPSILON: Self;
    /// +∞
    const INFINITY: Self;

    /// The nearest number.
    fn from_f64(x: f64) -> Self;
    /// The nearest number.
    fn from_usize(x: usize) -> Self;
    /// The nearest number.
    fn from_f32(x: f32) -> Self;
    /// The same number.
    fn to_f64(self) -> f64;
    /// The nearest `f32`.
    fn to_f32(self) -> f32;
    /// e^x
    fn exp(self) -> Self;
    /// e^x − 1, accurate near 0.
    fn exp_m1(self) -> Self;
    /// Natural logarithm.
    fn ln(self) -> Self;
    /// ln(1 + x), accurate near 0.
    fn ln_1p(self) -> Self;
    /// Square root.
    fn sqrt(self) -> Self;
    /// Hyperbolic tangent.
    fn tanh(self) -> Self;
    /// Complementary error function.
    fn erfc(self) -> Self;
    /// x^y
    fn powf(self, y: Self) -> Self;
    /// x^n
    fn powi(self, n: i32) -> Self;
    /// |x|
    fn abs(self) -> Self;
    /// The smaller number; the other if one is NaN.
    fn min(self, other: Self) -> Self;
    /// The larger number; the other if one is NaN.
    fn max(self, other: Self) -> Self;
    /// Neither infinite nor NaN.
    fn is_finite(self) -> bool;
    /// Not a number.
    fn is_nan(self) -> bool;
}

macro_rules! real {
    ($t:ident, $erfc:path) => {
        impl Real for $t {
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;
            const EPSILON: Self = $t::EPSILON;
            const INFINITY: Self = $t::INFINITY;

            fn from_f64(x: f64) -> Self {
                x as $t
            }
            fn from_usize(x: usize) -> Self {
                x as $t
            }
            fn from_f32(x: f32) -> Self {
                x as $t
            }
            fn to_f64(self) -> f64 {
                self as f64
            }
            fn to_f32(self) -> f32 {
                self as f32
            }
            fn exp(self) -> Self {
                $t::exp(self)
            }
            fn exp_m1(self) -> Self {
                $t::exp_m1(self)
            }
            fn ln(self) -> Self {
                $t::ln(self)
            }
            fn ln_1p(self) -> Self {
                $t::ln_1p(self)
            }
            fn sqrt(self) -> Self {
                $t::sqrt(self)
            }
            fn tanh(self) -> Self {
                $t::tanh(self)
            }
            fn erfc(self) -> Self {
                $erfc(self)
            }
            fn powf(self, y: Self) -> Self {
                $t::powf(self, y)
            }
            fn powi(self, n: i32) -> Self {
                $t::powi(self, n)
            }
            fn abs(self) -> Self {
                $t::abs(self)
            }
            fn min(self, other: Self) -> Self {
                $t::min(self, other)
            }
            fn max(self, other: Self) -> Self {
                $t::max(self, other)
            }
            fn is_finite(self) -> bool {
                $t::is_finite(self)
            }
            fn is_nan(self) -> bool {
                $t::is_nan(self)
            }
        }
    };
}

real!(f32, libm::erfcf);
real!(f64, libm::erfc);
