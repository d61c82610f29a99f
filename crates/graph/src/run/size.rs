//! What a run takes in memory, told without a run.

use super::{Executor, Progress};
use crate::error::{Error, Result};
use crate::mode::Run;
use crate::shape::{ANY, Shape};
use seqloom_kernels::Scalar;

/// Bytes that a run takes, besides the weights and their gradients.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RunBytes {
    /// Values, their gradients, what is kept for the backward pass, workspaces, and weights in the form of the kernels.
    pub values: usize,
    /// The rows of a batch, once as they are gathered and once as they are read.
    pub inputs: usize,
    /// Gradients of tables that are lists of rows, at most.
    pub rows: usize,
}

impl<T: Scalar> Executor<T> {
    /// Bytes for a batch of so many rows, with `time` steps where the graph leaves their number open. No batch is bound
    /// afterwards.
    ///
    /// # Errors
    /// `ERR_OPTION` if the number of steps is needed; those of a run for sizes that cannot be.
    pub(crate) fn bytes_for(&mut self, rows: usize, time: Option<usize>, run: &Run<'_>) -> Result<RunBytes> {
        self.progress = Progress::Unbound;
        self.generation = 0;
        let mut bytes = RunBytes::default();
        let mut tokens = 0_usize;
        for index in 0..self.checked.graph.inputs.len() {
            let spec = &self.checked.graph.inputs[index];
            let needed = || {
                Error::option(format!(
                    "memory: time is needed, the number of steps, because the shape of '{}' leaves it open",
                    spec.name
                ))
            };
            let open = self.checked.values[index].shape;
            let mut dims = open.dims().to_vec();
            for (axis, dim) in dims.iter_mut().enumerate().filter(|(_, dim)| **dim == ANY) {
                *dim = if axis == 0 { rows } else { time.ok_or_else(needed)? };
            }
            let shape = Shape::new(&dims)?;
            self.metas[index].shape = shape;
            let elements = shape.elements()?;
            bytes.inputs = bytes.inputs.saturating_add(elements.saturating_mul(2 * size_of::<T>()));
            tokens = tokens.max(dims.iter().take(2).product());
        }
        self.resolve()?;
        let index = self.find_plan(run)?;
        let planned = &mut self.plans[index];
        planned.generation = 0;
        planned.layout.plan(&mut self.checked, &planned.program, &self.metas)?;
        let training = planned.program.backward.iter().any(|&backward| backward);
        let packed: usize = self.checked.nodes.iter().map(|node| node.op.packed_memory(training)).sum();
        bytes.values = planned.layout.total.saturating_mul(size_of::<T>()).saturating_add(packed);
        if training {
            let graph = &self.checked.graph;
            let tables = graph.weights.iter().zip(&self.checked.row_gradients).filter(|(_, rows)| **rows);
            // The lists are merged from one pair into another.
            let most =
                |shape: &[usize]| tokens.min(shape[0]).saturating_mul(shape.get(1).copied().unwrap_or(1));
            let elements: usize = tables.map(|(table, _)| most(&table.shape)).sum();
            bytes.rows = elements.saturating_mul(2 * size_of::<T>());
        }
        Ok(bytes)
    }
}
