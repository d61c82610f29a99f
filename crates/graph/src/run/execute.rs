//! Plans and runs the forward and the backward pass.

use super::pass::Pass;
use super::{Executor, OnCompleted, Planned, Progress};
use crate::error::{Error, Result};
use crate::gradients::Gradients;
use crate::memory;
use crate::mode::{Record, Run};
use crate::params::Parameters;
use crate::plan::{Layout, Program};
use seqloom_kernels::Scalar;
use std::sync::atomic::AtomicBool;

/// The most programs that are kept for repeated kinds of runs; a model has only a few.
const MAX_PLANS: usize = 16;

impl<T: Scalar> Executor<T> {
    /// Computes graph outputs for the bound batch.
    ///
    /// # Errors
    /// `ERR_STATE` without a batch or with weights of another model, `ERR_MEMORY` when the values do not fit,
    /// `ERR_DATA` for tokens or labels out of range, `ABORTED` when cancelled.
    pub fn forward(&mut self, params: &Parameters<T>, run: &Run<'_>) -> Result<()> {
        if self.progress == Progress::Unbound {
            return Err(Error::state("No batch has been bound"));
        }
        self.progress = Progress::Bound;
        self.check_parameters(params)?;
        let index = self.find_plan(run)?;
        let planned = &mut self.plans[index];
        if planned.generation != self.generation {
            // A failure must not leave a layout that looks current.
            planned.generation = 0;
            planned.layout.plan(&mut self.checked, &planned.program, &self.metas)?;
            planned.generation = self.generation;
        }
        memory::grow_aligned(&mut self.block, planned.layout.total, "The values of this batch")?;
        self.pass(index, params).forward(run)?;
        self.progress = Progress::Forward(index);
        Ok(())
    }

    /// Adds the gradients of the weights to `gradients`, given the gradients (`cotangents`) of some of the computed
    /// outputs; outputs that are not named have none. Possible once after each recorded forward pass, with the same
    /// parameters.
    ///
    /// # Errors
    /// `ERR_STATE` without a recorded forward pass, `ERR_SHAPE` for a cotangent of the wrong size, `ABORTED` when
    /// cancelled, which leaves `gradients` undefined.
    pub fn backward(
        &mut self,
        params: &Parameters<T>,
        gradients: &mut Gradients<T>,
        cotangents: &[(usize, &[T])],
        cancel: Option<&AtomicBool>,
    ) -> Result<()> {
        self.backward_told(params, gradients, cotangents, cancel, &mut |_, _| Ok(()))
    }

    /// The same; `completed` is told of each weight once its gradient is complete, while others are still to come. Weights
    /// that nothing depends on are not named.
    pub(crate) fn backward_told(
        &mut self,
        params: &Parameters<T>,
        gradients: &mut Gradients<T>,
        cotangents: &[(usize, &[T])],
        cancel: Option<&AtomicBool>,
        completed: &mut OnCompleted<'_, T>,
    ) -> Result<()> {
        let Progress::Forward(index) = self.progress else {
            return Err(Error::state("A backward pass needs a forward pass before it"));
        };
        self.check_parameters(params)?;
        let record = self.plans[index].program.record;
        if record == Record::Nothing {
            return Err(Error::state("A backward pass needs a forward pass that records"));
        }
        if !gradients.fits(&self.checked.graph.weights, &self.checked.row_gradients) {
            return Err(Error::state("The gradients belong to another model"));
        }
        // Whatever happens now, the stashes are used up.
        self.progress = Progress::Bound;
        let mut pass = self.pass(index, params);
        pass.seed(cotangents)?;
        pass.backward(gradients, &Run { record, cancel, ..Run::default() }, completed)?;
        self.progress = Progress::Backward(index);
        Ok(())
    }

    fn pass<'a>(&'a mut self, index: usize, params: &'a Parameters<T>) -> Pass<'a, T> {
        let Planned { program, layout, .. } = &self.plans[index];
        Pass {
            checked: &mut self.checked,
            program,
            layout,
            metas: &self.metas,
            masks: &mut self.masks,
            floats: &self.floats,
            integers: &self.integers,
            block: &mut self.block,
            scratch: &mut self.scratch,
            params,
        }
    }

    fn check_parameters(&self, params: &Parameters<T>) -> Result<()> {
        let same = params.slots().len() == self.checked.graph.weights.len()
            && params
                .slots()
                .iter()
                .zip(&self.checked.graph.weights)
                .all(|(slot, weight)| slot.shape == weight.shape);
        if same { Ok(()) } else { Err(Error::state("The parameters belong to another model")) }
    }

    /// The index of the program for a kind of run, planned anew if there is none.
    pub(super) fn find_plan(&mut self, run: &Run<'_>) -> Result<usize> {
        let count = self.checked.graph.outputs.len();
        if let Some(&missing) =
            run.outputs.and_then(|outputs| outputs.iter().find(|&&output| output >= count))
        {
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
        let program = Program::new(&self.checked, outputs, run.record);
        self.plans.push(Planned { program, layout: Layout::default(), generation: 0 });
        Ok(self.plans.len() - 1)
    }
}
