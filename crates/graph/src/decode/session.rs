//! Streaming sessions.

use crate::buffer::Buffer;
use crate::error::{Error, Result};
use crate::memory;
use crate::mode::Run;
use crate::parallel::each_rows;
use crate::params::{Parameters, element_count};
use crate::run::Executor;
use crate::tensor::{BatchData, BatchInput, BatchSequence};
use crate::values::Dtype;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

const STATES: &str = "The states of the session";
const CONSTANTS: &str = "The constants of the session";

/// A model that reads sequences step by step, several side by side, with the weights that it was made with. States
/// start at zero, or with what the model computes from its constants.
#[derive(Debug)]
pub struct Session {
    parameters: Arc<Parameters<f32>>,
    executor: Executor<f32>,
    batch: usize,
    /// Of the step input, batch first.
    step_shape: Vec<usize>,
    states: Vec<State>,
    held: Vec<Held>,
    time_axes: Vec<Option<usize>>,
    /// The current states, `[batch, …]` each.
    now: Vec<Vec<f32>>,
    /// Whether the executor's shapes and constants are those of this session.
    bound: bool,
    /// Steps since the beginning, the key of random draws.
    position: u64,
    spare: Vec<f32>,
}

/// What a session begins with.
#[derive(Debug)]
pub(super) struct Start {
    pub(super) parameters: Arc<Parameters<f32>>,
    pub(super) executor: Executor<f32>,
    pub(super) batch: usize,
    /// The shape of each state's rows, and its first values.
    pub(super) states: Vec<(Vec<usize>, Option<Buffer<f32>>)>,
    pub(super) held: Vec<Held>,
    pub(super) time_axes: Vec<Option<usize>>,
}

#[derive(Debug, Clone)]
struct State {
    /// Batch first.
    shape: Vec<usize>,
    /// The initial state of a sequence; zeros if there is none.
    first: Option<Buffer<f32>>,
}

/// A value that is the same at every step, `[batch, …]`.
#[derive(Debug, Clone)]
pub(super) struct Held {
    pub(super) shape: Vec<usize>,
    pub(super) data: Buffer<f32>,
}

impl Held {
    /// Makes row `i` what was row `order[i]`.
    pub(super) fn gather(&mut self, order: &[u32]) -> Result<()> {
        let rows = self.shape.first().copied().unwrap_or(1).max(1);
        self.data = gathered(&self.data, rows, order)?;
        if let Some(rows) = self.shape.first_mut() {
            *rows = order.len();
        }
        Ok(())
    }
}

fn gathered(data: &Buffer<f32>, rows: usize, order: &[u32]) -> Result<Buffer<f32>> {
    let width = data.len() / rows;
    let size = width.checked_mul(order.len()).ok_or_else(|| Error::memory("The constants are too large"))?;
    Buffer::build(size, CONSTANTS, |target| {
        copy_rows(data, target, width, order);
        Ok(())
    })
}

fn copy_rows(from: &[f32], to: &mut [f32], width: usize, order: &[u32]) {
    let work = to.len();
    each_rows(to, width, work, |first, part| {
        for (row, &source) in part.chunks_exact_mut(width.max(1)).zip(order.get(first..).unwrap_or_default())
        {
            let source = source as usize * width;
            row.copy_from_slice(&from[source..source + width]);
        }
    });
}

impl Session {
    pub(super) fn assemble(start: Start) -> Result<Self> {
        let Start { parameters, executor, batch, states, held, time_axes } = start;
        let inner = executor.graph().inputs.first().map_or(&[][..], |input| &input.shape);
        let mut step_shape = vec![batch, 1];
        step_shape.extend(inner.iter().skip(2).map(|dim| dim.unwrap_or(1)));
        let states: Vec<State> = states
            .into_iter()
            .map(|(shape, first)| State { shape: [vec![batch], shape].concat(), first })
            .collect();
        let mut now = vec![Vec::new(); states.len()];
        for (now, state) in now.iter_mut().zip(&states) {
            let size = element_count(&state.shape)
                .ok_or_else(|| Error::memory("The states are too large to address"))?;
            memory::refill(now, size, 0.0, STATES)?;
        }
        let mut session = Self {
            parameters,
            executor,
            batch,
            step_shape,
            states,
            held,
            time_axes,
            now,
            bound: false,
            position: 0,
            spare: Vec::new(),
        };
        session.reset();
        Ok(session)
    }

