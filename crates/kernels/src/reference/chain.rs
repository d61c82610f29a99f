//! Chains of element-wise operations, element by element.

use super::activation::{activate, derivative, derivative_from_output};
use crate::Real;
use crate::chain::{Chain, ChainOperands, Function, MAX_DIMS, Motion, Output, Source, Sweep, View};

/// The value of a chain's function; operands beyond its arity are ignored.
pub fn function<T: Real>(function: Function, a: T, b: T, c: T) -> T {
    let truth = |holds: bool| if holds { T::ONE } else { T::ZERO };
    match function {
        Function::Copy => a,
        Function::Negate => -a,
        Function::Abs => a.abs(),
        Function::Sqrt => a.sqrt(),
        Function::Log => a.ln(),
        Function::Activate(kind) => activate(kind, a),
        Function::Add => a + b,
        Function::Subtract => a - b,
        Function::Multiply => a * b,
        Function::Divide => a / b,
        // The comparisons, unlike `max` and `min`, let NaN through.
        Function::Maximum if a.is_nan() || a > b => a,
        Function::Minimum if a.is_nan() || a < b => a,
        Function::Maximum | Function::Minimum => b,
        Function::Less => truth(a < b),
        Function::LessEqual => truth(a <= b),
        Function::Equal => truth(a == b),
        Function::NotEqual => truth(a != b),
        Function::Select if a != T::ZERO => b,
        Function::Select => c,
        Function::Slope(kind) => a * derivative_from_output(kind, b),
        Function::Derivative(kind) => a * derivative(kind, b, c),
        Function::Signed if b > T::ZERO => a,
        Function::Signed if b < T::ZERO => -a,
        Function::Signed => T::ZERO,
        Function::Winner if b > c => a,
        Function::Winner if b == c => a * T::from_f64(0.5),
        Function::Winner => T::ZERO,
    }
}

/// Runs a chain.
///
/// # Panics
/// If a view is missing or exceeds its buffer.
pub fn run_chain<T: Real>(chain: &Chain, operands: ChainOperands<'_, '_, T>) {
    operands.check(chain);
    let mut values = vec![T::ZERO; chain.steps.len()];
    let mut index = [0_usize; MAX_DIMS];
    let dims = operands.dims;
    if dims.contains(&0) {
        return;
    }
    loop {
        let at = |view: &View| {
            view.offset + index.iter().zip(&view.strides).map(|(&i, &stride)| i * stride).sum::<usize>()
        };
        for (step, instruction) in chain.steps.iter().enumerate() {
            let mut arguments = [T::ZERO; 3];
            let sources = &instruction.sources[..instruction.function.arity()];
            for (argument, source) in arguments.iter_mut().zip(sources) {
                *argument = match *source {
                    Source::Read(view) => {
                        let view = &operands.reads[view];
                        match view.buffer.checked_sub(operands.sources.len()) {
                            Some(target) => operands.targets[target][at(view)],
                            None => operands.sources[view.buffer][at(view)],
                        }
                    }
                    Source::Step(earlier) => values[earlier],
                    Source::Constant(value) => T::from_f64(value),
                };
            }
            let [a, b, c] = arguments;
            let value = function(instruction.function, a, b, c);
            values[step] = value;
            match instruction.output {
                Output::Nothing => {}
                Output::Store(view) => {
                    let view = &operands.writes[view];
                    operands.targets[view.buffer][at(view)] = value;
                }
                Output::Add(view) => {
                    let view = &operands.writes[view];
                    operands.targets[view.buffer][at(view)] += value;
                }
            }
        }
        let mut axis = dims.len();
        loop {
            if axis == 0 {
                return;
            }
            axis -= 1;
            index[axis] += 1;
            if index[axis] < dims[axis] {
                break;
            }
            index[axis] = 0;
        }
    }
}

/// Runs a chain step by step; `operands` are those of the first step.
///
/// # Panics
/// If a view is missing or exceeds its buffer.
pub fn run_sweep<T: Real>(chain: &Chain, operands: ChainOperands<'_, '_, T>, sweep: &Sweep<'_>) {
    if sweep.steps.is_empty() {
        return;
    }
    let ChainOperands { reads, writes, sources, targets, .. } = operands;
    let mut dims = operands.dims.to_vec();
    let per_row = dims[0] / sweep.rows(sweep.steps.start).max(1);
    for step in sweep.order() {
        let moved = |views: &[View], motions: &[Motion]| -> Vec<View> {
            let view = |(view, motion): (&View, &Motion)| {
                let (buffer, shift) = sweep.shift(view, motion, step);
                View { buffer, offset: view.offset + shift, ..*view }
            };
            views.iter().zip(motions).map(view).collect()
        };
        dims[0] = per_row * sweep.rows(step);
        let (reads, writes) = (moved(reads, sweep.reads), moved(writes, sweep.writes));
        let operands = ChainOperands { dims: &dims, reads: &reads, writes: &writes, sources, targets };
        run_chain(chain, operands);
    }
}
