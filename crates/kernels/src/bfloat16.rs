//! bfloat16: the upper half of a float32.

/// What products are computed with; sums, states and weights stay as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Precision {
    /// The numbers as they are.
    #[default]
    Float32,
    /// Factors rounded to bfloat16, where [`crate::simd::bfloat16`] says that this can be.
    Bfloat16,
}

/// The bits of the nearest bfloat16, ties to even. Infinities stay, too large numbers become infinite, and a NaN stays one,
/// quiet.
#[inline(always)]
pub fn round_to_bits(value: f32) -> u16 {
    let bits = value.to_bits();
    let rounded = bits.wrapping_add(0x7fff + (bits >> 16 & 1));
    (if value.is_nan() { bits | 0x0040_0000 } else { rounded } >> 16) as u16
}
