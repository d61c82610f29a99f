//! Plain Rust: eight lanes.

use super::GROUP;
use super::dot::{Dot, DotKernel};
use crate::simd::{Scalar, Simd};

/// Needs nothing of the machine.
#[derive(Clone, Copy)]
pub(super) struct Plain;

const LANES: usize = Scalar::LANES;

impl Dot for Plain {
    type Float = Scalar;
    type Sums = [i32; LANES];
    type Weights = [[i8; GROUP]; LANES];
    type Group = [i8; GROUP];
    const OFFSET: u8 = 0;
    const MAX_ROWS: usize = 2;

    fn float(self) -> Scalar {
        Scalar
    }

    #[inline(always)]
    fn enter<K: DotKernel>(self, kernel: K) {
        // SAFETY: promised by whoever dispatches the kernel.
        unsafe { kernel.run(self) }
    }

    #[inline(always)]
    fn zero(self) -> Self::Sums {
        [0; LANES]
    }

    #[inline(always)]
    unsafe fn load(self, pointer: *const i32) -> Self::Sums {
        // SAFETY: by the caller's promise.
        unsafe { pointer.cast::<Self::Sums>().read_unaligned() }
    }

    #[inline(always)]
    unsafe fn weights(self, pointer: *const i8) -> Self::Weights {
        // SAFETY: by the caller's promise.
        unsafe { pointer.cast::<Self::Weights>().read_unaligned() }
    }

    #[inline(always)]
    unsafe fn group(self, pointer: *const u8) -> Self::Group {
        // SAFETY: by the caller's promise.
        unsafe { pointer.cast::<Self::Group>().read_unaligned() }
    }

    #[inline(always)]
    fn dot(self, mut sums: Self::Sums, group: Self::Group, weights: Self::Weights) -> Self::Sums {
        for (sum, weights) in sums.iter_mut().zip(weights) {
            for (x, w) in group.into_iter().zip(weights) {
                *sum += i32::from(x) * i32::from(w);
            }
        }
        sums
    }

    #[inline(always)]
    fn subtract(self, mut a: Self::Sums, b: Self::Sums) -> Self::Sums {
        a.iter_mut().zip(b).for_each(|(a, b)| *a = a.wrapping_sub(b));
        a
    }

    #[inline(always)]
    fn to_float(self, sums: Self::Sums) -> <Scalar as Simd>::Vector {
        let floats = sums.map(|sum| sum as f32);
        // SAFETY: a vector of floats is there.
        unsafe { self.float().load(floats.as_ptr()) }
    }
}
