//! x86-64 with AVX2 and FMA: eight lanes, sixteen registers.

use std::arch::x86_64::*;

use super::{Kernel, Simd};

/// Proof that the machine has AVX2 and FMA.
#[derive(Clone, Copy)]
pub(crate) struct Avx2(());

impl Avx2 {
    /// # Safety
    /// The machine has AVX2 and FMA.
    pub(crate) unsafe fn new() -> Self {
        Self(())
    }
}

/// Wraps a call of intrinsics that only need the features.
macro_rules! with_features {
    ($body:expr) => {
        // SAFETY: the token proves that the machine has the features; no memory is touched.
        unsafe { $body }
    };
}

impl Avx2 {
    /// All ones in the lanes below `count`.
    #[inline(always)]
    fn lanes_below(self, count: usize) -> __m256i {
        with_features!({
            let lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
            _mm256_cmpgt_epi32(_mm256_set1_epi32(count as i32), lane)
        })
    }
}

impl Simd for Avx2 {
    type Vector = __m256;
    type Mask = __m256;
    const LANES: usize = 8;
    const MAX_ROWS: usize = 6;

    #[inline(always)]
    fn enter<K: Kernel>(self, kernel: K) -> K::Output {
        #[target_feature(enable = "avx2,fma")]
        fn with_features<K: Kernel>(kernel: K) -> K::Output {
            kernel.run(Avx2(()))
        }
        // SAFETY: the token proves that the machine has the features.
        unsafe { with_features(kernel) }
    }

    #[inline(always)]
    fn splat(self, x: f32) -> __m256 {
        with_features!(_mm256_set1_ps(x))
    }

    #[inline(always)]
    unsafe fn load(self, pointer: *const f32) -> __m256 {
        // SAFETY: by the caller's promise and the token.
        unsafe { _mm256_loadu_ps(pointer) }
    }

    #[inline(always)]
    unsafe fn store(self, pointer: *mut f32, x: __m256) {
        // SAFETY: by the caller's promise and the token.
        unsafe { _mm256_storeu_ps(pointer, x) }
    }

    #[inline(always)]
    unsafe fn load_partial(self, pointer: *const f32, count: usize) -> __m256 {
        // SAFETY: lanes outside of the mask are not read; the rest by the caller's promise and the token.
        unsafe { _mm256_maskload_ps(pointer, self.lanes_below(count)) }
    }

    #[inline(always)]
    unsafe fn store_partial(self, pointer: *mut f32, x: __m256, count: usize) {
        // SAFETY: lanes outside of the mask are not written; the rest by the caller's promise and the token.
        unsafe { _mm256_maskstore_ps(pointer, self.lanes_below(count), x) }
    }

    #[inline(always)]
    fn prefetch(self, pointer: *const f32) {
        with_features!(_mm_prefetch::<_MM_HINT_T0>(pointer.cast()));
    }

    #[inline(always)]
    fn add(self, a: __m256, b: __m256) -> __m256 {
        with_features!(_mm256_add_ps(a, b))
    }

    #[inline(always)]
    fn sub(self, a: __m256, b: __m256) -> __m256 {
        with_features!(_mm256_sub_ps(a, b))
    }

    #[inline(always)]
    fn mul(self, a: __m256, b: __m256) -> __m256 {
        with_features!(_mm256_mul_ps(a, b))
    }

    #[inline(always)]
    fn div(self, a: __m256, b: __m256) -> __m256 {
        with_features!(_mm256_div_ps(a, b))
    }

    #[inline(always)]
    fn mul_add(self, a: __m256, b: __m256, c: __m256) -> __m256 {
        with_features!(_mm256_fmadd_ps(a, b, c))
    }

    #[inline(always)]
    fn min(self, a: __m256, b: __m256) -> __m256 {
        with_features!(_mm256_min_ps(a, b))
    }

    #[inline(always)]
    fn max(self, a: __m256, b: __m256) -> __m256 {
        with_features!(_mm256_max_ps(a, b))
    }

    #[inline(always)]
    fn abs(self, x: __m256) -> __m256 {
        with_features!(_mm256_andnot_ps(_mm256_set1_ps(-0.0), x))
    }

    #[inline(always)]
    fn copy_sign(self, magnitude: __m256, sign: __m256) -> __m256 {
        with_features!({
            let bit = _mm256_set1_ps(-0.0);
            _mm256_or_ps(_mm256_andnot_ps(bit, magnitude), _mm256_and_ps(bit, sign))
        })
    }

    #[inline(always)]
    fn power_of_two(self, n: __m256) -> __m256 {
        with_features!(_mm256_castsi256_ps(_mm256_slli_epi32::<23>(_mm256_castps_si256(n))))
    }

    #[inline(always)]
    fn less(self, a: __m256, b: __m256) -> __m256 {
        with_features!(_mm256_cmp_ps::<_CMP_LT_OQ>(a, b))
    }

    #[inline(always)]
    fn is_nan(self, x: __m256) -> __m256 {
        with_features!(_mm256_cmp_ps::<_CMP_UNORD_Q>(x, x))
    }

    #[inline(always)]
    fn select(self, mask: __m256, a: __m256, b: __m256) -> __m256 {
        with_features!(_mm256_blendv_ps(b, a, mask))
    }
}
