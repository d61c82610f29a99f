//! `scan`: runs a small graph once for every step of its sequences, carrying states from step to step.
//!
//! Like the fused cells, it works on packed rows: step s has the rows with more than s valid steps, longest sequences
//! first, so that the rows of a step are always the first rows of the previous step. Nothing is computed for padding.

mod backward;
mod body;
mod deferred;
mod forward;
mod fused;
mod layout;
mod product;
mod recurrences;
mod run;
mod sizes;
mod spec;
mod units;

use crate::error::{Error, Result};
use crate::form::{Form, Known};
use crate::mask::SequenceMask;
use crate::ops::{Backward, Described, Forward, MaskRule, Op, Operands, Sizes, ValueRef};
use crate::shape::{ANY, Meta, Shape};
use crate::tensor::StateGradient;
use body::Body;
use layout::{Extent, ScanLayout};
use run::Scratch;
use seqloom_kernels::{Precision, Scalar};
use spec::Counts;
pub(crate) use spec::{ScanSpec, entry};
use units::LoopPlan;

/// The loop. Inputs: sequences `[batch, time, …]`, initial states `[batch, …]` (all or none), constants. Outputs: those
/// of every step `[batch, time, …]`, then the last states. Weights: those of the body.
struct Scan<T: Scalar> {
    body: Body<T>,
    plan: LoopPlan<T>,
    counts: Counts,
    state_shapes: Vec<Vec<usize>>,
    reversed: bool,
    output_reversed: bool,
    zero_output_for_mask: bool,
    steps: Option<usize>,
    state_names: Vec<String>,
    /// The gradients with respect to the states at every step, if the last backward pass kept them.
    state_gradients: Vec<StateGradient<T>>,
    /// The steps that are valid in all sequences, if they do not share one mask.
    mask: SequenceMask,
    /// For passes that record and those that do not: the layout, and the batch that it is for.
    layouts: [ScanLayout; 2],
    scratch: Scratch,
}

impl<T: Scalar> Scan<T> {
    fn new(spec: &ScanSpec) -> Result<Self> {
        let mut body = Body::new(spec)?;
        for node in &mut body.nodes {
            for weight in &mut node.weights {
                *weight = spec.weights[*weight];
            }
        }
        let states = spec.body.inputs.iter().skip(spec.counts.sequences).take(spec.counts.states);
        Ok(Self {
            plan: LoopPlan::new(&mut body)?,
            body,
            state_names: states.map(|input| input.name.clone()).collect(),
            state_gradients: Vec::new(),
            counts: spec.counts.clone(),
            state_shapes: spec.state_shapes.clone(),
            reversed: spec.reversed,
            output_reversed: spec.output_reversed,
            zero_output_for_mask: spec.zero_output_for_mask,
            steps: spec.steps,
            mask: SequenceMask::default(),
            layouts: Default::default(),
            scratch: Scratch::default(),
        })
    }

    /// Batch and time of the inputs.
    fn grid(&self, inputs: &[Meta]) -> Result<(usize, usize)> {
        let mut grid = None;
        for (index, meta) in inputs.iter().enumerate() {
            let sequence = index < self.counts.sequences;
            let shape = meta.shape;
            if sequence && (!meta.batched || shape.rank() < 2) {
                return Err(Error::shape(format!(
                    "sequence {index} must have shape [batch, time, …]; got {shape}"
                )));
            }
            if !meta.batched {
                continue;
            }
            let time = if sequence { shape.time() } else { self.steps.unwrap_or(ANY) };
            let both = Shape::new(&[shape.batch(), time])?;
            let merged = match grid {
                None => Some(both),
                Some(grid) => both.unify(&grid),
            };
            grid = Some(merged.ok_or_else(|| {
                Error::shape(
                    "all sequences must have the same number of steps, and all values the same batch",
                )
            })?);
        }
        let grid = grid.ok_or_else(|| Error::shape("nothing that the scan reads has a batch dimension"))?;
        Ok((grid.batch(), grid.time()))
    }
}

impl<T: Scalar> Op<T> for Scan<T> {
    fn set_precision(&mut self, precision: Precision) {
        self.plan.products.iter_mut().for_each(|product| product.set_precision(precision));
    }

    fn set_checkpoints(&mut self, every: Option<usize>) -> Result<bool> {
        match every {
            None => Ok(false),
            Some(_) => Err(Error::unsupported(
                "checkpointEvery serves simple RNN, LSTM and GRU that kernels run, and this is a traced cell, or a layer that runs as one, as with recurrentDropout. Leave out one of them",
            )),
        }
    }

    fn infer(&mut self, inputs: &[Meta], outputs: &mut [Meta]) -> Result<()> {
        for meta in inputs {
            crate::ops::expect_float(meta)?;
        }
        let (batch, time) = self.grid(inputs)?;
        let counts = &self.counts;
        let without_time = |shape: Shape| {
            let mut dims = vec![shape.batch()];
            dims.extend(shape.dims().get(2..).unwrap_or(&[]));
            Shape::new(&dims)
        };
        let state = |shape: &[usize]| {
            let mut dims = vec![batch];
            dims.extend(shape);
            Shape::new(&dims)
        };
        let mut shapes = Vec::with_capacity(counts.body_inputs());
        for meta in &inputs[..counts.sequences] {
            shapes.push(without_time(meta.shape)?);
        }
        for (index, shape) in self.state_shapes.iter().enumerate() {
            let expected = state(shape)?;
            let initial = counts.initial_input(index).map(|input| inputs[input]);
            if let Some(meta) = initial.filter(|meta| !meta.batched || expected.unify(&meta.shape).is_none())
            {
                return Err(Error::shape(format!(
                    "the initial state {index} must have shape {expected}; got {}",
                    meta.shape
                )));
            }
            shapes.push(expected);
        }
        for constant in 0..counts.constants {
            let meta = inputs[counts.constant_input(constant)];
            let value = counts.sequences + counts.states + constant;
            if meta.batched != self.body.metas[value].batched {
                return Err(Error::shape(format!(
                    "constant {constant} has shape {}; it must have a batch dimension exactly if the step expects one",
                    meta.shape
                )));
            }
            shapes.push(meta.shape);
        }
        self.body.infer(shapes.into_iter())?;
        self.plan.check(&self.body)?;
        for (index, output) in outputs.iter_mut().enumerate() {
            let shape = self.body.metas[self.body.outputs[index]].shape;
            let dims = shape.dims().get(1..).unwrap_or(&[]);
            *output = Meta::float(if index < counts.outputs {
                let mut timed = vec![batch, time];
                timed.extend(dims);
                Shape::new(&timed)?
            } else {
                state(dims)?
            });
        }
        Ok(())
    }

