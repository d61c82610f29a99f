//! A model: weights, training, prediction.

use crate::data::{Inputs, array, view};
use crate::network::{Network, Value};
use crate::objective::{Objective, Optimizer};
use crate::session::Session;
use ndarray::{ArrayD, ArrayViewD};
use seqloom_graph::decode::Blueprint;
use seqloom_graph::train::{
    Control, Event, Factors, FitOptions, Logs, LossSpec, MetricSpec, Summary, TrainSpec, Trainer,
};
use seqloom_graph::values::Dtype;
use seqloom_graph::{Error, HostTensor, Result};
use serde_json::{Value as Json, json};
use std::sync::atomic::AtomicBool;

/// Nobody cancels.
static RUNNING: AtomicBool = AtomicBool::new(false);

/// Rows that are predicted or evaluated at once; results do not depend on it.
const BATCH: usize = 32;

/// A network with weights.
#[derive(Debug)]
pub struct Model {
    network: Network,
    outputs: Vec<Value>,
    trainer: Trainer,
    /// The names of what an evaluation gives.
    scores: Vec<String>,
}

impl Model {
    /// The model that computes `outputs`; `seed` determines its weights and its dropout.
    ///
    /// # Errors
    /// `ERR_FORMAT` for values of another network, `ERR_MEMORY`.
    pub fn new(network: Network, outputs: &[Value], seed: u64) -> Result<Self> {
        let trainer = Trainer::of(network.graph(outputs)?, seed)?;
        Ok(Self { network, outputs: outputs.to_vec(), trainer, scores: Vec::new() })
    }

    /// Prepares training: an objective for each output, and an optimizer. Weights stay.
    ///
    /// # Errors
    /// `ERR_OPTION` for unknown names and options and for a wrong number of objectives; `ERR_SHAPE` where a loss
    /// does not suit its output.
    pub fn compile(&mut self, objectives: &[Objective], optimizer: &Optimizer) -> Result<()> {
        if objectives.len() != self.outputs.len() {
            return Err(Error::option(format!(
                "The model has {} outputs; got {} objectives",
                self.outputs.len(),
                objectives.len()
            )));
        }
        let mut network = self.network.clone();
        let mut outputs = self.outputs.clone();
        let (mut losses, mut metrics) = (Vec::new(), Vec::new());
        let mut targets = Vec::new();
        for (index, objective) in objectives.iter().enumerate() {
            let mut shape = network.shape(self.outputs[index])?;
            let dtype = if objective.takes_labels() {
                shape.pop();
                Dtype::Int32
            } else {
                Dtype::Float32
            };
            targets.push(network.add_input(&format!("target {index}"), dtype, shape));
        }
        for (index, (objective, target)) in objectives.iter().zip(targets).enumerate() {
            let pair = [self.outputs[index], target];
            losses.push(LossSpec { output: outputs.len(), weight: objective.weight, summed: false });
            outputs.extend(network.node("loss", &pair, &[], 2, objective.loss_attributes())?);
            for kind in &objective.metrics {
                let name = if objectives.len() == 1 { kind.clone() } else { format!("{index}/{kind}") };
                metrics.push(MetricSpec { name, output: outputs.len(), summary: Summary::Mean });
                outputs.extend(network.node("metric", &pair, &[], 2, json!({ "kind": kind }))?);
            }
        }
        let names = metrics.iter().map(|metric| metric.name.clone());
        let scores = std::iter::once("loss".to_owned()).chain(names).collect();
        let spec = TrainSpec {
            graph: network.graph(&outputs)?,
            losses,
            metrics,
            updates: Vec::new(),
            constraints: Vec::new(),
            precision: Factors::Float32,
            checkpoint_every: None,
        };
        self.trainer.prepare(spec, &Json::Object(optimizer.0.clone()).to_string())?;
        self.scores = scores;
        Ok(())
    }

