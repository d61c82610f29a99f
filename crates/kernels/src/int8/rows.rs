//! Rows of floats, quantized.

use super::dot::{Dot, DotKernel};
use super::{GROUP, LARGEST, SMALLEST};
use crate::simd::Simd;

/// Quantized rows: the numbers of row m begin at `numbers + m·stride`, and its scale is at `scales + m`.
#[derive(Clone, Copy)]
pub(crate) struct Quantized {
    pub(crate) numbers: *mut u8,
    pub(crate) stride: usize,
    pub(crate) scales: *mut f32,
}

/// Elements of `f32` that hold a number of quantized rows with their scales; `None` if that overflows.
pub(crate) fn quantized_words(rows: usize, depth: usize) -> Option<usize> {
    rows.checked_mul(depth.div_ceil(GROUP).checked_add(1)?)
}

impl Quantized {
    /// Places for quantized rows in a buffer of [`quantized_words`].
    pub(crate) fn within(buffer: *mut f32, rows: usize, depth: usize) -> Self {
        let words = depth.div_ceil(GROUP);
        Self { numbers: buffer.wrapping_add(rows).cast(), stride: words * GROUP, scales: buffer }
    }

    /// The rows from `row` on.
    pub(crate) fn from(self, row: usize) -> Self {
        Self {
            numbers: self.numbers.wrapping_add(row * self.stride),
            scales: self.scales.wrapping_add(row),
            ..self
        }
    }
}

/// Adding it rounds a number of less than 2^22 to an integer, ties to even, whose low bits are those of the sum.
const ROUNDER: f32 = 12_582_912.0;

/// Quantizes rows of floats, `row` apart.
///
/// Its promise is that the rows are readable and the quantized ones writable, and nobody else uses those.
pub(crate) struct QuantizeRows {
    pub(crate) from: *const f32,
    pub(crate) row: usize,
    pub(crate) rows: usize,
    pub(crate) depth: usize,
    pub(crate) into: Quantized,
}

impl DotKernel for QuantizeRows {
    #[inline(always)]
    unsafe fn run<D: Dot>(self, dot: D) {
        let s = dot.float();
        let lanes = D::Float::LANES;
        for row in 0..self.rows {
            // SAFETY: promised.
            let (x, into) = unsafe {
                (
                    std::slice::from_raw_parts(self.from.add(row * self.row), self.depth),
                    std::slice::from_raw_parts_mut(
                        self.into.numbers.add(row * self.into.stride),
                        self.into.stride,
                    ),
                )
            };
            let mut most = s.splat(0.0);
            for start in (0..self.depth).step_by(lanes) {
                // SAFETY: the numbers from `start` on are readable.
                let magnitude = s.abs(unsafe { s.load_up_to(x.as_ptr().add(start), self.depth - start) });
                // NaN stays, whether it comes or is there.
                most = s.select(s.is_nan(magnitude), magnitude, s.max(magnitude, most));
            }
            let mut largest = 0.0f32;
            for x in &s.to_lanes(most)[..lanes] {
                largest = if x.is_nan() || largest.is_nan() { f32::NAN } else { largest.max(*x) };
            }
            let factor = if largest < SMALLEST { 0.0 } else { LARGEST / largest };
            // SAFETY: promised.
            unsafe { *self.into.scales.add(row) = super::scale_of(largest) };
            for (into, x) in into.iter_mut().zip(x) {
                *into = ((x * factor + ROUNDER).to_bits() as u8).wrapping_add(D::OFFSET);
            }
            into[self.depth..].fill(0);
        }
    }
}
