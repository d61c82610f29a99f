//! Whether products of bfloat16 can run, and the way into kernels that use them.

use std::fmt;

use super::{Detected, Kernel, Level, active};

/// Proof that the machine multiplies pairs of bfloat16, at the level AVX-512.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pairs(Token);

#[cfg(target_arch = "x86_64")]
type Token = super::avx512::Avx512<true>;
#[cfg(not(target_arch = "x86_64"))]
type Token = std::convert::Infallible;

impl Pairs {
    /// The proof, if kernels of this level may use AVX512-BF16.
    #[cfg(target_arch = "x86_64")]
    pub(crate) fn new(level: Detected) -> Option<Self> {
        let found = level.level() == Level::Avx512 && is_x86_feature_detected!("avx512bf16");
        // SAFETY: both were detected.
        found.then(|| Self(unsafe { Token::new() }))
    }

    /// The proof, if kernels of this level may use AVX512-BF16.
    #[cfg(not(target_arch = "x86_64"))]
    pub(crate) fn new(_level: Detected) -> Option<Self> {
        None
    }

    /// Runs a kernel with the instructions of bfloat16.
    #[cfg(target_arch = "x86_64")]
    pub(crate) fn enter<K: Kernel>(self, kernel: K) -> K::Output {
        super::Simd::enter(self.0, kernel)
    }

    /// Runs a kernel with the instructions of bfloat16.
    #[cfg(not(target_arch = "x86_64"))]
    pub(crate) fn enter<K: Kernel>(self, _kernel: K) -> K::Output {
        match self.0 {}
    }
}

/// Why products of bfloat16 cannot run here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoBfloat16 {
    level: Level,
}

impl fmt::Display for NoBfloat16 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "bfloat16 needs a processor with AVX512-BF16 (AMD since Zen 4, Intel's Xeon since Cooper Lake), "
        )?;
        match self.level {
            Level::Avx512 => write!(f, "and this one has AVX-512 without it"),
            level => write!(f, "and the kernels run on {level} here"),
        }
    }
}

impl std::error::Error for NoBfloat16 {}

/// Whether products of bfloat16 can run.
///
/// # Errors
/// [`NoBfloat16`] with the reason where they cannot.
pub fn bfloat16() -> Result<(), NoBfloat16> {
    match Pairs::new(active()) {
        Some(_) => Ok(()),
        None => Err(NoBfloat16 { level: active().level() }),
    }
}
