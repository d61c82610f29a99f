//! The instructions that multiply int8 weights, and the choice among them.

use super::dot::{Dot, DotKernel};
use crate::simd::{Detected, Level};

/// Instructions that were found on this machine. Only detection makes one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unit(Kind);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Plain,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    AvxVnni,
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "x86_64")]
    Avx512Vnni,
    #[cfg(target_arch = "aarch64")]
    Neon,
    #[cfg(target_arch = "aarch64")]
    NeonDot,
}

/// The instructions that go with a level, slowest first.
pub(crate) fn available(level: Detected) -> Vec<Unit> {
    let mut kinds = Vec::new();
    match level.level() {
        Level::Scalar => kinds.push(Kind::Plain),
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => {
            kinds.push(Kind::Avx2);
            if is_x86_feature_detected!("avxvnni") {
                kinds.push(Kind::AvxVnni);
            }
        }
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => {
            kinds.push(Kind::Avx512);
            if is_x86_feature_detected!("avx512vnni") {
                kinds.push(Kind::Avx512Vnni);
            }
        }
        #[cfg(target_arch = "aarch64")]
        Level::Neon => {
            kinds.push(Kind::Neon);
            if std::arch::is_aarch64_feature_detected!("dotprod") {
                kinds.push(Kind::NeonDot);
            }
        }
        #[allow(unreachable_patterns, reason = "the levels of other architectures")]
        other => unreachable!("{other} is never detected here"),
    }
    kinds.into_iter().map(Unit).collect()
}

/// The best instructions that go with a level.
pub(crate) fn best(level: Detected) -> Unit {
    available(level).pop().unwrap_or(Unit(Kind::Plain))
}

/// Runs a kernel with some instructions.
///
/// # Safety
/// As for [`DotKernel::run`].
pub(crate) unsafe fn dispatch<K: DotKernel>(unit: Unit, kernel: K) {
    match unit.0 {
        Kind::Plain => super::plain::Plain.enter(kernel),
        // SAFETY: the instructions were detected, here and below.
        #[cfg(target_arch = "x86_64")]
        Kind::Avx2 => unsafe { super::avx2::Avx2Dot::new() }.enter(kernel),
        // SAFETY: see above.
        #[cfg(target_arch = "x86_64")]
        Kind::AvxVnni => unsafe { super::avx2::AvxVnniDot::new() }.enter(kernel),
        // SAFETY: see above.
        #[cfg(target_arch = "x86_64")]
        Kind::Avx512 => unsafe { super::avx512::Avx512Dot::new() }.enter(kernel),
        // SAFETY: see above.
        #[cfg(target_arch = "x86_64")]
        Kind::Avx512Vnni => unsafe { super::avx512::Avx512VnniDot::new() }.enter(kernel),
        // SAFETY: see above.
        #[cfg(target_arch = "aarch64")]
        Kind::Neon => unsafe { super::neon::NeonDot::<false>::new() }.enter(kernel),
        // SAFETY: see above.
        #[cfg(target_arch = "aarch64")]
        Kind::NeonDot => unsafe { super::neon::NeonDot::<true>::new() }.enter(kernel),
    }
}

impl Unit {
    /// Its name: that of its level, or of the extension that multiplies integers.
    pub(crate) fn name(self) -> &'static str {
        match self.0 {
            Kind::Plain => "scalar",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            Kind::AvxVnni => "avx-vnni",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => "avx512",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512Vnni => "avx512-vnni",
            #[cfg(target_arch = "aarch64")]
            Kind::Neon => "neon",
            #[cfg(target_arch = "aarch64")]
            Kind::NeonDot => "neon-dotprod",
        }
    }

    /// What is added to every number of a row when it is stored.
    pub(crate) fn offset(self) -> u8 {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Kind::AvxVnni | Kind::Avx512Vnni => 128,
            _ => 0,
        }
    }
}
