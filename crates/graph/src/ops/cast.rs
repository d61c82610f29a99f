//! `cast`, `stopGradient` and `sequenceMask`: values that are as they are, but without a gradient.

use super::context::mask_of;
use super::{Backward, Entry, Forward, MaskRule, Op, Operation, Streamed, TimeAxes, made, stream};
use crate::error::{Error, Result};
use crate::form::{Form, Known};
use crate::shape::{Meta, Shape};
use crate::values::Dtype;
use seqloom_kernels::Scalar;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CastKind {
    /// Tokens or labels, or numbers, as numbers.
    Cast,
    StopGradient,
    /// `[batch, time]`: 1 for valid steps, 0 for others.
    SequenceMask,
}

/// Passes on what it reads, or its mask.
#[derive(Debug, Clone)]
pub(crate) struct Cast {
    kind: CastKind,
}

pub(super) const OPERATIONS: &[Entry] = &[
    Entry { in_body: false, ..Entry::of("cast", |_| made(Cast { kind: CastKind::Cast })) },
    Entry { in_body: false, ..Entry::of("sequenceMask", |_| made(Cast { kind: CastKind::SequenceMask })) },
    Entry {
        traced: Some("same"),
        ..Entry::of("stopGradient", |_| made(Cast { kind: CastKind::StopGradient }))
    },
];

impl Operation for Cast {
    fn stream(&self, inputs: &[Streamed]) -> Option<TimeAxes> {
        match self.kind {
            CastKind::Cast | CastKind::StopGradient => stream::elements(inputs),
            // A value whose time axis is not the first one has no mask.
            CastKind::SequenceMask => (inputs[0].time == Some(1)).then(|| vec![Some(1)]),
        }
    }

    fn is_identity_in_prediction(&self) -> bool {
        self.kind == CastKind::StopGradient
    }
}

impl<T: Scalar> Op<T> for Cast {
    fn infer(&mut self, inputs: &[Meta], outputs: &mut [Meta]) -> Result<()> {
        let shape = inputs[0].shape;
        if self.kind == CastKind::StopGradient {
            super::activation::expect_float(&inputs[0])?;
        }
        if self.kind == CastKind::SequenceMask && (shape.rank() < 2 || !inputs[0].batched) {
            return Err(Error::shape(format!("the input must have shape [batch, time, …]; got {shape}")));
        }
        let steps = self.kind == CastKind::SequenceMask;
        outputs[0] = Meta::float(if steps { Shape::new(&shape.dims()[..2])? } else { shape });
        Ok(())
    }

    fn forward(&mut self, context: &mut Forward<'_, T>) -> Result<()> {
        let Forward { frame, masks } = context;
        let input = frame.inputs[0];
        if self.kind == CastKind::SequenceMask {
            let mask = mask_of(masks, &input);
            let time = input.shape.time();
            let ([], [y]) = frame.buffers.carve([], [frame.outputs[0].place])?;
            for (position, y) in y.iter_mut().enumerate() {
                let valid = mask.is_none_or(|mask| mask.is_valid(position / time, position % time));
                *y = if valid { T::ONE } else { T::ZERO };
            }
            return Ok(());
        }
        if input.dtype == Dtype::Int32 {
            let integers = frame.integers(0)?;
            let ([], [y]) = frame.buffers.carve([], [frame.outputs[0].place])?;
            for (y, &integer) in y.iter_mut().zip(integers) {
                *y = T::from_f64(f64::from(integer));
            }
            return Ok(());
        }
        let ([x], [y]) = frame.buffers.carve([input.place], [frame.outputs[0].place])?;
        y.copy_from_slice(x);
        Ok(())
    }

    fn backward(&mut self, _context: &mut Backward<'_, T>) -> Result<()> {
        Ok(())
    }

    fn mask_rule(&self) -> MaskRule {
        MaskRule::First
    }

    fn keeps_time(&self, _output: usize) -> bool {
        true
    }

    fn takes_unbatched(&self) -> bool {
        self.kind == CastKind::StopGradient
    }

    fn differentiable(&self, _input: usize, _output: usize) -> bool {
        false
    }

    fn form(&self, known: &[Known], _output: usize) -> Form {
        match self.kind {
            CastKind::SequenceMask => Form::UnitInterval,
            CastKind::Cast | CastKind::StopGradient => known[0].form,
        }
    }
}
