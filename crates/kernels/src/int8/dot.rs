//! What products with int8 weights need from an instruction set, and the choice among those.

use crate::simd::{Detected, Level, Simd};

/// Instructions that multiply 8-bit integers, as a token that proves that the machine has them.
pub(crate) trait Dot: Copy {
    /// The vectors of floats of the same width.
    type Float: Simd;
    /// A vector of 32-bit sums.
    type Sums: Copy;
    /// [`super::GROUP`] weights for each lane.
    type Weights: Copy;
    /// One group of a row, for all lanes.
    type Group: Copy;
    /// What is added to every number of a row when it is stored.
    const OFFSET: u8;
    /// Rows of the largest tile (of two vectors a row) whose sums stay in registers.
    const MAX_ROWS: usize;

    fn float(self) -> Self::Float;
    /// Runs the kernel inside a function compiled for these instructions.
    fn enter<K: DotKernel>(self, kernel: K);
    fn zero(self) -> Self::Sums;
    /// # Safety
    /// A vector of integers is readable at `pointer`; no alignment is needed.
    unsafe fn load(self, pointer: *const i32) -> Self::Sums;
    /// # Safety
    /// `GROUP` weights for each lane are readable at `pointer`.
    unsafe fn weights(self, pointer: *const i8) -> Self::Weights;
    /// # Safety
    /// `GROUP` numbers are readable at `pointer`.
    unsafe fn group(self, pointer: *const u8) -> Self::Group;
    /// sums + group·weights, exactly, plus [`Dot::OFFSET`] times the weights.
    fn dot(self, sums: Self::Sums, group: Self::Group, weights: Self::Weights) -> Self::Sums;
    fn subtract(self, a: Self::Sums, b: Self::Sums) -> Self::Sums;
    fn to_float(self, sums: Self::Sums) -> <Self::Float as Simd>::Vector;
}

/// A kernel over such instructions. Mark `run` `#[inline(always)]`.
pub(crate) trait DotKernel {
    /// The body.
    ///
    /// # Safety
    /// The kernel's fields point to memory as they say.
    unsafe fn run<D: Dot>(self, dot: D);
}

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
