//! Optimizers over the flat arena of weights: Keras's names and default values; each says whose formula it has.
//!
//! A new optimizer is a file with a type that implements `Rule`, its `mod` line, and its place in `ENTRIES`.

mod adadelta;
mod adafactor;
mod adagrad;
mod adam;
mod adamax;
mod adamw;
mod apply;
mod arena;
mod check;
mod ftrl;
mod lamb;
mod lion;
mod means;
mod muon;
mod nadam;
mod norm;
mod options;
mod overflow;
mod radam;
mod rmsprop;
mod rounding;
mod rule;
mod saved;
mod schedule;
mod sgd;
#[cfg(test)]
mod tests;
mod touched;

use crate::error::{Error, Result};
use crate::gradients::{Gradient, GradientMut, Gradients};
use crate::memory;
use crate::params::{Parameters, Slot};
use crate::setting::{Setting, Settings, names};
use apply::{Kept, Prepared};
use arena::Arena;
pub use arena::StateValues;
use means::Means;
use norm::Norms;
use options::{Clip, Options};
use overflow::{Before, Bound};
use rounding::Rounding;
use rule::{MAX_STATES, Rest, Rule, own_len, state_len};
pub use saved::{NewState, SavedState, StateTensor};
use schedule::Schedule;
use std::sync::Arc;
use touched::Touched;

/// An optimizer that there is.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) name: &'static str,
    /// By default.
    pub(crate) learning_rate: f64,
    pub(crate) settings: &'static [Setting],
    read: fn(&Settings) -> Result<Box<dyn Rule>>,
    /// The name of its type, and what it is.
    #[cfg(test)]
    pub(crate) described: (&'static str, &'static str),
}

/// An [`Entry`]: the name on the wire, the type, the learning rate by default; `whole` for a rule for whole weights.
macro_rules! optimizer {
    (whole $name:literal, $rule:ident, $learning_rate:literal) => {
        optimizer!(@ $name, $rule, $learning_rate, |settings| {
            Ok(Box::new(OfWhole(Box::new($rule::read(settings)?))))
        })
    };
    ($name:literal, $rule:ident, $learning_rate:literal) => {
        optimizer!(@ $name, $rule, $learning_rate, |settings| Ok(Box::new($rule::read(settings)?)))
    };
    (@ $name:literal, $rule:ident, $learning_rate:literal, $read:expr) => {
        Entry {
            name: $name,
            learning_rate: $learning_rate,
            settings: $rule::SETTINGS,
            read: $read,
            #[cfg(test)]
            described: (stringify!($rule), $rule::ABOUT),
        }
    };
}
use optimizer;

names! {
    /// Whose formula an optimizer has that the makers of frameworks write differently.
    pub(crate) enum Formula {
        Keras,
        Pytorch,
    }
}

/// All optimizers.
pub(crate) const ENTRIES: &[Entry] = &[
    sgd::ENTRY,
    adam::ENTRY,
    adamw::ENTRY,
    nadam::ENTRY,
    adamax::ENTRY,
    rmsprop::ENTRY,
    adagrad::ENTRY,
    adadelta::ENTRY,
    lion::ENTRY,
    radam::ENTRY,
    adafactor::ENTRY,
    ftrl::ENTRY,
    lamb::ENTRY,
    muon::ENTRY,
];

