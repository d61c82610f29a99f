//! `transpose`: the axes of a value in another order; the batch stays the first.

use super::activation::expect_float;
use super::{Backward, Entry, Forward, MaskRule, Op, Operation, Site, Streamed, TimeAxes, made, stream};
use crate::error::{Error, Result};
use crate::form::{Form, Known};
use crate::setting::settings;
use crate::shape::{MAX_RANK, Meta, Shape};
use seqloom_kernels::Scalar;
use seqloom_kernels::pool::cancelled;

settings! {
    struct Attributes {
        permutation: Vec<usize>;
    }
}

/// Axis `i` of the result is axis `permutation[i]` of the input.
#[derive(Debug, Clone)]
pub(crate) struct Transpose {
    permutation: Vec<usize>,
}

/// Elements between two looks whether the result is still wanted.
const POLL: usize = 1 << 12;

pub(super) const OPERATIONS: &[Entry] = &[Entry {
    settings: Attributes::SETTINGS,
    traced: Some("transpose"),
    ..Entry::of("transpose", |site| made(Transpose::new(site)?))
}];

impl Transpose {
    pub(crate) fn new(site: &Site<'_>) -> Result<Self> {
        let Attributes { permutation } = Attributes::read(site.attributes())?;
        let mut sorted = permutation.clone();
        sorted.sort_unstable();
        if sorted.len() > MAX_RANK || !sorted.iter().copied().eq(0..sorted.len()) {
            return Err(Error::option(format!("{permutation:?} is not a permutation of axes")));
        }
        Ok(Self { permutation })
    }

    /// Calls `visit(index in the result, index in the input)` for every element.
    fn for_each(&self, input: &Shape, output: &Shape, mut visit: impl FnMut(usize, usize)) {
        let mut strides = [0; MAX_RANK];
        let mut stride = 1;
        for (axis, &dim) in input.dims().iter().enumerate().rev() {
            let to = self.permutation.iter().position(|&from| from == axis).unwrap_or(0);
            strides[to] = stride;
            stride *= dim;
        }
        let dims = output.dims();
        let mut index = [0; MAX_RANK];
        let mut from = 0;
        for to in 0..stride {
            if to.is_multiple_of(POLL) && cancelled() {
                return;
            }
            visit(to, from);
            for axis in (0..dims.len()).rev() {
                index[axis] += 1;
                from += strides[axis];
                if index[axis] < dims[axis] {
                    break;
                }
                from -= strides[axis] * dims[axis];
                index[axis] = 0;
            }
        }
    }
}

impl Operation for Transpose {
    fn stream(&self, inputs: &[Streamed]) -> Option<TimeAxes> {
        let Some(time) = stream::common_time(inputs)? else { return Some(vec![None]) };
        Some(vec![Some(self.permutation.iter().position(|&from| from == time)?)])
    }
}

impl<T: Scalar> Op<T> for Transpose {
    fn infer(&mut self, inputs: &[Meta], outputs: &mut [Meta]) -> Result<()> {
        expect_float(&inputs[0])?;
        let shape = inputs[0].shape;
        if shape.rank() != self.permutation.len() || (inputs[0].batched && self.permutation[0] != 0) {
            return Err(Error::shape(format!(
                "{:?} is not an order of the axes of a value of shape {shape} in which the batch stays first",
                self.permutation
            )));
        }
        let mut result = shape;
        for (dim, &axis) in result.dims_mut().iter_mut().zip(&self.permutation) {
            *dim = shape.dims()[axis];
        }
        outputs[0] = Meta::float(result);
        Ok(())
    }

    fn forward(&mut self, context: &mut Forward<'_, T>) -> Result<()> {
        let frame = &mut context.frame;
        let (input, output) = (frame.inputs[0], frame.outputs[0]);
        let ([x], [y]) = frame.buffers.carve([input.place], [output.place])?;
        self.for_each(&input.shape, &output.shape, |to, from| y[to] = x[from]);
        Ok(())
    }

    fn backward(&mut self, context: &mut Backward<'_, T>) -> Result<()> {
        let frame = &mut context.frame;
        let (input, output) = (frame.inputs[0], frame.outputs[0]);
        let ([dy], [dx]) = frame.buffers.carve([output.gradient], [input.gradient])?;
        if !dx.is_empty() {
            self.for_each(&input.shape, &output.shape, |to, from| dx[from] += dy[to]);
        }
        Ok(())
    }

    fn mask_rule(&self) -> MaskRule {
        if self.permutation.get(1) == Some(&1) { MaskRule::First } else { MaskRule::Own }
    }

    fn takes_unbatched(&self) -> bool {
        true
    }

    fn form(&self, known: &[Known], _output: usize) -> Form {
        let last = self.permutation.len().checked_sub(1);
        if self.permutation.last().copied() == last { known[0].form } else { known[0].form.in_parts() }
    }
}
