//! Softmax over rows, and what a cross-entropy of it needs: one forward and one backward pass over the logits, without
//! storing the probabilities, since an exponential costs less than writing and reading a number.

use super::exponential::exp;
use super::slices::{PARALLEL, in_parts};
use crate::pool::each_block;
use crate::simd::{Detected, Kernel, Simd, dispatch};

/// Each row of `columns` elements: y = exp(x − max x) / Σ exp(x − max x).
pub(crate) fn softmax_rows(level: Detected, x: &[f32], columns: usize, y: &mut [f32]) {
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

fn check_rows(x: &[f32], columns: usize, rows: usize) {
    assert!(
        columns > 0 && rows.checked_mul(columns) == Some(x.len()),
        "{} elements in rows of {columns}",
        x.len()
    );
}

/// For each row of `columns` elements its largest x and Σ exp(x − max x).
pub(crate) fn softmax_statistics(level: Detected, x: &[f32], columns: usize, statistics: &mut [[f32; 2]]) {
    check_rows(x, columns, statistics.len());
    let block = statistics.len().div_ceil(32).max(1);
    each_block([statistics], block, x.len() >= PARALLEL, |first, [statistics]| {
        let x = &x[first * columns..(first + statistics.len()) * columns];
        dispatch(level, Statistics { x, columns, statistics });
    });
}

/// For each row of `columns` elements with its statistics: y = scale·exp(x − max) / sum, or y += that if `accumulate`.
pub(crate) fn scaled_softmax_rows(
    level: Detected,
    x: &[f32],
    columns: usize,
    statistics: &[[f32; 2]],
    scales: &[f32],
    accumulate: bool,
    y: &mut [f32],
) {
    check_rows(x, columns, statistics.len());
    assert!(y.len() == x.len() && scales.len() == statistics.len(), "lengths of a softmax");
    let block = statistics.len().div_ceil(32).max(1) * columns;
    each_block([y], block, x.len() >= PARALLEL, |start, [y]| {
        let rows = start / columns..(start + y.len()) / columns;
        let x = &x[start..start + y.len()];
        let (statistics, scales) = (&statistics[rows.clone()], &scales[rows]);
        dispatch(level, Scaled { x, columns, statistics, scales, accumulate, y });
    });
}

/// The largest of some numbers.
#[inline(always)]
fn largest<S: Simd>(s: S, x: &[f32]) -> f32 {
    // The first element stands in for the lanes that a short row lacks.
    let mut max = s.splat(x.first().copied().unwrap_or_default());
    let whole = x.len() / S::LANES * S::LANES;
    for i in (0..whole).step_by(S::LANES) {
        // SAFETY: a whole vector is left.
        max = s.max(max, unsafe { s.load(x.as_ptr().add(i)) });
    }
    let mut top = x[whole..].iter().copied().fold(f32::NEG_INFINITY, f32::max);
    for lane in &s.to_lanes(max)[..S::LANES] {
        top = top.max(*lane);
    }
    top
}

struct Statistics<'a> {
    x: &'a [f32],
    columns: usize,
    statistics: &'a mut [[f32; 2]],
}

impl Kernel for Statistics<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        for (x, statistics) in self.x.chunks_exact(self.columns).zip(self.statistics) {
            let top = largest(s, x);
            let shift = s.splat(top);
            let whole = x.len() / S::LANES * S::LANES;
            let mut sums = s.splat(0.0);
            for i in (0..whole).step_by(S::LANES) {
                // SAFETY: a whole vector is left.
                sums = s.add(sums, exp(s, s.sub(unsafe { s.load(x.as_ptr().add(i)) }, shift)));
            }
            let mut sum: f32 = s.to_lanes(sums)[..S::LANES].iter().sum();
            if whole < x.len() {
                let left = x.len() - whole;
                // SAFETY: `left` numbers are left.
                let rest = unsafe { s.load_partial(x.as_ptr().add(whole), left) };
                sum += s.to_lanes(exp(s, s.sub(rest, shift)))[..left].iter().sum::<f32>();
            }
            *statistics = [top, sum];
        }
    }
}

struct Scaled<'a> {
    x: &'a [f32],
    columns: usize,
    statistics: &'a [[f32; 2]],
    scales: &'a [f32],
    accumulate: bool,
    y: &'a mut [f32],
}

impl Kernel for Scaled<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let rows = self.x.chunks_exact(self.columns).zip(self.y.chunks_exact_mut(self.columns));
        for ((x, y), (&[top, sum], &scale)) in rows.zip(self.statistics.iter().zip(self.scales)) {
            if scale == 0.0 {
                if !self.accumulate {
                    y.fill(0.0);
                }
                continue;
            }
            let (shift, factor) = (s.splat(top), s.splat(scale / sum));
            for i in (0..x.len()).step_by(S::LANES) {
                let left = x.len() - i;
                // SAFETY: no more than the `left` numbers that are left of both rows are touched.
                unsafe {
                    let p = exp(s, s.sub(s.load_up_to(x.as_ptr().add(i), left), shift));
                    let y = y.as_mut_ptr().add(i);
                    let value = if self.accumulate {
                        s.mul_add(p, factor, s.load_up_to(y, left))
                    } else {
                        s.mul(p, factor)
                    };
                    s.store_up_to(y, value, left);
                }
            }
        }
    }
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
        let top = largest(s, &self.x[..length]);
        let whole = length / S::LANES * S::LANES;
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
