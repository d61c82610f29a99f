//! The forward and the backward pass.

use super::{Executor, Operands, Planned, Progress, Record, Run};
use crate::error::{Error, Result};
use crate::gradients::Gradients;
use crate::mask::SequenceMask;
use crate::memory;
use crate::op::{Backward, Buffers, Forward, Frame, Op, Place, ValueRef, Weights};
use crate::params::Parameters;
use crate::plan::{Graph, Layout, Program};
use crate::shape::Meta;
use seqloom_kernels::Scalar;
use std::sync::atomic::{AtomicBool, Ordering};

/// Programs kept for repeated kinds of runs; a model has only a few.
const MAX_PLANS: usize = 16;

impl<T: Scalar> Executor<T> {
    /// Computes graph outputs for the bound batch.
    ///
    /// # Errors
    /// `ERR_STATE` without a batch or with weights of another model, `ERR_MEMORY` when the values do not fit, `ERR_DATA` for tokens or
    /// labels out of range, `ABORTED` when cancelled.
    pub fn forward(&mut self, params: &Parameters<T>, run: &Run<'_>) -> Result<()> {
        if self.progress == Progress::Unbound {
            return Err(Error::state("No batch has been bound"));
        }
        self.progress = Progress::Bound;
        self.check_parameters(params)?;
        let plan = self.find_plan(run)?;
        let planned = &mut self.plans[plan];
        if planned.generation != self.generation {
            // A failure must not leave a layout that looks current.
            planned.generation = 0;
            planned.layout.plan(&self.graph, &planned.program, &self.metas)?;
            planned.generation = self.generation;
        }
        memory::grow_aligned(&mut self.block, planned.layout.total, "The values of this batch")?;
        let Planned { program, layout, .. } = &*planned;
        for (position, &index) in program.nodes.iter().enumerate() {
            check_cancelled(run.cancel)?;
            let node = &mut self.graph.nodes[index];
            if let Some(own) = &node.own_mask {
                let shape = self.metas[own.value].shape;
                combine(&mut self.masks, own.index, &own.sources, shape.batch(), shape.time())?;
            }
            self.operands.collect(&node.inputs, &node.outputs, &self.metas, &self.graph.masks, layout);
            let mut context = Forward {
                frame: Frame {
                    inputs: &self.operands.inputs,
                    outputs: &self.operands.outputs,
                    buffers: Buffers::new(&mut self.block, &self.floats),
                    weights: Weights { params, indices: &node.weights },
                    integers: &self.integers,
                    stash: layout.nodes[position].stash,
                    workspace: layout.nodes[position].forward,
                    run,
                    node: index,
                },
                masks: &mut self.masks,
            };
            if let Err(error) = node.op.forward(&mut context) {
                return Err(node.explain(error));
            }
        }
        check_cancelled(run.cancel)?;
        self.progress = Progress::Forward(plan);
        Ok(())
    }

    /// Adds the gradients of the weights to `gradients`, given the gradients (`cotangents`) of some of the computed outputs; outputs
    /// that are not named have none. Possible once after each recorded forward pass, with the same parameters.
    ///
    /// # Errors
    /// `ERR_STATE` without a recorded forward pass, `ERR_SHAPE` for a cotangent of the wrong size, `ABORTED` when cancelled, which
    /// leaves `gradients` undefined.
    pub fn backward(
        &mut self,
        params: &Parameters<T>,
        gradients: &mut Gradients<T>,
        cotangents: &[(usize, &[T])],
        cancel: Option<&AtomicBool>,
    ) -> Result<()> {
        let Progress::Forward(plan) = self.progress else {
            return Err(Error::state("A backward pass needs a forward pass before it"));
        };
        self.check_parameters(params)?;
        let Planned { program, layout, .. } = &self.plans[plan];
        if program.record == Record::Nothing {
            return Err(Error::state("A backward pass needs a forward pass that records"));
        }
        if gradients.len() != self.graph.spec.weights.len() {
            return Err(Error::state("The gradients belong to another model"));
        }
        // Whatever happens now, stashes are used up.
        self.progress = Progress::Bound;
        seed(&mut self.block, &self.graph, program, layout, cotangents)?;
        let run = Run { record: program.record, cancel, ..Run::default() };
        for (position, &index) in program.nodes.iter().enumerate().rev() {
            if !program.backward[position] {
                continue;
            }
            check_cancelled(cancel)?;
            let node = &mut self.graph.nodes[index];
            self.operands.collect(&node.inputs, &node.outputs, &self.metas, &self.graph.masks, layout);
            self.operands.forget_unkept(node.op.as_ref());
            for &input in &node.inputs {
                let first = program.gradient_lives[input].is_some_and(|life| life.first == program.backward_time(position));
                if first && let Some(gradient) = slice(&mut self.block, layout.values[input].gradient) {
                    gradient.fill(T::ZERO);
                }
            }
            let mut context = Backward {
                frame: Frame {
                    inputs: &self.operands.inputs,
                    outputs: &self.operands.outputs,
                    buffers: Buffers::new(&mut self.block, &self.floats),
                    weights: Weights { params, indices: &node.weights },
                    integers: &self.integers,
                    stash: layout.nodes[position].stash,
                    workspace: layout.nodes[position].backward,
                    run: &run,
                    node: index,
                },
                masks: &self.masks,
                gradients,
            };
            if let Err(error) = node.op.backward(&mut context) {
                return Err(node.explain(error));
            }
        }
        check_cancelled(cancel)?;
        clear_padding(&mut self.block, &self.graph, layout, &self.metas, &self.masks)?;
        self.progress = Progress::Backward(plan);
        Ok(())
    }

