//! `add`, `average`, `subtract`, `multiply`, `maximum`, `minimum`: several inputs of the same shape, element by
//! element.

use super::activation::expect_float;
use super::{
    Backward, Entry, Forward, MaskRule, Op, Operands, Operation, Sizes, Streamed, TimeAxes, made, stream,
};
use crate::error::{Error, Result};
use crate::form::{Form, Known};
use crate::shape::Meta;
use seqloom_kernels::Scalar;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum MergeKind {
    Add,
    Average,
    Subtract,
    Multiply,
    Maximum,
    Minimum,
}

/// Combines its inputs element by element.
#[derive(Debug, Clone)]
pub(crate) struct Merge {
    kind: MergeKind,
}

pub(super) const OPERATIONS: &[Entry] = &[
    Entry { inputs: 1..=usize::MAX, ..Entry::of("add", |_| made(Merge { kind: MergeKind::Add })) },
    Entry { inputs: 1..=usize::MAX, ..Entry::of("average", |_| made(Merge { kind: MergeKind::Average })) },
    Entry { inputs: 2..=2, ..Entry::of("subtract", |_| made(Merge { kind: MergeKind::Subtract })) },
    Entry { inputs: 1..=usize::MAX, ..Entry::of("multiply", |_| made(Merge { kind: MergeKind::Multiply })) },
    Entry { inputs: 1..=usize::MAX, ..Entry::of("maximum", |_| made(Merge { kind: MergeKind::Maximum })) },
    Entry { inputs: 1..=usize::MAX, ..Entry::of("minimum", |_| made(Merge { kind: MergeKind::Minimum })) },
];

impl Merge {
    /// Whether `x` replaces `best` as the extreme value.
    fn beats<T: Scalar>(&self, x: T, best: T) -> bool {
        if self.kind == MergeKind::Maximum { x > best } else { x < best }
    }
}

impl Operation for Merge {
    fn stream(&self, inputs: &[Streamed]) -> Option<TimeAxes> {
        stream::elements(inputs)
    }
}

impl<T: Scalar> Op<T> for Merge {
    fn infer(&mut self, inputs: &[Meta], outputs: &mut [Meta]) -> Result<()> {
        let mut shape = inputs[0].shape;
        for meta in inputs {
            expect_float(meta)?;
            shape = shape.unify(&meta.shape).ok_or_else(|| {
                Error::shape(format!("all inputs must have the same shape; got {} and {}", shape, meta.shape))
            })?;
        }
        outputs[0] = Meta::float(shape);
        Ok(())
    }

    fn sizes(&mut self, operands: Operands<'_>) -> Result<Sizes> {
        // The product of the other factors, or which elements have found their extreme.
        let needed = !matches!(self.kind, MergeKind::Add | MergeKind::Average | MergeKind::Subtract);
        let backward = if needed { operands.outputs[0].shape.elements()? } else { 0 };
        Ok(Sizes { backward, ..Sizes::default() })
    }

    fn forward(&mut self, context: &mut Forward<'_, T>) -> Result<()> {
        let frame = &mut context.frame;
        let output = frame.outputs[0].place;
        for (index, input) in frame.inputs.iter().enumerate() {
            let ([x], [y]) = frame.buffers.carve([input.place], [output])?;
            if index == 0 {
                y.copy_from_slice(x);
                continue;
            }
            for (y, &x) in y.iter_mut().zip(x) {
                match self.kind {
                    MergeKind::Add | MergeKind::Average => *y += x,
                    MergeKind::Subtract => *y -= x,
                    MergeKind::Multiply => *y *= x,
                    MergeKind::Maximum | MergeKind::Minimum => {
                        if self.beats(x, *y) {
                            *y = x;
                        }
                    }
                }
            }
        }
        if self.kind == MergeKind::Average {
            let scale = T::from_f64(1.0 / frame.inputs.len() as f64);
            let ([], [y]) = frame.buffers.carve([], [output])?;
            for y in y {
                *y *= scale;
            }
        }
        Ok(())
    }

    fn backward(&mut self, context: &mut Backward<'_, T>) -> Result<()> {
        let frame = &mut context.frame;
        let (output, workspace) = (frame.outputs[0], frame.workspace);
        let scale = match self.kind {
            MergeKind::Average => 1.0 / frame.inputs.len() as f64,
            _ => 1.0,
        };
        if matches!(self.kind, MergeKind::Maximum | MergeKind::Minimum) {
            let ([], [taken]) = frame.buffers.carve([], [workspace])?;
            taken.fill(T::default());
        }
        for (index, input) in frame.inputs.iter().enumerate() {
            match self.kind {
                MergeKind::Add | MergeKind::Average | MergeKind::Subtract => {
                    let scale = T::from_f64(if self.kind == MergeKind::Subtract && index == 1 {
                        -1.0
                    } else {
                        scale
                    });
                    let ([dy], [dx]) = frame.buffers.carve([output.gradient], [input.gradient])?;
                    for (dx, &dy) in dx.iter_mut().zip(dy) {
                        *dx += dy * scale;
                    }
                }
                MergeKind::Multiply if input.gradient.is_some() => {
                    let ([dy], [product]) = frame.buffers.carve([output.gradient], [workspace])?;
                    product.copy_from_slice(dy);
                    for (_, other) in frame.inputs.iter().enumerate().filter(|&(other, _)| other != index) {
                        let ([x], [product]) = frame.buffers.carve([other.place], [workspace])?;
                        for (product, &x) in product.iter_mut().zip(x) {
                            *product *= x;
                        }
                    }
                    let ([product], [dx]) = frame.buffers.carve([workspace], [input.gradient])?;
                    for (dx, &product) in dx.iter_mut().zip(product) {
                        *dx += product;
                    }
                }
                MergeKind::Multiply => {}
                MergeKind::Maximum | MergeKind::Minimum => {
                    // Among equal inputs the first one gets the gradient.
                    let ([x, y, dy], [taken, dx]) = frame
                        .buffers
                        .carve([input.place, output.place, output.gradient], [workspace, input.gradient])?;
                    let zero = T::default();
                    for (at, taken) in taken.iter_mut().enumerate() {
                        if *taken == zero && x[at] == y[at] {
                            *taken = T::from_f64(1.0);
                            if let Some(dx) = dx.get_mut(at) {
                                *dx += dy[at];
                            }
                        }
                    }
                }
            }
        }
        Ok(())
    }

    fn mask_rule(&self) -> MaskRule {
        MaskRule::Merge
    }

    fn keeps_input(&self, _index: usize) -> bool {
        !matches!(self.kind, MergeKind::Add | MergeKind::Average | MergeKind::Subtract)
    }

    fn keeps_output(&self, _index: usize) -> bool {
        matches!(self.kind, MergeKind::Maximum | MergeKind::Minimum)
    }

    fn form(&self, known: &[Known], _output: usize) -> Form {
        let forms: Vec<Form> = known.iter().map(|known| known.form).collect();
        match self.kind {
            MergeKind::Add => Form::sum(&forms),
            MergeKind::Average if forms.contains(&Form::Real) => Form::Real,
            MergeKind::Average => Form::join(forms),
            MergeKind::Subtract => Form::difference([forms[0], forms[1]]),
            MergeKind::Multiply if known[1..].iter().any(|other| other.value == known[0].value) => {
                Form::NonNegative
            }
            MergeKind::Multiply => Form::product(&forms),
            MergeKind::Maximum => Form::larger(&forms),
            MergeKind::Minimum => Form::smaller(&forms),
        }
    }
}
