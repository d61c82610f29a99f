//! What kernels need from an instruction set.

/// A kernel: its arguments, and a body for any instruction set. Mark `run` `#[inline(always)]`.
pub(crate) trait Kernel {
    /// What the body returns.
    type Output;
    /// The body.
    fn run<S: Simd>(self, simd: S) -> Self::Output;
}

/// A kernel that accesses memory through pointers. Mark `run` `#[inline(always)]`.
pub(crate) trait RawKernel {
    /// The body.
    ///
    /// # Safety
    /// The kernel's fields point to memory as they say: what is read is readable; what is written is writable, and
    /// nobody else uses it meanwhile.
    unsafe fn run<S: Simd>(self, simd: S);
}

/// A [`RawKernel`] together with the promise that it may run.
pub(crate) struct Promised<K>(K);

impl<K: RawKernel> Promised<K> {
    /// # Safety
    /// As for [`RawKernel::run`], until the kernel has run.
    #[inline(always)]
    pub(crate) const unsafe fn new(kernel: K) -> Self {
        Self(kernel)
    }
}

impl<K: RawKernel> Kernel for Promised<K> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        // SAFETY: promised when it was made.
        unsafe { self.0.run(s) }
    }
}

/// Adding it rounds a number of less than 2^21 to an integer n, ties to even, and leaves n + 127 in the low bits of
/// the sum: shifted to the exponent's place they are 2^n. Subtracting it again gives n.
pub(crate) const ROUNDER: f32 = 12_582_912.0 + 127.0;

/// An instruction set, as a token that proves that the machine has it, with vectors of `f32`.
pub(crate) trait Simd: Copy + Send + Sync + 'static {
    /// A vector of `LANES` numbers.
    type Vector: Copy;
    /// One truth value a lane.
    type Mask: Copy;
    /// Numbers in a vector.
    const LANES: usize;
    /// Rows of the largest tile (of two vectors a row) whose sums stay in registers.
    const MAX_ROWS: usize;

    /// Runs the kernel inside a function compiled for this instruction set.
    fn enter<K: Kernel>(self, kernel: K) -> K::Output;

    fn splat(self, x: f32) -> Self::Vector;
    /// # Safety
    /// `LANES` numbers are readable at `pointer`; no alignment is needed.
    unsafe fn load(self, pointer: *const f32) -> Self::Vector;
    /// # Safety
    /// `LANES` numbers are writable at `pointer`; no alignment is needed.
    unsafe fn store(self, pointer: *mut f32, x: Self::Vector);
    /// Loads the first `count < LANES` lanes; the others are zero.
    /// # Safety
    /// `count` numbers are readable at `pointer`.
    unsafe fn load_partial(self, pointer: *const f32, count: usize) -> Self::Vector;
    /// Stores the first `count < LANES` lanes.
    /// # Safety
    /// `count` numbers are writable at `pointer`.
    unsafe fn store_partial(self, pointer: *mut f32, x: Self::Vector, count: usize);
    /// Prefetches the cache line at `pointer`, which may be any address.
    fn prefetch(self, pointer: *const f32);

    /// The lanes of `first`, then those of `second`, rounded to bfloat16: each word of the result holds two neighbours.
    /// Denormals become zero. Only for [`super::Pairs`].
    fn to_pairs(self, first: Self::Vector, second: Self::Vector) -> Self::Vector {
        let _ = (first, second);
        unreachable!("an instruction set without bfloat16")
    }
    /// Words of a lane of `first` and the same of `second`, rounded as by [`Self::to_pairs`]. Only for [`super::Pairs`].
    fn zip_pairs(self, first: Self::Vector, second: Self::Vector) -> Self::Vector {
        let _ = (first, second);
        unreachable!("an instruction set without bfloat16")
    }
    /// c + both products of the pairs of bfloat16 in each lane of `a` and `b`. Only for [`super::Pairs`].
    fn mul_add_pairs(self, a: Self::Vector, b: Self::Vector, c: Self::Vector) -> Self::Vector {
        let _ = (a, b, c);
        unreachable!("an instruction set without bfloat16")
    }

    fn add(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    fn sub(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    fn mul(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    fn div(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// a·b + c, in one rounding where the instruction set can.
    fn mul_add(self, a: Self::Vector, b: Self::Vector, c: Self::Vector) -> Self::Vector;
    /// The smaller number; NaN if `b` is, and either one if only `a` is.
    fn min(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// The larger number; NaN if `b` is, and either one if only `a` is.
    fn max(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    fn abs(self, x: Self::Vector) -> Self::Vector;
    /// |magnitude| with the sign of `sign`.
    fn copy_sign(self, magnitude: Self::Vector, sign: Self::Vector) -> Self::Vector;
    /// 2^n, given n + [`ROUNDER`] for an integral n in −126..=127; anything for other n.
    fn power_of_two(self, n: Self::Vector) -> Self::Vector;
    fn less(self, a: Self::Vector, b: Self::Vector) -> Self::Mask;
    fn is_nan(self, x: Self::Vector) -> Self::Mask;
    /// `a` where the mask holds, else `b`.
    fn select(self, mask: Self::Mask, a: Self::Vector, b: Self::Vector) -> Self::Vector;

    /// The lanes' numbers in order, to be reduced by plain code.
    #[inline(always)]
    fn to_lanes(self, x: Self::Vector) -> [f32; 16] {
        const { assert!(Self::LANES <= 16) };
        let mut lanes = [0.0; 16];
        // SAFETY: the array has at least LANES numbers.
        unsafe { self.store(lanes.as_mut_ptr(), x) };
        lanes
    }

    /// Loads `count` numbers, all lanes if it is at least `LANES`; the others are zero.
    /// # Safety
    /// `count.min(LANES)` numbers are readable at `pointer`.
    #[inline(always)]
    unsafe fn load_up_to(self, pointer: *const f32, count: usize) -> Self::Vector {
        // SAFETY: by the caller's promise.
        unsafe { if count >= Self::LANES { self.load(pointer) } else { self.load_partial(pointer, count) } }
    }

    /// Stores `count` lanes, all if it is at least `LANES`.
    /// # Safety
    /// `count.min(LANES)` numbers are writable at `pointer`.
    #[inline(always)]
    unsafe fn store_up_to(self, pointer: *mut f32, x: Self::Vector, count: usize) {
        // SAFETY: by the caller's promise.
        unsafe {
            if count >= Self::LANES { self.store(pointer, x) } else { self.store_partial(pointer, x, count) }
        }
    }
}
