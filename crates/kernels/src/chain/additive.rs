//! The scores of additive attention, Σ v·tanh(a + b), and their gradients, with all intermediate results in registers:
//! in a decoder with attention, this chain is most of what is not a matrix product. The operations and the order of sums
//! are those of any chain, so the results have the same bits.

use super::compute::{Sink, Total};
use super::run::{Cursor, Job, RUN};
use super::{ChainOperands, Function, Output, Rectangle, Source, Step, View};
use crate::Activation;
use crate::math::{slope, tanh};
use crate::simd::Simd;

/// A chain for such scores or for their gradients; the fields are views.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Additive {
    /// scores += Σ kernel·tanh(a + b).
    Scores { terms: [usize; 2], kernel: usize, scores: usize },
    /// With h = tanh(a + b): gradient of the kernel += h·g, gradients of a and b += kernel·g·(1 − h²).
    Gradients { terms: [usize; 2], kernel: usize, gradient: usize, of_kernel: usize, of_terms: [usize; 2] },
}

const TANH: Function = Function::Activate(Activation::Tanh);
const SLOPE: Function = Function::Slope(Activation::Tanh);

impl Additive {
    /// What these steps compute, if it is that.
    pub(super) fn find(steps: &[Step]) -> Option<Self> {
        use Function::{Add, Copy, Multiply};
        use Source::{Read, Step as Of};
        let plain: Vec<_> = steps.iter().map(|step| (step.function, step.sources, step.output)).collect();
        match plain[..] {
            [
                (Add, [Read(a), Read(b), _], Output::Nothing),
                (TANH, [Of(0), ..], Output::Nothing),
                (Multiply, [Of(1), Read(kernel), _], Output::Add(scores)),
            ] => Some(Self::Scores { terms: [a, b], kernel, scores }),
            [
                (Multiply, [Read(kernel), Read(gradient), _], Output::Nothing),
                (Add, [Read(a), Read(b), _], Output::Nothing),
                (TANH, [Of(1), ..], Output::Nothing),
                (Multiply, [Of(2), Read(again), _], Output::Add(of_kernel)),
                (SLOPE, [Of(0), Of(2), _], Output::Add(of_a)),
                (Copy, [Of(4), ..], Output::Add(of_b)),
            ] if again == gradient => {
                let (terms, of_terms) = ([a, b], [of_a, of_b]);
                Some(Self::Gradients { terms, kernel, gradient, of_kernel, of_terms })
            }
            _ => None,
        }
    }

    /// The same with the term second that all rows of the last but one dimension share, such as a query, if the views are
    /// such as attention has: kernel and query for all rows, a score for each.
    pub(super) fn fitted<T>(self, operands: &ChainOperands<'_, '_, T>) -> Option<Self> {
        let ChainOperands { dims, reads, writes, sources, .. } = operands;
        let [axis, last] = [dims.len().checked_sub(2)?, dims.len() - 1];
        let along = |view: &View, row: bool, column: usize| {
            view.strides[last] == column && (row || view.strides[axis] == 0)
        };
        let read = |view: usize, row: bool, column: usize| {
            reads[view].buffer < sources.len() && along(&reads[view], row, column)
        };
        let swapped = |[a, b]: [usize; 2]| [b, a];
        match self {
            Self::Scores { terms, kernel, scores } => {
                let terms = if read(terms[1], false, 1) { terms } else { swapped(terms) };
                let fits = read(terms[0], true, 1) && read(terms[1], false, 1) && read(kernel, false, 1);
                (fits && along(&writes[scores], true, 0)).then_some(Self::Scores { terms, kernel, scores })
            }
            Self::Gradients { terms, kernel, gradient, of_kernel, of_terms } => {
                let second = read(terms[1], false, 1);
                let terms = if second { terms } else { swapped(terms) };
                let of_terms = if second { of_terms } else { swapped(of_terms) };
                let fits = read(terms[0], true, 1)
                    && read(terms[1], false, 1)
                    && read(kernel, false, 1)
                    && read(gradient, true, 0)
                    && along(&writes[of_kernel], false, 1)
                    && along(&writes[of_terms[0]], true, 1)
                    && along(&writes[of_terms[1]], false, 1);
                let buffers = [of_kernel, of_terms[0], of_terms[1]].map(|view| writes[view].buffer);
                let apart = buffers[0] != buffers[1] && buffers[0] != buffers[2] && buffers[1] != buffers[2];
                let fitted = Self::Gradients { terms, kernel, gradient, of_kernel, of_terms };
                (fits && apart).then_some(fitted)
            }
        }
    }

