//! What an optimizer keeps of weights and gradients beside the states of its rule.

use super::arena::Arena;
use super::rule::state_len;
use crate::error::{Error, Result};
use crate::gradients::{Gradient, GradientMut, Gradients};
use crate::params::{Parameters, Slot};
use seqloom_kernels::pool::each_block;

/// Elements that one thread takes at a time.
const BLOCK: usize = 1 << 13;

/// The mean of the weights over the steps.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Average {
    pub(super) momentum: f64,
    /// After how many steps the weights become their mean.
    pub(super) overwrite: Option<u64>,
}

/// Lookahead (Zhang et al. 2019): after every so many steps, weights go back to this share of the way.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Lookahead {
    pub(super) period: u64,
    pub(super) share: f64,
}

/// Where the arena of each is among the states, if it is kept.
#[derive(Debug, Default)]
pub(super) struct Means {
    /// Sums of the gradients of a step's batches.
    pub(super) gradient: Option<usize>,
    pub(super) average: Option<(usize, Average)>,
    /// Lookahead's slow weights.
    pub(super) slow: Option<(usize, Lookahead)>,
    /// By weight, for those whose gradient is a list of rows, which rows have sums; none while that is unknown.
    pub(super) summed: Vec<Option<Vec<usize>>>,
}

/// Runs `body` on all trainable weights, each with its place in the arena of a state.
fn each(
    slots: &[Slot],
    weights: &mut [f32],
    state: &mut [f32],
    body: impl Fn(&mut f32, &mut f32) + Sync + Copy,
) {
    let mut start = 0;
    for slot in slots.iter().filter(|slot| slot.trainable) {
        let weights = &mut weights[slot.offset..slot.offset + slot.len];
        let state = &mut state[start..start + slot.len];
        each_block([weights, state], BLOCK, slot.len > BLOCK, |_, [weights, state]| {
            weights.iter_mut().zip(state).for_each(|(weight, state)| body(weight, state));
        });
        start += state_len(slot);
    }
}

/// Exchanges weights and a state.
pub(super) fn swap(slots: &[Slot], weights: &mut [f32], state: &mut [f32]) {
    each(slots, weights, state, std::mem::swap);
}

/// Overwrites weights with a state.
pub(super) fn overwrite(slots: &[Slot], weights: &mut [f32], state: &mut [f32]) {
    each(slots, weights, state, |weight, state| *weight = *state);
}

/// The rows of a table that are not zero.
fn used(table: &[f32], width: usize) -> Result<Vec<usize>> {
    let mut rows = Vec::new();
    for (row, values) in table.chunks_exact(width.max(1)).enumerate() {
        if values.iter().any(|&value| value != 0.0) {
            rows.try_reserve(1).map_err(|_| Error::memory("The list of rows with gradients does not fit"))?;
            rows.push(row);
        }
    }
    Ok(rows)
}

impl Means {
    /// Before the first step, the slow weights are the weights.
    pub(super) fn begin(&self, slots: &[Slot], parameters: &mut Parameters<f32>, states: &mut [Arena]) {
        if let Some((at, _)) = self.slow {
            each(slots, parameters.arena_mut(), states[at].floats_mut(), |weight, slow| *slow = *weight);
        }
    }

    /// Forgets which rows have sums.
    pub(super) fn forget(&mut self) {
        self.summed.fill(None);
    }

    /// Adds the gradients of a batch that does not complete a step.
    ///
    /// # Errors
    /// `ERR_MEMORY`; nothing has been added then.
    pub(super) fn add(
        &mut self,
        slots: &[Slot],
        gradients: &Gradients<f32>,
        states: &mut [Arena],
    ) -> Result<()> {
        let Some(sums) = self.gradient.map(|at| states[at].floats_mut()) else { return Ok(()) };
        self.note(slots, gradients, sums)?;
        let mut start = 0;
        for (weight, slot) in slots.iter().enumerate().filter(|(_, slot)| slot.trainable) {
            let sums = &mut sums[start..start + slot.len];
            let add = |sums: &mut [f32], values: &[f32]| {
                sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
            };
            match gradients.get(weight) {
                Some(Gradient::Dense(values)) => add(sums, values),
                Some(Gradient::Rows(list)) => {
                    for (&row, values) in list.rows.iter().zip(list.values.chunks_exact(list.width.max(1))) {
                        add(&mut sums[row * list.width..], values);
                    }
                }
                None => {}
            }
            start += state_len(slot);
        }
        Ok(())
    }

