//! The instruction sets, one module each, and the choice among them, made once.
//!
//! A kernel is a `Kernel`: a struct of arguments whose body is generic over `Simd`. `dispatch` enters it through a
//! function compiled for the level's features. Bodies, and everything they call per vector, are `#[inline(always)]`:
//! code that is not inlined into that function is compiled without the features.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod level;
#[cfg(target_arch = "aarch64")]
mod neon;
mod pairs;
mod plain;
mod scalar;
mod vector;

#[cfg(target_arch = "x86_64")]
pub(crate) use avx2::Avx2;
#[cfg(target_arch = "x86_64")]
pub(crate) use avx512::Avx512;
pub(crate) use level::{Detected, active};
pub use level::{Level, SelectError, available, level};
#[cfg(target_arch = "aarch64")]
pub(crate) use neon::Neon;
pub(crate) use pairs::Pairs;
pub use pairs::{NoBfloat16, bfloat16};
pub use plain::{Plain, vectorised};
pub(crate) use scalar::Scalar;
pub(crate) use vector::{Kernel, Promised, ROUNDER, RawKernel, Simd};

/// Runs a kernel at a level.
pub(crate) fn dispatch<K: Kernel>(level: Detected, kernel: K) -> K::Output {
    match level.level() {
        Level::Scalar => Scalar.enter(kernel),
        // SAFETY: the level was detected, that is, the machine has its features.
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => unsafe { Avx2::new() }.enter(kernel),
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => unsafe { Avx512::<false>::new() }.enter(kernel),
        // SAFETY: as above.
        #[cfg(target_arch = "aarch64")]
        Level::Neon => unsafe { Neon::new() }.enter(kernel),
        #[allow(unreachable_patterns, reason = "the levels of other architectures")]
        other => unreachable!("{other} is never detected here"),
    }
}

/// Lanes of a level's vectors.
pub(crate) const fn lanes(level: Detected) -> usize {
    match level.level() {
        Level::Scalar | Level::Avx2 => 8,
        Level::Avx512 => 16,
        Level::Neon => 4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Lanes;
    impl Kernel for Lanes {
        type Output = usize;
        fn run<S: Simd>(self, _: S) -> usize {
            S::LANES
        }
    }

    #[test]
    fn lanes_agree_with_the_vectors() {
        for level in crate::tests::levels() {
            assert_eq!(dispatch(level, Lanes), lanes(level));
        }
    }
}
