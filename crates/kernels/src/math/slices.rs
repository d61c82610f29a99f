//! Activations over slices, shared among the threads when there is enough to do.

use super::activation::{apply, is_vectorised, slope};
use crate::simd::{Detected, Kernel, Simd, dispatch};
use crate::{Activation, pool, reference};

/// Elements below which a slice is not worth waking a thread for.
pub(super) const PARALLEL: usize = 1 << 15;
/// Elements handed out together; a multiple of every vector.
const GRANULE: usize = 1 << 10;

/// Elements of a thread's share between two checks for cancellation.
const PIECE: usize = 1 << 16;

/// A slice that several threads write to in disjoint ranges.
#[derive(Clone, Copy)]
struct DisjointSlice(*mut f32);
// SAFETY: threads only touch disjoint ranges, see `in_parts`.
unsafe impl Sync for DisjointSlice {}

/// Calls `body(start, part)` for parts that cover `out`, on several threads at once if it is long.
pub(super) fn in_parts(out: &mut [f32], granule: usize, body: impl Fn(usize, &mut [f32]) + Sync) {
    let (length, shared) = (out.len(), DisjointSlice(out.as_mut_ptr()));
    pool::in_parts(length >= PARALLEL, |part| {
        let shared = &shared;
        let range = part.split(length, granule);
        let piece = PIECE.div_ceil(granule) * granule;
        for start in range.clone().step_by(piece) {
            if pool::cancelled() {
                return;
            }
            let length = piece.min(range.end - start);
            // SAFETY: the parts are disjoint and inside the slice, which is borrowed for the whole region.
            body(start, unsafe { std::slice::from_raw_parts_mut(shared.0.add(start), length) });
        }
    });
}

/// y = f(x).
pub(crate) fn activation(level: Detected, kind: Activation, x: &[f32], y: &mut [f32]) {
    assert_eq!(x.len(), y.len(), "length of y");
    in_parts(y, GRANULE, |start, y| {
        y.copy_from_slice(&x[start..start + y.len()]);
        in_place(level, kind, y);
    });
}

/// x = f(x).
pub(crate) fn activation_in_place(level: Detected, kind: Activation, x: &mut [f32]) {
    in_parts(x, GRANULE, |_, x| in_place(level, kind, x));
}

/// dx += dy·f'(x), where y = f(x).
pub(crate) fn activation_backward(
    level: Detected,
    kind: Activation,
    x: &[f32],
    y: &[f32],
    dy: &[f32],
    dx: &mut [f32],
) {
    assert!(x.len() == y.len() && y.len() == dy.len() && dy.len() == dx.len(), "lengths of an activation");
    in_parts(dx, GRANULE, |start, dx| {
        let range = start..start + dx.len();
        let (y, dy) = (&y[range.clone()], &dy[range.clone()]);
        if has_slope(kind) {
            dispatch(level, Backward { kind, y, dy, dx });
        } else {
            reference::activation_backward(kind, &x[range], y, dy, dx);
        }
    });
}

/// Whether [`slope`] is used: the derivatives of the others are rounded as they always were.
const fn has_slope(kind: Activation) -> bool {
    kind.derives_from_output()
        && !matches!(kind, Activation::Elu | Activation::Selu | Activation::Exponential)
}

fn in_place(level: Detected, kind: Activation, x: &mut [f32]) {
    if is_vectorised(kind) {
        dispatch(level, Forward { kind, x });
    } else {
        reference::activation_in_place(kind, x);
    }
}

struct Forward<'a> {
    kind: Activation,
    x: &'a mut [f32],
}

impl Kernel for Forward<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let mut i = 0;
        while i < self.x.len() {
            let left = self.x.len() - i;
            // SAFETY: `i` is inside the slice, and no more than `left` numbers are touched.
            unsafe {
                let p = self.x.as_mut_ptr().add(i);
                s.store_up_to(p, apply(s, self.kind, s.load_up_to(p, left)), left);
            }
            i += S::LANES;
        }
    }
}

struct Backward<'a> {
    kind: Activation,
    y: &'a [f32],
    dy: &'a [f32],
    dx: &'a mut [f32],
}

impl Kernel for Backward<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let length = self.dx.len().min(self.y.len()).min(self.dy.len());
        let mut i = 0;
        while i < length {
            let left = length - i;
            // SAFETY: `i` is inside all three slices, and no more than `left` numbers are touched.
            unsafe {
                let y = s.load_up_to(self.y.as_ptr().add(i), left);
                let dy = s.load_up_to(self.dy.as_ptr().add(i), left);
                let dx = self.dx.as_mut_ptr().add(i);
                let sum = s.mul_add(dy, slope(s, self.kind, y), s.load_up_to(dx, left));
                s.store_up_to(dx, sum, left);
            }
            i += S::LANES;
        }
    }
}
