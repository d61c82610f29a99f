//! The backward pass of a scan.

use super::Scan;
use super::body::Body;
use super::layout::{Location, Locator, Region, Scope};
use super::run::Scratch;
use super::run::{Pass, with_frame};
use super::units::LoopPlan;
use super::units::Unit;
use crate::error::Result;
use crate::gradients::Gradients;
use crate::ir::Phase;
use crate::mode::Record;
use crate::ops::{Backward, Buffers, Frame, Place, StepOrder, ValueRef, scatter_add};
use crate::parallel::each_rows;
use crate::tensor::StateGradient;
use seqloom_kernels::Scalar;
use std::ops::Range;

impl<T: Scalar> Scan<T> {
    pub(super) fn run_backward(&mut self, context: &mut Backward<'_, T>) -> Result<()> {
        let Backward { frame, masks, gradients } = context;
        let (_, time) = self.grid_of(frame.inputs)?;
        let common = self.common_mask(frame.inputs).filter(|&mask| mask < masks.len());
        let Self { body, plan, layouts, scratch, counts, mask, state_names, state_gradients, .. } = self;
        let mask = common.map_or(&*mask, |mask| &masks[mask]);
        let packing = mask.packing()?;
        let layout = &layouts[1];
        let pass = Pass {
            locator: Locator { packing, kept: frame.stash, forward: Place::None, backward: frame.workspace },
            layout,
            inputs: frame.inputs,
            params: frame.weights.params,
            integers: frame.integers,
            run: frame.run,
            node: frame.node,
            recording: true,
        };
        let order =
            StepOrder { packing, time, reversed: self.reversed, output_reversed: self.output_reversed };
        let steps = packing.steps().len() - 1;
        find_live(body, frame.inputs, &mut scratch.live);

        // Gradients of the results, into packed order.
        let summed = pass.locator.part(Region::Backward, 0, layout.summed)?;
        let ([], [all]) = frame.buffers.carve([], [summed])?;
        make_zero(all);
        for (index, output) in
            frame.outputs.iter().enumerate().filter(|(_, output)| output.gradient.is_some())
        {
            let value = body.outputs[index];
            if steps == 0 || !body.values[value].wants_gradient {
                continue;
            }
            let width = body.metas[value].shape.inner(1)?;
            let to = pass.gradient(value, Scope::Rows)?;
            if index >= counts.outputs {
                let ([last], [packed]) = frame.buffers.carve([output.gradient], [to])?;
                for (j, &row) in packing.order().iter().enumerate() {
                    let position = packing.last(j);
                    let packed = &mut packed[position * width..(position + 1) * width];
                    for (packed, &last) in packed.iter_mut().zip(&last[row * width..(row + 1) * width]) {
                        *packed += last;
                    }
                }
                continue;
            }
            let carried = pass.locator.part(Region::Backward, layout.carried, width)?;
            let ([dy], [packed, carried]) = frame.buffers.carve([output.gradient], [to, carried])?;
            let repeated = (!self.zero_output_for_mask && !mask.is_full())
                .then_some((|index: usize| mask.is_valid(index / time, index % time), carried));
            order.gather_gradient(dy, width, packed, repeated);
        }

        if steps > 0 {
            run_phase(body, scratch, &pass, frame, gradients, (Phase::Late, Scope::Rows))?;
            for step in (0..if plan.units.is_empty() { 0 } else { steps }).rev() {
                frame.check_cancelled()?;
                clear(&mut frame.buffers, &pass, layout.summed..layout.stepwise)?;
                run_step((body, plan), scratch, &pass, frame, gradients, Scope::Step(step))?;
            }
            let mut copied = None;
            for (index, product) in plan.products.iter().enumerate() {
                frame.check_cancelled()?;
                product.weight_gradients(index, &mut copied, body, &pass, &mut frame.buffers, gradients)?;
            }
            for gradient in &plan.deferred {
                if scratch.live[body.nodes[gradient.node].inputs[1]] {
                    frame.check_cancelled()?;
                    gradient.run(body, &pass, &mut frame.buffers)?;
                }
            }
            if plan.early.is_empty() {
                run_phase(body, scratch, &pass, frame, gradients, (Phase::Early, Scope::Rows))?;
            } else {
                for chunk in pass.locator.chunks(layout.chunk).rev() {
                    frame.check_cancelled()?;
                    clear(&mut frame.buffers, &pass, layout.stepwise..layout.chunkwise)?;
                    run_chunk((body, plan), scratch, &pass, frame, gradients, chunk)?;
                }
            }
            run_phase(body, scratch, &pass, frame, gradients, (Phase::Once, Scope::Sequences))?;
        }
        frame.check_cancelled()?;

        state_gradients.clear();
        if frame.run.record == Record::States {
            for (state, name) in state_names.iter().enumerate() {
                // A value that is only carried to the end, and not read on the way, is not a state of the cell.
                let (value, old) = (body.new_state(state), counts.sequences + state);
                let read = body.nodes.iter().any(|node| node.inputs.contains(&old));
                if !read || !body.values[value].wants_gradient {
                    continue;
                }
                let from = if steps > 0 { pass.gradient(value, Scope::Rows)? } else { Place::None };
                let ([packed], []) = frame.buffers.carve([from], [])?;
                let dims = body.metas[value].shape.dims().get(1..).unwrap_or(&[]);
                state_gradients.push(StateGradient::unpacked(name, packed, &order, mask, dims)?);
            }
        }

        // Into the gradients of the operands, one at a time: two of them may be the same value.
        for value in 0..counts.body_inputs() {
            if steps == 0 || !scratch.live[value] || !body.values[value].wants_gradient {
                continue;
            }
            let width = body.metas[value].shape.inner(1)?;
            if value < counts.sequences {
                let from = pass.gradient(value, Scope::Rows)?;
                let ([packed], [dx]) = frame.buffers.carve([from], [frame.inputs[value].gradient])?;
                order.scatter_add(packed, width, false, dx);
                continue;
            }
            let (operand, slot) = match pass.layout.gradients[value] {
                Location::PreviousStep { initial, .. } => {
                    (counts.initial_input(value - counts.sequences), initial)
                }
                Location::Slot(slot) => {
                    (Some(counts.constant_input(value - counts.sequences - counts.states)), slot)
                }
                _ => continue,
            };
            let target = operand.map_or(Place::None, |operand| frame.inputs[operand].gradient);
            if target.is_some() {
                let from = pass.locator.slot(&slot, Scope::Sequences)?;
                let ([packed], [dx]) = frame.buffers.carve([from], [target])?;
                if body.metas[value].batched {
                    scatter_add(packed, packing.order(), width, dx);
                    continue;
                }
                for (dx, &packed) in dx.iter_mut().zip(packed) {
                    *dx += packed;
                }
            }
        }
        // Rows without a valid step pass their initial state on.
        for state in 0..counts.states {
            let Some(input) = counts.initial_input(state) else { continue };
            let (last, target) =
                (frame.outputs[counts.outputs + state].gradient, frame.inputs[input].gradient);
            let width = body.metas[counts.sequences + state].shape.inner(1)?;
            let ([last], [gradient]) = frame.buffers.carve([last], [target])?;
            let rows = gradient.chunks_exact_mut(width).zip(last.chunks_exact(width)).zip(packing.counts());
            for ((gradient, last), _) in rows.filter(|&(_, &count)| count == 0) {
                for (gradient, &last) in gradient.iter_mut().zip(last) {
                    *gradient += last;
                }
            }
        }
        Ok(())
    }
}

