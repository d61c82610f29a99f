//! Gradients for inspection: of the loss, or of the outputs weighted by cotangents.

use super::dataset::Dataset;
use super::predict::fill_masked;
use super::tally::Tally;
use super::trainer::Trainer;
use crate::buffer::{Buffer, Exclusive};
use crate::error::{Error, Result};
use crate::gradients::{Gradients, OwnedGradient};
use crate::mask::SequenceMask;
use crate::memory;
use crate::mode::{Record, Run};
use crate::parallel::unless_cancelled;
use crate::params::Slot;
use crate::run::{Executor, first_not_finite};
use crate::tensor::{HostTensor, Sequence, StateGradient, TensorData};
use crate::values::Dtype;
use std::sync::atomic::AtomicBool;

/// What [`Trainer::loss_gradients`] and [`Trainer::output_gradients`] compute.
#[derive(Debug, PartialEq)]
pub struct GradientReport {
    /// The loss, if it was differentiated.
    pub loss: Option<f64>,
    /// For each weight, all elements; zeros for frozen ones.
    pub weights: Vec<Exclusive<f32>>,
    /// For each input of the model; `None` for tokens and for inputs that nothing depends on. Ragged inputs have theirs
    /// padded, with lengths.
    pub inputs: Vec<Option<HostTensor>>,
    /// The model's outputs.
    pub outputs: Vec<HostTensor>,
    /// If asked for, the gradients with respect to the states of recurrent layers after every step.
    pub states: Vec<StateGradient<f32>>,
}

impl Trainer {
    /// Gradients of the loss over these rows (as for training), dropout inactive.
    ///
    /// # Errors
    /// As [`Trainer::test_on_batch`].
    pub fn loss_gradients(
        &mut self,
        tensors: &[HostTensor],
        states: bool,
        cancel: &AtomicBool,
    ) -> Result<GradientReport> {
        let model_outputs = self.predictor.graph().outputs.len();
        let model_inputs = self.predictor.graph().inputs.len();
        let compiled = self.compiled_mut()?;
        let data = Dataset::new(tensors, compiled.inputs())?.untrimmed();
        let mut gradients = compiled.executor.gradients()?;
        self.with_zero_states(|trainer| {
            trainer.with_batch(|trainer, batch| {
                unless_cancelled(cancel, || {
                    data.gather(0..data.rows(), batch)?;
                    let seed = trainer.seed;
                    let parameters = &trainer.parameters;
                    let compiled =
                        trainer.compiled.as_mut().ok_or_else(|| Error::state("The model is not compiled"))?;
                    let executor = &mut compiled.executor;
                    compiled.carry.bind(executor, &batch.inputs(&data), None)?;
                    record(executor, parameters, states, seed, cancel)?;
                    let mut tally = Tally::default();
                    compiled.scores.add(executor, &mut tally)?;
                    let outputs = outputs(executor, model_outputs)?;
                    let cotangents = compiled.scores.cotangents(None);
                    executor.backward(parameters, &mut gradients, &cotangents, Some(cancel))?;
                    Ok(GradientReport {
                        loss: compiled.scores.values(&tally).first().copied(),
                        weights: weights(parameters.slots(), gradients)?,
                        inputs: inputs(executor, &tensors[..model_inputs.min(tensors.len())])?,
                        outputs,
                        states: executor.take_state_gradients(),
                    })
                })
            })
        })
    }

    /// Gradients of the sum of outputs times `cotangents`, one for each output (`None`: zeros), dropout inactive.
    ///
    /// # Errors
    /// `ERR_DATA` and `ERR_SHAPE` for unsuitable data or cotangents, `ERR_MEMORY`, `ABORTED`.
    pub fn output_gradients(
        &mut self,
        tensors: &[HostTensor],
        cotangents: &[Option<HostTensor>],
        states: bool,
        cancel: &AtomicBool,
    ) -> Result<GradientReport> {
        let count = self.predictor.graph().outputs.len();
        if cotangents.len() != count {
            return Err(Error::data(format!(
                "The model has {count} outputs; got {} cotangents",
                cotangents.len()
            )));
        }
        let mut seeds: Vec<(usize, &[f32])> = Vec::new();
        for (index, cotangent) in cotangents.iter().enumerate() {
            match cotangent.as_ref().map(|tensor| &tensor.data) {
                None => {}
                Some(TensorData::F32(data)) => {
                    if let Some(element) = first_not_finite(data) {
                        return Err(Error::data(format!(
                            "The cotangent of output {index} has the value {} at element {element}",
                            data[element]
                        )));
                    }
                    seeds.push((index, data));
                }
                Some(TensorData::I32(_)) => {
                    return Err(Error::data(format!(
                        "The cotangent of output {index} must be float32, not int32"
                    )));
                }
            }
        }
        let data = Dataset::new(tensors, &self.predictor.graph().inputs)?.untrimmed();
        let mut gradients = self.predictor.gradients()?;
        self.with_batch(|trainer, batch| unless_cancelled(cancel, || {
            data.gather(0..data.rows(), batch)?;
            let (executor, parameters) = (&mut trainer.predictor, &trainer.parameters);
            executor.bind(&batch.inputs(&data))?;
            record(executor, parameters, states, trainer.seed, cancel)?;
            for (index, cotangent) in cotangents.iter().enumerate() {
                let expected = executor.value(index)?.shape;
                if let Some(tensor) = cotangent.as_ref().filter(|tensor| tensor.shape != expected) {
                    return Err(Error::shape(format!(
                        "The cotangent of output {index} must have the output's shape {expected:?}; got {:?}",
                        tensor.shape
                    )));
                }
            }
            let outputs = outputs(executor, count)?;
            let valid = seeds
                .iter()
                .map(|&(index, data)| {
                    // Where recurrences repeat their last output, padding counts.
                    let padded = executor.output_mask(index).is_some() && !executor.output_repeats(index);
                    padded.then(|| filled(executor, index, data, "The cotangents")).transpose()
                })
                .collect::<Result<Vec<_>>>()?;
            let seeds: Vec<(usize, &[f32])> =
                seeds.iter().zip(&valid).map(|(&(index, data), valid)| (index, valid.as_deref().unwrap_or(data))).collect();
            executor.backward(parameters, &mut gradients, &seeds, Some(cancel))?;
            Ok(GradientReport {
                loss: None,
                weights: weights(parameters.slots(), gradients)?,
                inputs: inputs(executor, tensors)?,
                outputs,
                states: executor.take_state_gradients(),
            })
        }))
    }
}