    fn check_parameters(&self, params: &Parameters<T>) -> Result<()> {
        let same = params.slots().len() == self.graph.spec.weights.len()
            && params.slots().iter().zip(&self.graph.spec.weights).all(|(slot, weight)| slot.shape == weight.shape);
        if same { Ok(()) } else { Err(Error::state("The parameters belong to another model")) }
    }

    /// The index of the program for a kind of run, planned anew if there is none.
    fn find_plan(&mut self, run: &Run<'_>) -> Result<usize> {
        let count = self.graph.spec.outputs.len();
        if let Some(&missing) = run.outputs.and_then(|outputs| outputs.iter().find(|&&output| output >= count)) {
            return Err(Error::state(format!("There is no output {missing}; the graph has {count}")));
        }
        let fits = |planned: &Planned| {
            let known = &planned.program.outputs;
            planned.program.record == run.record
                && match run.outputs {
                    None => known.len() == count,
                    Some(outputs) => {
                        outputs.iter().all(|output| known.binary_search(output).is_ok())
                            && known.iter().all(|output| outputs.contains(output))
                    }
                }
        };
        if let Some(plan) = self.plans.iter().position(fits) {
            return Ok(plan);
        }
        if self.plans.len() >= MAX_PLANS {
            self.plans.clear();
        }
        let mut outputs = run.outputs.map_or_else(|| (0..count).collect(), <[usize]>::to_vec);
        outputs.sort_unstable();
        outputs.dedup();
        let program = Program::new(&self.graph, outputs, run.record);
        self.plans.push(Planned { program, layout: Layout::default(), generation: 0 });
        Ok(self.plans.len() - 1)
    }
}

impl Operands {
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
        for (_, input) in self.inputs.iter_mut().enumerate().filter(|&(index, _)| !op.keeps_input(index)) {
            input.place = Place::None;
        }
        for (_, output) in self.outputs.iter_mut().enumerate().filter(|&(index, _)| !op.keeps_output(index)) {
            output.place = Place::None;
        }
    }
}

fn check_cancelled(cancel: Option<&AtomicBool>) -> Result<()> {
    match cancel {
        Some(flag) if flag.load(Ordering::Relaxed) => Err(Error::aborted()),
        _ => Ok(()),
    }
}

fn slice<T>(block: &mut [T], place: Place) -> Option<&mut [T]> {
    match place {
        Place::Block { start, len } => block.get_mut(start..start.checked_add(len)?),
        Place::None | Place::Input { .. } => None,
    }
}

/// Makes mask `index` the intersection of `sources`, or full when there are none.
fn combine(masks: &mut [SequenceMask], index: usize, sources: &[usize], batch: usize, time: usize) -> Result<()> {
    let mut mask = std::mem::take(&mut masks[index]);
    mask.reset(batch, time);
    let result = sources.iter().try_for_each(|&source| mask.intersect(&masks[source]));
    masks[index] = mask;
    result
}

/// Sets the gradients of the outputs: the given ones, zero for all others.
fn seed<T: Scalar>(
    block: &mut [T],
    graph: &Graph<T>,
    program: &Program,
    layout: &Layout,
    cotangents: &[(usize, &[T])],
) -> Result<()> {
    for &output in &program.outputs {
        if let Some(gradient) = slice(block, layout.values[graph.spec.outputs[output]].gradient) {
            gradient.fill(T::ZERO);
        }
    }
    for &(output, cotangent) in cotangents {
        if program.outputs.binary_search(&output).is_err() {
            return Err(Error::state(format!("The output {output} has not been computed")));
        }
        // Outputs that depend on nothing with a gradient have none to seed.
        let Some(gradient) = slice(block, layout.values[graph.spec.outputs[output]].gradient) else { continue };
        if gradient.len() != cotangent.len() {
            return Err(Error::shape(format!(
                "The gradient of output {output} must have {} elements; got {}",
                gradient.len(),
                cotangent.len()
            )));
        }
        for (gradient, &cotangent) in gradient.iter_mut().zip(cotangent) {
            *gradient += cotangent;
        }
    }
    Ok(())
}

/// Padding was replaced when the batch was bound, so nothing depends on it.
fn clear_padding<T: Scalar>(
    block: &mut [T],
    graph: &Graph<T>,
    layout: &Layout,
    metas: &[Meta],
    masks: &[SequenceMask],
) -> Result<()> {
    for input in 0..layout.inputs {
        let mask = graph.masks[input].and_then(|mask| masks.get(mask)).filter(|mask| !mask.is_full());
        let gradient = slice(block, layout.values[input].gradient);
        let (Some(mask), Some(gradient)) = (mask, gradient) else { continue };
        let (time, width) = (metas[input].shape.time(), metas[input].shape.inner(2)?);
        for (position, gradient) in gradient.chunks_exact_mut(width).enumerate() {
            if !mask.is_valid(position / time, position % time) {
                gradient.fill(T::ZERO);
            }
        }
    }
    Ok(())
}
