//! Streaming sessions.

use super::streaming::Streaming;
use crate::error::{Error, Result};
use crate::executor::{Executor, Run};
use crate::memory;
use crate::params::{Parameters, element_count};
use crate::spec::GraphSpec;
use crate::tensor::{BatchData, BatchInput, BatchSequence};
use std::sync::Arc;

/// A model that reads sequences step by step, several side by side, with the weights that it was made with. States
/// start at zero.
#[derive(Debug)]
pub struct Session {
    parameters: Arc<Parameters<f32>>,
    executor: Executor<f32>,
    batch: usize,
    /// Of the step input and of the state inputs, batch first.
    shapes: Vec<Vec<usize>>,
    /// The state inputs, `[batch, …]` each.
    states: Vec<Vec<f32>>,
    /// Steps since the beginning, the key of random draws.
    position: u64,
    spare: Vec<f32>,
}

impl Session {
    /// Prepares a model for `batch` sequences side by side; the weights are copied.
    ///
    /// # Errors
    /// `ERR_UNSUPPORTED` naming the layer that needs the whole sequence (reversed order, pooling over time) or when the
    /// model has several inputs or outputs; `ERR_OPTION` for a batch of no rows; `ERR_MEMORY`.
    pub fn new(spec: &GraphSpec, parameters: &Parameters<f32>, batch: usize) -> Result<Self> {
        if batch == 0 {
            return Err(Error::option("A session's batch size must be at least 1"));
        }
        let Streaming { graph, states } = Streaming::new(spec)?;
        let shapes = states.into_iter().map(|shape| [vec![batch], shape].concat()).collect();
        let mut copy = Parameters::zeros(&graph)?;
        if copy.arena().len() != parameters.arena().len() {
            return Err(Error::native("The weights belong to another model"));
        }
        copy.arena_mut().copy_from_slice(parameters.arena());
        Self::assemble(Arc::new(copy), Executor::new(graph)?, batch, shapes)
    }

    fn assemble(
        parameters: Arc<Parameters<f32>>,
        executor: Executor<f32>,
        batch: usize,
        mut shapes: Vec<Vec<usize>>,
    ) -> Result<Self> {
        let mut states = vec![Vec::new(); shapes.len()];
        for (state, shape) in states.iter_mut().zip(&shapes) {
            let size =
                element_count(shape).ok_or_else(|| Error::memory("The states are too large to address"))?;
            memory::refill(state, size, 0.0, "The states of the session")?;
        }
        let inner = executor.spec().inputs.first().map_or(&[][..], |input| &input.shape);
        let mut step = vec![batch, 1];
        step.extend(inner.iter().skip(2).map(|dim| dim.unwrap_or(1)));
        shapes.insert(0, step);
        Ok(Self { parameters, executor, batch, shapes, states, position: 0, spare: Vec::new() })
    }

    /// How many sequences run side by side.
    pub fn batch_size(&self) -> usize {
        self.batch
    }

    /// Elements of one row of the step input: 1 for tokens.
    pub fn input_width(&self) -> usize {
        self.shapes.first().map_or(1, |shape| shape.iter().skip(2).product())
    }

    /// Elements of the output of a step.
    pub fn output_len(&self) -> usize {
        let shape = self.executor.output_shape(0).unwrap_or_default();
        self.batch * shape.iter().skip(1).map(|dim| dim.unwrap_or(1)).product::<usize>()
    }