    /// How many sequences run side by side.
    pub fn batch_size(&self) -> usize {
        self.batch
    }

    /// Elements of one row of the step input: 1 for tokens.
    pub fn input_width(&self) -> usize {
        self.step_shape.iter().skip(2).product()
    }

    /// The shapes of the outputs of a step, batch first and without the time.
    ///
    /// # Errors
    /// `ERR_SHAPE` where the constants' shapes do not fit the model, `ERR_MEMORY`.
    pub fn output_shapes(&mut self) -> Result<Vec<Vec<usize>>> {
        if !self.bound {
            let mut zeros = Vec::new();
            memory::refill(&mut zeros, element_count(&self.step_shape).unwrap_or(usize::MAX), 0, "A step")?;
            let floats: Vec<f32> = zeros.iter().map(|&zero: &i32| zero as f32).collect();
            let tokens =
                self.executor.graph().inputs.first().is_some_and(|input| input.dtype == Dtype::Int32);
            self.bind(if tokens { BatchData::Int(&zeros) } else { BatchData::Float(&floats) })?;
        }
        let shapes = self.time_axes.iter().enumerate().map(|(output, &time)| {
            let mut shape = self.executor.bound_shape(output)?.to_vec();
            if let Some(time) = time.filter(|&time| time < shape.len()) {
                shape.remove(time);
            }
            Some(shape)
        });
        shapes.collect::<Option<_>>().ok_or_else(|| Error::native("An output of the session has no shape"))
    }

    /// Reads one step of every sequence, `[batch, features]` or `[batch]` tokens; then [`Self::output`] has the model's
    /// outputs for it.
    ///
    /// # Errors
    /// `ERR_SHAPE` for a wrong number of elements, `ERR_DATA` for a wrong type, tokens outside of the vocabulary and
    /// numbers that are not finite, `ERR_MEMORY`. States are then as before.
    pub fn step(&mut self, input: BatchData<'_, f32>) -> Result<()> {
        self.step_or_cancel(input, None)
    }

    /// The same; it ends with `ABORTED` once `cancel` is set.
    pub(super) fn step_or_cancel(
        &mut self,
        input: BatchData<'_, f32>,
        cancel: Option<&AtomicBool>,
    ) -> Result<()> {
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
        self.bind(input)?;
        self.executor.forward(&self.parameters, &Run { step: self.position, cancel, ..Run::default() })?;
        for (index, state) in self.now.iter_mut().enumerate() {
            let last = self.executor.value(self.time_axes.len() + index)?.data;
            if state.len() != last.len() {
                return Err(Error::native("A state changed its size"));
            }
            state.copy_from_slice(last);
        }
        self.position = self.position.wrapping_add(1);
        Ok(())
    }

    /// An output of the model for the last step, `[batch, …]`.
    ///
    /// # Errors
    /// `ERR_STATE` before the first step.
    pub fn output(&self, output: usize) -> Result<&[f32]> {
        Ok(self.executor.value(output)?.data)
    }

    /// Passes the step and the states to the executor, and the constants if it does not have them.
    fn bind(&mut self, input: BatchData<'_, f32>) -> Result<()> {
        let Self { executor, states, now, held, step_shape, .. } = self;
        let moving = 1 + states.len();
        let entry = |index: usize| {
            let (data, shape) = match index.checked_sub(1) {
                None => (input, &*step_shape),
                Some(state) => match states.get(state) {
                    Some(known) => (BatchData::Float(&now[state]), &known.shape),
                    None => {
                        let held = &held[state - states.len()];
                        (BatchData::Shared(&held.data), &held.shape)
                    }
                },
            };
            BatchInput { data, shape, sequence: BatchSequence::Full }
        };
        if self.bound && executor.rebind_each(moving, entry)? {
            return Ok(());
        }
        self.bound = false;
        executor.bind_each(moving + held.len(), entry)?;
        self.bound = true;
        Ok(())
    }

    /// Goes back to the beginning of the sequences: the initial states are restored, constants stay.
    pub fn reset(&mut self) {
        for (now, state) in self.now.iter_mut().zip(&self.states) {
            match &state.first {
                Some(first) if first.len() == now.len() => now.copy_from_slice(first),
                _ => now.fill(0.0),
            }
        }
        self.position = 0;
    }