    /// Trains, and gives the losses and metrics of every epoch. `inputs` has an array for each input of the
    /// network, `targets` one for each output: values of the output's shape, or labels, which have its shape but
    /// for the last axis.
    ///
    /// # Errors
    /// `ERR_STATE` before [`Self::compile`]; `ERR_DATA`, `ERR_SHAPE` and `ERR_OPTION` for unsuitable data and
    /// options; `ERR_NUMERIC` for a loss or a gradient that is not finite; `ERR_MEMORY`. The unfinished step is
    /// discarded.
    pub fn fit<'a>(
        &mut self,
        inputs: impl Into<Inputs<'a>>,
        targets: impl Into<Inputs<'a>>,
        options: &FitOptions,
    ) -> Result<Vec<Logs>> {
        self.fit_with(inputs, targets, options, |_| Control::Continue)
    }

    /// The same; `on_event` hears of every batch and epoch, and may end the training.
    ///
    /// # Errors
    /// As [`Self::fit`].
    pub fn fit_with<'a>(
        &mut self,
        inputs: impl Into<Inputs<'a>>,
        targets: impl Into<Inputs<'a>>,
        options: &FitOptions,
        mut on_event: impl FnMut(&Event) -> Control,
    ) -> Result<Vec<Logs>> {
        let tensors = both(&inputs.into(), &targets.into())?;
        let mut history = Vec::new();
        self.trainer.fit(&tensors, None, options, &RUNNING, &mut |_, event| {
            let control = on_event(&event);
            if let Event::EpochEnd { logs, .. } = event {
                history.push(logs);
            }
            control
        })?;
        Ok(history)
    }

    /// The loss and the metrics of these rows, by name.
    ///
    /// # Errors
    /// As [`Self::fit`].
    pub fn evaluate<'a>(
        &mut self,
        inputs: impl Into<Inputs<'a>>,
        targets: impl Into<Inputs<'a>>,
    ) -> Result<Logs> {
        let tensors = both(&inputs.into(), &targets.into())?;
        let values = self.trainer.evaluate(&tensors, BATCH, &RUNNING)?;
        Ok(self.scores.iter().cloned().zip(values).collect())
    }

    /// An array for each output, with a row for each of the inputs'.
    ///
    /// # Errors
    /// `ERR_DATA` and `ERR_SHAPE` for unsuitable data, `ERR_MEMORY`.
    pub fn predict<'a>(&mut self, inputs: impl Into<Inputs<'a>>) -> Result<Vec<ArrayD<f32>>> {
        let outputs = self.trainer.predict(&inputs.into().tensors()?, BATCH, &RUNNING)?;
        outputs.iter().map(array).collect()
    }

    /// A session of `batch` sequences side by side, for a network with one input. It keeps the weights as they are now.
    ///
    /// # Errors
    /// As [`Self::session_over`].
    pub fn session(&mut self, batch: usize) -> Result<Session> {
        self.open(0, batch, &[])
    }

    /// The same where there are several inputs: `step` comes step by step, the others, in their order, are the same
    /// at every step.
    ///
    /// # Errors
    /// `ERR_UNSUPPORTED` naming an operation that needs the whole sequence; `ERR_OPTION` for a batch of no rows or
    /// a value that is no input; `ERR_DATA` and `ERR_SHAPE` for unsuitable constants; `ERR_MEMORY`.
    pub fn session_over<'a>(
        &mut self,
        step: Value,
        batch: usize,
        constants: impl Into<Inputs<'a>>,
    ) -> Result<Session> {
        self.open(Network::input_index(step)?, batch, &constants.into().tensors()?)
    }

    fn open(&self, step: usize, batch: usize, constants: &[HostTensor]) -> Result<Session> {
        let mut blueprint = Blueprint::new(self.trainer.graph(), self.trainer.shared_parameters(), step)?;
        Session::new(blueprint.session(batch, constants)?)
    }

    /// The weights with their names, such as `lstm/kernel`, in the order in which they were added.
    pub fn weights(&self) -> impl Iterator<Item = (&str, ArrayViewD<'_, f32>)> {
        let parameters = self.trainer.parameters();
        parameters.slots().iter().enumerate().filter_map(|(index, slot)| {
            Some((slot.name.as_str(), view(&slot.shape, parameters.get(index)?).ok()?))
        })
    }

    /// Replaces all weights, or none.
    ///
    /// # Errors
    /// `ERR_SHAPE` naming the weight whose shape is another one; `ERR_DATA` for values that are not finite.
    pub fn set_weights(&mut self, weights: &[ArrayViewD<'_, f32>]) -> Result<()> {
        for (slot, weight) in self.trainer.parameters().slots().iter().zip(weights) {
            if slot.shape != weight.shape() {
                return Err(Error::shape(format!(
                    "The weight '{}' has shape {:?}; got {:?}",
                    slot.name,
                    slot.shape,
                    weight.shape()
                )));
            }
        }
        let values: Vec<Vec<f32>> = weights.iter().map(|weight| weight.iter().copied().collect()).collect();
        self.trainer.set_weights(&values)
    }

    /// The engine's model, with all that this one has no method for.
    pub fn trainer(&mut self) -> &mut Trainer {
        &mut self.trainer
    }
}

fn both(inputs: &Inputs<'_>, targets: &Inputs<'_>) -> Result<Vec<HostTensor>> {
    let mut tensors = inputs.tensors()?;
    tensors.extend(targets.tensors()?);
    Ok(tensors)
}
