//! Softmax over rows.

use super::exponential::exp;
use super::slices::in_parts;
use crate::simd::{Kernel, Level, Simd, dispatch};

/// Each row of `columns` elements: y = exp(x − max x) / Σ exp(x − max x).
pub(crate) fn softmax_rows(level: Level, x: &[f32], columns: usize, y: &mut [f32]) {
    assert_eq!(x.len(), y.len(), "length of y");
    if x.is_empty() {
        return;
    }
    assert!(columns > 0 && x.len().is_multiple_of(columns), "{} elements in rows of {columns}", x.len());
    in_parts(y, columns, |start, y| {
        for (x, y) in x[start..].chunks_exact(columns).zip(y.chunks_exact_mut(columns)) {
            dispatch(level, Row { x, y });
        }
    });
}

struct Row<'a> {
    x: &'a [f32],
    y: &'a mut [f32],
}

impl Kernel for Row<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let length = self.x.len().min(self.y.len());
        // The first element stands in for the lanes that a short row lacks.
        let mut max = s.splat(self.x.first().copied().unwrap_or_default());
        let whole = length / S::LANES * S::LANES;
        let mut i = 0;
        while i < whole {
            // SAFETY: a whole vector is left.
            max = s.max(max, unsafe { s.load(self.x.as_ptr().add(i)) });
            i += S::LANES;
        }
        let mut top = self.x[whole..length].iter().copied().fold(f32::NEG_INFINITY, f32::max);
        for lane in &s.to_lanes(max)[..S::LANES] {
            top = top.max(*lane);
        }
        let shift = s.splat(top);
        let mut sums = s.splat(0.0);
        let mut i = 0;
        while i < whole {
            // SAFETY: a whole vector is left in both.
            unsafe {
                let e = exp(s, s.sub(s.load(self.x.as_ptr().add(i)), shift));
                s.store(self.y.as_mut_ptr().add(i), e);
                sums = s.add(sums, e);
            }
            i += S::LANES;
        }
        let mut sum: f32 = s.to_lanes(sums)[..S::LANES].iter().sum();
        if whole < length {
            let left = length - whole;
            // SAFETY: `left` numbers are left in both.
            unsafe {
                let e = exp(s, s.sub(s.load_partial(self.x.as_ptr().add(whole), left), shift));
                s.store_partial(self.y.as_mut_ptr().add(whole), e, left);
            }
            sum += self.y[whole..length].iter().sum::<f32>();
        }
        for y in &mut self.y[..length] {
            *y /= sum;
        }
    }
}
