//! An optimizer: what it is made of, its learning rate, and what it tells of itself.

use super::arena::{Arena, exclusive, fill};
use super::check;
use super::means::{self, Means};
use super::norm::Norms;
use super::options::{Clip, Options};
use super::overflow::Bound;
use super::rule::{Rule, own_len, state_len};
use super::schedule::Schedule;
use super::touched::Touched;
use crate::error::{Error, Result};
use crate::params::{Parameters, Slot};
use std::sync::Arc;

/// An optimizer with its state for the trainable weights of one model.
///
/// Rows of an embedding table that a batch did not use receive the same update as with a dense gradient of zero, unless
/// `sparse` leaves them as they are. Results do not depend on the number of threads.
#[derive(Debug)]
pub struct Optimizer {
    pub(super) learning_rate: Schedule,
    pub(super) clip: Option<Clip>,
    pub(super) rule: Box<dyn Rule>,
    /// The batches so far. So many of them make up a step.
    pub(super) batch: u64,
    pub(super) batches: u64,
    /// What is kept beside the rule's states.
    pub(super) means: Means,
    /// Whether rows of tables without a gradient stay as they are.
    pub(super) sparse: bool,
    /// The names of all states and their first values, those of the rule first.
    pub(super) kinds: Vec<(&'static str, f32)>,
    pub(super) slots: Vec<Slot>,
    /// One arena for each state of the rule, holding the trainable weights in order; shared with models that went on
    /// from here, until they change.
    pub(super) states: Arc<Vec<Arena>>,
    /// Whether the states have their first values where these are not zero: writing them is left to the thread that
    /// trains.
    pub(super) begun: bool,
    pub(super) norms: Norms,
    pub(super) scales: Vec<f32>,
    /// By weight, the share by which it shrinks before a step, times the learning rate; and what that leaves of it.
    pub(super) decays: Vec<f64>,
    pub(super) keep: Vec<f32>,
    /// The different factors on the learning rate of weights that change.
    pub(super) multipliers: Vec<f64>,
    /// What a rule for whole weights works with.
    pub(super) scratch: Vec<f32>,
    /// By weight, for those whose gradient is a list of rows.
    pub(super) touched: Vec<Touched>,
    pub(super) gradient_norm: f64,
    /// Above every weight and state.
    pub(super) bound: Bound,
}

impl Optimizer {
    /// Makes the optimizer that `json` describes: `kind` (its name), the kind's own settings, `learningRate` (a number
    /// or a schedule), `weightDecay` (before every step, weights shrink by this share times the learning rate) and
    /// `excludeFromWeightDecay` (parts of the names of those that do not), at most one of `clipValue`, `clipNorm` (each
    /// weight) and `globalClipNorm`, `gradientAccumulationSteps`, `useEma`, `emaMomentum`, `emaOverwriteFrequency`,
    /// `lookahead` (`syncPeriod`, `slowStepSize`), `sparse` (rows of tables without a gradient stay as they are), and
    /// `stateDtype` (`float32`, or `bfloat16` for the states of the rule). What is left out has its default.
    ///
    /// # Errors
    /// `ERR_OPTION` for unknown kinds, unknown fields and values out of range; `ERR_UNSUPPORTED` for what cannot be `sparse`, or has no states for `stateDtype`; `ERR_MEMORY` when the state does not fit.
    pub fn from_json(json: &str, slots: &[Slot]) -> Result<Self> {
        let Options {
            learning_rate,
            clip,
            decay,
            exclude,
            average,
            lookahead,
            batches,
            sparse,
            bfloat16,
            rule,
        } = Options::from_json(json)?;
        let mut kinds = rule.states().to_vec();
        let mut keep = |name| {
            kinds.push((name, 0.0));
            kinds.len() - 1
        };
        let means = Means {
            gradient: (batches > 1).then(|| keep("gradient")),
            average: average.map(|average| (keep("average"), average)),
            slow: lookahead.map(|lookahead| (keep("slow"), lookahead)),
            summed: vec![None; slots.len()],
        };
        let decay_of = |slot: &Slot| {
            let excluded = exclude.iter().any(|part| slot.name.contains(part.as_str()));
            if excluded || !slot.trainable { 0.0 } else { decay.max(rule.weight_decay(slot)) }
        };
        let decays = slots.iter().map(decay_of).collect();
        let mut multipliers = Vec::new();
        for slot in slots.iter().filter(|slot| slot.trainable) {
            let multiplier = slot.learning_rate_multiplier;
            check::non_negative(&format!("the learningRateMultiplier of '{}'", slot.name), multiplier)?;
            // With 0, nothing changes.
            if multiplier > 0.0 && !multipliers.contains(&multiplier) {
                multipliers.push(multiplier);
            }
        }
        let own = rule.states().len();
        let mut states = Vec::new();
        for arena in 0..kinds.len() {
            let len = slots
                .iter()
                .map(|slot| if arena < own { own_len(&*rule, slot) } else { state_len(slot) })
                .try_fold(0_usize, usize::checked_add)
                .ok_or_else(|| Error::memory("The state of the optimizer is too large to address"))?;
            states.push(Arena::new(len, bfloat16 && arena < own)?);
        }
        Ok(Self {
            learning_rate,
            clip,
            rule,
            batch: 0,
            batches,
            means,
            sparse,
            kinds,
            slots: slots.to_vec(),
            states: Arc::new(states),
            begun: false,
            norms: Norms::default(),
            scales: Vec::new(),
            decays,
            keep: Vec::new(),
            multipliers,
            scratch: Vec::new(),
            touched: slots.iter().map(|_| Touched::default()).collect(),
            gradient_norm: 0.0,
            bound: Bound::unknown(),
        })
    }

