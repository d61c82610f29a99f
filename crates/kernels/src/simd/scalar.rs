//! Plain Rust over arrays of eight, which the compiler vectorises for the target's baseline.

use super::{Kernel, Simd};

const LANES: usize = 8;

/// Eight numbers.
#[derive(Clone, Copy)]
#[repr(align(32))]
pub(crate) struct Lanes([f32; LANES]);

/// The level every machine has.
#[derive(Clone, Copy)]
pub(crate) struct Scalar;

/// What an expression gives for each lane. Written out: loops over the lanes inside of kernels, which the compiler
/// unrolls one by one, took five sixths of its time for this crate.
macro_rules! lanes {
    ($lane:ident => $value:expr) => {
        [lanes!(0 $lane $value), lanes!(1 $lane $value), lanes!(2 $lane $value), lanes!(3 $lane $value),
         lanes!(4 $lane $value), lanes!(5 $lane $value), lanes!(6 $lane $value), lanes!(7 $lane $value)]
    };
    ($number:literal $lane:ident $value:expr) => {{
        let $lane: usize = $number;
        $value
    }};
}

#[inline(always)]
fn map(Lanes(a): Lanes, Lanes(b): Lanes, f: impl Fn(f32, f32) -> f32) -> Lanes {
    Lanes(lanes!(lane => f(a[lane], b[lane])))
}

impl Simd for Scalar {
    type Vector = Lanes;
    type Mask = [bool; LANES];
    const LANES: usize = LANES;
    const MAX_ROWS: usize = 3;

    #[inline]
    fn enter<K: Kernel>(self, kernel: K) -> K::Output {
        kernel.run(self)
    }

    #[inline(always)]
    fn splat(self, x: f32) -> Lanes {
        Lanes([x; LANES])
    }

    #[inline(always)]
    unsafe fn load(self, pointer: *const f32) -> Lanes {
        // SAFETY: by the caller's promise; arrays of f32 need no more alignment than f32.
        Lanes(unsafe { pointer.cast::<[f32; LANES]>().read() })
    }

    #[inline(always)]
    unsafe fn store(self, pointer: *mut f32, x: Lanes) {
        // SAFETY: by the caller's promise.
        unsafe { pointer.cast::<[f32; LANES]>().write(x.0) }
    }

    #[inline(always)]
    unsafe fn load_partial(self, pointer: *const f32, count: usize) -> Lanes {
        let mut out = [0.0; LANES];
        // SAFETY: by the caller's promise; `count` is below LANES.
        unsafe { pointer.copy_to_nonoverlapping(out.as_mut_ptr(), count.min(LANES)) };
        Lanes(out)
    }

    #[inline(always)]
    unsafe fn store_partial(self, pointer: *mut f32, x: Lanes, count: usize) {
        // SAFETY: by the caller's promise; `count` is below LANES.
        unsafe { pointer.copy_from_nonoverlapping(x.0.as_ptr(), count.min(LANES)) };
    }

    #[inline(always)]
    fn prefetch(self, _: *const f32) {}

    #[inline(always)]
    fn add(self, a: Lanes, b: Lanes) -> Lanes {
        map(a, b, |a, b| a + b)
    }

    #[inline(always)]
    fn sub(self, a: Lanes, b: Lanes) -> Lanes {
        map(a, b, |a, b| a - b)
    }

    #[inline(always)]
    fn mul(self, a: Lanes, b: Lanes) -> Lanes {
        map(a, b, |a, b| a * b)
    }

    #[inline(always)]
    fn div(self, a: Lanes, b: Lanes) -> Lanes {
        map(a, b, |a, b| a / b)
    }

    #[inline(always)]
    fn mul_add(self, a: Lanes, b: Lanes, c: Lanes) -> Lanes {
        self.add(self.mul(a, b), c)
    }

    #[inline(always)]
    fn min(self, a: Lanes, b: Lanes) -> Lanes {
        map(a, b, |a, b| if a < b { a } else { b })
    }

    #[inline(always)]
    fn max(self, a: Lanes, b: Lanes) -> Lanes {
        map(a, b, |a, b| if a > b { a } else { b })
    }

    #[inline(always)]
    fn abs(self, x: Lanes) -> Lanes {
        map(x, x, |x, _| x.abs())
    }

    #[inline(always)]
    fn copy_sign(self, magnitude: Lanes, sign: Lanes) -> Lanes {
        map(magnitude, sign, f32::copysign)
    }

    #[inline(always)]
    fn power_of_two(self, n: Lanes) -> Lanes {
        map(n, n, |n, _| f32::from_bits(n.to_bits() << 23))
    }

    #[inline(always)]
    fn less(self, Lanes(a): Lanes, Lanes(b): Lanes) -> [bool; LANES] {
        lanes!(lane => a[lane] < b[lane])
    }

    #[inline(always)]
    fn is_nan(self, Lanes(x): Lanes) -> [bool; LANES] {
        lanes!(lane => x[lane].is_nan())
    }

    #[inline(always)]
    fn select(self, mask: [bool; LANES], Lanes(a): Lanes, Lanes(b): Lanes) -> Lanes {
        Lanes(lanes!(lane => if mask[lane] { a[lane] } else { b[lane] }))
    }
}
