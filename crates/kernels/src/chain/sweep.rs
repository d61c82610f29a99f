//! A chain over the steps of sequences: every step may read what the steps before it have written, element by element.

use std::ops::Range;

use super::{Chain, ChainOperands, Split, View, split};

/// The steps that a chain runs over. They have packed rows: a step has the first rows of the step before.
#[derive(Debug, Clone)]
pub struct Sweep<'a> {
    /// Where the rows of each step begin, and after them where those of the last one end.
    pub starts: &'a [usize],
    /// The steps to run.
    pub steps: Range<usize>,
    /// Whether the last of them runs first.
    pub reversed: bool,
    /// How each view to read moves.
    pub reads: &'a [Motion],
    /// How each view to write moves.
    pub writes: &'a [Motion],
}

/// How a view moves from step to step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Motion {
    /// Elements of a packed row; 0 if the view is the same at every step.
    pub width: usize,
    /// The packed row with which the view's buffer begins.
    pub first: usize,
    /// If the view shows the step before: the buffer that it shows at the first of all steps, which has no other view.
    pub initial: Option<usize>,
}

impl Sweep<'_> {
    /// The number of rows of a step.
    pub(crate) fn rows(&self, step: usize) -> usize {
        self.starts[step + 1] - self.starts[step]
    }

    /// The steps in the order in which they run.
    pub(crate) fn order(&self) -> impl Iterator<Item = usize> + use<> {
        let (Range { start, end }, reversed) = (self.steps.clone(), self.reversed);
        (start..end).map(move |step| if reversed { start + end - 1 - step } else { step })
    }

    /// The buffer that a view shows at a step, and how far it has moved there.
    #[inline(always)]
    pub(crate) fn shift(&self, view: &View, motion: &Motion, step: usize) -> (usize, usize) {
        let shown = match motion.initial {
            None => step,
            Some(initial) if step == 0 => return (initial, 0),
            Some(_) => step - 1,
        };
        (view.buffer, if motion.width == 0 { 0 } else { (self.starts[shown] - motion.first) * motion.width })
    }

    /// How threads may share it, `dims` being those of the first step.
    ///
    /// # Panics
    /// If steps or motions are missing, rows become more, a view lies outside of its buffer at any step, or views to
    /// write reach into the next step.
    pub(crate) fn check<T>(&self, chain: &Chain, operands: &ChainOperands<'_, '_, T>) -> Split {
        let ChainOperands { dims, reads, writes, sources, .. } = operands;
        assert!(self.steps.end < self.starts.len(), "a step is missing");
        assert!(self.reads.len() == reads.len() && self.writes.len() == writes.len(), "a motion is missing");
        let first = self.rows(self.steps.start);
        assert!(first > 0 && dims[0].is_multiple_of(first), "the dimensions are not those of the first step");
        assert!(chain.reads <= reads.len() && chain.writes <= writes.len(), "a view is missing");
        let last = dims.len() - 1;
        let mut before = first;
        for step in self.steps.clone() {
            let rows = self.rows(step);
            assert!((1..=before).contains(&rows), "rows become more");
            before = rows;
            // The index of the last element of a view, from its offset on.
            let end = |view: &View| {
                let mut rest = dims.iter().zip(&view.strides).skip(1);
                let rest = rest.try_fold(0_usize, |sum, (&dim, &stride)| {
                    (dim - 1).checked_mul(stride)?.checked_add(sum)
                });
                let rows = (dims[0] / first * rows - 1).checked_mul(view.strides[0]);
                rows.and_then(|rows| rows.checked_add(rest?)?.checked_add(view.offset))
            };
            for (index, (view, motion)) in reads.iter().zip(self.reads).enumerate() {
                let (buffer, shift) = self.shift(view, motion, step);
                let inside = end(view).and_then(|end| end.checked_add(shift));
                assert!(
                    inside.is_some_and(|end| end < operands.length(buffer)),
                    "view {index} exceeds its buffer"
                );
                assert!(view.strides[last] <= 1, "the elements of view {index} are apart");
            }
            for (index, (view, motion)) in writes.iter().zip(self.writes).enumerate() {
                let (buffer, shift) = self.shift(view, motion, step);
                let end = end(view);
                let inside = end.and_then(|end| end.checked_add(shift));
                assert!(
                    inside.is_some_and(|end| end < operands.target(buffer)),
                    "view {index} exceeds its buffer"
                );
                assert!(view.strides[last] <= 1, "the elements of view {index} are apart");
                let own = motion.width == 0 || end.is_some_and(|end| end / motion.width < rows);
                assert!(own, "view {index} reaches into the next step");
            }
        }
        // What is read of a buffer that is written must have been written by the same thread.
        let written = |view: &View| {
            let same = |write: &View| (write.offset, write.strides) == (view.offset, view.strides);
            let target = view.buffer.checked_sub(sources.len());
            target.is_none_or(|target| writes.iter().filter(|write| write.buffer == target).all(same))
        };
        let initials = || self.writes.iter().filter_map(|motion| motion.initial);
        let alone = |initial: usize| {
            initials().filter(|&other| other == initial).count() == 1
                && writes.iter().all(|view| view.buffer != initial)
                && reads.iter().all(|view| view.buffer != initial + sources.len())
        };
        let read = |motion: &Motion| motion.initial.is_none_or(|initial| initial < sources.len());
        if reads.iter().all(written) && initials().all(alone) && self.reads.iter().all(read) {
            split(dims, writes)
        } else {
            Split::Nothing
        }
    }
}
