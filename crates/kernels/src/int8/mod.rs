//! Products with int8 weights, for inference.
//!
//! A weight is an integer from −127 to 127 times the scale of its output channel. The rows of the left matrix are
//! quantized when they are multiplied, each with a scale of its own, to integers of the same range. Their products are
//! summed as 32-bit integers, without rounding and without overflow up to [`MAX_DEPTH`]: the sums are the same on every
//! instruction set and for any number of threads. A result is the sum, as a float, times the row's scale, times the
//! channel's.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod dot;
mod matrix;
#[cfg(target_arch = "aarch64")]
mod neon;
mod panels;
mod plain;
mod product;
mod rows;
#[cfg(test)]
mod tests;
mod unit;
#[cfg(target_arch = "x86_64")]
mod x86;

pub use matrix::Int8Packed;
pub(crate) use matrix::{gemm, pack, rows_of_piece};
pub(crate) use panels::Panels;
pub(crate) use product::Product;
pub(crate) use rows::{QuantizeRows, Quantized, quantized_words};
#[cfg(test)]
pub(crate) use unit::available;
pub(crate) use unit::{Unit, best, dispatch};

/// The instructions that products with int8 weights use: `scalar`, `avx2`, `avx-vnni`, `avx512`, `avx512-vnni`, `neon`
/// or `neon-dotprod`.
pub fn instructions() -> &'static str {
    best(crate::simd::active()).name()
}

/// The largest magnitude of a quantized number.
pub(crate) const LARGEST: f32 = 127.0;

/// The most terms of a sum: 127 · 127 · 131,072 is less than 2^31.
pub const MAX_DEPTH: usize = 1 << 17;

/// Quantized numbers that are multiplied and added at once.
pub(crate) const GROUP: usize = 4;

/// A matrix of integers with a scale for each row or for each column.
#[derive(Debug, Clone, Copy)]
pub struct Int8Matrix<'a> {
    /// The integers, from −127 to 127, row by row.
    pub values: &'a [i8],
    /// The scales, one for each output channel.
    pub scales: &'a [f32],
    /// Rows of the product's right matrix.
    pub rows: usize,
    /// Its columns: the output channels.
    pub columns: usize,
    /// Whether the integers are stored as `[columns, rows]`.
    pub transposed: bool,
}

impl Int8Matrix<'_> {
    /// # Panics
    /// If a slice does not have the length that follows from the sizes, or sums would overflow.
    pub(crate) fn check(&self) {
        assert_eq!(Some(self.values.len()), self.rows.checked_mul(self.columns), "length of the integers");
        assert_eq!(self.scales.len(), self.columns, "number of scales");
        assert!(self.rows <= MAX_DEPTH, "a sum of {} products could overflow", self.rows);
    }
}

/// Quantizes a channel; returns its scale. The scale is such that the numbers that the integers stand for give the same
/// integers and the same scale again. Numbers that are not finite give a scale that is not, either.
pub fn quantize(numbers: impl Iterator<Item = f32> + Clone, mut into: impl FnMut(usize, i8)) -> f32 {
    let largest = numbers.clone().fold(0.0f32, |largest, x| {
        if x.is_nan() || largest.is_nan() { f32::NAN } else { largest.max(x.abs()) }
    });
    let mut scale = scale_of(largest);
    // The scale of `LARGEST · scale` is `scale` but for rounding, after a step or two without exception.
    for _ in 0..4 {
        scale = scale_of(LARGEST * scale);
    }
    let factor = if scale > 0.0 { 1.0 / scale } else { 0.0 };
    for (i, x) in numbers.enumerate() {
        into(i, (x * factor).round_ties_even().clamp(-LARGEST, LARGEST) as i8);
    }
    scale
}

/// The scale of numbers up to `largest`; zero for those so small that its inverse would overflow.
#[inline(always)]
pub(crate) fn scale_of(largest: f32) -> f32 {
    if largest < SMALLEST { 0.0 } else { largest / LARGEST }
}

/// The least number that is told from zero if it is the largest one of its row or channel.
pub(crate) const SMALLEST: f32 = 1e-30;