    /// Reads one step of every sequence, `[batch, features]` or `[batch]` tokens, and returns the model's output for it,
    /// `[batch, …]`.
    ///
    /// # Errors
    /// `ERR_SHAPE` for a wrong number of elements, `ERR_DATA` for a wrong type, tokens outside of the vocabulary and numbers
    /// that are not finite, `ERR_MEMORY`. States are then as before.
    pub fn step(&mut self, input: BatchData<'_, f32>) -> Result<&[f32]> {
        let given = match input {
            BatchData::Float(data) => data.len(),
            BatchData::Shared(data) => data.len(),
            BatchData::Int(data) => data.len(),
        };
        if self.batch.checked_mul(self.input_width()) != Some(given) {
            return Err(Error::shape(format!(
                "A step of {} sequences has {} elements each; got {given} in all",
                self.batch,
                self.input_width(),
            )));
        }
        let (states, shapes) = (&self.states, &self.shapes);
        self.executor.bind_each(shapes.len(), |index| BatchInput {
            data: index.checked_sub(1).map_or(input, |state| BatchData::Float(&states[state])),
            shape: &shapes[index],
            sequence: BatchSequence::Full,
        })?;
        self.executor.forward(&self.parameters, &Run { step: self.position, ..Run::default() })?;
        for (index, state) in self.states.iter_mut().enumerate() {
            let last = self.executor.value(index + 1)?.data;
            if state.len() != last.len() {
                return Err(Error::native("A state changed its size"));
            }
            state.copy_from_slice(last);
        }
        self.position = self.position.wrapping_add(1);
        Ok(self.executor.value(0)?.data)
    }

    /// Sets all states back to zero.
    pub fn reset(&mut self) {
        self.states.iter_mut().for_each(|state| state.fill(0.0));
        self.position = 0;
    }

    /// Another session that goes on from the same states; the weights are shared.
    ///
    /// # Errors
    /// `ERR_MEMORY`.
    pub fn duplicate(&self) -> Result<Self> {
        let executor = Executor::new(self.executor.spec().clone())?;
        let mut copy =
            Self::assemble(Arc::clone(&self.parameters), executor, self.batch, self.shapes[1..].to_vec())?;
        copy.position = self.position;
        for (to, from) in copy.states.iter_mut().zip(&self.states) {
            to.copy_from_slice(from);
        }
        Ok(copy)
    }

    /// Lets row `i` go on from what was row `indices[i]`.
    ///
    /// # Errors
    /// `ERR_SHAPE` unless there is one index for each row, `ERR_DATA` for an index that is no row.
    pub fn reorder(&mut self, indices: &[u32]) -> Result<()> {
        if indices.len() != self.batch {
            return Err(Error::shape(format!(
                "The session has {} rows; got {} indices",
                self.batch,
                indices.len()
            )));
        }
        if let Some(index) = indices.iter().find(|&&index| index as usize >= self.batch) {
            return Err(Error::data(format!("{index} is not a row; rows are 0 to {}", self.batch - 1)));
        }
        for state in &mut self.states {
            let units = state.len() / self.batch;
            memory::refill(&mut self.spare, state.len(), 0.0, "The states of the session")?;
            self.spare.copy_from_slice(state);
            for (row, &from) in state.chunks_exact_mut(units.max(1)).zip(indices) {
                row.copy_from_slice(&self.spare[from as usize * units..(from as usize + 1) * units]);
            }
        }
        Ok(())
    }

    /// The states of the recurrent layers in order (an LSTM has two, h then c), `[batch, …]` each.
    pub fn states(&self) -> &[Vec<f32>] {
        &self.states
    }

    /// Replaces all states, or none.
    ///
    /// # Errors
    /// `ERR_SHAPE` for a wrong number of states or elements, `ERR_DATA` for values that are not finite.
    pub fn set_states(&mut self, states: &[Vec<f32>]) -> Result<()> {
        if !states.iter().map(Vec::len).eq(self.states.iter().map(Vec::len)) {
            let sizes: Vec<usize> = self.states.iter().map(Vec::len).collect();
            let got: Vec<usize> = states.iter().map(Vec::len).collect();
            return Err(Error::shape(format!("The states have {sizes:?} elements; got {got:?}")));
        }
        if states.iter().flatten().any(|value| !value.is_finite()) {
            return Err(Error::data("States must be finite numbers"));
        }
        for (to, from) in self.states.iter_mut().zip(states) {
            to.copy_from_slice(from);
        }
        Ok(())
    }

    /// Bytes held by the session, shared weights included.
    pub fn memory(&self) -> usize {
        let states: usize = self.states.iter().map(Vec::len).sum();
        size_of_val(self.parameters.arena()) + self.executor.memory() + states * size_of::<f32>()
    }
}
