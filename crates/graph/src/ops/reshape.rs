//! `reshape`: the same elements of each row under other dimensions.

use super::activation::expect_float;
use super::{
    Backward, Entry, Forward, MaskRule, Op, Operation, Role, Site, Streamed, TimeAxes, made, stream,
};
use crate::error::{Error, Result};
use crate::form::{Form, Known};
use crate::setting::settings;
use crate::shape::{ANY, Meta, Shape, product};
use seqloom_kernels::Scalar;

settings! {
    struct Attributes {
        shape: Vec<Option<usize>>;
    }
}

/// `[batch, …]` to `[batch, shape…]`; one dimension of the target may be left open.
#[derive(Debug, Clone)]
pub(crate) struct Reshape {
    /// The target without batch, its open dimension unknown.
    target: Shape,
    /// The axis of that dimension in the target.
    open: Option<usize>,
    /// Product of the other dimensions.
    known: usize,
}

pub(super) const OPERATIONS: &[Entry] = &[Entry {
    settings: Attributes::SETTINGS,
    traced: Some("reshape"),
    ..Entry::of("reshape", |site| made(Reshape::new(site)?))
}];

impl Reshape {
    pub(crate) fn new(site: &Site<'_>) -> Result<Self> {
        Self::to(&Attributes::read(site.attributes())?.shape)
    }

    /// Rows of this shape.
    pub(crate) fn to(shape: &[Option<usize>]) -> Result<Self> {
        let mut open = None;
        let mut target = Shape::new(&[])?;
        let mut known = 1;
        for (axis, dim) in shape.iter().enumerate() {
            match *dim {
                None if open.is_none() => open = Some(axis),
                Some(dim) if dim > 0 => {
                    known = product(&[known, dim]).ok_or_else(|| {
                        Error::memory(format!("the shape {shape:?} is too large to address"))
                    })?;
                }
                _ => {
                    return Err(Error::option(format!(
                        "shape must have dimensions of at least 1 and at most one null; got {shape:?}"
                    )));
                }
            }
            target = target.pushed(dim.unwrap_or(ANY))?;
        }
        Ok(Self { target, open, known })
    }
}

impl Operation for Reshape {
    fn stream(&self, inputs: &[Streamed]) -> Option<TimeAxes> {
        let Some(time) = stream::common_time(inputs)? else { return Some(vec![None]) };
        // The dimensions before and after the time must keep their products.
        let known = |dims: &[usize]| if dims.contains(&ANY) { None } else { product(dims) };
        let (from, to) = (inputs[0].meta.shape, self.target.dims());
        let open = self.open?;
        let before = known(from.dims().get(1..time)?)? == known(&to[..open])?;
        let after = known(from.dims().get(time + 1..)?)? == known(&to[open + 1..])?;
        (before && after).then(|| vec![Some(open + 1)])
    }

    fn role(&self) -> Role {
        Role::View
    }
}

impl<T: Scalar> Op<T> for Reshape {
    fn infer(&mut self, inputs: &[Meta], outputs: &mut [Meta]) -> Result<()> {
        expect_float(&inputs[0])?;
        let input = inputs[0].shape;
        let mut shape = Shape::new(&[input.batch()])?;
        for &dim in self.target.dims() {
            shape = shape.pushed(dim)?;
        }
        let row = input.dims().get(1..).unwrap_or(&[]);
        if !row.contains(&ANY) {
            let elements = input.inner(1)?;
            let fits = if self.open.is_some() {
                elements.is_multiple_of(self.known)
            } else {
                elements == self.known
            };
            if !fits {
                return Err(Error::shape(format!(
                    "rows of the input {input} cannot be reshaped to {}",
                    self.target
                )));
            }
            if let Some(axis) = self.open {
                shape.dims_mut()[axis + 1] = elements / self.known;
            }
        }
        outputs[0] = Meta::float(shape);
        Ok(())
    }

    fn forward(&mut self, context: &mut Forward<'_, T>) -> Result<()> {
        let frame = &mut context.frame;
        let ([x], [y]) = frame.buffers.carve([frame.inputs[0].place], [frame.outputs[0].place])?;
        y.copy_from_slice(x);
        Ok(())
    }

    fn backward(&mut self, context: &mut Backward<'_, T>) -> Result<()> {
        let frame = &mut context.frame;
        let ([dy], [dx]) = frame.buffers.carve([frame.outputs[0].gradient], [frame.inputs[0].gradient])?;
        for (dx, &dy) in dx.iter_mut().zip(dy) {
            *dx += dy;
        }
        Ok(())
    }

    fn mask_rule(&self) -> MaskRule {
        MaskRule::Own
    }

    fn form(&self, known: &[Known], _output: usize) -> Form {
        let (from, to) = (known[0].meta.shape.last(), self.target.last());
        if from == to && to != ANY { known[0].form } else { known[0].form.in_parts() }
    }
}
