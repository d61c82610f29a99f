//! The loop of the gates' kernels: over the rows of a block, two vectors each.

/// One vector of one row.
#[derive(Clone, Copy)]
pub(super) struct At {
    /// Offset in planes, in recurrent products and in the running cell state.
    pub(super) plane: usize,
    pub(super) row: usize,
    /// Offset in states.
    pub(super) state: usize,
    /// The first of its units.
    pub(super) lane: usize,
}

/// Defines a kernel over some rows of a block, whose body handles one vector of one row.
///
/// Its promise is that the pointers of its `Gates` reach the rows, and that no other thread uses what is written.
macro_rules! for_each_vector {
    ($(#[$doc:meta])* $name:ident($s:ident, $a:ident, $gates:ident, $at:ident) $body:block) => {
        $(#[$doc])*
        pub(super) struct $name<A>(pub(super) A, pub(super) Gates);

        impl<A: Activations> RawKernel for $name<A> {
            #[inline(always)]
            unsafe fn run<S: Simd>(self, $s: S) {
                let Self($a, $gates) = self;
                for row in 0..$gates.rows {
                    for lane in [0, S::LANES] {
                        let $at = At {
                            plane: row * 2 * S::LANES + lane,
                            row,
                            state: row * $gates.state_row + lane,
                            lane,
                        };
                        // SAFETY: promised.
                        unsafe { $body }
                    }
                }
            }
        }
    };
}

pub(super) use for_each_vector;
