//! Axes of values, as the wire format names them.

use crate::error::{Error, Result};
use crate::parallel::while_wanted;
use crate::shape::{Meta, Shape};

/// An axis counted from the front, or from the end when negative; never the batch.
pub(super) fn feature_axis(axis: i64, meta: &Meta) -> Result<usize> {
    let rank = meta.shape.rank();
    let counted = if axis < 0 { axis.saturating_add(rank as i64) } else { axis };
    match usize::try_from(counted) {
        Ok(counted) if counted < rank && !(meta.batched && counted == 0) => Ok(counted),
        _ => Err(Error::option(format!(
            "axis {axis} is not an axis of a value of shape {}{}",
            meta.shape,
            if meta.batched { " (the batch is none)" } else { "" }
        ))),
    }
}

/// The same without checks, for an axis that [`feature_axis`] has accepted.
pub(crate) fn axis_of(axis: i64, rank: usize) -> usize {
    let counted = if axis < 0 { axis.saturating_add(rank as i64) } else { axis };
    usize::try_from(counted).unwrap_or(0).min(rank.saturating_sub(1))
}

/// A value as lines along an axis: element k of line (o, i) is at `(o · count + k) · inner + i`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lines {
    pub(super) count: usize,
    pub(super) inner: usize,
}

impl Lines {
    pub(super) fn new(shape: &Shape, axis: usize) -> Result<Self> {
        let count = shape.dims().get(axis).copied().unwrap_or(1);
        Ok(Self { count, inner: shape.inner(axis + 1)? })
    }

    /// Elements of a block: of all lines whose elements alternate.
    pub(super) fn block(&self) -> usize {
        self.count * self.inner
    }

    /// The index of the first element of each line, in a value of `elements` elements. Stops early once the work is
    /// cancelled.
    pub(super) fn starts(self, elements: usize) -> impl Iterator<Item = usize> {
        let blocks = elements / self.block().max(1);
        while_wanted(
            (0..blocks).flat_map(move |block| (0..self.inner).map(move |i| block * self.block() + i)),
        )
    }

    /// The indices of a line's elements.
    pub(super) fn line(self, start: usize) -> impl Iterator<Item = usize> + Clone {
        (0..self.count).map(move |k| start + k * self.inner)
    }
}

/// The dimensions of a shape without some axes, or with ones in their place.
pub(super) fn without(shape: &Shape, axes: &[usize], keep: bool) -> Result<Shape> {
    let mut result = Shape::SCALAR;
    for (axis, &dim) in shape.dims().iter().enumerate() {
        match (axes.contains(&axis), keep) {
            (true, true) => result = result.pushed(1)?,
            (true, false) => {}
            (false, _) => result = result.pushed(dim)?,
        }
    }
    Ok(result)
}