    /// Another session that continues from the same states; weights and constants are shared.
    ///
    /// # Errors
    /// `ERR_MEMORY`.
    pub fn duplicate(&self) -> Result<Self> {
        let mut copy = Self::assemble(Start {
            parameters: Arc::clone(&self.parameters),
            executor: Executor::of(self.executor.graph().clone())?,
            batch: self.batch,
            states: self
                .states
                .iter()
                .map(|state| (state.shape[1..].to_vec(), state.first.clone()))
                .collect(),
            held: self.held.clone(),
            time_axes: self.time_axes.clone(),
        })?;
        copy.position = self.position;
        for (to, from) in copy.now.iter_mut().zip(&self.now) {
            to.copy_from_slice(from);
        }
        Ok(copy)
    }

    /// Lets row `i` continue from what was row `indices[i]`, constants included.
    ///
    /// # Errors
    /// `ERR_SHAPE` unless there is one index for each row, `ERR_DATA` for an index that is no row, `ERR_MEMORY`.
    pub fn reorder(&mut self, indices: &[u32]) -> Result<()> {
        if indices.len() != self.batch {
            return Err(Error::shape(format!(
                "The session has {} rows; got {} indices",
                self.batch,
                indices.len()
            )));
        }
        self.check_rows(indices)?;
        self.select(indices)
    }

    fn check_rows(&self, indices: &[u32]) -> Result<()> {
        match indices.iter().find(|&&index| index as usize >= self.batch) {
            None => Ok(()),
            Some(index) => {
                Err(Error::data(format!("{index} is not a row; rows are 0 to {}", self.batch - 1)))
            }
        }
    }

    /// Replaces the rows by those with these indices.
    pub(super) fn select(&mut self, indices: &[u32]) -> Result<()> {
        self.check_rows(indices)?;
        for held in &mut self.held {
            held.gather(indices)?;
        }
        for state in &mut self.states {
            if let Some(first) = &mut state.first {
                *first = gathered(first, self.batch, indices)?;
            }
        }
        self.select_states(indices)?;
        self.batch = indices.len();
        let shapes = self.states.iter_mut().map(|state| &mut state.shape).chain([&mut self.step_shape]);
        shapes.filter_map(|shape| shape.first_mut()).for_each(|rows| *rows = indices.len());
        self.bound = false;
        Ok(())
    }

    /// The same for states alone, which is correct if all exchanged rows have the same constants.
    pub(super) fn select_states(&mut self, indices: &[u32]) -> Result<()> {
        self.check_rows(indices)?;
        for state in &mut self.now {
            let width = state.len() / self.batch;
            let size =
                width.checked_mul(indices.len()).ok_or_else(|| Error::memory("The states are too large"))?;
            memory::refill(&mut self.spare, size, 0.0, STATES)?;
            copy_rows(state, &mut self.spare, width, indices);
            std::mem::swap(state, &mut self.spare);
        }
        Ok(())
    }

    /// The states of the recurrent layers in order (an LSTM has two, h then c), `[batch, …]` each.
    pub fn states(&self) -> &[Vec<f32>] {
        &self.now
    }

    /// Replaces all states, or none.
    ///
    /// # Errors
    /// `ERR_SHAPE` for a wrong number of states or elements, `ERR_DATA` for values that are not finite.
    pub fn set_states(&mut self, states: &[Vec<f32>]) -> Result<()> {
        if !states.iter().map(Vec::len).eq(self.now.iter().map(Vec::len)) {
            let sizes: Vec<usize> = self.now.iter().map(Vec::len).collect();
            let got: Vec<usize> = states.iter().map(Vec::len).collect();
            return Err(Error::shape(format!("The states have {sizes:?} elements; got {got:?}")));
        }
        if states.iter().flatten().any(|value| !value.is_finite()) {
            return Err(Error::data("States must be finite numbers"));
        }
        for (to, from) in self.now.iter_mut().zip(states) {
            to.copy_from_slice(from);
        }
        Ok(())
    }

    /// Bytes held by the session, without shared weights.
    pub fn memory(&self) -> usize {
        let states: usize = self.now.iter().map(Vec::len).sum();
        let held: usize = self.held.iter().map(|held| held.data.len()).sum();
        let shared = Arc::strong_count(&self.parameters) > 1;
        let weights = if shared { 0 } else { self.parameters.bytes() };
        weights + self.executor.memory() + (states + held) * size_of::<f32>()
    }
}
