//! Plain loops compiled for the instruction set.

use super::{Kernel, Simd, active, dispatch};

/// A loop over slices in plain Rust, with its arguments, that the compiler can vectorise. Mark `run` `#[inline(always)]`, and
/// whatever it calls per element.
pub trait Plain {
    /// What the loop returns.
    type Output;
    /// The loop.
    fn run(self) -> Self::Output;
}

struct Compiled<P>(P);

impl<P: Plain> Kernel for Compiled<P> {
    type Output = P::Output;

    #[inline(always)]
    fn run<S: Simd>(self, _: S) -> P::Output {
        self.0.run()
    }
}

/// Runs a loop compiled for the instruction set that the kernels use. Multiplications and additions stay as written, so results
/// do not depend on the instruction set.
pub fn vectorised<P: Plain>(body: P) -> P::Output {
    dispatch(active(), Compiled(body))
}
