//! AArch64's NEON: four lanes, thirty-two registers.

use std::arch::aarch64::*;

use super::{Kernel, Simd};

/// Proof that the machine has NEON.
#[derive(Clone, Copy)]
pub(crate) struct Neon(());

impl Neon {
    /// # Safety
    /// The machine has NEON.
    pub(crate) unsafe fn new() -> Self {
        Self(())
    }
}

/// Wraps a call of intrinsics that only need the features.
macro_rules! with_features {
    ($body:expr) => {
        // SAFETY: the token proves that the machine has NEON; no memory is touched.
        #[allow(unused_unsafe, reason = "NEON is in the baseline of most AArch64 targets")]
        unsafe {
            $body
        }
    };
}

impl Simd for Neon {
    type Vector = float32x4_t;
    type Mask = uint32x4_t;
    const LANES: usize = 4;
    const MAX_ROWS: usize = 12;

    #[inline(always)]
    fn enter<K: Kernel>(self, kernel: K) -> K::Output {
        #[target_feature(enable = "neon")]
        fn with_features<K: Kernel>(kernel: K) -> K::Output {
            kernel.run(Neon(()))
        }
        // SAFETY: the token proves that the machine has NEON.
        #[allow(unused_unsafe, reason = "NEON is in the baseline of most AArch64 targets")]
        unsafe {
            with_features(kernel)
        }
    }

    #[inline(always)]
    fn splat(self, x: f32) -> float32x4_t {
        with_features!(vdupq_n_f32(x))
    }

    #[inline(always)]
    unsafe fn load(self, pointer: *const f32) -> float32x4_t {
        // SAFETY: by the caller's promise and the token.
        unsafe { vld1q_f32(pointer) }
    }

    #[inline(always)]
    unsafe fn store(self, pointer: *mut f32, x: float32x4_t) {
        // SAFETY: by the caller's promise and the token.
        unsafe { vst1q_f32(pointer, x) }
    }

    #[inline(always)]
    unsafe fn load_partial(self, pointer: *const f32, count: usize) -> float32x4_t {
        let mut lanes = [0.0f32; 4];
        // SAFETY: by the caller's promise; `count` is below 4.
        unsafe {
            pointer.copy_to_nonoverlapping(lanes.as_mut_ptr(), count.min(4));
            vld1q_f32(lanes.as_ptr())
        }
    }

    #[inline(always)]
    unsafe fn store_partial(self, pointer: *mut f32, x: float32x4_t, count: usize) {
        let mut lanes = [0.0f32; 4];
        // SAFETY: by the caller's promise; `count` is below 4.
        unsafe {
            vst1q_f32(lanes.as_mut_ptr(), x);
            pointer.copy_from_nonoverlapping(lanes.as_ptr(), count.min(4));
        }
    }

    /// Stable Rust has no prefetch for AArch64; its hardware prefetchers follow packed panels well.
    #[inline(always)]
    fn prefetch(self, _: *const f32) {}

    #[inline(always)]
    fn add(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        with_features!(vaddq_f32(a, b))
    }

    #[inline(always)]
    fn sub(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        with_features!(vsubq_f32(a, b))
    }

    #[inline(always)]
    fn mul(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        with_features!(vmulq_f32(a, b))
    }

    #[inline(always)]
    fn div(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        with_features!(vdivq_f32(a, b))
    }

    #[inline(always)]
    fn mul_add(self, a: float32x4_t, b: float32x4_t, c: float32x4_t) -> float32x4_t {
        with_features!(vfmaq_f32(c, a, b))
    }

    #[inline(always)]
    fn min(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        with_features!(vminq_f32(a, b))
    }

    #[inline(always)]
    fn max(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        with_features!(vmaxq_f32(a, b))
    }

    #[inline(always)]
    fn abs(self, x: float32x4_t) -> float32x4_t {
        with_features!(vabsq_f32(x))
    }

    #[inline(always)]
    fn copy_sign(self, magnitude: float32x4_t, sign: float32x4_t) -> float32x4_t {
        with_features!(vbslq_f32(vdupq_n_u32(0x8000_0000), sign, magnitude))
    }

    #[inline(always)]
    fn power_of_two(self, n: float32x4_t) -> float32x4_t {
        with_features!(vreinterpretq_f32_s32(vshlq_n_s32::<23>(vreinterpretq_s32_f32(n))))
    }

    #[inline(always)]
    fn less(self, a: float32x4_t, b: float32x4_t) -> uint32x4_t {
        with_features!(vcltq_f32(a, b))
    }

    #[inline(always)]
    fn is_nan(self, x: float32x4_t) -> uint32x4_t {
        with_features!(vmvnq_u32(vceqq_f32(x, x)))
    }

    #[inline(always)]
    fn select(self, mask: uint32x4_t, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        with_features!(vbslq_f32(mask, a, b))
    }
}
