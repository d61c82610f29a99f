//! x86-64 with AVX-512 F, DQ, BW and VL, and with AVX-512 VNNI.

use std::arch::x86_64::*;

use super::dot::{Dot, DotKernel};
use super::x86::{frame, token, with_features};
use crate::simd::{Avx512, Simd};

token!(Avx512Dot(Avx512), "AVX-512 F, DQ, BW and VL");
token!(Avx512VnniDot(Avx512), "AVX-512 F, DQ, BW, VL and VNNI");

/// What both have in common.
macro_rules! sixteen_lanes {
    ($name:ident, $features:literal) => {
        frame! {
            $name(Avx512), $features, __m512i,
            _mm512_setzero_si512, _mm512_loadu_si512, _mm512_sub_epi32, _mm512_cvtepi32_ps
        }

        type Group = __m512i;

        #[inline(always)]
        unsafe fn group(self, pointer: *const u8) -> __m512i {
            // SAFETY: by the caller's promise and the token.
            unsafe { _mm512_set1_epi32(pointer.cast::<i32>().read_unaligned()) }
        }
    };
}

impl Dot for Avx512Dot {
    sixteen_lanes!(Avx512Dot, "avx512f,avx512dq,avx512bw,avx512vl,avx2,fma");
    /// The magnitudes, and which are negative.
    type Weights = (__m512i, __mmask64);
    const OFFSET: u8 = 0;
    const MAX_ROWS: usize = 8;

    #[inline(always)]
    unsafe fn weights(self, pointer: *const i8) -> (__m512i, __mmask64) {
        // SAFETY: by the caller's promise and the token.
        unsafe {
            let weights = _mm512_loadu_si512(pointer.cast());
            (_mm512_abs_epi8(weights), _mm512_movepi8_mask(weights))
        }
    }

    /// As with AVX2, but the sign goes from w to x: there is no `vpsignb` of this width.
    #[inline(always)]
    fn dot(self, sums: __m512i, x: __m512i, (magnitude, negative): (__m512i, __mmask64)) -> __m512i {
        with_features!({
            let x = _mm512_mask_sub_epi8(x, negative, _mm512_setzero_si512(), x);
            let pairs = _mm512_maddubs_epi16(magnitude, x);
            _mm512_add_epi32(sums, _mm512_madd_epi16(pairs, _mm512_set1_epi16(1)))
        })
    }
}

impl Dot for Avx512VnniDot {
    sixteen_lanes!(Avx512VnniDot, "avx512f,avx512dq,avx512bw,avx512vl,avx512vnni,avx2,fma");
    type Weights = __m512i;
    const OFFSET: u8 = 128;
    const MAX_ROWS: usize = 8;

    #[inline(always)]
    unsafe fn weights(self, pointer: *const i8) -> __m512i {
        // SAFETY: by the caller's promise and the token.
        unsafe { _mm512_loadu_si512(pointer.cast()) }
    }

    #[inline(always)]
    fn dot(self, sums: __m512i, group: __m512i, weights: __m512i) -> __m512i {
        with_features!(_mm512_dpbusd_epi32(sums, group, weights))
    }
}