/// Visits the operations of a phase outside the loop.
fn run_phase<T: Scalar>(
    body: &mut Body<T>,
    scratch: &mut Scratch,
    pass: &Pass<'_, T>,
    frame: &mut Frame<'_, T>,
    gradients: &mut Gradients<T>,
    (phase, scope): (Phase, Scope),
) -> Result<()> {
    for index in (0..body.nodes.len()).rev() {
        if body.phases[index] == phase {
            run_node(body, scratch, pass, frame, gradients, (index, scope))?;
        }
    }
    Ok(())
}

fn run_node<T: Scalar>(
    body: &mut Body<T>,
    scratch: &mut Scratch,
    pass: &Pass<'_, T>,
    frame: &mut Frame<'_, T>,
    gradients: &mut Gradients<T>,
    (index, scope): (usize, Scope),
) -> Result<()> {
    let wanted = body.nodes[index].outputs.iter().any(|&value| scratch.live[value]);
    if !body.visited[index] || !wanted {
        return Ok(());
    }
    let buffers = frame.buffers.reborrow();
    with_frame(body, scratch, pass, buffers, (index, scope, true), |node, frame| {
        let mut context = Backward { frame, masks: &[], gradients };
        node.op.backward(&mut context).map_err(|error| node.explain(error))
    })
}

