//! x86-64 with AVX2, and with AVX-VNNI.

use std::arch::x86_64::*;

use super::dot::{Dot, DotKernel};
use crate::simd::Avx2;

/// Wraps a call of intrinsics that only need the features.
macro_rules! with_features {
    ($body:expr) => {
        // SAFETY: the token proves that the machine has the features; no memory is touched.
        unsafe { $body }
    };
}

/// Proof that the machine has AVX2 and FMA.
#[derive(Clone, Copy)]
pub(super) struct Avx2Dot(Avx2);

/// Proof that the machine has AVX2, FMA and AVX-VNNI.
#[derive(Clone, Copy)]
pub(super) struct AvxVnniDot(Avx2);

impl Avx2Dot {
    /// # Safety
    /// The machine has AVX2 and FMA.
    pub(super) unsafe fn new() -> Self {
        // SAFETY: by the caller's promise.
        Self(unsafe { Avx2::new() })
    }
}

impl AvxVnniDot {
    /// # Safety
    /// The machine has AVX2, FMA and AVX-VNNI.
    pub(super) unsafe fn new() -> Self {
        // SAFETY: by the caller's promise.
        Self(unsafe { Avx2::new() })
    }
}

/// What both have in common.
macro_rules! eight_lanes {
    ($features:literal, $name:ident) => {
        type Float = Avx2;
        type Sums = __m256i;
        type Weights = __m256i;

        fn float(self) -> Avx2 {
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
        fn zero(self) -> __m256i {
            with_features!(_mm256_setzero_si256())
        }

        #[inline(always)]
        unsafe fn load(self, pointer: *const i32) -> __m256i {
            // SAFETY: by the caller's promise and the token.
            unsafe { _mm256_loadu_si256(pointer.cast()) }
        }

        #[inline(always)]
        unsafe fn weights(self, pointer: *const i8) -> __m256i {
            // SAFETY: by the caller's promise and the token.
            unsafe { _mm256_loadu_si256(pointer.cast()) }
        }

        #[inline(always)]
        fn subtract(self, a: __m256i, b: __m256i) -> __m256i {
            with_features!(_mm256_sub_epi32(a, b))
        }

        #[inline(always)]
        fn to_float(self, sums: __m256i) -> __m256 {
            with_features!(_mm256_cvtepi32_ps(sums))
        }
    };
}

impl Dot for Avx2Dot {
    eight_lanes!("avx2,fma", Avx2Dot);
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

    /// `vpmaddubsw` multiplies numbers without a sign by numbers with one: so the magnitude of x, and w with the sign of
    /// x. Both are at most 127, so that no pair of products saturates: 2 · 127² < 2^15.
    #[inline(always)]
    fn dot(self, sums: __m256i, [x, magnitude]: [__m256i; 2], weights: __m256i) -> __m256i {
        with_features!({
            let pairs = _mm256_maddubs_epi16(magnitude, _mm256_sign_epi8(weights, x));
            _mm256_add_epi32(sums, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)))
        })
    }
}

impl Dot for AvxVnniDot {
    eight_lanes!("avx2,fma,avxvnni", AvxVnniDot);
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
