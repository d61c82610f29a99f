//! What an optimizer is to the loop that applies it.

use crate::error::Result;
use crate::gradients::RowGradient;
use crate::params::{SLOT_ALIGNMENT, Slot};
use seqloom_kernels::simd::{Plain, vectorised};
use std::ops::Range;

/// The most state arenas that a rule may have.
pub(super) const MAX_STATES: usize = 3;

/// A run of consecutive elements of one weight with everything that belongs to them; all slices have the same
/// length, except the states that the rule does not have, which are empty.
pub(super) struct Span<'a> {
    /// Values to change.
    pub(super) weights: &'a mut [f32],
    /// Their gradient before clipping by norm.
    pub(super) gradient: &'a [f32],
    /// Factor on the gradient that clips it by norm; 1 where it does not.
    pub(super) scale: f32,
    /// The rule's states in the order of [`Rule::states`].
    pub(super) state: [&'a mut [f32]; MAX_STATES],
}

/// Whole rows of a table with everything that belongs to them.
pub(super) struct Rows<'a> {
    pub(super) changing: Changing<'a>,
    pub(super) weights: &'a mut [f32],
    /// The rule's states, as in [`Span`].
    pub(super) state: [&'a mut [f32]; MAX_STATES],
    pub(super) scale: f32,
    /// What the decay of weights leaves of those that change.
    pub(super) keep: f32,
}

/// Which rows of a table a step changes.
#[derive(Clone, Copy)]
pub(super) struct Changing<'a> {
    /// The number in the table of the first row that is looked at.
    pub(super) first: usize,
    /// Gradients of rows of the table; those that are not listed have a gradient of zero.
    pub(super) list: &'a RowGradient<f32>,
    pub(super) rest: Rest,
    /// Which rows of the table have had a gradient; read where only those change.
    pub(super) touched: &'a [bool],
}

/// Which elements stay as they are without a gradient, the weight and its states.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rest {
    /// None: weights decay.
    None,
    /// Those whose states all have their first value still.
    Untouched,
    /// All: a gradient of zero changes nothing, or nothing is to change.
    All,
}