/// Runs what comes before the loop, over the steps of a chunk of time, in reverse.
fn run_chunk<T: Scalar>(
    (body, plan): (&mut Body<T>, &LoopPlan<T>),
    scratch: &mut Scratch,
    pass: &Pass<'_, T>,
    frame: &mut Frame<'_, T>,
    gradients: &mut Gradients<T>,
    steps: (usize, usize),
) -> Result<()> {
    for unit in plan.early.iter().rev() {
        match *unit {
            Unit::Chain(chain) => plan.chains[chain].sweep_backward(body, pass, &mut frame.buffers, steps)?,
            Unit::Node(index) | Unit::Product(index) => {
                let scope = Scope::Steps(steps.0, steps.1);
                run_node(body, scratch, pass, frame, gradients, (index, scope))?
            }
        }
    }
    Ok(())
}

/// Runs one step of the loop in reverse.
fn run_step<T: Scalar>(
    (body, plan): (&mut Body<T>, &mut LoopPlan<T>),
    scratch: &mut Scratch,
    pass: &Pass<'_, T>,
    frame: &mut Frame<'_, T>,
    gradients: &mut Gradients<T>,
    scope: Scope,
) -> Result<()> {
    for unit in (0..plan.units.len()).rev() {
        match plan.units[unit] {
            Unit::Node(index) => run_node(body, scratch, pass, frame, gradients, (index, scope))?,
            Unit::Chain(chain) => {
                plan.chains[chain].backward((body, &plan.products), pass, &mut frame.buffers, scope)?
            }
            Unit::Product(index) => plan.products[index].backward(body, pass, &mut frame.buffers, scope)?,
        }
    }
    Ok(())
}

/// Clears the gradients of a single step or of a chunk of time.
fn clear<T: Scalar>(buffers: &mut Buffers<'_, T>, pass: &Pass<'_, T>, part: Range<usize>) -> Result<()> {
    let part = pass.locator.part(Region::Backward, part.start, part.len())?;
    let ([], [gradients]) = buffers.carve([], [part])?;
    make_zero(gradients);
    Ok(())
}

fn make_zero<T: Scalar>(numbers: &mut [T]) {
    let work = numbers.len();
    each_rows(numbers, 1, work, |_, numbers| numbers.fill(T::ZERO));
}

/// Finds the values whose gradients are needed: by a weight, or by an operand of the scan whose gradient is wanted.
fn find_live<T: Scalar>(body: &Body<T>, inputs: &[ValueRef], live: &mut Vec<bool>) {
    let counts = &body.counts;
    live.clear();
    live.extend((0..counts.body_inputs()).map(|value| {
        let operand = match value.checked_sub(counts.sequences + counts.states) {
            Some(constant) => Some(counts.constant_input(constant)),
            // The loop exists for the states' gradients.
            None if value >= counts.sequences => None,
            None => Some(value),
        };
        operand.is_none_or(|operand| inputs[operand].gradient.is_some())
    }));
    live.resize(body.values.len(), false);
    for node in &body.nodes {
        for (output, &value) in node.outputs.iter().enumerate() {
            let mut inputs = node.inputs.iter().enumerate();
            live[value] = node.trainable
                || inputs.any(|(input, &id)| live[id] && node.op.differentiable(input, output));
        }
    }
}