    /// Computes a rectangle.
    ///
    /// # Safety
    /// The views were checked against their buffers and are [`Self::fitted`]; no other thread writes the elements that
    /// the rectangle writes, or reads them.
    #[inline(always)]
    pub(super) unsafe fn run<S: Simd>(self, s: S, job: &Job<'_>, Rectangle { rows, columns }: &Rectangle) {
        let Job { dims, reads, writes, .. } = *job;
        let outer = dims.len() - 1;
        let axis = outer - 1;
        // What follows goes through the rows of the last but one dimension itself.
        let (own, rest) = if axis == 0 { (rows.clone(), 0..1) } else { (0..dims[axis], rows.clone()) };
        let mut walked = [1; super::MAX_DIMS];
        walked[..outer].copy_from_slice(&dims[..outer]);
        walked[axis] = 1;
        let mut cursor = Cursor::new(rest.start);
        loop {
            let offset =
                |view: &View, column: usize| cursor.at(view, outer, column) + own.start * view.strides[axis];
            let from = |view: usize, column: usize| {
                let view = &reads[view];
                // SAFETY: by the caller's promise the view lies in its buffer.
                let first = unsafe { job.source(view.buffer).add(offset(view, column)) };
                (first, view.strides[axis])
            };
            let to = |view: usize, column: usize| {
                let view = &writes[view];
                // SAFETY: as above.
                let first = unsafe { job.targets[view.buffer].add(offset(view, column)) };
                (first, view.strides[axis])
            };
            let mut column = columns.start;
            while column < columns.end {
                let length = RUN.min(columns.end - column);
                // SAFETY: by the caller's promise; `own` and the columns are in the rectangle.
                unsafe {
                    match self {
                        Self::Scores { terms, kernel, scores } => {
                            let [a, b, v] = [terms[0], terms[1], kernel].map(|view| from(view, column));
                            score(s, (a, b.0, v.0), to(scores, column), (own.len(), length));
                        }
                        Self::Gradients { terms, kernel, gradient, of_kernel, of_terms } => {
                            let [a, b, v, g] =
                                [terms[0], terms[1], kernel, gradient].map(|view| from(view, column));
                            let [dv, da, db] =
                                [of_kernel, of_terms[0], of_terms[1]].map(|view| to(view, column));
                            let (reads, writes) = ((a, b.0, v.0, g), (da, db.0, dv.0));
                            gradients(s, reads, writes, (own.len(), length));
                        }
                    }
                }
                column += length;
            }
            if !cursor.advance(&walked[..dims.len()], rest.end) {
                break;
            }
        }
    }
}

/// A pointer to a first row, and how far apart rows are.
type Rows<P> = (P, usize);

/// # Safety
/// The pointers are readable, or writable, for so many rows and columns; `scores` for the rows.
#[inline(always)]
unsafe fn score<S: Simd>(
    s: S,
    ((a, next_a), b, v): (Rows<*const f32>, *const f32, *const f32),
    (scores, next_score): Rows<*mut f32>,
    (rows, columns): (usize, usize),
) {
    let whole = columns - columns % S::LANES;
    for row in 0..rows {
        let mut total = Total::new(s);
        // SAFETY: by the caller's promise.
        unsafe {
            let a = a.add(row * next_a);
            let mut i = 0;
            while i < whole {
                let h = tanh(s, s.add(s.load(a.add(i)), s.load(b.add(i))));
                total.put(s, i, s.mul(h, s.load(v.add(i))));
                i += S::LANES;
            }
            if i < columns {
                let left = columns - i;
                let h = tanh(s, s.add(s.load_partial(a.add(i), left), s.load_partial(b.add(i), left)));
                total.put_first(s, i, s.mul(h, s.load_partial(v.add(i), left)), left);
            }
            *scores.add(row * next_score) += total.finish(s);
        }
    }
}

/// # Safety
/// As for [`score`]; the gradient `g` is readable for the rows.
#[inline(always)]
unsafe fn gradients<S: Simd>(
    s: S,
    (a, b, v, g): (Rows<*const f32>, *const f32, *const f32, Rows<*const f32>),
    (da, db, dv): (Rows<*mut f32>, *mut f32, *mut f32),
    (rows, columns): (usize, usize),
) {
    let mut i = 0;
    while i < columns {
        let left = columns - i;
        // SAFETY: by the caller's promise; a block has at most as many columns as there are.
        unsafe {
            let (a, da) = ((a.0.add(i), a.1), (da.0.add(i), da.1));
            let (reads, writes) = ((a, b.add(i), v.add(i), g), (da, db.add(i), dv.add(i)));
            if left >= 2 * S::LANES {
                block::<S, 2>(s, reads, writes, rows, S::LANES);
                i += 2 * S::LANES;
            } else {
                block::<S, 1>(s, reads, writes, rows, left.min(S::LANES));
                i += S::LANES;
            }
        }
    }
}

/// The gradients for `VECTORS` vectors of columns, of which each has `count` lanes: what all rows share stays in registers.
///
/// # Safety
/// As for [`gradients`].
#[inline(always)]
unsafe fn block<S: Simd, const VECTORS: usize>(
    s: S,
    ((a, next_a), b, v, (g, next_g)): (Rows<*const f32>, *const f32, *const f32, Rows<*const f32>),
    ((da, next_da), db, dv): (Rows<*mut f32>, *mut f32, *mut f32),
    rows: usize,
    count: usize,
) {
    // SAFETY: by the caller's promise.
    unsafe {
        let load = |pointer: *const f32, vector: usize| s.load_up_to(pointer.add(vector * S::LANES), count);
        let store =
            |pointer: *mut f32, vector: usize, x| s.store_up_to(pointer.add(vector * S::LANES), x, count);
        let mut shared = [[s.splat(0.0); 4]; VECTORS];
        for (vector, shared) in shared.iter_mut().enumerate() {
            *shared = [b, v, db.cast_const(), dv.cast_const()].map(|pointer| load(pointer, vector));
        }
        for row in 0..rows {
            let (a, da) = (a.add(row * next_a), da.add(row * next_da));
            let g = s.splat(*g.add(row * next_g));
            for (vector, [b, v, db, dv]) in shared.iter_mut().enumerate() {
                let h = tanh(s, s.add(load(a, vector), *b));
                *dv = s.add(*dv, s.mul(h, g));
                let share = s.mul(s.mul(*v, g), slope(s, Activation::Tanh, h));
                store(da, vector, s.add(load(da, vector), share));
                *db = s.add(*db, share);
            }
        }
        for (vector, &[_, _, sum_b, sum_v]) in shared.iter().enumerate() {
            store(db, vector, sum_b);
            store(dv, vector, sum_v);
        }
    }
}