/// The formula of one optimizer. Updates are element by element, so that they do not depend on how weights are cut
/// into spans.
pub(super) trait Rule: Send + Sync + std::fmt::Debug {
    /// The names of the state arenas (at most [`MAX_STATES`]) and their first value.
    fn states(&self) -> &[(&'static str, f32)];

    /// Computes the coefficients of step `step` (the first is 1). Steps are prepared in order, except after a saved
    /// state has been restored.
    fn prepare(&mut self, step: u64, learning_rate: f64);

    /// Applies the prepared step to weights that have decayed: a loop that can be vectorised. Mark it `#[inline(always)]`.
    fn formula(&self, span: Span<'_>);

    /// What can be left out where there is no gradient, nor a decay of weights.
    fn rest(&self) -> Rest {
        Rest::Untouched
    }

    /// The share by which a weight shrinks before a step, times the learning rate, where the rule has a setting for it.
    fn weight_decay(&self, _weight: &Slot) -> f64 {
        0.0
    }

    /// How many elements each of its states has for a weight.
    fn state_size(&self, weight: &Slot) -> usize {
        weight.len
    }

    /// The rule itself, if it sees weights as a whole instead of element by element.
    fn whole(&self) -> Option<&dyn Whole> {
        None
    }

    /// Checks settings that depend on each other.
    fn check(&mut self) -> Result<()> {
        Ok(())
    }

    /// [`Self::formula`], compiled for the instruction set of the machine.
    fn update(&self, span: Span<'_>) {
        vectorised(Update { rule: self, span });
    }

    /// [`Self::update`] of all rows that change: in one call, since for a row alone the way there takes as long as the formula.
    fn update_rows(&self, rows: Rows<'_>) {
        vectorised(UpdateRows { rule: self, rows });
    }
}

/// A weight with everything that belongs to it.
pub(super) struct Tensor<'a> {
    pub(super) slot: &'a Slot,
    pub(super) weights: &'a mut [f32],
    /// All elements of the clipped gradient.
    pub(super) gradient: &'a [f32],
    /// The rule's states in the order of [`Whole::states`].
    pub(super) state: [&'a mut [f32]; MAX_STATES],
    /// As much as [`Whole::scratch`] asks for, with any contents.
    pub(super) scratch: &'a mut [f32],
}

/// The formula of an optimizer that needs more of a weight than one element at a time: norms, means over rows, products. It runs on one thread and is
/// compiled once, which keeps the engine small.
pub(super) trait Whole: Send + Sync + std::fmt::Debug {
    /// As in [`Rule`].
    fn states(&self) -> &[(&'static str, f32)];

    /// As in [`Rule`].
    fn prepare(&mut self, step: u64, learning_rate: f64);

    /// How many elements [`Self::apply`] needs to work with for a weight.
    fn scratch(&self, weight: &Slot) -> usize;

    /// Applies the prepared step to a weight that has decayed.
    fn apply(&self, tensor: Tensor<'_>);

    /// As in [`Rule`].
    fn state_size(&self, weight: &Slot) -> usize {
        weight.len
    }

    /// A state that has as many elements as the weight, as earlier versions kept it, without what is no part of it.
    fn shortened(&self, _weight: &Slot, state: &[f32]) -> Vec<f32> {
        state.to_vec()
    }

    /// As in [`Rule`].
    fn weight_decay(&self, _weight: &Slot) -> f64 {
        0.0
    }

    /// As in [`Rule`].
    fn check(&mut self) -> Result<()> {
        Ok(())
    }
}

/// A formula for whole weights among those for elements, of which it has none.
#[derive(Debug)]
pub(super) struct OfWhole(pub(super) Box<dyn Whole>);

impl Rule for OfWhole {
    fn states(&self) -> &[(&'static str, f32)] {
        self.0.states()
    }

    fn prepare(&mut self, step: u64, learning_rate: f64) {
        self.0.prepare(step, learning_rate);
    }

    fn formula(&self, _span: Span<'_>) {}

    fn update(&self, _span: Span<'_>) {}

    fn update_rows(&self, _rows: Rows<'_>) {}

    fn rest(&self) -> Rest {
        Rest::None
    }

    fn weight_decay(&self, weight: &Slot) -> f64 {
        self.0.weight_decay(weight)
    }

    fn state_size(&self, weight: &Slot) -> usize {
        self.0.state_size(weight)
    }

    fn whole(&self) -> Option<&dyn Whole> {
        Some(&*self.0)
    }

    fn check(&mut self) -> Result<()> {
        self.0.check()
    }
}

/// Shrinks weights to a share of them.
#[inline(always)]
pub(super) fn decay(weights: &mut [f32], keep: f32) {
    if keep != 1.0 {
        weights.iter_mut().for_each(|weight| *weight *= keep);
    }
}

struct Update<'a, R: ?Sized> {
    rule: &'a R,
    span: Span<'a>,
}

impl<R: Rule + ?Sized> Plain for Update<'_, R> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        self.rule.formula(self.span);
    }
}

struct UpdateRows<'a, R: ?Sized> {
    rule: &'a R,
    rows: Rows<'a>,
}

/// The gradient of rows that are not listed, for so many elements at once.
pub(super) static ZEROS: [f32; 1 << 11] = [0.0; 1 << 11];

impl<R: Rule + ?Sized> Plain for UpdateRows<'_, R> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { rule, rows } = self;
        let Rows { changing, weights, state: [one, two, three], scale, keep } = rows;
        changing.each(weights.len(), |part, gradient| {
            let weights = &mut weights[part.clone()];
            decay(weights, keep);
            // States that the rule does not have are empty.
            let state =
                [&mut *one, &mut *two, &mut *three].map(|all| all.get_mut(part.clone()).unwrap_or_default());
            rule.formula(Span { weights, gradient, scale, state });
        });
    }
}

impl Changing<'_> {
    /// Calls `body` with the places, counted from the first row on, and the gradient of elements that change among the first `len`.
    #[inline(always)]
    pub(super) fn each(self, len: usize, mut body: impl FnMut(Range<usize>, &[f32])) {
        let Self { first, list, rest, touched } = self;
        let width = list.width;
        let end = first + len / width;
        let mut next = list.rows.partition_point(|&listed| listed < first);
        let mut row = first;
        while row < end {
            let listed = list.rows.get(next).map_or(end, |&listed| listed.min(end));
            // The rows to update now: the one that is listed next, or neighbours before it.
            let stop = match rest {
                _ if row == listed => row + 1,
                Rest::None => listed,
                Rest::All => row,
                Rest::Untouched => row + stretch(&touched[row..listed], true),
            };
            let span = (row - first) * width..(stop - first) * width;
            let mut start = span.start;
            while start < span.end {
                let gradient = if row == listed {
                    &list.values[next * width..(next + 1) * width]
                } else {
                    &ZEROS[..(span.end - start).min(ZEROS.len())]
                };
                let part = start..start + gradient.len();
                start = part.end;
                body(part, gradient);
            }
            if row == listed {
                next += 1;
                row += 1;
                continue;
            }
            row = match rest {
                Rest::Untouched => stop + stretch(&touched[stop..listed], false),
                Rest::None | Rest::All => listed,
            };
        }
    }
}

/// How many of the first entries are `value`.
fn stretch(entries: &[bool], value: bool) -> usize {
    entries.iter().position(|&entry| entry != value).unwrap_or(entries.len())
}

/// Elements that a weight takes in a state arena of its size.
pub(super) fn state_len(slot: &Slot) -> usize {
    if slot.trainable { slot.len.next_multiple_of(SLOT_ALIGNMENT) } else { 0 }
}

/// Elements that a weight takes in the arenas of a rule's states.
pub(super) fn own_len(rule: &dyn Rule, slot: &Slot) -> usize {
    if slot.trainable { rule.state_size(slot).next_multiple_of(SLOT_ALIGNMENT) } else { 0 }
}

/// Goes from weight to weight: where the elements of each lie in the arenas.
pub(super) struct Places<'a> {
    rule: &'a dyn Rule,
    own: usize,
    others: usize,
}

/// Where the elements of one weight lie.
#[derive(Debug, Clone)]
pub(super) struct Place {
    states: usize,
    own: Range<usize>,
    others: Range<usize>,
}

impl<'a> Places<'a> {
    pub(super) fn new(rule: &'a dyn Rule) -> Self {
        Self { rule, own: 0, others: 0 }
    }

    /// The place of the next trainable weight.
    pub(super) fn next(&mut self, slot: &Slot) -> Place {
        let (own, others) = (self.own, self.others);
        self.own += own_len(self.rule, slot);
        self.others += state_len(slot);
        Place {
            states: self.rule.states().len(),
            own: own..own + self.rule.state_size(slot),
            others: others..others + slot.len,
        }
    }
}

impl Place {
    /// Its elements in an arena; those of the rule's states come first.
    pub(super) fn of(&self, arena: usize) -> Range<usize> {
        if arena < self.states { self.own.clone() } else { self.others.clone() }
    }
}
