//! The two passes over the nodes of a program. They do not know where a batch came from, so that any holder of a graph
//! can run it: the executor, or an operation that contains one.

use super::{OnCompleted, Scratch};
use crate::buffer::{Buffer, copy};
use crate::error::{Error, Result};
use crate::gradients::Gradients;
use crate::ir::Checked;
use crate::mask::SequenceMask;
use crate::mode::Run;
use crate::ops::{
    Backward, Buffers, Forward, Frame, Moment, Op, Place, Prepared, Surroundings, ValueRef, Weights,
    check_cancelled,
};
use crate::parallel::each_rows;
use crate::params::Parameters;
use crate::plan::{Layout, Program};
use crate::shape::Meta;
use seqloom_kernels::{Scalar, pool};

/// A planned graph and the memory it runs in.
pub(super) struct Pass<'a, T: Scalar> {
    pub(super) checked: &'a mut Checked<T>,
    pub(super) program: &'a Program,
    pub(super) layout: &'a Layout,
    /// Types and shapes of all values.
    pub(super) metas: &'a [Meta],
    pub(super) masks: &'a mut [SequenceMask],
    pub(super) floats: &'a [Buffer<T>],
    pub(super) integers: &'a [Vec<i32>],
    /// At least as long as the layout says.
    pub(super) block: &'a mut [T],
    pub(super) scratch: &'a mut Scratch,
    pub(super) params: &'a Parameters<T>,
}