/// An optimizer with its state for the trainable weights of one model.
///
/// Rows of an embedding table that a batch did not use receive the same update as with a dense gradient of zero, unless
/// `sparse` leaves them as they are. Results do not depend on the number of threads.
#[derive(Debug)]
pub struct Optimizer {
    learning_rate: Schedule,
    clip: Option<Clip>,
    rule: Box<dyn Rule>,
    /// The batches so far. So many of them make up a step.
    batch: u64,
    batches: u64,
    /// What is kept beside the rule's states.
    means: Means,
    /// Whether rows of tables without a gradient stay as they are.
    sparse: bool,
    /// The names of all states and their first values, those of the rule first.
    kinds: Vec<(&'static str, f32)>,
    slots: Vec<Slot>,
    /// One arena for each state of the rule, holding the trainable weights in order; shared with models that went on
    /// from here, until they change.
    states: Arc<Vec<Arena>>,
    /// Whether the states have their first values where these are not zero: writing them is left to the thread that
    /// trains.
    begun: bool,
    norms: Norms,
    scales: Vec<f32>,
    /// By weight, the share by which it shrinks before a step, times the learning rate; and what that leaves of it.
    decays: Vec<f64>,
    keep: Vec<f32>,
    /// The different factors on the learning rate of weights that change.
    multipliers: Vec<f64>,
    /// What a rule for whole weights works with.
    scratch: Vec<f32>,
    /// By weight, for those whose gradient is a list of rows.
    touched: Vec<Touched>,
    gradient_norm: f64,
    /// Above every weight and state.
    bound: Bound,
}

/// What [`Optimizer::kept`] gives.
#[derive(Debug)]
pub(crate) struct KeptStates {
    states: Arc<Vec<Arena>>,
    begun: bool,
    batch: u64,
}

/// States for writing: from now on copies, where other optimizers have them, too.
fn exclusive(states: &mut Arc<Vec<Arena>>) -> Result<&mut Vec<Arena>> {
    if Arc::get_mut(states).is_none() {
        *states = Arc::new(states.iter().map(Arena::copied).collect::<Result<_>>()?);
    }
    Arc::get_mut(states).ok_or_else(|| Error::native("The optimizer's state is in use"))
}

/// Gives new states, which are zero, their first values.
fn fill(states: &mut [Arena], kinds: &[(&'static str, f32)]) {
    for (arena, &(_, first)) in states.iter_mut().zip(kinds).filter(|&(_, &(_, first))| first != 0.0) {
        arena.fill(first);
    }
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
    fn begin(&mut self) -> Result<()> {
        if self.begun {
            return Ok(());
        }
        if self.kinds.iter().any(|&(_, first)| first != 0.0) {
            fill(exclusive(&mut self.states)?, &self.kinds);
        }
        self.begun = true;
        Ok(())
    }

    /// What going on from here needs, not copied.
    pub(crate) fn kept(&self) -> KeptStates {
        KeptStates { states: Arc::clone(&self.states), begun: self.begun, batch: self.batch }
    }

    /// Goes on from what another optimizer of this kind, for weights like these, has [kept](Self::kept).
    ///
    /// # Errors
    /// `ERR_FORMAT` for another kind's.
    pub(crate) fn take_over(&mut self, kept: KeptStates) -> Result<()> {
        let lengths =
            |states: &[Arena]| states.iter().map(|arena| (arena.len(), arena.bytes())).collect::<Vec<_>>();
        if lengths(&kept.states) != lengths(&self.states) {
            return Err(Error::format("The state is that of another optimizer"));
        }
        (self.states, self.begun) = (kept.states, kept.begun);
        self.renewed(kept.batch);
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
    fn steps(&self) -> u64 {
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

    /// Clips the gradients and applies one step. Frozen weights stay as they are.
    ///
    /// # Errors
    /// `ERR_NUMERIC`, naming the first weight whose gradient is not finite, or that would become infinite, or whose state would, or for a learning
    /// rate that is not finite; weights and state are then unchanged.
    pub fn apply(&mut self, parameters: &mut Parameters<f32>, gradients: &mut Gradients<f32>) -> Result<()> {
        let slots = parameters.slots();
        let place = |slot: &Slot| (slot.offset, slot.len);
        if !slots.iter().map(place).eq(self.slots.iter().map(place)) || gradients.len() != slots.len() {
            return Err(Error::native("The optimizer was made for other weights"));
        }
        let rate = self.learning_rate();
        if !((rate as f32).is_finite() && rate >= 0.0) {
            return Err(Error::numeric(format!("the schedule gives the learning rate {rate}")));
        }
        self.begin()?;
        if self.batch == 0 {
            self.means.begin(&self.slots, parameters, exclusive(&mut self.states)?);
        }
        let before = self.steps();
        if self.batch.saturating_add(1).is_multiple_of(self.batches) {
            self.means.combine(&self.slots, gradients, &self.states, self.batches)?;
            self.step(parameters, gradients, rate)?;
            let states = exclusive(&mut self.states)?;
            self.means.stepped(&self.slots, parameters, states, before.saturating_add(1));
        } else {
            self.measure(gradients)?;
            self.means.add(&self.slots, gradients, exclusive(&mut self.states)?)?;
        }
        let states = exclusive(&mut self.states)?;
        self.means.follow(&self.slots, parameters, states, before == 0, before.saturating_add(1));
        self.batch = self.batch.saturating_add(1);
        Ok(())
    }

    /// One step of the rule.
    fn step(
        &mut self,
        parameters: &mut Parameters<f32>,
        gradients: &mut Gradients<f32>,
        rate: f64,
    ) -> Result<()> {
        self.clip(gradients)?;
        memory::refill(&mut self.keep, self.slots.len(), 1.0, "What decays")?;
        for ((keep, decay), slot) in self.keep.iter_mut().zip(&self.decays).zip(&self.slots) {
            *keep = (1.0 - rate * slot.learning_rate_multiplier * decay) as f32;
        }
        self.touch(gradients)?;
        if let Some(whole) = self.rule.whole() {
            let trained = self.slots.iter().filter(|slot| slot.trainable);
            let most = trained.map(|slot| slot.len.saturating_add(whole.scratch(slot))).max().unwrap_or(0);
            memory::refill(&mut self.scratch, most, 0.0, "What the optimizer works with")?;
        }
        let largest = self.multipliers.iter().copied().fold(1.0, f64::max);
        let before = if self.is_risky(rate * largest, parameters)? {
            Some(Before::copy(parameters, &self.states)?)
        } else {
            None
        };
        let step = self.steps().saturating_add(1);
        let rounding = Rounding::new(step);
        let states = exclusive(&mut self.states)?;
        // Weights of another learning rate are another step of the same number: almost always there is one.
        for &multiplier in &self.multipliers {
            self.rule.prepare(step, rate * multiplier);
            apply::sweep(
                Prepared {
                    rule: &*self.rule,
                    keep: &self.keep,
                    sparse: self.sparse,
                    multiplier,
                    rounding: &rounding,
                },
                &self.slots,
                &self.scales,
                parameters,
                gradients,
                Kept {
                    states: states.get_mut(..self.rule.states().len()).unwrap_or_default(),
                    touched: &self.touched,
                    bound: &self.bound,
                    scratch: &mut self.scratch,
                },
            );
        }
        if let Some(before) = before
            && let Err(error) =
                self.bound.measure(&self.slots, parameters, &self.states, &self.kinds, &*self.rule)
        {
            before.put_back(parameters, exclusive(&mut self.states)?);
            return Err(error);
        }
        Ok(())
    }

    /// Takes note of values that weights were given since the last step.
    pub(crate) fn note(&self, values: &[f32]) {
        self.bound.raise(std::iter::once(values));
    }

    /// Whether the step may make a weight or a state infinite: not with ordinary numbers, so that nothing is copied for
    /// it.
    fn is_risky(&mut self, rate: f64, parameters: &Parameters<f32>) -> Result<bool> {
        let clipped = |(square, scale): (&f64, &f32)| square.sqrt() * f64::from(*scale);
        let gradient = self.norms.squares().iter().zip(&self.scales).map(clipped).fold(0.0, f64::max);
        let decay = self.decays.iter().copied().fold(0.0, f64::max);
        if self.bound.may_overflow(gradient, rate, decay) {
            // What was known may be of before.
            self.bound.measure(&self.slots, parameters, &self.states, &self.kinds, &*self.rule)?;
        }
        Ok(self.bound.may_overflow(gradient, rate, decay))
    }

    /// Measures the gradients.
    ///
    /// # Errors
    /// `ERR_NUMERIC` for one that is not finite.
    fn measure(&mut self, gradients: &Gradients<f32>) -> Result<()> {
        self.gradient_norm = self.norms.measure(&self.slots, gradients)?.iter().sum::<f64>().sqrt();
        Ok(())
    }

    /// Checks the gradients, clips them by value and computes the factors that clip them by norm (Keras's `limit /
    /// max(norm, limit)`).
    fn clip(&mut self, gradients: &mut Gradients<f32>) -> Result<()> {
        self.measure(gradients)?;
        let squares = self.norms.squares();
        memory::refill(&mut self.scales, squares.len(), 1.0, "The clipping factors")?;
        let factor = |limit: f64, norm: f64| (limit / norm.max(limit)) as f32;
        match self.clip {
            None => {}
            Some(Clip::GlobalNorm(limit)) => self.scales.fill(factor(limit, self.gradient_norm)),
            Some(Clip::Norm(limit)) => {
                for (scale, square) in self.scales.iter_mut().zip(squares) {
                    *scale = factor(limit, square.sqrt());
                }
            }
            Some(Clip::Value(limit)) => {
                let limit = limit as f32;
                for weight in 0..self.slots.len() {
                    let values = match gradients.get_mut(weight) {
                        None => continue,
                        Some(GradientMut::Dense(values)) => values,
                        Some(GradientMut::Rows(list)) => &mut list.values[..],
                    };
                    values.iter_mut().for_each(|g| *g = g.clamp(-limit, limit));
                }
            }
        }
        Ok(())
    }

    /// Notes which rows of tables have a gradient, for rules that leave all others as they are.
    fn touch(&mut self, gradients: &Gradients<f32>) -> Result<()> {
        if self.sparse || self.rule.rest() != Rest::Untouched {
            return Ok(());
        }
        let mut start = 0;
        for (weight, slot) in self.slots.iter().enumerate().filter(|(_, slot)| slot.trainable) {
            match gradients.get(weight) {
                Some(Gradient::Rows(list)) if self.keep[weight] == 1.0 => {
                    let mut states = [(StateValues::Float32(&[]), 0.0); MAX_STATES];
                    let arenas = self.states.iter().zip(self.rule.states());
                    for (state, (arena, &(_, first))) in states.iter_mut().zip(arenas) {
                        *state = (arena.values(start..start + slot.len), first);
                    }
                    self.touched[weight].mark(&list.rows, slot.len / list.width, list.width, states)?;
                }
                _ => self.touched[weight].forget(),
            }
            start += state_len(slot);
        }
        Ok(())
    }

    /// Calls `body` with the elements of all states, piece by piece.
    pub(crate) fn each_state(&self, mut body: impl FnMut(&[f32])) {
        self.states.iter().for_each(|arena| arena.values(0..arena.len()).each(&mut body));
    }

    /// Lets `change` replace all states, piece by piece, by those of another optimizer of the same kind after `step` batches. What it
    /// gives for bfloat16 is rounded to the nearest.
    ///
    /// # Errors
    /// `ERR_MEMORY`, and those of `change`.
    pub(crate) fn follow(
        &mut self,
        step: u64,
        mut change: impl FnMut(&mut [f32]) -> Result<()>,
    ) -> Result<()> {
        self.begin()?;
        self.renewed(step);
        exclusive(&mut self.states)?.iter_mut().try_for_each(|arena| arena.change(&mut change))
    }

    /// Takes another optimizer's learning rate, unless it follows a schedule.
    pub(crate) fn follow_rate(&mut self, rate: f64) {
        if matches!(self.learning_rate, Schedule::Constant(_)) {
            self.learning_rate = Schedule::Constant(rate);
        }
    }

    /// Forgets what was known of states that others replace, those after `step` batches.
    fn renewed(&mut self, step: u64) {
        self.touched.iter_mut().for_each(Touched::forget);
        self.means.forget();
        self.bound = Bound::unknown();
        self.batch = step;
    }
}
