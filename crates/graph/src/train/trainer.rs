//! A model with everything needed to train it.

use super::batch::Batch;
use super::carry::Carry;
use super::constrain::Constraints;
use super::group::Group;
use super::progress::Progress;
use super::spec::TrainSpec;
use super::tally::Scores;
use super::update::Updates;
use crate::error::{Error, Result};
use crate::form::Form;
use crate::gradients::Gradients;
use crate::init;
use crate::ir::Graph;
use crate::memory;
use crate::mode::{Record, Run};
use crate::optim::{KeptStates, NewState, Optimizer, SavedState, StateTensor};
use crate::parallel::unless_cancelled;
use crate::params::{Parameters, Slot};
use crate::registry;
use crate::run::{Executor, RunBytes};
use crate::values::{InputSpec, WeightSpec};
use crate::wire::GraphSpec;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// A model: its weights, the executor that predicts, and, once compiled, the executor and optimizer that train.
#[derive(Debug)]
pub struct Trainer {
    pub(super) seed: u64,
    /// How many weights, in order, have values.
    pub(super) drawn: usize,
    /// Shared with sessions, until they change here.
    pub(super) parameters: Arc<Parameters<f32>>,
    pub(super) predictor: Executor<f32>,
    /// The executor that predicts instead if states are carried from batch to batch.
    pub(super) stateful: Option<(Executor<f32>, Carry)>,
    pub(super) compiled: Option<Compiled>,
    pub(super) batch: Batch,
    pub(super) progress: Progress,
    /// Those that it trains with, where that is asked for.
    pub(super) group: Option<Arc<dyn Group>>,
}

/// A model's weights and the state of its training, as [`Trainer::snapshot`] found them.
#[derive(Debug)]
pub struct Snapshot {
    parameters: Arc<Parameters<f32>>,
    training: Option<(KeptStates, Vec<Vec<f32>>)>,
}

/// What compiling adds.
#[derive(Debug)]
pub(super) struct Compiled {
    pub(super) executor: Executor<f32>,
    pub(super) carry: Carry,
    pub(super) gradients: Gradients<f32>,
    pub(super) optimizer: Optimizer,
    pub(super) scores: Scores,
    pub(super) updates: Updates,
    pub(super) constraints: Constraints,
}

impl Trainer {
    /// Makes a model from its graph (JSON) and draws its weights, keyed by `seed`.
    ///
    /// # Errors
    /// `ERR_FORMAT`, `ERR_SHAPE`, `ERR_OPTION` or `ERR_UNSUPPORTED` naming what is wrong with the graph; `ERR_MEMORY`.
    pub fn new(graph: &str, seed: u64) -> Result<Self> {
        Self::of(GraphSpec::from_json(graph)?, seed)
    }