impl<T: Scalar> Pass<'_, T> {
    /// Computes the program's outputs.
    pub(super) fn forward(&mut self, run: &Run<'_>) -> Result<()> {
        let mut position = 0;
        while position < self.program.nodes.len() {
            check_cancelled(run)?;
            if self.layout.beside[position] && self.is_worth_two(position) {
                self.forward_two(position, run)?;
                position += 2;
            } else {
                self.forward_one(position, run, |op, context| op.forward(context))?;
                position += 1;
            }
        }
        check_cancelled(run)
    }

    /// Lets `body` run the node at `position`.
    fn forward_one<V>(
        &mut self,
        position: usize,
        run: &Run<'_>,
        body: impl FnOnce(&mut dyn Op<T>, &mut Forward<'_, T>) -> Result<V>,
    ) -> Result<V> {
        let index = self.program.nodes[position];
        let node = &mut self.checked.nodes[index];
        for own in &node.own_masks {
            let shape = self.metas[own.value].shape;
            combine(self.masks, own.index, &own.sources, shape.batch(), shape.time())?;
        }
        self.scratch.collect(&node.inputs, &node.outputs, self.metas, &self.checked.masks, self.layout);
        let mut context = Forward {
            frame: Frame {
                inputs: &self.scratch.inputs,
                outputs: &self.scratch.outputs,
                buffers: Buffers::new(self.block, self.floats),
                weights: Weights { params: self.params, indices: &node.weights },
                integers: self.integers,
                stash: self.layout.nodes[position].stash,
                workspace: self.layout.nodes[position].forward,
                run,
                node: index,
                moment: Moment::default(),
            },
            masks: self.masks,
        };
        body(node.op.as_mut(), &mut context).map_err(|error| node.explain(error))
    }

    /// Whether two equal cells, of which the one at `position` is the first, take less time side by side on a thread
    /// each than one after the other on all threads. Without barriers between them, two threads always do more.
    fn is_worth_two(&self, position: usize) -> bool {
        let node = &self.checked.nodes[self.program.nodes[position]];
        let shape = node.inputs.first().map(|&value| self.metas[value].shape);
        let cell = shape.and_then(|shape| Some((shape, node.op.side_by_side(&shape)?)));
        let threads = pool::threads().unwrap_or(1);
        cell.is_some_and(|(shape, cell)| {
            threads == 2 || (threads > 2 && cell.worth_threads(shape.batch()) < 2)
        })
    }

    /// Runs the cells at `position` and at the next one side by side.
    fn forward_two(&mut self, position: usize, run: &Run<'_>) -> Result<()> {
        let fault = || Error::native("Operations that are no cells were to run side by side");
        let mut prepare = |position| {
            self.forward_one(position, run, |op, context| op.as_cell().ok_or_else(fault)?.prepare(context))
        };
        let (first, second) = (prepare(position)?, prepare(position + 1)?);
        let places = [self.program.nodes[position], self.program.nodes[position + 1]];
        let nodes = self.checked.nodes.get_disjoint_mut(places).map_err(|_| fault())?;
        let [one, other] = nodes.map(|node| node.op.as_cell());
        let (one, other) = (&*one.ok_or_else(fault)?, &*other.ok_or_else(fault)?);
        const READS: usize = 2 * Prepared::READS;
        const WRITES: usize = 2 * Prepared::WRITES;
        let mut reads = [Place::None; READS];
        let mut writes = [Place::None; WRITES];
        for (prepared, reads) in [&first, &second].into_iter().zip(reads.chunks_exact_mut(Prepared::READS)) {
            reads.copy_from_slice(&prepared.reads);
        }
        for (prepared, writes) in [&first, &second].into_iter().zip(writes.chunks_exact_mut(Prepared::WRITES))
        {
            writes.copy_from_slice(&prepared.writes);
        }
        let mut buffers = Buffers::new(self.block, self.floats);
        let (reads, writes) = buffers.carve(reads, writes)?;
        let (mut reads, mut writes) = (reads.into_iter(), writes.into_iter());
        let mut next = || {
            (
                std::array::from_fn(|_| reads.next().unwrap_or_default()),
                std::array::from_fn(|_| writes.next().unwrap_or_default()),
            )
        };
        let (one_io, other_io) = (next(), next());
        let around = Surroundings { params: self.params, masks: self.masks, cancel: run.cancel };
        let (mut done, mut other_done) = (Ok(()), Ok(()));
        pool::join(
            || done = one.compute(&first, around, one_io.0, one_io.1),
            || other_done = other.compute(&second, around, other_io.0, other_io.1),
        );
        done.and(other_done)
    }

    /// Sets the gradients of the outputs: the given ones, zero for all others.
    pub(super) fn seed(&mut self, cotangents: &[(usize, &[T])]) -> Result<()> {
        let outputs = &self.checked.graph.outputs;
        // A single cotangent of a value is copied; several, for outputs that are the same value, are added to zeros.
        let count =
            |value| cotangents.iter().filter(|(output, _)| outputs.get(*output) == Some(&value)).count();
        for &output in &self.program.outputs {
            let value = outputs[output];
            if count(value) != 1
                && let Some(gradient) = slice(self.block, self.layout.values[value].gradient)
            {
                gradient.fill(T::ZERO);
            }
        }
        for &(output, cotangent) in cotangents {
            if self.program.outputs.binary_search(&output).is_err() {
                return Err(Error::state(format!("The output {output} has not been computed")));
            }
            let value = outputs[output];
            let expected = self.metas[value].shape.elements()?;
            if expected != cotangent.len() {
                return Err(Error::shape(format!(
                    "The gradient of output {output} must have {expected} elements; got {}",
                    cotangent.len()
                )));
            }
            // Outputs that depend on nothing with a gradient have none to seed.
            let Some(gradient) = slice(self.block, self.layout.values[value].gradient) else { continue };
            if count(value) == 1 {
                copy(cotangent, gradient);
            } else {
                for (gradient, &cotangent) in gradient.iter_mut().zip(cotangent) {
                    *gradient += cotangent;
                }
            }
        }
        Ok(())
    }

    /// Carries the seeded gradients back to weights and inputs.
    pub(super) fn backward(
        &mut self,
        gradients: &mut Gradients<T>,
        run: &Run<'_>,
        completed: &mut OnCompleted<'_, T>,
    ) -> Result<()> {
        for (position, &index) in self.program.nodes.iter().enumerate().rev() {
            if !self.program.backward[position] {
                continue;
            }
            check_cancelled(run)?;
            let node = &mut self.checked.nodes[index];
            self.scratch.collect(&node.inputs, &node.outputs, self.metas, &self.checked.masks, self.layout);
            self.scratch.forget_unkept(node.op.as_ref());
            for (index, &input) in node.inputs.iter().enumerate() {
                let life = self.program.gradient_lives[input];
                let first = life.is_some_and(|life| life.first == self.program.backward_time(position));
                if !first {
                    continue;
                }
                let once = node.inputs.iter().filter(|&&other| other == input).count() == 1;
                if once && node.op.writes_gradient(index) {
                    self.scratch.inputs[index].fresh = true;
                } else if let Some(gradient) = slice(self.block, self.layout.values[input].gradient) {
                    let work = gradient.len();
                    each_rows(gradient, 1, work, |_, part| part.fill(T::ZERO));
                }
            }
            let mut context = Backward {
                frame: Frame {
                    inputs: &self.scratch.inputs,
                    outputs: &self.scratch.outputs,
                    buffers: Buffers::new(self.block, self.floats),
                    weights: Weights { params: self.params, indices: &node.weights },
                    integers: self.integers,
                    stash: self.layout.nodes[position].stash,
                    workspace: self.layout.nodes[position].backward,
                    run,
                    node: index,
                    moment: Moment::default(),
                },
                masks: self.masks,
                gradients,
            };
            if let Err(error) = node.op.backward(&mut context) {
                return Err(node.explain(error));
            }
            for &weight in &self.program.completes[position] {
                completed(gradients, weight)?;
            }
        }
        check_cancelled(run)?;
        self.clear_padding()
    }

    /// Padding was replaced when the batch was bound, so nothing depends on it.
    fn clear_padding(&mut self) -> Result<()> {
        for input in 0..self.layout.inputs {
            let mask = self.checked.masks[input]
                .and_then(|mask| self.masks.get(mask))
                .filter(|mask| !mask.is_full());
            let gradient = slice(self.block, self.layout.values[input].gradient);
            let (Some(mask), Some(gradient)) = (mask, gradient) else { continue };
            let shape = self.metas[input].shape;
            let (time, width) = (shape.time(), shape.inner(2)?);
            for (position, gradient) in gradient.chunks_exact_mut(width).enumerate() {
                if !mask.is_valid(position / time, position % time) {
                    gradient.fill(T::ZERO);
                }
            }
        }
        Ok(())
    }
}