fn record(
    executor: &mut Executor<f32>,
    parameters: &crate::params::Parameters<f32>,
    states: bool,
    seed: u64,
    cancel: &AtomicBool,
) -> Result<()> {
    let record = if states { Record::States } else { Record::WeightsAndInputs };
    let run = Run { record, seed, cancel: Some(cancel), ..Run::default() };
    executor.forward(parameters, &run)
}

/// Copies of the first `count` outputs.
fn outputs(executor: &Executor<f32>, count: usize) -> Result<Vec<HostTensor>> {
    (0..count)
        .map(|output| {
            let view = executor.value(output)?;
            let sequence = executor.output_mask(output).map_or(Sequence::Full, SequenceMask::sequence);
            Ok(HostTensor {
                data: TensorData::F32(filled(executor, output, view.data, "The outputs")?),
                shape: view.shape.to_vec(),
                sequence,
            })
        })
        .collect()
}

/// A copy of an output's values, or of its cotangents, with what predictions have at padding: zeros, or the last valid
/// step.
fn filled(executor: &Executor<f32>, output: usize, values: &[f32], what: &str) -> Result<Buffer<f32>> {
    let mut copy = Buffer::copied(values, what)?;
    if let (Some(mask), Some(copy)) = (executor.output_mask(output), copy.get_mut()) {
        let row = copy.len() / mask.batch().max(1);
        let repeats = executor.output_repeats(output);
        for (at, values) in copy.chunks_exact_mut(row.max(1)).enumerate() {
            fill_masked(values, row / mask.time().max(1), repeats, |step| mask.is_valid(at, step));
        }
    }
    Ok(copy)
}

/// The gradients of all weights; dense ones share the memory that they were computed in.
fn weights(slots: &[Slot], gradients: Gradients<f32>) -> Result<Vec<Exclusive<f32>>> {
    let (arena, gradients) = gradients.into_arena();
    let mut part = arena.parts();
    slots
        .iter()
        .zip(gradients)
        .map(|(slot, gradient)| match gradient {
            OwnedGradient::Dense(range) => Ok(part(range)),
            OwnedGradient::Rows(list) => {
                let mut dense = memory::aligned(slot.len, WHAT)?;
                for (&row, values) in list.rows.iter().zip(list.values.chunks_exact(list.width.max(1))) {
                    dense[row * list.width..(row + 1) * list.width].copy_from_slice(values);
                }
                Ok(dense.into())
            }
            OwnedGradient::None => Ok(memory::aligned(slot.len, WHAT)?.into()),
        })
        .collect()
}

fn inputs(executor: &Executor<f32>, tensors: &[HostTensor]) -> Result<Vec<Option<HostTensor>>> {
    tensors
        .iter()
        .zip(&executor.graph().inputs)
        .enumerate()
        .map(|(index, (tensor, spec))| {
            let gradient = (spec.dtype == Dtype::Float32).then(|| executor.input_gradient(index)).flatten();
            let Some(values) = gradient else { return Ok(None) };
            let sequence = match &tensor.sequence {
                Sequence::Ragged(lengths) => Sequence::Lengths(lengths.clone()),
                other => other.clone(),
            };
            Ok(Some(HostTensor {
                data: TensorData::F32(Buffer::copied(values, WHAT)?),
                shape: tensor.shape.clone(),
                sequence,
            }))
        })
        .collect()
}

/// The name of the results in errors.
const WHAT: &str = "The gradients";
