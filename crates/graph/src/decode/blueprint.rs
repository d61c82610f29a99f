//! A model prepared for sessions, which share its weights.

use super::session::{Held, Session, Start};
use crate::buffer::Buffer;
use crate::error::{Error, Result};
use crate::ir::Graph;
use crate::mode::Run;
use crate::params::Parameters;
use crate::run::Executor;
use crate::tensor::{BatchData, BatchInput, BatchSequence, HostTensor, TensorData};
use crate::transform::{Streaming, merge};
use crate::values::InputSpec;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// A model with shared weights, one input of which comes step by step; the others are constants of a session.
#[derive(Debug)]
pub struct Blueprint {
    parameters: Arc<Parameters<f32>>,
    streaming: Streaming,
    prelude: Option<Executor<f32>>,
    hoisted: Option<Executor<f32>>,
    /// The inputs that are constants.
    pub(super) constants: Vec<InputSpec>,
}

impl Blueprint {
    /// Prepares the model of `graph`, whose input `step` comes step by step; others may use the weights, too.
    ///
    /// # Errors
    /// `ERR_UNSUPPORTED` naming the layer that needs the whole sequence (reversed order, pooling over time);
    /// `ERR_OPTION` if there is no such input; `ERR_MEMORY`.
    pub fn new(graph: &Graph, parameters: Arc<Parameters<f32>>, step: usize) -> Result<Self> {
        let streaming = Streaming::new(graph, step)?;
        let others = graph.inputs.iter().enumerate().filter(|&(index, _)| index != step);
        Ok(Self {
            parameters,
            prelude: streaming.prelude.clone().map(Executor::of).transpose()?,
            hoisted: streaming.hoisted.clone().map(Executor::of).transpose()?,
            constants: others.map(|(_, input)| input.clone()).collect(),
            streaming,
        })
    }

    /// The same for several inputs that come step by step: a step has their features side by side, in this order.
    ///
    /// # Errors
    /// Besides, `ERR_UNSUPPORTED` for an input that is no sequence of numbers.
    pub fn of_several(graph: &Graph, parameters: Arc<Parameters<f32>>, steps: &[usize]) -> Result<Self> {
        match *steps {
            [step] => Self::new(graph, parameters, step),
            _ => Self::new(&merge(graph, steps)?, parameters, 0),
        }
    }

    /// A session of `batch` sequences side by side, from the beginning; `constants` are the other inputs in order, a
    /// row for each sequence.
    ///
    /// # Errors
    /// `ERR_OPTION` for a batch of no rows; `ERR_DATA` and `ERR_SHAPE` for unsuitable constants; `ERR_MEMORY`.
    pub fn session(&mut self, batch: usize, constants: &[HostTensor]) -> Result<Session> {
        if batch == 0 {
            return Err(Error::option("A session's batch size must be at least 1"));
        }
        if constants.len() != self.constants.len() {
            return Err(Error::data(format!(
                "A session of this model needs {} constants ({}); got {}",
                self.constants.len(),
                self.constants.iter().map(|input| input.name.as_str()).collect::<Vec<_>>().join(", "),
                constants.len()
            )));
        }
        for (constant, InputSpec { name, .. }) in constants.iter().zip(&self.constants) {
            let rows = constant.shape.first().copied().unwrap_or(0);
            if rows != batch {
                return Err(Error::shape(format!(
                    "The constant '{name}' has {rows} rows; a session of {batch} sequences needs one for each"
                )));
            }
        }
        let inputs: Vec<BatchInput<'_, f32>> = constants.iter().map(borrowed).collect();
        self.session_of(batch, &inputs, 1, None)
    }

    /// The same for borrowed constants, each row of which begins `repeat` neighbouring sequences.
    pub(super) fn session_of(
        &mut self,
        rows: usize,
        constants: &[BatchInput<'_, f32>],
        repeat: usize,
        cancel: Option<&AtomicBool>,
    ) -> Result<Session> {
        let run = Run { cancel, ..Run::default() };
        let mut given = Vec::new();
        if let Some(prelude) = &mut self.prelude {
            given = outputs(prelude, &self.parameters, constants, &run)?;
        }
        let mut held: Vec<Held> = given.iter().take(self.streaming.held).cloned().collect();
        if let Some(hoisted) = &mut self.hoisted {
            let inputs: Vec<BatchInput<'_, f32>> = held.iter().map(Held::input).collect();
            held.extend(outputs(hoisted, &self.parameters, &inputs, &run)?);
        }
        if repeat > 1 {
            let order: Vec<u32> = (0..rows).flat_map(|row| std::iter::repeat_n(row as u32, repeat)).collect();
            for value in held.iter_mut().chain(&mut given) {
                value.gather(&order)?;
            }
        }
        let batch = rows.checked_mul(repeat).ok_or_else(|| Error::memory("A session has too many rows"))?;
        let states = self.streaming.states.iter().map(|(shape, initial)| {
            let first = initial.and_then(|output| given.get(output)).map(|value| value.data.clone());
            (shape.clone(), first)
        });
        Session::assemble(Start {
            parameters: Arc::clone(&self.parameters),
            executor: Executor::of(self.streaming.step.clone())?,
            batch,
            states: states.collect(),
            held,
            time_axes: self.streaming.time_axes.clone(),
        })
    }
}

/// A tensor as an input.
fn borrowed(tensor: &HostTensor) -> BatchInput<'_, f32> {
    let data = match &tensor.data {
        TensorData::F32(data) => BatchData::Shared(data),
        TensorData::I32(data) => BatchData::Int(data),
    };
    BatchInput { data, shape: &tensor.shape, sequence: tensor.sequence.as_batch() }
}

/// Runs a graph once and keeps its outputs.
fn outputs(
    executor: &mut Executor<f32>,
    parameters: &Parameters<f32>,
    inputs: &[BatchInput<'_, f32>],
    run: &Run<'_>,
) -> Result<Vec<Held>> {
    executor.bind(inputs)?;
    executor.forward(parameters, run)?;
    let results = (0..executor.graph().outputs.len()).map(|output| {
        let view = executor.value(output)?;
        Ok(Held {
            shape: view.shape.to_vec(),
            data: Buffer::copied(view.data, "The constants of a session")?,
        })
    });
    let results = results.collect();
    executor.release();
    results
}

impl Held {
    fn input(&self) -> BatchInput<'_, f32> {
        BatchInput { data: BatchData::Shared(&self.data), shape: &self.shape, sequence: BatchSequence::Full }
    }
}