impl Scratch {
    /// Collects what a node sees of its operands.
    fn collect(
        &mut self,
        inputs: &[usize],
        outputs: &[usize],
        metas: &[Meta],
        masks: &[Option<usize>],
        layout: &Layout,
    ) {
        let graph_inputs = layout.inputs;
        let value = |&id: &usize| ValueRef {
            shape: metas[id].shape,
            dtype: metas[id].dtype,
            place: layout.values[id].value,
            gradient: layout.values[id].gradient,
            fresh: false,
            mask: masks[id],
            input: (id < graph_inputs).then_some(id),
        };
        self.inputs.clear();
        self.inputs.extend(inputs.iter().map(value));
        self.outputs.clear();
        self.outputs.extend(outputs.iter().map(value));
    }

    /// Hides the values that the operation has not asked to keep: their memory may hold something else by now.
    fn forget_unkept<T: Scalar>(&mut self, op: &dyn Op<T>) {
        for (index, input) in self.inputs.iter_mut().enumerate() {
            if !op.keeps_input(index) {
                input.place = Place::None;
            }
        }
        for (index, output) in self.outputs.iter_mut().enumerate() {
            if !op.keeps_output(index) {
                output.place = Place::None;
            }
        }
    }
}

fn slice<T>(block: &mut [T], place: Place) -> Option<&mut [T]> {
    match place {
        Place::Block { start, len } => block.get_mut(start..start.checked_add(len)?),
        Place::None | Place::Input { .. } => None,
    }
}

/// Makes mask `index` the intersection of `sources`, or full when there are none.
fn combine(
    masks: &mut [SequenceMask],
    index: usize,
    sources: &[usize],
    batch: usize,
    time: usize,
) -> Result<()> {
    let mut mask = std::mem::take(&mut masks[index]);
    mask.reset(batch, time);
    let result = sources.iter().try_for_each(|&source| mask.intersect(&masks[source]));
    masks[index] = mask;
    result
}