    /// Whether rows of tables without a gradient stay as they are.
    pub(crate) fn is_sparse(&self) -> bool {
        self.sparse
    }

    /// Gives the states their first values, if they have none yet.
    pub(super) fn begin(&mut self) -> Result<()> {
        if self.begun {
            return Ok(());
        }
        if self.kinds.iter().any(|&(_, first)| first != 0.0) {
            fill(exclusive(&mut self.states)?, &self.kinds);
        }
        self.begun = true;
        Ok(())
    }

    /// The learning rate of the next step. Schedules follow batches, as Keras's do: their course stays what it is when
    /// more batches make up a step.
    pub fn learning_rate(&self) -> f64 {
        self.learning_rate.rate(self.batch)
    }

    /// Changes the learning rate from the next step on.
    ///
    /// # Errors
    /// `ERR_OPTION` when it is negative or not finite, `ERR_STATE` where it follows a schedule.
    pub fn set_learning_rate(&mut self, rate: f64) -> Result<()> {
        check::non_negative("learningRate", rate)?;
        if self.learning_rate != Schedule::Constant(self.learning_rate()) {
            return Err(Error::state(
                "The learning rate follows a schedule; compile with a number to change it in between",
            ));
        }
        self.learning_rate = Schedule::Constant(rate);
        Ok(())
    }

    /// Changes to the learning rate or the schedule that a JSON value describes from the next step on.
    ///
    /// # Errors
    /// `ERR_OPTION`.
    pub fn set_schedule(&mut self, json: &str) -> Result<()> {
        let value = serde_json::from_str(json)
            .map_err(|error| Error::option(format!("the learning rate is not JSON: {error}")))?;
        self.learning_rate = Schedule::from_value(value)?;
        Ok(())
    }

    /// Gives a rate for each of the next batches; the last one stays. For a schedule of the kind `function` alone,
    /// which is a function that is not known here.
    ///
    /// # Errors
    /// `ERR_STATE` where the learning rate is something else.
    pub fn set_rates(&mut self, rates: Vec<f64>) -> Result<()> {
        self.learning_rate.set_rates(self.batch, rates)
    }

    /// The number of batches applied so far; without accumulation of gradients, that of steps.
    pub fn step_count(&self) -> u64 {
        self.batch
    }

    /// How many steps there have been.
    pub(super) fn steps(&self) -> u64 {
        self.batch / self.batches
    }

    /// Exchanges the weights and their mean over the steps; nothing before the first step.
    ///
    /// # Errors
    /// `ERR_STATE` where no mean is kept.
    pub fn swap_average(&mut self, parameters: &mut Parameters<f32>) -> Result<()> {
        let Some((at, _)) = self.means.average else {
            return Err(Error::state(
                "The optimizer keeps no mean of the weights; compile with useEma: true",
            ));
        };
        if self.batch > 0 {
            means::swap(&self.slots, parameters.arena_mut(), exclusive(&mut self.states)?[at].floats_mut());
        }
        Ok(())
    }

    /// Ends a training: the weights become their mean over the steps, where that is kept.
    ///
    /// # Errors
    /// `ERR_MEMORY`.
    pub(crate) fn finish(&mut self, parameters: &mut Arc<Parameters<f32>>) -> Result<()> {
        if let Some((at, _)) = self.means.average
            && self.batch > 0
        {
            let weights = Parameters::exclusive(parameters)?.arena_mut();
            means::overwrite(&self.slots, weights, exclusive(&mut self.states)?[at].floats_mut());
        }
        Ok(())
    }

    /// The norm of all gradients together at the last step, before clipping.
    pub fn gradient_norm(&self) -> f64 {
        self.gradient_norm
    }

    /// For every trainable weight its name and the sum of the squares of its gradient at the last step, before
    /// clipping.
    pub fn gradient_squares(&self) -> impl Iterator<Item = (&str, f64)> {
        let trainable = self.slots.iter().zip(self.norms.squares()).filter(|(slot, _)| slot.trainable);
        trainable.map(|(slot, &square)| (slot.name.as_str(), square))
    }

    /// Whether gradients have been measured, as every step does.
    pub(crate) fn has_measured(&self) -> bool {
        !self.norms.squares().is_empty()
    }

    /// Bytes held by the state.
    pub fn memory(&self) -> usize {
        self.states.iter().map(Arena::bytes).sum()
    }

    /// Takes note of values that weights were given since the last step.
    pub(crate) fn note(&self, values: &[f32]) {
        self.bound.raise(std::iter::once(values));
    }
}
