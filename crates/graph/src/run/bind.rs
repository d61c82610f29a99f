//! Binds a batch: checks it, copies it, resolves shapes.

use super::{Executor, Progress, Scratch};
use crate::buffer::copy;
use crate::error::{Error, Result};
use crate::ir::infer;
use crate::mask::SequenceMask;
use crate::memory;
use crate::parallel::find_block;
use crate::shape::{ANY, Shape};
use crate::tensor::{BatchData, BatchInput, BatchSequence};
use crate::values::{Dtype, InputSpec};
use seqloom_kernels::Scalar;

impl<T: Scalar> Executor<T> {
    /// Checks and takes in a batch, one entry for each input of the graph. Padding is replaced by zeros.
    ///
    /// # Errors
    /// `ERR_SHAPE` for a wrong rank or dimension, `ERR_DATA` for empty, non-finite or wrongly typed data, wrong lengths
    /// or masks, `ERR_MEMORY` for sizes that do not fit; each names the input. The executor is without a batch then.
    pub fn bind(&mut self, inputs: &[BatchInput<'_, T>]) -> Result<()> {
        self.bind_each(inputs.len(), |index| inputs[index])
    }

    /// [`Self::bind`] for `count` inputs that need no list.
    pub(crate) fn bind_each<'i>(
        &mut self,
        count: usize,
        input: impl Fn(usize) -> BatchInput<'i, T>,
    ) -> Result<()> {
        self.progress = Progress::Unbound;
        let expected = self.checked.graph.inputs.len();
        if count != expected {
            return Err(Error::shape(format!("The model takes {expected} inputs; got {count}")));
        }
        let mut batch: Option<(usize, &str)> = None;
        for index in 0..count {
            let spec = &self.checked.graph.inputs[index];
            let shape = check_shape(spec, &input(index), &self.checked.values[index].shape)?;
            match batch {
                Some((rows, first)) if rows != shape.batch() => {
                    return Err(Error::shape(format!(
                        "All inputs must have the same number of rows; '{first}' has {rows}, '{}' has {}",
                        spec.name,
                        shape.batch()
                    )));
                }
                _ => batch = Some((shape.batch(), &spec.name)),
            }
            if self.metas[index].shape != shape {
                // Until everything has been resolved again, no shape may look current.
                self.generation = 0;
                self.metas[index].shape = shape;
            }
        }
        if self.generation == 0 {
            self.resolve()?;
            self.generation = self.plans.iter().map(|plan| plan.generation).max().unwrap_or(0) + 1;
        }
        for index in 0..count {
            self.take_in(index, &input(index))?;
        }
        self.progress = Progress::Bound;
        Ok(())
    }

    /// Replaces the data of the first `count` inputs of the bound batch; the others stay as they are. False, with
    /// nothing changed, if there is no batch or another shape is given.
    ///
    /// # Errors
    /// As [`Self::bind`]; the executor is without a batch then.
    pub(crate) fn rebind_each<'i>(
        &mut self,
        count: usize,
        input: impl Fn(usize) -> BatchInput<'i, T>,
    ) -> Result<bool> {
        let same = |index: usize| {
            let (given, spec) = (input(index), self.checked.graph.inputs.get(index));
            let integers = matches!(given.data, BatchData::Int(_));
            self.metas.get(index).is_some_and(|meta| meta.shape.dims() == given.shape)
                && spec.is_some_and(|spec| (spec.dtype == Dtype::Int32) == integers)
        };
        if self.progress == Progress::Unbound || !(0..count).all(same) {
            return Ok(false);
        }
        self.progress = Progress::Unbound;
        for index in 0..count {
            self.take_in(index, &input(index))?;
        }
        self.progress = Progress::Bound;
        Ok(true)
    }

    /// Computes the shapes of all values from those of the inputs.
    pub(super) fn resolve(&mut self) -> Result<()> {
        let Scratch { input_metas, output_metas, .. } = &mut self.scratch;
        infer(&mut self.checked.nodes, &mut self.metas, (input_metas, output_metas))
    }

    fn take_in(&mut self, index: usize, input: &BatchInput<'_, T>) -> Result<()> {
        let spec = &self.checked.graph.inputs[index];
        let shape = self.metas[index].shape;
        let mut unmasked = SequenceMask::default();
        let mask = match self.checked.masks[index].and_then(|mask| self.masks.get_mut(mask)) {
            Some(mask) => mask,
            None if matches!(input.sequence, BatchSequence::Full) => &mut unmasked,
            None => {
                return Err(Error::data(format!(
                    "The input '{}' of shape {shape} has no time axis, so it cannot have lengths or a mask",
                    spec.name
                )));
            }
        };
        set_mask(mask, spec, &shape, input.sequence)?;
        let elements = shape.elements()?;
        match input.data {
            BatchData::Shared(data) if mask.is_full() && data.len() == elements => {
                self.floats[index] = data.clone();
                check_finite(data, &shape, spec)
            }
            BatchData::Shared(_) | BatchData::Float(_) => {
                let data = input.floats();
                let target = self.floats[index].renew(elements, describe(spec))?;
                fill(target, data, T::ZERO, mask, &shape, input.sequence, spec)?;
                check_finite(target, &shape, spec)
            }
            BatchData::Int(data) => {
                let target = &mut self.integers[index];
                memory::refill(target, elements, 0, describe(spec))?;
                fill(target, data, 0, mask, &shape, input.sequence, spec)
            }
        }
    }
}

