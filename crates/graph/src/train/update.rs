//! Weights that the forward pass of a step changes, though no gradient does: moving means and the like.

use super::spec::Replacement;
use crate::error::{Error, Result};
use crate::memory;
use crate::params::Parameters;
use crate::run::Executor;

/// Which outputs of the training graph become which weights, and their values until a step is complete.
#[derive(Debug)]
pub(super) struct Updates {
    all: Vec<Replacement>,
    values: Vec<Vec<f32>>,
}

impl Updates {
    pub(super) fn new(all: Vec<Replacement>) -> Self {
        Self { values: vec![Vec::new(); all.len()], all }
    }

    /// The outputs that a step computes.
    pub(super) fn outputs(&self) -> impl Iterator<Item = usize> {
        self.all.iter().map(|update| update.output)
    }

    /// Records what the forward pass has made.
    ///
    /// # Errors
    /// `ERR_FORMAT` for what has not the shape of its weight.
    pub(super) fn note(&mut self, executor: &Executor<f32>, parameters: &Parameters<f32>) -> Result<()> {
        for (update, value) in self.all.iter().zip(&mut self.values) {
            let new = executor.value(update.output)?.data;
            if parameters.slots().get(update.weight).is_none_or(|slot| slot.len != new.len()) {
                return Err(Error::format("What a weight becomes has not its shape"));
            }
            memory::refill(value, new.len(), 0.0, "The new values of weights")?;
            value.copy_from_slice(new);
        }
        Ok(())
    }

    /// The recorded values of each weight.
    pub(super) fn values_mut(&mut self) -> impl Iterator<Item = &mut Vec<f32>> {
        self.values.iter_mut()
    }

    /// Checks what was recorded.
    ///
    /// # Errors
    /// `ERR_NUMERIC` naming a weight that would not be finite.
    pub(super) fn check(&self, parameters: &Parameters<f32>) -> Result<()> {
        for (update, value) in self.all.iter().zip(&self.values) {
            let name = parameters.slots().get(update.weight).map_or("", |slot| &slot.name);
            if let Some(wrong) = value.iter().find(|value| !value.is_finite()) {
                return Err(Error::numeric(format!(
                    "the weight '{name}' would become {wrong}: the values that it is computed of are too large; scale the data"
                )));
            }
        }
        Ok(())
    }

    /// Gives the weights the recorded values, once nothing of the step can fail.
    pub(super) fn apply(&self, parameters: &mut Parameters<f32>) {
        for (update, value) in self.all.iter().zip(&self.values) {
            if let Some(weight) =
                parameters.get_mut(update.weight).filter(|weight| weight.len() == value.len())
            {
                weight.copy_from_slice(value);
            }
        }
    }
}
