//! x86-64 with AVX-512 F, DQ, BW and VL, and with AVX-512 VNNI.

use std::arch::x86_64::*;

use super::dot::{Dot, DotKernel};
use crate::simd::Avx512;

/// Wraps a call of intrinsics that only need the features.
macro_rules! with_features {
    ($body:expr) => {
        // SAFETY: the token proves that the machine has the features; no memory is touched.
        unsafe { $body }
    };
}

/// Proof that the machine has AVX-512 F, DQ, BW and VL.
#[derive(Clone, Copy)]
pub(super) struct Avx512Dot(Avx512);

/// Proof that the machine has AVX-512 F, DQ, BW, VL and VNNI.
#[derive(Clone, Copy)]
pub(super) struct Avx512VnniDot(Avx512);

impl Avx512Dot {
    /// # Safety
    /// The machine has AVX-512 F, DQ, BW and VL.
    pub(super) unsafe fn new() -> Self {
        // SAFETY: by the caller's promise.
        Self(unsafe { Avx512::new() })
    }
}

impl Avx512VnniDot {
    /// # Safety
    /// The machine has AVX-512 F, DQ, BW, VL and VNNI.
    pub(super) unsafe fn new() -> Self {
        // SAFETY: by the caller's promise.
        Self(unsafe { Avx512::new() })
    }
}

/// What both have in common.
macro_rules! sixteen_lanes {
    ($features:literal, $name:ident) => {
        type Float = Avx512;
        type Sums = __m512i;
        type Group = __m512i;

        fn float(self) -> Avx512 {
            self.0
        }

        #[inline(always)]
        fn enter<K: DotKernel>(self, kernel: K) {
            #[target_feature(enable = $features)]
            fn with_features<K: DotKernel>(kernel: K, dot: $name) {
                // SAFETY: promised by whoever dispatches the kernel.
                unsafe { kernel.run(dot) }
            }
            // SAFETY: the token proves that the machine has the features.
            unsafe { with_features(kernel, self) }
        }

        #[inline(always)]
        fn zero(self) -> __m512i {
            with_features!(_mm512_setzero_si512())
        }

        #[inline(always)]
        unsafe fn load(self, pointer: *const i32) -> __m512i {
            // SAFETY: by the caller's promise and the token.
            unsafe { _mm512_loadu_si512(pointer.cast()) }
        }

        #[inline(always)]
        unsafe fn group(self, pointer: *const u8) -> __m512i {
            // SAFETY: by the caller's promise and the token.
            unsafe { _mm512_set1_epi32(pointer.cast::<i32>().read_unaligned()) }
        }

        #[inline(always)]
        fn subtract(self, a: __m512i, b: __m512i) -> __m512i {
            with_features!(_mm512_sub_epi32(a, b))
        }

        #[inline(always)]
        fn to_float(self, sums: __m512i) -> __m512 {
            with_features!(_mm512_cvtepi32_ps(sums))
        }
    };
}

impl Dot for Avx512Dot {
    sixteen_lanes!("avx512f,avx512dq,avx512bw,avx512vl,avx2,fma", Avx512Dot);
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
    sixteen_lanes!("avx512f,avx512dq,avx512bw,avx512vl,avx512vnni,avx2,fma", Avx512VnniDot);
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