fn describe(spec: &InputSpec) -> &'static str {
    match spec.dtype {
        Dtype::Float32 => "The float32 inputs",
        Dtype::Int32 => "The int32 inputs",
    }
}

/// Checks type, rank and dimensions against the description.
fn check_shape<T: Scalar>(spec: &InputSpec, input: &BatchInput<'_, T>, expected: &Shape) -> Result<Shape> {
    let dtype = match input.data {
        BatchData::Float(_) | BatchData::Shared(_) => Dtype::Float32,
        BatchData::Int(_) => Dtype::Int32,
    };
    if dtype != spec.dtype {
        return Err(Error::data(format!(
            "The input '{}' must be {}; got {}",
            spec.name,
            spec.dtype.as_str(),
            dtype.as_str()
        )));
    }
    let mismatch = || {
        Error::shape(format!("The input '{}' must have shape {expected}; got {:?}", spec.name, input.shape))
    };
    let shape = Shape::new(input.shape).map_err(|_| mismatch())?;
    if shape.unify(expected) != Some(shape) || shape.dims().contains(&ANY) {
        return Err(mismatch());
    }
    if let Some(axis) = shape.dims().iter().position(|&dim| dim == 0) {
        let what = if axis == 0 { "rows" } else { "elements" };
        return Err(Error::data(format!("The input '{}' has no {what}: its shape is {shape}", spec.name)));
    }
    shape
        .elements()
        .map_err(|error| Error::memory(format!("The input '{}': {}", spec.name, error.message)))?;
    Ok(shape)
}

fn set_mask(
    mask: &mut SequenceMask,
    spec: &InputSpec,
    shape: &Shape,
    sequence: BatchSequence<'_>,
) -> Result<()> {
    let (batch, time) = (shape.batch(), shape.time());
    match sequence {
        BatchSequence::Full => {
            mask.reset(batch, time);
            Ok(())
        }
        BatchSequence::Lengths(lengths) | BatchSequence::Ragged(lengths) => {
            if lengths.len() != batch {
                return Err(Error::data(format!(
                    "The input '{}' has {batch} rows, but {} lengths",
                    spec.name,
                    lengths.len()
                )));
            }
            let wrong = lengths.iter().position(|&length| length == 0 || length as usize > time);
            if let Some(row) = wrong {
                return Err(Error::data(format!(
                    "The length of row {row} of the input '{}' is {}, but must be 1 to {time}",
                    spec.name, lengths[row]
                ))
                .at_row(row));
            }
            mask.set(batch, time, |row, step| step < lengths[row] as usize)
        }
        BatchSequence::Mask(bytes) => {
            if Some(bytes.len()) != batch.checked_mul(time) {
                return Err(Error::data(format!(
                    "The mask of the input '{}' must have {batch} x {time} entries; got {}",
                    spec.name,
                    bytes.len()
                )));
            }
            mask.set(batch, time, |row, step| bytes[row * time + step] != 0)
        }
    }
}

/// Copies valid steps, from padded or from concatenated data, and sets all others to `zero`.
fn fill<V: Copy + Send + Sync>(
    target: &mut [V],
    data: &[V],
    zero: V,
    mask: &SequenceMask,
    shape: &Shape,
    sequence: BatchSequence<'_>,
    spec: &InputSpec,
) -> Result<()> {
    let width = shape.inner(2)?;
    let ragged = matches!(sequence, BatchSequence::Ragged(_));
    let expected = if ragged { mask.valid_steps().checked_mul(width) } else { Some(target.len()) };
    if expected != Some(data.len()) {
        return Err(Error::shape(format!(
            "The input '{}' of shape {shape} needs {} elements; got {}",
            spec.name,
            expected.map_or("more".into(), |count| count.to_string()),
            data.len()
        )));
    }
    if mask.is_full() {
        copy(data, target);
        return Ok(());
    }
    let time = shape.time();
    let mut next = 0;
    for (position, target) in target.chunks_exact_mut(width).enumerate() {
        let valid = mask.is_valid(position / time, position % time);
        let start = if ragged { next } else { position };
        next += usize::from(valid);
        match data.get(start * width..(start + 1) * width) {
            Some(step) if valid => target.copy_from_slice(step),
            _ => target.fill(zero),
        }
    }
    Ok(())
}

/// The number of elements that are checked at once.
const BLOCK: usize = 1024;

/// The first element that is not finite.
pub(crate) fn first_not_finite<T: Scalar>(data: &[T]) -> Option<usize> {
    // Without an early exit inside a block, the comparison is vectorised.
    let finite = |block: &[T]| block.iter().fold(true, |all, value| all & value.is_finite());
    let block = find_block(data, BLOCK, |block| !finite(block))?;
    let within = data[block * BLOCK..].iter().position(|value| !value.is_finite())?;
    Some(block * BLOCK + within)
}

fn check_finite<T: Scalar>(data: &[T], shape: &Shape, spec: &InputSpec) -> Result<()> {
    let Some(position) = first_not_finite(data) else { return Ok(()) };
    let row = position / shape.inner(1)?;
    let within = position % shape.inner(1)?;
    let place = match shape.rank() {
        1 => format!("row {row}"),
        2 => format!("row {row}, feature {within}"),
        _ => format!("row {row}, step {}, feature {}", within / shape.inner(2)?, within % shape.inner(2)?),
    };
    let message = format!("The input '{}' has the value {} at {place}", spec.name, data[position]);
    Err(Error::data(message).at_row(row))
}
