//! The forward pass of a scan.

use super::Scan;
use super::body::Body;
use super::layout::{Location, Locator, Scope};
use super::run::Scratch;
use super::run::{Pass, with_frame};
use super::units::LoopPlan;
use super::units::Unit;
use crate::error::Result;
use crate::ir::Phase;
use crate::ops::{Forward, Frame, Place, StepOrder, gather};
use seqloom_kernels::Scalar;

impl<T: Scalar> Scan<T> {
    pub(super) fn run_forward(&mut self, context: &mut Forward<'_, T>) -> Result<()> {
        let Forward { frame, masks } = context;
        let recording = frame.stash != Place::None;
        let (batch, time) = self.grid_of(frame.inputs)?;
        let common = self.common_mask(frame.inputs).filter(|&mask| mask < masks.len());
        match common {
            Some(mask) => masks[mask].pack()?,
            None => self.merge_masks(frame.inputs, masks, (batch, time))?,
        }
        let Self { body, plan, layouts, scratch, counts, mask, .. } = self;
        let mask = common.map_or(&*mask, |mask| &masks[mask]);
        let packing = mask.packing()?;
        let layout = &layouts[usize::from(recording)];
        let (kept, forward) = if recording {
            (frame.stash, frame.workspace)
        } else {
            (frame.workspace.part(0, layout.kept)?, frame.workspace.part(layout.kept, layout.forward)?)
        };
        let pass = Pass {
            locator: Locator { packing, kept, forward, backward: Place::None },
            layout,
            inputs: frame.inputs,
            params: frame.weights.params,
            integers: frame.integers,
            run: frame.run,
            node: frame.node,
            recording,
        };
        let order =
            StepOrder { packing, time, reversed: self.reversed, output_reversed: self.output_reversed };
        let steps = packing.steps().len() - 1;

        // Operands, into packed order.
        for value in 0..counts.body_inputs() {
            let width = body.metas[value].shape.inner(1)?;
            if value < counts.sequences {
                let to = pass.value(value, Scope::Rows)?;
                let ([x], [packed]) = frame.buffers.carve([frame.inputs[value].place], [to])?;
                gather(x, order.source(), width, packed);
                continue;
            }
            let (operand, to) = match pass.layout.values[value] {
                Location::PreviousStep { initial, .. } => {
                    let state = value - counts.sequences;
                    (counts.initial_input(state), pass.locator.slot(&initial, Scope::Sequences)?)
                }
                Location::Slot(slot) => {
                    let constant = value - counts.sequences - counts.states;
                    (Some(counts.constant_input(constant)), pass.locator.slot(&slot, Scope::Sequences)?)
                }
                _ => continue,
            };
            let from = operand.map_or(Place::None, |operand| frame.inputs[operand].place);
            let ([x], [packed]) = frame.buffers.carve([from], [to])?;
            if operand.is_some() {
                gather(x, packing.order(), width, packed);
            } else {
                packed.fill(T::ZERO);
            }
        }

        if steps > 0 {
            run_phase(body, scratch, &pass, frame, (Phase::Once, Scope::Sequences))?;
            if plan.early.is_empty() {
                run_phase(body, scratch, &pass, frame, (Phase::Early, Scope::Rows))?;
            } else {
                for chunk in pass.locator.chunks(layout.chunk) {
                    frame.check_cancelled()?;
                    run_chunk((body, plan), scratch, &pass, frame, chunk)?;
                }
            }
            for step in 0..if plan.units.is_empty() { 0 } else { steps } {
                frame.check_cancelled()?;
                run_step((body, plan), scratch, &pass, frame, Scope::Step(step))?;
            }
            run_phase(body, scratch, &pass, frame, (Phase::Late, Scope::Rows))?;
        }

        // Results, into the order of the batch.
        for (index, output) in frame.outputs.iter().enumerate().filter(|(_, output)| output.place.is_some()) {
            let value = body.outputs[index];
            let width = body.metas[value].shape.inner(1)?;
            let packed = if steps > 0 { pass.value(value, Scope::Rows)? } else { Place::None };
            if index < counts.outputs {
                let ([packed], [y]) = frame.buffers.carve([packed], [output.place])?;
                order.scatter(packed, width, y);
                if !self.zero_output_for_mask && !mask.is_full() {
                    order.repeat(|index| mask.is_valid(index / time, index % time), width, y);
                }
                continue;
            }
            let initial = counts.initial_input(index - counts.outputs);
            let initial = initial.map_or(Place::None, |input| frame.inputs[input].place);
            let ([packed, initial], [last]) = frame.buffers.carve([packed, initial], [output.place])?;
            // Rows without a valid step keep their initial state.
            if last.len() == initial.len() {
                last.copy_from_slice(initial)
            } else {
                last.fill(T::ZERO)
            }
            for (j, &row) in packing.order().iter().enumerate() {
                let position = packing.last(j);
                last[row * width..(row + 1) * width]
                    .copy_from_slice(&packed[position * width..(position + 1) * width]);
            }
        }
        frame.check_cancelled()
    }
}

/// Runs the operations of a phase outside the loop.
fn run_phase<T: Scalar>(
    body: &mut Body<T>,
    scratch: &mut Scratch,
    pass: &Pass<'_, T>,
    frame: &mut Frame<'_, T>,
    (phase, scope): (Phase, Scope),
) -> Result<()> {
    for index in 0..body.nodes.len() {
        if body.phases[index] == phase {
            run_node(body, scratch, pass, frame, index, scope)?;
        }
    }
    Ok(())
}

fn run_node<T: Scalar>(
    body: &mut Body<T>,
    scratch: &mut Scratch,
    pass: &Pass<'_, T>,
    frame: &mut Frame<'_, T>,
    index: usize,
    scope: Scope,
) -> Result<()> {
    let buffers = frame.buffers.reborrow();
    with_frame(body, scratch, pass, buffers, (index, scope, false), |node, frame| {
        let mut context = Forward { frame, masks: &mut [] };
        node.op.forward(&mut context).map_err(|error| node.explain(error))
    })
}

/// Runs what comes before the loop over the steps of a chunk of time.
fn run_chunk<T: Scalar>(
    (body, plan): (&mut Body<T>, &LoopPlan<T>),
    scratch: &mut Scratch,
    pass: &Pass<'_, T>,
    frame: &mut Frame<'_, T>,
    steps: (usize, usize),
) -> Result<()> {
    for unit in &plan.early {
        match *unit {
            Unit::Chain(chain) => plan.chains[chain].sweep_forward(body, pass, &mut frame.buffers, steps)?,
            Unit::Node(index) | Unit::Product(index) => {
                run_node(body, scratch, pass, frame, index, Scope::Steps(steps.0, steps.1))?
            }
        }
    }
    Ok(())
}

/// Runs one step of the loop.
fn run_step<T: Scalar>(
    (body, plan): (&mut Body<T>, &mut LoopPlan<T>),
    scratch: &mut Scratch,
    pass: &Pass<'_, T>,
    frame: &mut Frame<'_, T>,
    scope: Scope,
) -> Result<()> {
    for unit in 0..plan.units.len() {
        match plan.units[unit] {
            Unit::Node(index) => run_node(body, scratch, pass, frame, index, scope)?,
            Unit::Chain(chain) => {
                plan.chains[chain].forward((body, &plan.products), pass, &mut frame.buffers, scope)?
            }
            Unit::Product(index) => plan.products[index].forward(body, pass, &mut frame.buffers, scope)?,
        }
    }
    Ok(())
}
