//! Steps that would leave something infinite are refused before anything has changed.

use super::arena::{Arena, StateValues};
use super::rule::{Places, Rule};
use crate::error::{Error, Result};
use crate::memory;
use crate::params::{Parameters, Slot};
use seqloom_kernels::AlignedVec;
use seqloom_kernels::simd::{Plain, vectorised};
use std::sync::atomic::{AtomicU32, Ordering};

/// Below these a step cannot make anything infinite, whatever the rule: squares of gradients stay far below the largest float32.
const GRADIENT: f64 = 1e15;
const RATE: f64 = 1e6;
const DECAY: f64 = 1e3;
const VALUE: f32 = 1e24;

/// Above every weight and state in magnitude.
#[derive(Debug)]
pub(super) struct Bound(AtomicU32);

impl Bound {
    /// Where nothing is known.
    pub(super) fn unknown() -> Self {
        Self(AtomicU32::new(f32::INFINITY.to_bits()))
    }

    fn get(&self) -> f32 {
        f32::from_bits(self.0.load(Ordering::Relaxed))
    }

    /// Raises it to the magnitude of all values of some parts: in one call, since a part may be one short row of a table.
    pub(super) fn raise<'a>(&self, parts: impl Iterator<Item = &'a [f32]>) {
        // Without the sign, larger bits are larger numbers, infinity and NaN the largest.
        self.0.fetch_max(vectorised(Magnitude(parts)), Ordering::Relaxed);
    }

    /// Whether a step may make something infinite: with gradients of norms up to `gradient`, a learning rate, a decay of weights.
    pub(super) fn may_overflow(&self, gradient: f64, rate: f64, decay: f64) -> bool {
        !(gradient < GRADIENT && rate < RATE && decay < DECAY && self.get() < VALUE)
    }

    /// Takes the bound from weights and states as they are.
    ///
    /// # Errors
    /// `ERR_NUMERIC` naming a weight, and its state, that is not finite.
    pub(super) fn measure(
        &mut self,
        slots: &[Slot],
        parameters: &Parameters<f32>,
        states: &[Arena],
        names: &[(&'static str, f32)],
        rule: &dyn Rule,
    ) -> Result<()> {
        self.0 = AtomicU32::new(0);
        let mut places = Places::new(rule);
        for slot in slots.iter().filter(|slot| slot.trainable) {
            let weight = parameters.arena().get(slot.offset..slot.offset + slot.len).unwrap_or_default();
            let place = places.next(slot);
            let parts = states.iter().zip(names).enumerate();
            let parts = parts.map(|(arena, (state, &(name, _)))| (name, state.values(place.of(arena))));
            for (name, values) in std::iter::once(("", StateValues::Float32(weight))).chain(parts) {
                values.each(|values| self.raise(std::iter::once(values)));
                if !self.get().is_finite() {
                    let what = match name {
                        "" => format!("the weight '{}'", slot.name),
                        name => format!("the optimizer's state '{}/{name}'", slot.name),
                    };
                    return Err(Error::numeric(format!(
                        "{what} would become infinite: the gradients or the learning rate are too large; scale the data, or clip the gradients"
                    )));
                }
            }
        }
        Ok(())
    }
}

struct Magnitude<I>(I);

impl<'a, I: Iterator<Item = &'a [f32]>> Plain for Magnitude<I> {
    type Output = u32;

    #[inline(always)]
    fn run(self) -> u32 {
        let mut most = 0;
        for part in self.0 {
            most = part.iter().fold(most, |most, value| most.max(value.to_bits() & 0x7fff_ffff));
        }
        most
    }
}

/// Weights and states before a step.
pub(super) struct Before {
    weights: AlignedVec<f32>,
    states: Vec<Arena>,
}

impl Before {
    /// # Errors
    /// `ERR_MEMORY`.
    pub(super) fn copy(parameters: &Parameters<f32>, states: &[Arena]) -> Result<Self> {
        let mut weights = memory::aligned(parameters.arena().len(), "A copy of the weights")?;
        weights.copy_from_slice(parameters.arena());
        Ok(Self { weights, states: states.iter().map(Arena::copied).collect::<Result<_>>()? })
    }

    /// Makes everything as it was.
    pub(super) fn put_back(self, parameters: &mut Parameters<f32>, states: &mut Vec<Arena>) {
        parameters.arena_mut().copy_from_slice(&self.weights);
        *states = self.states;
    }
}