    /// Notes which rows of tables have sums once the gradients have been added.
    fn note(&mut self, slots: &[Slot], gradients: &Gradients<f32>, sums: &[f32]) -> Result<()> {
        let no_memory = |_| Error::memory("The list of rows with gradients does not fit");
        let mut start = 0;
        for (weight, slot) in slots.iter().enumerate().filter(|(_, slot)| slot.trainable) {
            if let Some(Gradient::Rows(list)) = gradients.get(weight) {
                let mut rows = match self.summed[weight].take() {
                    Some(rows) => rows,
                    None => used(&sums[start..start + slot.len], list.width)?,
                };
                rows.try_reserve(list.rows.len()).map_err(no_memory)?;
                rows.extend_from_slice(&list.rows);
                rows.sort_unstable();
                rows.dedup();
                self.summed[weight] = Some(rows);
            }
            start += state_len(slot);
        }
        Ok(())
    }

    /// Makes the gradients of the batch that completes a step the mean of all its batches.
    pub(super) fn combine(
        &mut self,
        slots: &[Slot],
        gradients: &mut Gradients<f32>,
        states: &[Arena],
        batches: u64,
    ) -> Result<()> {
        let Some(sums) = self.gradient.map(|at| states[at].floats()) else { return Ok(()) };
        let count = batches as f32;
        let mut start = 0;
        for (weight, slot) in slots.iter().enumerate().filter(|(_, slot)| slot.trainable) {
            let sums = &sums[start..start + slot.len];
            match gradients.get_mut(weight) {
                Some(GradientMut::Dense(values)) => {
                    values.iter_mut().zip(sums).for_each(|(value, sum)| *value = (*value + sum) / count);
                }
                Some(GradientMut::Rows(list)) => {
                    let width = list.width;
                    let rows = match self.summed[weight].take() {
                        Some(rows) => rows,
                        None => used(sums, width)?,
                    };
                    let sum = |position: usize| &sums[rows[position] * width..][..width];
                    list.merge(rows.len(), |position| Some(rows[position]), sum)?;
                    self.summed[weight] = Some(rows);
                    list.values.iter_mut().for_each(|value| *value /= count);
                }
                None => {}
            }
            start += state_len(slot);
        }
        Ok(())
    }

    /// After step `step`, the first of which is 1.
    pub(super) fn stepped(
        &mut self,
        slots: &[Slot],
        parameters: &mut Parameters<f32>,
        states: &mut [Arena],
        step: u64,
    ) {
        if let Some(at) = self.gradient {
            self.clear_sums(slots, states[at].floats_mut());
        }
        if let Some((at, Lookahead { period, share })) = self.slow
            && step.is_multiple_of(period)
        {
            let share = share as f32;
            each(slots, parameters.arena_mut(), states[at].floats_mut(), |weight, slow| {
                *slow += share * (*weight - *slow);
                *weight = *slow;
            });
        }
    }

    /// Makes all sums zero: of tables, those of the rows that have one.
    fn clear_sums(&mut self, slots: &[Slot], sums: &mut [f32]) {
        let mut start = 0;
        for (weight, slot) in slots.iter().enumerate().filter(|(_, slot)| slot.trainable) {
            let sums = &mut sums[start..start + slot.len];
            match &mut self.summed[weight] {
                Some(rows) => {
                    let width = slot.shape.get(1).copied().unwrap_or(1);
                    rows.drain(..).for_each(|row| sums[row * width..][..width].fill(0.0));
                }
                None => sums.fill(0.0),
            }
            start += state_len(slot);
        }
    }

    /// After every batch; `first` before any other, `step` being the number of the step that it belongs to.
    pub(super) fn follow(
        &self,
        slots: &[Slot],
        parameters: &mut Parameters<f32>,
        states: &mut [Arena],
        first: bool,
        step: u64,
    ) {
        let Some((at, Average { momentum, overwrite: every })) = self.average else { return };
        let rest = if first { 1.0 } else { 1.0 - momentum as f32 };
        each(slots, parameters.arena_mut(), states[at].floats_mut(), |weight, mean| {
            // In this form, the mean of a weight that no step changes is that weight, to the bit.
            *mean = if rest == 1.0 { *weight } else { *mean + rest * (*weight - *mean) };
        });
        if every.is_some_and(|every| step.is_multiple_of(every)) {
            overwrite(slots, parameters.arena_mut(), states[at].floats_mut());
        }
    }
}
