//! What products with int8 weights need from an instruction set.

use crate::simd::Simd;

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
