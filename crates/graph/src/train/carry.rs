//! States that are carried from batch to batch.

use super::ranks::{Part, Share};
use crate::error::{Error, Result};
use crate::ir::Graph;
use crate::memory;
use crate::params::element_count;
use crate::run::Executor;
use crate::tensor::{BatchData, BatchInput, BatchSequence};
use crate::transform::carry;
use std::ops::Range;

/// The states of a graph's stateful layers.
#[derive(Debug, Default)]
pub(super) struct Carry {
    /// Inputs and outputs of the graph that are not states.
    pub(super) inputs: usize,
    pub(super) outputs: usize,
    /// By state, without rows.
    widths: Vec<Vec<usize>>,
    /// The same with rows; rows are 0 while there are no states.
    shapes: Vec<Vec<usize>>,
    /// The same with the rows of the batch that is bound.
    bound: Vec<Vec<usize>>,
    states: Vec<Vec<f32>>,
    /// The last states of the current batch.
    next: Vec<Vec<f32>>,
}

impl Carry {
    /// Adds the states of stateful layers after the inputs and outputs of a graph.
    ///
    /// # Errors
    /// Those of [`carry`].
    pub(super) fn new(graph: &Graph) -> Result<(Graph, Self)> {
        let (graph, widths) = carry(graph)?;
        let added = widths.len();
        let (inputs, outputs) = (graph.inputs.len() - added, graph.outputs.len() - added);
        let shapes: Vec<Vec<usize>> = widths.iter().map(|width| [&[0], &width[..]].concat()).collect();
        let bound = shapes.clone();
        let (states, next) = (vec![Vec::new(); added], vec![Vec::new(); added]);
        Ok((graph, Self { inputs, outputs, widths, shapes, bound, states, next }))
    }

    /// Whether the graph has no stateful layers.
    pub(super) fn is_empty(&self) -> bool {
        self.widths.is_empty()
    }

    /// The outputs of the graph that are states.
    pub(super) fn state_outputs(&self) -> Range<usize> {
        self.outputs..self.outputs + self.widths.len()
    }

    fn rows(&self) -> usize {
        self.shapes.first().map_or(0, |shape| shape[0])
    }

    /// Resets the states: the next batch starts with zeros.
    pub(super) fn reset(&mut self) {
        self.shapes.iter_mut().for_each(|shape| shape[0] = 0);
    }

    /// Takes the states out, to be restored with [`Self::put`]; the next batch starts with zeros.
    pub(super) fn take(&mut self) -> Vec<Vec<f32>> {
        let taken = if self.rows() == 0 { Vec::new() } else { std::mem::take(&mut self.states) };
        self.states.resize(self.widths.len(), Vec::new());
        self.reset();
        taken
    }

    /// Restores states; none for zeros.
    ///
    /// # Errors
    /// `ERR_FORMAT` if they are not the states of these layers.
    pub(super) fn put(&mut self, states: Vec<Vec<f32>>) -> Result<()> {
        self.reset();
        if states.is_empty() {
            return Ok(());
        }
        let wrong = || Error::format("The carried states are not those of the model's stateful layers");
        let width = |width: &[usize]| element_count(width).filter(|&width| width > 0).ok_or_else(wrong);
        let first = self.widths.first().ok_or_else(wrong)?;
        let rows = states.first().map_or(0, Vec::len) / width(first)?;
        let fits = |(state, shape): (&Vec<f32>, &Vec<usize>)| {
            width(shape).is_ok_and(|width| rows > 0 && rows.checked_mul(width) == Some(state.len()))
                && state.iter().all(|value| value.is_finite())
        };
        if states.len() != self.widths.len() || !states.iter().zip(&self.widths).all(fits) {
            return Err(wrong());
        }
        self.states = states;
        self.shapes.iter_mut().for_each(|shape| shape[0] = rows);
        Ok(())
    }

    /// The states, unless the next batch starts with zeros.
    pub(super) fn states(&self) -> &[Vec<f32>] {
        if self.rows() == 0 { &[] } else { &self.states }
    }

    /// Refuses rows that do not divide into batches of one size.
    ///
    /// # Errors
    /// `ERR_DATA`.
    pub(super) fn check_rows(&self, rows: usize, batch_size: usize) -> Result<()> {
        if self.is_empty() || rows <= batch_size || rows.is_multiple_of(batch_size) {
            return Ok(());
        }
        Err(Error::data(format!(
            "Stateful layers carry the states of a batch's rows to the next batch, so {rows} rows do not go into batches of \
             {batch_size}; leave out the last {}",
            rows % batch_size
        )))
    }

    /// Binds a batch, with the states that it begins with; of a batch that several ranks work on, some of its rows.
    pub(super) fn bind(
        &mut self,
        executor: &mut Executor<f32>,
        inputs: &[BatchInput<'_, f32>],
        share: Option<&Share>,
    ) -> Result<()> {
        if self.is_empty() {
            return executor.bind(inputs);
        }
        let given = inputs.first().and_then(|input| input.shape.first()).copied().unwrap_or(0);
        let (rows, own) = share.map_or((given, 0..given), |share| (share.of, share.rows.clone()));
        let carried = self.rows();
        if carried == 0 {
            for ((state, width), shape) in self.states.iter_mut().zip(&self.widths).zip(&mut self.shapes) {
                let size = element_count(width).and_then(|width| width.checked_mul(rows));
                let size = size.ok_or_else(|| Error::memory("The states are too large to address"))?;
                memory::refill(state, size, 0.0, "The carried states")?;
                shape[0] = rows;
            }
        } else if carried != rows {
            return Err(Error::data(format!(
                "Stateful layers carry the states of {carried} rows, but the batch has {rows}; call resetStates() to begin anew"
            )));
        }
        self.bound.iter_mut().for_each(|shape| shape[0] = own.len());
        let (states, shapes) = (&self.states, &self.bound);
        executor.bind_each(self.inputs + states.len(), |index| match index.checked_sub(self.inputs) {
            None => inputs[index],
            Some(state) => BatchInput {
                data: BatchData::Float(rows_of(&states[state], rows, &own)),
                shape: &shapes[state],
                sequence: BatchSequence::Full,
            },
        })
    }

    /// After a batch that several ranks work on: gives all of them the last states of all of its rows.
    pub(super) fn join(&mut self, part: &mut Part<'_>) -> Result<()> {
        if self.is_empty() { Ok(()) } else { part.join(&mut self.next) }
    }

    /// Records the last states of the forward pass.
    pub(super) fn note(&mut self, executor: &Executor<f32>) -> Result<()> {
        for (output, next) in (self.outputs..).zip(&mut self.next) {
            let last = executor.value(output)?.data;
            memory::refill(next, last.len(), 0.0, "The carried states")?;
            next.copy_from_slice(last);
        }
        Ok(())
    }

    /// Continues from the recorded states.
    pub(super) fn advance(&mut self) {
        std::mem::swap(&mut self.states, &mut self.next);
    }
}

/// The values of some of so many rows.
fn rows_of<'a>(values: &'a [f32], rows: usize, some: &Range<usize>) -> &'a [f32] {
    let width = values.len() / rows.max(1);
    values.get(some.start * width..some.end * width).unwrap_or_default()
}
