//! x86-64 with AVX-512 F, DQ, BW and VL, and optionally BF16: sixteen lanes, thirty-two registers, mask registers.

use std::arch::x86_64::*;

use super::{Kernel, Simd};

/// Proof that the machine has AVX-512 F, DQ, BW and VL, and BF16 if `PAIRS`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Avx512<const PAIRS: bool = false>(());

impl<const PAIRS: bool> Avx512<PAIRS> {
    /// # Safety
    /// The machine has these features.
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

const fn lanes_below(count: usize) -> __mmask16 {
    ((1u32 << count) - 1) as __mmask16
}

impl<const PAIRS: bool> Simd for Avx512<PAIRS> {
    type Vector = __m512;
    type Mask = __mmask16;
    const LANES: usize = 16;
    const MAX_ROWS: usize = 8;

    #[inline(always)]
    fn enter<K: Kernel>(self, kernel: K) -> K::Output {
        #[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl,avx2,fma")]
        fn with_features<K: Kernel>(kernel: K) -> K::Output {
            kernel.run(Avx512::<false>(()))
        }
        #[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl,avx512bf16,avx2,fma")]
        fn with_pairs<K: Kernel>(kernel: K) -> K::Output {
            kernel.run(Avx512::<true>(()))
        }
        // SAFETY: the token proves that the machine has the features.
        unsafe { if PAIRS { with_pairs(kernel) } else { with_features(kernel) } }
    }

    #[inline(always)]
    fn to_pairs(self, first: __m512, second: __m512) -> __m512 {
        assert!(PAIRS);
        // SAFETY: the token proves that the machine has the features; the types are 64 bytes of numbers.
        unsafe { std::mem::transmute(_mm512_cvtne2ps_pbh(second, first)) }
    }

    #[inline(always)]
    fn zip_pairs(self, first: __m512, second: __m512) -> __m512 {
        // Numbers i and 16 + i side by side.
        const ORDER: [u16; 32] = {
            let mut order = [0; 32];
            let mut i = 0;
            while i < 32 {
                order[i] = (i / 2 + i % 2 * 16) as u16;
                i += 1;
            }
            order
        };
        let pairs = self.to_pairs(first, second);
        with_features!({
            let order = _mm512_loadu_si512(ORDER.as_ptr().cast());
            _mm512_castsi512_ps(_mm512_permutexvar_epi16(order, _mm512_castps_si512(pairs)))
        })
    }

    #[inline(always)]
    fn mul_add_pairs(self, a: __m512, b: __m512, c: __m512) -> __m512 {
        assert!(PAIRS);
        // SAFETY: as above.
        unsafe {
            _mm512_dpbf16_ps(
                c,
                std::mem::transmute::<__m512, __m512bh>(a),
                std::mem::transmute::<__m512, __m512bh>(b),
            )
        }
    }

    #[inline(always)]
    fn splat(self, x: f32) -> __m512 {
        with_features!(_mm512_set1_ps(x))
    }

    #[inline(always)]
    unsafe fn load(self, pointer: *const f32) -> __m512 {
        // SAFETY: by the caller's promise and the token.
        unsafe { _mm512_loadu_ps(pointer) }
    }

    #[inline(always)]
    unsafe fn store(self, pointer: *mut f32, x: __m512) {
        // SAFETY: by the caller's promise and the token.
        unsafe { _mm512_storeu_ps(pointer, x) }
    }

    #[inline(always)]
    unsafe fn load_partial(self, pointer: *const f32, count: usize) -> __m512 {
        // SAFETY: lanes outside of the mask are not read; the rest by the caller's promise and the token.
        unsafe { _mm512_maskz_loadu_ps(lanes_below(count), pointer) }
    }

    #[inline(always)]
    unsafe fn store_partial(self, pointer: *mut f32, x: __m512, count: usize) {
        // SAFETY: lanes outside of the mask are not written; the rest by the caller's promise and the token.
        unsafe { _mm512_mask_storeu_ps(pointer, lanes_below(count), x) }
    }

    #[inline(always)]
    fn prefetch(self, pointer: *const f32) {
        with_features!(_mm_prefetch::<_MM_HINT_T0>(pointer.cast()));
    }

    #[inline(always)]
    fn add(self, a: __m512, b: __m512) -> __m512 {
        with_features!(_mm512_add_ps(a, b))
    }

    #[inline(always)]
    fn sub(self, a: __m512, b: __m512) -> __m512 {
        with_features!(_mm512_sub_ps(a, b))
    }

    #[inline(always)]
    fn mul(self, a: __m512, b: __m512) -> __m512 {
        with_features!(_mm512_mul_ps(a, b))
    }

    #[inline(always)]
    fn div(self, a: __m512, b: __m512) -> __m512 {
        with_features!(_mm512_div_ps(a, b))
    }

    #[inline(always)]
    fn mul_add(self, a: __m512, b: __m512, c: __m512) -> __m512 {
        with_features!(_mm512_fmadd_ps(a, b, c))
    }

    #[inline(always)]
    fn min(self, a: __m512, b: __m512) -> __m512 {
        with_features!(_mm512_min_ps(a, b))
    }

    #[inline(always)]
    fn max(self, a: __m512, b: __m512) -> __m512 {
        with_features!(_mm512_max_ps(a, b))
    }

    #[inline(always)]
    fn abs(self, x: __m512) -> __m512 {
        with_features!(_mm512_abs_ps(x))
    }

    #[inline(always)]
    fn copy_sign(self, magnitude: __m512, sign: __m512) -> __m512 {
        with_features!({
            let bit = _mm512_set1_ps(-0.0);
            _mm512_or_ps(_mm512_andnot_ps(bit, magnitude), _mm512_and_ps(bit, sign))
        })
    }

    #[inline(always)]
    fn power_of_two(self, n: __m512) -> __m512 {
        with_features!(_mm512_castsi512_ps(_mm512_slli_epi32::<23>(_mm512_castps_si512(n))))
    }

    #[inline(always)]
    fn less(self, a: __m512, b: __m512) -> __mmask16 {
        with_features!(_mm512_cmp_ps_mask::<_CMP_LT_OQ>(a, b))
    }

    #[inline(always)]
    fn is_nan(self, x: __m512) -> __mmask16 {
        with_features!(_mm512_cmp_ps_mask::<_CMP_UNORD_Q>(x, x))
    }

    #[inline(always)]
    fn select(self, mask: __mmask16, a: __m512, b: __m512) -> __m512 {
        with_features!(_mm512_mask_blend_ps(mask, b, a))
    }
}