    /// The same for a graph that need not be read.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn of(graph: GraphSpec, seed: u64) -> Result<Self> {
        let mut trainer = Self::undrawn(graph, seed)?;
        trainer.draw(&AtomicBool::new(false))?;
        Ok(trainer)
    }

    /// The same except for the weights, which must get their values from [`Self::draw`] or [`Self::set_weights`] before
    /// anything else is done with them.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn undrawn(graph: GraphSpec, seed: u64) -> Result<Self> {
        let graph = registry::read(graph)?;
        let parameters = Arc::new(Parameters::zeros(&graph)?);
        let (carried, carry) = Carry::new(&graph)?;
        let stateful = if carry.is_empty() { None } else { Some((Executor::of(carried)?, carry)) };
        let predictor = Executor::of(graph)?;
        for weight in &predictor.graph().weights {
            init::check(&weight.initializer, &weight.shape).map_err(|error| within(error, weight))?;
        }
        Ok(Self {
            seed,
            drawn: 0,
            parameters,
            predictor,
            stateful,
            compiled: None,
            batch: Batch::default(),
            progress: Progress::default(),
            group: None,
        })
    }

    /// Draws the weights that have not been drawn yet.
    ///
    /// # Errors
    /// `ERR_MEMORY`; `ABORTED` once `cancel` is set: the rest is drawn the next time.
    pub fn draw(&mut self, cancel: &AtomicBool) -> Result<()> {
        for (index, weight) in self.predictor.graph().weights.iter().enumerate().skip(self.drawn) {
            let parameters = Parameters::exclusive(&mut self.parameters)?;
            let mut drawn = Vec::new();
            let values = match (weight.int8, parameters.slots().get(index)) {
                (Some(_), Some(slot)) => {
                    memory::refill(&mut drawn, slot.len, 0.0, "The first values of an int8 weight")?;
                    &mut drawn[..]
                }
                _ => parameters.get_mut(index).unwrap_or_default(),
            };
            unless_cancelled(cancel, || {
                init::fill(&weight.initializer, &weight.shape, self.seed, index, values)
            })
            .map_err(|error| within(error, weight))?;
            if weight.int8.is_some() {
                parameters.set(index, &drawn)?;
            }
            self.drawn = index + 1;
        }
        Ok(())
    }

    /// Prepares training with the graph, losses and metrics of `train_spec` (JSON of [`TrainSpec`]) and the optimizer
    /// of `optimizer` (JSON, see [`Optimizer::from_json`]). Weights stay; an earlier optimizer's state is dropped.
    ///
    /// # Errors
    /// Those of [`TrainSpec::from_json`], [`Executor::new`] and [`Optimizer::from_json`]; `ERR_SHAPE` when the weights
    /// are not the model's. What was compiled before then stays.
    pub fn compile(&mut self, train_spec: &str, optimizer: &str) -> Result<()> {
        self.prepare(TrainSpec::from_json(train_spec)?, optimizer)
    }

    /// The same for a description that need not be read.
    ///
    /// # Errors
    /// As [`Self::compile`].
    pub fn prepare(&mut self, train_spec: TrainSpec, optimizer: &str) -> Result<()> {
        let train_spec = train_spec.checked()?;
        let TrainSpec { graph, losses, metrics, updates, constraints, precision, checkpoint_every } =
            train_spec;
        let slots = self.parameters.slots();
        let same = graph.weights.len() == slots.len()
            && graph
                .weights
                .iter()
                .zip(slots)
                .all(|(weight, slot)| weight.name == slot.name && weight.shape == slot.shape);
        let graph = registry::read(graph)?;
        let stored = |weight: &WeightSpec| weight.int8;
        if !same || !graph.weights.iter().map(stored).eq(self.graph().weights.iter().map(stored)) {
            return Err(Error::shape("The weights of the training graph are not those of the model"));
        }
        let (graph, carry) = Carry::new(&graph)?;
        let mut executor = Executor::for_training(graph)?;
        executor.set_precision(precision.into())?;
        executor.set_checkpoints(checkpoint_every.map(Into::into))?;
        let mut slots = slots.to_vec();
        for (slot, weight) in slots.iter_mut().zip(&executor.graph().weights) {
            slot.trainable = weight.trainable;
            slot.learning_rate_multiplier = weight.learning_rate_multiplier;
        }
        let optimizer = Optimizer::from_json(optimizer, &slots)?;
        if optimizer.is_sparse()
            && let Some(table) = executor.dense_table()
        {
            return Err(Error::unsupported(format!(
                "A sparse optimizer needs tables that are only looked up, but '{}' is also used as a whole: by a regularizer, a constraint or a layer that shares it. Leave that out, or sparse",
                table.name
            )));
        }
        // A step clears them first. Here they are not touched: this may be JavaScript's thread.
        let gradients = executor.uncleared_gradients()?;
        let mut scores = Scores::new(&losses, &metrics);
        let updates = Updates::new(updates);
        scores.outputs.extend(carry.state_outputs().chain(updates.outputs()));
        let constraints = Constraints::new(constraints);
        self.predictor.set_precision(precision.into())?;
        if let Some((stateful, _)) = &mut self.stateful {
            stateful.set_precision(precision.into())?;
        }
        self.compiled =
            Some(Compiled { executor, carry, gradients, optimizer, scores, updates, constraints });
        Ok(())
    }

    /// The ranks that share the work, if that is wanted and there are others.
    pub(super) fn others(&self, wanted: bool) -> Option<Arc<dyn Group>> {
        self.group.clone().filter(|group| wanted && group.size() > 1)
    }

    /// Says with whom the model works where a call, or [`super::FitOptions::distributed`], asks for it.
    pub fn join(&mut self, group: Option<Arc<dyn Group>>) {
        self.group = group;
    }

    /// The seed of the weights and of dropout.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The model's graph.
    pub fn graph(&self) -> &Graph {
        self.predictor.graph()
    }

    /// What is known of the elements of every output, except in training.
    pub fn output_forms(&self) -> Vec<Form> {
        self.predictor.output_forms()
    }

    /// The weights, with their names and shapes.
    pub fn parameters(&self) -> &Parameters<f32> {
        &self.parameters
    }

    /// The current weights, to be used elsewhere: before they change here, this model makes its own copy.
    pub fn shared_parameters(&self) -> Arc<Parameters<f32>> {
        Arc::clone(&self.parameters)
    }

    /// All that continuing from here needs, except the position in a training. Nothing is copied before it changes on
    /// either side.
    pub fn snapshot(&self) -> Snapshot {
        let training = self.compiled.as_ref();
        let training = training.map(|compiled| (compiled.optimizer.kept(), compiled.carry.states().to_vec()));
        Snapshot { parameters: self.shared_parameters(), training }
    }

    /// Takes over the weights of a model with the same layers and, if both are compiled, the optimizer's and the
    /// carried states.
    ///
    /// # Errors
    /// `ERR_SHAPE` for the weights of other layers; `ERR_FORMAT` for the state of another optimizer.
    pub fn take_over(&mut self, Snapshot { parameters, training }: Snapshot) -> Result<()> {
        let parameters = self.converted(parameters)?;
        self.check_places(&parameters)?;
        if let (Some(compiled), Some((optimizer, carried))) = (&mut self.compiled, training) {
            compiled.optimizer.take_over(optimizer)?;
            compiled.carry.put(carried)?;
        }
        self.replace(parameters);
        Ok(())
    }

    /// Weights of a model with the same layers as this one stores them: what is int8 here and was not there is
    /// quantized.
    fn converted(&self, parameters: Arc<Parameters<f32>>) -> Result<Arc<Parameters<f32>>> {
        let stored = |slot: &Slot| slot.int8.clone();
        let (from, to) = (parameters.slots(), self.parameters.slots());
        let same_layers = from.iter().map(|slot| &slot.shape).eq(to.iter().map(|slot| &slot.shape));
        if !same_layers || from.iter().map(stored).eq(to.iter().map(stored)) {
            return Ok(parameters);
        }
        let mut made = Parameters::zeros(self.graph())?;
        for index in 0..to.len() {
            if let Some(values) = parameters.values(index)? {
                made.set(index, &values)?;
            }
        }
        Ok(Arc::new(made))
    }

    /// Replaces all weights, or none.
    ///
    /// # Errors
    /// `ERR_SHAPE` naming the weight whose number of elements differs; `ERR_DATA` for values that are not finite.
    pub fn set_weights<W: Deref<Target = [f32]>>(&mut self, weights: &[W]) -> Result<()> {
        let slots = self.parameters.slots();
        if weights.len() != slots.len() {
            return Err(Error::shape(format!(
                "The model has {} weights; got {}",
                slots.len(),
                weights.len()
            )));
        }
        for (slot, values) in slots.iter().zip(weights) {
            if slot.len != values.len() {
                return Err(Error::shape(format!(
                    "The weight '{}' of shape {:?} has {} elements; got {}",
                    slot.name,
                    slot.shape,
                    slot.len,
                    values.len()
                )));
            }
            if let Some(at) = values.iter().position(|value| !value.is_finite()) {
                return Err(Error::data(format!(
                    "Element {at} of the weight '{}' would be {}; weights must be finite",
                    slot.name, values[at]
                )));
            }
        }
        let parameters = Parameters::exclusive(&mut self.parameters)?;
        self.drawn = weights.len();
        weights.iter().enumerate().try_for_each(|(index, values)| parameters.set(index, values))
    }

    /// Checks that weights have the sizes and places of the model's.
    pub(super) fn check_places(&self, parameters: &Parameters<f32>) -> Result<()> {
        let place = |slot: &Slot| (slot.offset, slot.len, slot.int8.clone());
        if parameters.slots().iter().map(place).eq(self.parameters.slots().iter().map(place)) {
            return Ok(());
        }
        Err(Error::shape("The weights are those of another model"))
    }

    /// Replaces all weights by others in the same places.
    pub(super) fn replace(&mut self, parameters: Arc<Parameters<f32>>) {
        self.drawn = parameters.slots().len();
        self.parameters = parameters;
    }

    /// The optimizer: its learning rate, its step count, its state.
    ///
    /// # Errors
    /// `ERR_STATE` before [`Self::compile`].
    pub fn optimizer(&self) -> Result<&Optimizer> {
        self.compiled.as_ref().map(|compiled| &compiled.optimizer).ok_or_else(not_compiled)
    }

    /// The optimizer, to change its learning rate.
    ///
    /// # Errors
    /// `ERR_STATE` before [`Self::compile`].
    pub fn optimizer_mut(&mut self) -> Result<&mut Optimizer> {
        Ok(&mut self.compiled_mut()?.optimizer)
    }

    /// Restores the state of the optimizer after `step` steps; dropout continues from there, too.
    ///
    /// # Errors
    /// `ERR_STATE` before [`Self::compile`], `ERR_FORMAT` when the state is not this optimizer's.
    pub fn restore_optimizer(&mut self, step: u64, state: &[StateTensor]) -> Result<()> {
        self.optimizer_mut()?.restore(step, state)
    }

    /// The states that stateful layers carry to the next batch of training, `[rows, units]` each; none for zeros.
    ///
    /// # Errors
    /// `ERR_STATE` before [`Self::compile`].
    pub fn carried_states(&self) -> Result<&[Vec<f32>]> {
        self.compiled.as_ref().map(|compiled| compiled.carry.states()).ok_or_else(not_compiled)
    }

    /// The optimizer's state as it is, not copied, and the carried states.
    ///
    /// # Errors
    /// `ERR_STATE` before [`Self::compile`]; `ERR_MEMORY`.
    pub fn saved_state(&mut self) -> Result<(SavedState, Vec<Vec<f32>>)> {
        let Compiled { optimizer, carry, .. } = self.compiled_mut()?;
        Ok((optimizer.saved_state()?, carry.states().to_vec()))
    }

    /// Goes on after `step` batches from new state of the optimizer and from carried states, or stays as it is.
    ///
    /// # Errors
    /// `ERR_STATE` before [`Self::compile`], `ERR_FORMAT` if they are not all there, or another model's.
    pub fn take_state(&mut self, step: u64, state: NewState, carried: Vec<Vec<f32>>) -> Result<()> {
        let Compiled { optimizer, carry, .. } = self.compiled_mut()?;
        let before = carry.states().to_vec();
        carry.put(carried)?;
        optimizer.take_state(step, state).or_else(|error| carry.put(before).and(Err(error)))
    }

    /// Restores what [`Self::carried_states`] returned; none for zeros.
    ///
    /// # Errors
    /// `ERR_STATE` before [`Self::compile`], `ERR_FORMAT` if they are not the states of the model's layers.
    pub fn set_carried_states(&mut self, states: Vec<Vec<f32>>) -> Result<()> {
        self.compiled_mut()?.carry.put(states)
    }

    /// Exchanges the weights and the optimizer's mean of them.
    ///
    /// # Errors
    /// `ERR_STATE` before [`Self::compile`] and where no mean is kept; `ERR_MEMORY`.
    pub fn swap_average(&mut self) -> Result<()> {
        let compiled = self.compiled.as_mut().ok_or_else(not_compiled)?;
        compiled.optimizer.swap_average(Parameters::exclusive(&mut self.parameters)?)
    }

    /// Ends a training: the weights become the optimizer's mean of them, where it keeps one.
    pub(super) fn finish(&mut self) -> Result<()> {
        let compiled = self.compiled.as_mut().ok_or_else(not_compiled)?;
        compiled.optimizer.finish(&mut self.parameters)
    }

    /// The position of the current or last training: together with weights and optimizer, what [`Self::fit`] continues
    /// from.
    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    /// `ERR_UNSUPPORTED` if weights are int8: such a model predicts and is measured.
    pub(super) fn expect_trainable(&self) -> Result<()> {
        if self.graph().weights.iter().any(|weight| weight.int8.is_some()) {
            return Err(Error::unsupported(
                "The model has int8 weights, which cannot be trained; train the model that was quantized",
            ));
        }
        Ok(())
    }

    pub(super) fn compiled_mut(&mut self) -> Result<&mut Compiled> {
        self.compiled.as_mut().ok_or_else(not_compiled)
    }

    /// What a step with so many rows, and `time` steps where the model leaves their number open, takes: bytes of the
    /// weights, their gradients, the optimizer's states, and of the run. Before [`Self::compile`], of a prediction.
    ///
    /// # Errors
    /// `ERR_OPTION` if the number of steps is needed; `ERR_MEMORY` and `ERR_SHAPE` for sizes that cannot be.
    pub fn bytes_for(&mut self, rows: usize, time: Option<usize>) -> Result<([usize; 3], RunBytes)> {
        let weights = self.parameters.bytes();
        let Some(compiled) = &mut self.compiled else {
            return Ok(([weights, 0, 0], self.predictor.bytes_for(rows, time, &Run::default())?));
        };
        let outputs = Some(&compiled.scores.outputs[..]);
        let run = Run { training: true, record: Record::Weights, outputs, ..Run::default() };
        let bytes = compiled.executor.bytes_for(rows, time, &run)?;
        let gradients = size_of_val(compiled.gradients.arena()).saturating_add(bytes.rows);
        Ok(([weights, gradients, compiled.optimizer.memory()], bytes))
    }

    /// Bytes held by the model.
    pub fn memory(&self) -> usize {
        let weights = self.parameters.bytes();
        let compiled = self.compiled.as_ref().map_or(0, |compiled| {
            compiled.executor.memory() + size_of_val(compiled.gradients.arena()) + compiled.optimizer.memory()
        });
        let stateful = self.stateful.as_ref().map_or(0, |(executor, _)| executor.memory());
        weights + self.predictor.memory() + stateful + compiled
    }
}

impl Compiled {
    /// The inputs, targets and sample weights that a batch has.
    pub(super) fn inputs(&self) -> &[InputSpec] {
        let inputs = &self.executor.graph().inputs;
        inputs.get(..self.carry.inputs).unwrap_or(inputs)
    }
}

fn within(error: Error, weight: &WeightSpec) -> Error {
    error.within(&format!("The weight '{}'", weight.name))
}

fn not_compiled() -> Error {
    Error::state("The model must be compiled before it can be trained or evaluated; call compile() first")
}
