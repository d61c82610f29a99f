//! Constraints of weights: after every step, outputs of the training graph replace them.

use super::spec::Replacement;
use crate::error::{Error, Result};
use crate::mode::Run;
use crate::optim::Optimizer;
use crate::params::Parameters;
use crate::run::Executor;
use std::sync::Arc;

/// Which outputs of the training graph replace which weights.
#[derive(Debug)]
pub(super) struct Constraints {
    all: Vec<Replacement>,
    outputs: Vec<usize>,
}

impl Constraints {
    pub(super) fn new(all: Vec<Replacement>) -> Self {
        let outputs = all.iter().map(|constraint| constraint.output).collect();
        Self { all, outputs }
    }

    /// Makes the weights fulfil them. The executor has a batch, of which nothing is read.
    pub(super) fn apply(
        &self,
        executor: &mut Executor<f32>,
        parameters: &mut Arc<Parameters<f32>>,
        optimizer: &Optimizer,
    ) -> Result<()> {
        if self.all.is_empty() {
            return Ok(());
        }
        executor.forward(parameters, &Run { outputs: Some(&self.outputs), ..Run::default() })?;
        let parameters = Parameters::exclusive(parameters)?;
        for constraint in &self.all {
            let value = executor.value(constraint.output)?;
            let weight =
                parameters.get_mut(constraint.weight).filter(|weight| weight.len() == value.data.len());
            let Some(weight) = weight else {
                return Err(Error::format("A constraint's result has not the shape of its weight"));
            };
            weight.copy_from_slice(value.data);
            optimizer.note(weight);
        }
        Ok(())
    }
}