    fn sizes(&mut self, operands: Operands<'_>) -> Result<Sizes> {
        let (batch, time) = self.grid(operands.inputs)?;
        let rows = batch.checked_mul(time).ok_or_else(|| {
            Error::memory(format!("{batch} sequences of {time} steps are too large to address"))
        })?;
        let layout = &mut self.layouts[usize::from(operands.recording)];
        let copied = self.plan.copied(&self.body, rows);
        let extent = Extent { batch, rows, chunk: self.body.chunk(batch, rows)? };
        layout.plan(&mut self.body, copied, extent, operands.recording)?;
        let both = layout.kept.checked_add(layout.forward);
        Ok(if operands.recording {
            Sizes { stash: layout.kept, forward: layout.forward, backward: layout.backward }
        } else {
            let both =
                both.ok_or_else(|| Error::memory("the steps of this batch are too large to address"))?;
            Sizes { stash: 0, forward: both, backward: 0 }
        })
    }

    fn forward(&mut self, context: &mut Forward<'_, T>) -> Result<()> {
        self.run_forward(context)
    }

    fn backward(&mut self, context: &mut Backward<'_, T>) -> Result<()> {
        self.run_backward(context)
    }

    fn repeats_steps(&self) -> Option<bool> {
        Some(!self.zero_output_for_mask)
    }

    fn take_state_gradients(&mut self) -> Vec<StateGradient<T>> {
        std::mem::take(&mut self.state_gradients)
    }

    fn mask_rule(&self) -> MaskRule {
        if self.counts.sequences == 0 { MaskRule::Own } else { MaskRule::MergeFirst(self.counts.sequences) }
    }

    fn keeps_time(&self, output: usize) -> bool {
        output < self.counts.outputs
    }

    fn is_state(&self, output: usize) -> bool {
        output >= self.counts.outputs
    }

    fn takes_unbatched(&self) -> bool {
        true
    }

    fn keeps_input(&self, index: usize) -> bool {
        // Everything else is copied into packed order.
        let constant = index.checked_sub(self.counts.constant_input(0));
        let value = constant.map(|constant| self.counts.sequences + self.counts.states + constant);
        value.is_some_and(|value| self.body.values[value].kept && !self.body.metas[value].batched)
    }

    fn form(&self, known: &[Known], output: usize) -> Form {
        let counts = &self.counts;
        let form = |input: usize| known[input].form;
        let sequences = (0..counts.sequences).map(form);
        let states = (0..counts.states).map(|_| Form::Unknown);
        let constants = (0..counts.constants).map(|constant| form(counts.constant_input(constant)));
        let given = sequences.chain(states).chain(constants).collect();
        let values = crate::ir::forms(&self.body.nodes, &self.body.metas, given);
        values[self.body.outputs[output]]
    }
}

impl<T: Scalar> std::fmt::Debug for Scan<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scan").field("counts", &self.counts).finish_non_exhaustive()
    }
}

impl<T: Scalar> Scan<T> {
    /// The index of the mask that all sequences have.
    fn common_mask(&self, inputs: &[ValueRef]) -> Option<usize> {
        let mut masks = inputs[..self.counts.sequences].iter().map(|input| input.mask);
        let first = masks.next()??;
        masks.all(|mask| mask == Some(first)).then_some(first)
    }

    /// Computes the intersection of the sequences' masks.
    fn merge_masks(
        &mut self,
        inputs: &[ValueRef],
        masks: &[SequenceMask],
        (batch, time): (usize, usize),
    ) -> Result<()> {
        self.mask.reset(batch, time);
        for mask in inputs[..self.counts.sequences].iter().filter_map(|input| input.mask) {
            let mask =
                masks.get(mask).ok_or_else(|| Error::native("A sequence has a mask that is missing"))?;
            self.mask.intersect(mask)?;
        }
        self.mask.pack()
    }

    /// Batch and time of the current inputs.
    fn grid_of(&self, inputs: &[ValueRef]) -> Result<(usize, usize)> {
        let batch = self.body_batch()?;
        let time = match self.steps {
            Some(steps) => steps,
            None => inputs.first().map_or(1, |input| input.shape.time()),
        };
        Ok((batch, time))
    }

    fn body_batch(&self) -> Result<usize> {
        let output = self.body.outputs.first().ok_or_else(|| Error::native("A scan without outputs"))?;
        Ok(self.body.metas[*output].shape.batch())
    }
}

impl Described for ScanSpec {
    fn single(&self) -> Result<Box<dyn Op<f32>>> {
        Ok(Box::new(Scan::new(self)?))
    }

    #[cfg(feature = "double")]
    fn double(&self) -> Result<Box<dyn Op<f64>>> {
        Ok(Box::new(Scan::new(self)?))
    }
}
