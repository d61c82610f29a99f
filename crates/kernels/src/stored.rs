//! Numbers as files have them.

use std::array::from_fn;

/// The memory of numbers, for the bytes of a file.
pub fn bytes_of_mut(values: &mut [f32]) -> &mut [u8] {
    let length = size_of_val(values);
    // SAFETY: the same memory, borrowed exclusively for as long; a byte needs no alignment, and whatever bytes are written are numbers.
    unsafe { std::slice::from_raw_parts_mut(values.as_mut_ptr().cast(), length) }
}

/// Floating-point types of two bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Half {
    /// binary16 of IEEE 754.
    Float16,
    /// The upper half of a float32.
    Bfloat16,
}

/// How many numbers are widened at once.
const RUN: usize = 1024;

impl Half {
    /// Makes numbers of as many little-endian ones of two bytes, which are in the second half of their memory.
    pub fn widen(self, values: &mut [f32]) {
        match self {
            Self::Float16 => widen(values, from_float16),
            Self::Bfloat16 => widen(values, |bits| f32::from_bits(u32::from(bits) << 16)),
        }
    }
}

/// Never writes over what it has yet to read: that lies behind at least as far as it is long.
fn widen(values: &mut [f32], wide: impl Fn(u16) -> f32) {
    let count = values.len();
    for from in (0..count).step_by(RUN) {
        let length = RUN.min(count - from);
        let bytes = bytes_of_mut(values);
        let words = bytes[2 * (count + from)..][..2 * length].as_chunks::<2>().0;
        let run: [u16; RUN] = from_fn(|at| words.get(at).map_or(0, |&word| u16::from_le_bytes(word)));
        values[from..][..length].iter_mut().zip(run).for_each(|(value, bits)| *value = wide(bits));
    }
}

/// The number that bits of binary16 stand for. Exact also where denormal numbers are flushed: none of float32 is in between.
fn from_float16(bits: u16) -> f32 {
    let (sign, rest) = (u32::from(bits & 0x8000) << 16, u32::from(bits & 0x7fff));
    let magnitude = match rest {
        ..0x0400 => (rest as f32 * f32::from_bits(0x3380_0000)).to_bits(),
        0x0400..0x7c00 => (rest << 13) + (112 << 23),
        _ => (rest << 13) | 0x7f80_0000,
    };
    f32::from_bits(sign | magnitude)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers of two bytes, widened.
    fn widened(half: Half, numbers: &[u16]) -> Vec<f32> {
        let mut values = vec![0.0; numbers.len()];
        let bytes = bytes_of_mut(&mut values);
        let second = &mut bytes[2 * numbers.len()..];
        second.as_chunks_mut::<2>().0.iter_mut().zip(numbers).for_each(|(word, n)| *word = n.to_le_bytes());
        half.widen(&mut values);
        values
    }

    #[test]
    fn all_numbers_of_binary16() {
        let all: Vec<u16> = (0..=u16::MAX).collect();
        for (bits, value) in all.iter().zip(widened(Half::Float16, &all)) {
            let (exponent, fraction) = (i32::from(bits >> 10 & 31), f64::from(bits & 1023));
            let size = match exponent {
                0 => fraction * 2.0_f64.powi(-24),
                31 if fraction == 0.0 => f64::INFINITY,
                31 => f64::NAN,
                _ => (1024.0 + fraction) * 2.0_f64.powi(exponent - 25),
            };
            assert_eq!(value.is_sign_negative(), bits >> 15 == 1, "{bits:#x}");
            assert!(f64::from(value.abs()) == size || (value.is_nan() && size.is_nan()), "{bits:#x}");
        }
    }

    #[test]
    fn any_count_of_bfloat16() {
        for count in [0, 1, 2, 3, RUN - 1, RUN, RUN + 1, 5 * RUN + 7] {
            let numbers: Vec<u16> = (0..count).map(|at| (at * 31) as u16).collect();
            let wanted: Vec<u32> = numbers.iter().map(|&bits| u32::from(bits) << 16).collect();
            let found: Vec<u32> =
                widened(Half::Bfloat16, &numbers).iter().map(|value| value.to_bits()).collect();
            assert_eq!(found, wanted);
        }
    }
}
