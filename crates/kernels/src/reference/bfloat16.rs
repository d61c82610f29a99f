//! bfloat16: a sign, 8 bits of exponent as float32 has them, and 8 significant bits.

/// The nearest bfloat16, ties to even, as its products take it: denormals are zero.
pub fn rounded(x: f64) -> f64 {
    const LEAST: f64 = f32::MIN_POSITIVE as f64;
    let x = f64::from(x as f32);
    if !x.is_finite() {
        return x;
    }
    if x.abs() < LEAST {
        return 0.0;
    }
    // Of 8 significant bits, the last one.
    let unit = 2f64.powi(x.abs().log2().floor() as i32 - 7);
    let nearest = (x / unit).round_ties_even() * unit;
    // The next power of two after float32's exponents.
    if nearest.abs() >= 2f64.powi(128) { f64::INFINITY.copysign(x) } else { nearest }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bfloat16::round_to_bits;

    fn widened(bits: u16) -> f64 {
        f64::from(f32::from_bits(u32::from(bits) << 16))
    }

    #[test]
    fn halves_go_to_even() {
        for (x, expected) in [
            (1.0, 1.0),
            (1.0 + 1.0 / 256.0, 1.0),
            (1.0 + 3.0 / 256.0, 1.0 + 4.0 / 256.0),
            (-1.0 - 1.1 / 256.0, -1.0 - 2.0 / 256.0),
            (1e-39, 0.0),
            (3.4e38, f64::INFINITY),
            (f64::NEG_INFINITY, f64::NEG_INFINITY),
        ] {
            assert_eq!(rounded(x), expected, "{x}");
        }
        assert!(rounded(f64::NAN).is_nan());
    }

    #[test]
    fn the_bits_of_the_kernels_are_the_same() {
        // All upper halves, with lower ones around the ties.
        for upper in 0..=u16::MAX {
            for lower in [0, 1, 0x7fff, 0x8000, 0x8001, 0xffff] {
                let x = f32::from_bits(u32::from(upper) << 16 | lower);
                let got = widened(round_to_bits(x));
                if x.is_nan() {
                    assert!(got.is_nan(), "{x}");
                } else if x.is_normal() || x == 0.0 {
                    assert_eq!(got, rounded(f64::from(x)), "{x}");
                }
            }
        }
    }
}
