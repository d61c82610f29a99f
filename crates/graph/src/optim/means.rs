//! What an optimizer keeps of weights and gradients beside the states of its rule.

use super::rule::state_len;
use crate::error::Result;
use crate::gradients::{Gradient, GradientMut, Gradients};
use crate::params::{Parameters, Slot};
use seqloom_kernels::AlignedVec;
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
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Means {
    /// Sums of the gradients of a step's batches.
    pub(super) gradient: Option<usize>,
    pub(super) average: Option<(usize, Average)>,
    /// Lookahead's slow weights.
    pub(super) slow: Option<(usize, Lookahead)>,
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

impl Means {
    /// Before the first step, the slow weights are the weights.
    pub(super) fn begin(
        &self,
        slots: &[Slot],
        parameters: &mut Parameters<f32>,
        states: &mut [AlignedVec<f32>],
    ) {
        if let Some((at, _)) = self.slow {
            each(slots, parameters.arena_mut(), &mut states[at], |weight, slow| *slow = *weight);
        }
    }

    /// Adds the gradients of a batch that does not complete a step.
    pub(super) fn add(&self, slots: &[Slot], gradients: &Gradients<f32>, states: &mut [AlignedVec<f32>]) {
        let Some(sums) = self.gradient.map(|at| &mut states[at]) else { return };
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
    }

    /// Makes the gradients of the batch that completes a step the mean of all its batches.
    pub(super) fn combine(
        &self,
        slots: &[Slot],
        gradients: &mut Gradients<f32>,
        states: &[AlignedVec<f32>],
        batches: u64,
    ) -> Result<()> {
        let Some(sums) = self.gradient.map(|at| &states[at]) else { return Ok(()) };
        let count = batches as f32;
        let mut start = 0;
        for (weight, slot) in slots.iter().enumerate().filter(|(_, slot)| slot.trainable) {
            let sums = &sums[start..start + slot.len];
            match gradients.get_mut(weight) {
                Some(GradientMut::Dense(values)) => {
                    values.iter_mut().zip(sums).for_each(|(value, sum)| *value = (*value + sum) / count);
                }
                Some(GradientMut::Rows(list)) => {
                    list.accumulate(slot.len / list.width.max(1), Some, sums)?;
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
        &self,
        slots: &[Slot],
        parameters: &mut Parameters<f32>,
        states: &mut [AlignedVec<f32>],
        step: u64,
    ) {
        if let Some(at) = self.gradient {
            states[at].fill(0.0);
        }
        if let Some((at, Lookahead { period, share })) = self.slow
            && step.is_multiple_of(period)
        {
            let share = share as f32;
            each(slots, parameters.arena_mut(), &mut states[at], |weight, slow| {
                *slow += share * (*weight - *slow);
                *weight = *slow;
            });
        }
    }

    /// After every batch; `first` before any other, `step` being the number of the step that it belongs to.
    pub(super) fn follow(
        &self,
        slots: &[Slot],
        parameters: &mut Parameters<f32>,
        states: &mut [AlignedVec<f32>],
        first: bool,
        step: u64,
    ) {
        let Some((at, Average { momentum, overwrite: every })) = self.average else { return };
        let momentum = if first { 0.0 } else { momentum as f32 };
        let rest = 1.0 - momentum;
        each(slots, parameters.arena_mut(), &mut states[at], |weight, mean| {
            *mean = momentum * *mean + rest * *weight;
        });
        if every.is_some_and(|every| step.is_multiple_of(every)) {
            overwrite(slots, parameters.arena_mut(), &mut states[at]);
        }
    }
}
