//! AArch64's NEON, with and without its dot product.

use std::arch::aarch64::*;

use super::dot::{Dot, DotKernel};
use crate::simd::Neon;

/// Wraps a call of intrinsics that only need the features.
macro_rules! with_features {
    ($body:expr) => {
        // SAFETY: the token proves that the machine has the features; no memory is touched.
        #[allow(unused_unsafe, reason = "NEON is in the baseline of most AArch64 targets")]
        unsafe {
            $body
        }
    };
}

/// Proof that the machine has NEON and, if `SDOT`, the dot product.
#[derive(Clone, Copy)]
pub(super) struct NeonDot<const SDOT: bool>(Neon);

impl<const SDOT: bool> NeonDot<SDOT> {
    /// # Safety
    /// The machine has NEON and, if `SDOT`, the dot product.
    pub(super) unsafe fn new() -> Self {
        // SAFETY: by the caller's promise.
        Self(unsafe { Neon::new() })
    }
}

impl<const SDOT: bool> Dot for NeonDot<SDOT> {
    type Float = Neon;
    type Sums = int32x4_t;
    type Weights = int8x16_t;
    type Group = int8x16_t;
    const OFFSET: u8 = 0;
    const MAX_ROWS: usize = 8;

    fn float(self) -> Neon {
        self.0
    }

    #[inline(always)]
    fn enter<K: DotKernel>(self, kernel: K) {
        #[target_feature(enable = "neon")]
        fn without<K: DotKernel, D: Dot>(kernel: K, dot: D) {
            // SAFETY: promised by whoever dispatches the kernel.
            unsafe { kernel.run(dot) }
        }
        #[target_feature(enable = "neon,dotprod")]
        fn with<K: DotKernel, D: Dot>(kernel: K, dot: D) {
            // SAFETY: promised by whoever dispatches the kernel.
            unsafe { kernel.run(dot) }
        }
        // SAFETY: the token proves that the machine has the features.
        #[allow(unused_unsafe, reason = "NEON is in the baseline of most AArch64 targets")]
        unsafe {
            if SDOT { with(kernel, self) } else { without(kernel, self) }
        }
    }

    #[inline(always)]
    fn zero(self) -> int32x4_t {
        with_features!(vdupq_n_s32(0))
    }

    #[inline(always)]
    unsafe fn load(self, pointer: *const i32) -> int32x4_t {
        // SAFETY: by the caller's promise and the token.
        unsafe { vld1q_s32(pointer) }
    }

    #[inline(always)]
    unsafe fn weights(self, pointer: *const i8) -> int8x16_t {
        // SAFETY: by the caller's promise and the token.
        unsafe { vld1q_s8(pointer) }
    }

    #[inline(always)]
    unsafe fn group(self, pointer: *const u8) -> int8x16_t {
        // SAFETY: by the caller's promise and the token.
        unsafe { vreinterpretq_s8_s32(vdupq_n_s32(pointer.cast::<i32>().read_unaligned())) }
    }

    #[inline(always)]
    fn dot(self, sums: int32x4_t, group: int8x16_t, weights: int8x16_t) -> int32x4_t {
        if SDOT {
            let mut result = sums;
            // SAFETY: the token proves that the machine has the instruction, for which there is no stable intrinsic.
            unsafe {
                std::arch::asm!(
                    ".arch_extension dotprod",
                    "sdot {sums:v}.4s, {group:v}.16b, {weights:v}.16b",
                    sums = inout(vreg) result,
                    group = in(vreg) group,
                    weights = in(vreg) weights,
                    options(pure, nomem, nostack, preserves_flags)
                );
            }
            return result;
        }
        with_features!({
            let low = vmull_s8(vget_low_s8(group), vget_low_s8(weights));
            let high = vmull_high_s8(group, weights);
            // Sums of two products: at most 2 · 127² < 2^15.
            vpadalq_s16(sums, vpaddq_s16(low, high))
        })
    }

    #[inline(always)]
    fn subtract(self, a: int32x4_t, b: int32x4_t) -> int32x4_t {
        with_features!(vsubq_s32(a, b))
    }

    #[inline(always)]
    fn to_float(self, sums: int32x4_t) -> float32x4_t {
        with_features!(vcvtq_f32_s32(sums))
    }
}
