//! x86-64 with AVX2, and with AVX-VNNI.

use std::arch::x86_64::*;

use super::dot::{Dot, DotKernel};
use super::x86::{frame, token, with_features};
use crate::simd::{Avx2, Simd};

token!(Avx2Dot(Avx2), "AVX2 and FMA");
token!(AvxVnniDot(Avx2), "AVX2, FMA and AVX-VNNI");

/// What both have in common.
macro_rules! eight_lanes {
    ($name:ident, $features:literal) => {
        frame! {
            $name(Avx2), $features, __m256i,
            _mm256_setzero_si256, _mm256_loadu_si256, _mm256_sub_epi32, _mm256_cvtepi32_ps
        }

        type Weights = __m256i;

        #[inline(always)]
        unsafe fn weights(self, pointer: *const i8) -> __m256i {
            // SAFETY: by the caller's promise and the token.
            unsafe { _mm256_loadu_si256(pointer.cast()) }
        }
    };
}

impl Dot for Avx2Dot {
    eight_lanes!(Avx2Dot, "avx2,fma");
    /// The numbers, and their magnitudes.
    type Group = [__m256i; 2];
    const OFFSET: u8 = 0;
    const MAX_ROWS: usize = 4;

    #[inline(always)]
    unsafe fn group(self, pointer: *const u8) -> [__m256i; 2] {
        // SAFETY: by the caller's promise and the token.
        unsafe {
            let x = _mm256_set1_epi32(pointer.cast::<i32>().read_unaligned());
            [x, _mm256_abs_epi8(x)]
        }
    }

    /// `vpmaddubsw` multiplies numbers without a sign by numbers with one: so the magnitude of x, and w with the sign
    /// of x. Both are at most 127, so that no pair of products saturates: 2 · 127² < 2^15.
    #[inline(always)]
    fn dot(self, sums: __m256i, [x, magnitude]: [__m256i; 2], weights: __m256i) -> __m256i {
        with_features!({
            let pairs = _mm256_maddubs_epi16(magnitude, _mm256_sign_epi8(weights, x));
            _mm256_add_epi32(sums, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)))
        })
    }
}

impl Dot for AvxVnniDot {
    eight_lanes!(AvxVnniDot, "avx2,fma,avxvnni");
    type Group = __m256i;
    const OFFSET: u8 = 128;
    const MAX_ROWS: usize = 5;

    #[inline(always)]
    unsafe fn group(self, pointer: *const u8) -> __m256i {
        // SAFETY: by the caller's promise and the token.
        unsafe { _mm256_set1_epi32(pointer.cast::<i32>().read_unaligned()) }
    }

    #[inline(always)]
    fn dot(self, sums: __m256i, group: __m256i, weights: __m256i) -> __m256i {
        with_features!(_mm256_dpbusd_avx_epi32(sums, group, weights))
    }
}
