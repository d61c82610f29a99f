//! `gather`: rows of a table by numbers that are computed.

use super::activation::expect_float;
use super::{Backward, Entry, Forward, MaskRule, Moment, Op, Operation, Streamed, TimeAxes, made, stream};
use crate::error::{Error, Result};
use crate::form::{Form, Known};
use crate::parallel::while_wanted;
use crate::shape::{Meta, Shape};
use seqloom_kernels::Scalar;

/// Inputs: a table `[rows, …]` without batch, indices of any shape, floating-point values that are whole numbers.
#[derive(Debug, Clone)]
pub(crate) struct Gather;

pub(super) const OPERATIONS: &[Entry] =
    &[Entry { inputs: 2..=2, traced: Some("gather"), ..Entry::of("gather", |_| made(Gather)) }];

/// The row that an index names; `position` is its place among `inner` indices of each row of the batch.
fn row_of<T: Scalar>(
    index: T,
    rows: usize,
    (position, inner): (usize, usize),
    moment: &Moment<'_>,
) -> Result<usize> {
    let value = index.to_f64();
    if value >= 0.0 && value < rows as f64 && value.fract() == 0.0 {
        return Ok(value as usize);
    }
    let row = moment.row(position / inner.max(1));
    Err(Error::data(format!(
        "the index in row {row} is {value}, but must be a whole number from 0 to {}",
        rows - 1
    ))
    .at_row(row))
}

impl Operation for Gather {
    fn stream(&self, inputs: &[Streamed]) -> Option<TimeAxes> {
        // The table has no batch, so it is the same at every step.
        stream::elements(inputs)
    }
}

impl<T: Scalar> Op<T> for Gather {
    fn infer(&mut self, inputs: &[Meta], outputs: &mut [Meta]) -> Result<()> {
        inputs.iter().try_for_each(expect_float)?;
        let (table, indices) = (inputs[0], inputs[1]);
        if table.batched || table.shape.rank() == 0 {
            return Err(Error::shape(format!(
                "the table must have shape [rows, …] without a batch dimension; got {}",
                table.shape
            )));
        }
        let mut shape = Shape::new(indices.shape.dims())?;
        for &dim in &table.shape.dims()[1..] {
            shape = shape.pushed(dim)?;
        }
        outputs[0] = Meta::float(shape);
        Ok(())
    }

    fn forward(&mut self, context: &mut Forward<'_, T>) -> Result<()> {
        let frame = &mut context.frame;
        let moment = frame.moment;
        let (table, indices) = (frame.inputs[0], frame.inputs[1]);
        let (rows, width, inner) = (table.shape.batch(), table.shape.inner(1)?, indices.shape.inner(1)?);
        let ([table, indices], [y]) =
            frame.buffers.carve([table.place, indices.place], [frame.outputs[0].place])?;
        for (position, (&index, y)) in while_wanted(indices.iter().zip(y.chunks_exact_mut(width))).enumerate()
        {
            let row = row_of(index, rows, (position, inner), &moment)?;
            y.copy_from_slice(&table[row * width..(row + 1) * width]);
        }
        Ok(())
    }

    fn backward(&mut self, context: &mut Backward<'_, T>) -> Result<()> {
        let frame = &mut context.frame;
        let moment = frame.moment;
        let (table, indices) = (frame.inputs[0], frame.inputs[1]);
        let (rows, width, inner) = (table.shape.batch(), table.shape.inner(1)?, indices.shape.inner(1)?);
        if !table.gradient.is_some() {
            return Ok(());
        }
        let ([indices, dy], [d_table]) =
            frame.buffers.carve([indices.place, frame.outputs[0].gradient], [table.gradient])?;
        for (position, (&index, dy)) in while_wanted(indices.iter().zip(dy.chunks_exact(width))).enumerate() {
            let row = row_of(index, rows, (position, inner), &moment)?;
            for (sum, &dy) in d_table[row * width..(row + 1) * width].iter_mut().zip(dy) {
                *sum += dy;
            }
        }
        Ok(())
    }

    fn mask_rule(&self) -> MaskRule {
        MaskRule::Merge
    }

    fn takes_unbatched(&self) -> bool {
        true
    }

    fn keeps_input(&self, index: usize) -> bool {
        index == 1
    }

    fn differentiable(&self, input: usize, _output: usize) -> bool {
        input == 0
    }

    fn form(&self, known: &[Known], _output: usize) -> Form {
        known[0].form
    }
}
