//! Shapes of fixed capacity, whose dimensions may still be unknown.

use crate::error::{Error, Result};
use crate::values::Dtype;
use std::fmt;

/// The largest number of dimensions.
pub(crate) const MAX_RANK: usize = 8;

/// A dimension that is known only when a batch is bound.
pub(crate) const ANY: usize = usize::MAX;

/// Dimensions, batch first, in a fixed buffer: shapes are recomputed at every bind without allocating.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Shape {
    dims: [usize; MAX_RANK],
    rank: u8,
}

impl Shape {
    pub(crate) const SCALAR: Self = Self { dims: [0; MAX_RANK], rank: 0 };

    /// A shape of these dimensions, if there are not too many.
    pub(crate) fn new(dims: &[usize]) -> Result<Self> {
        let mut shape = Self::SCALAR;
        let Some(target) = shape.dims.get_mut(..dims.len()) else {
            return Err(Error::shape(format!(
                "shapes have at most {MAX_RANK} dimensions; got {}",
                dims.len()
            )));
        };
        target.copy_from_slice(dims);
        shape.rank = dims.len() as u8;
        Ok(shape)
    }

    pub(crate) fn dims(&self) -> &[usize] {
        &self.dims[..usize::from(self.rank)]
    }

    pub(crate) fn dims_mut(&mut self) -> &mut [usize] {
        &mut self.dims[..usize::from(self.rank)]
    }

    pub(crate) fn rank(&self) -> usize {
        usize::from(self.rank)
    }

    /// The first dimension; 1 for a scalar.
    pub(crate) fn batch(&self) -> usize {
        self.dims().first().copied().unwrap_or(1)
    }

    /// The second dimension; 1 where there is none.
    pub(crate) fn time(&self) -> usize {
        self.dims().get(1).copied().unwrap_or(1)
    }

    /// The last dimension; 1 for a scalar.
    pub(crate) fn last(&self) -> usize {
        self.dims().last().copied().unwrap_or(1)
    }

    /// The same with another last dimension.
    pub(crate) fn with_last(mut self, last: usize) -> Self {
        if let Some(dim) = self.dims_mut().last_mut() {
            *dim = last;
        }
        self
    }

    /// The same with one more dimension at the end.
    pub(crate) fn pushed(&self, last: usize) -> Result<Self> {
        let rank = self.rank();
        if rank == MAX_RANK {
            return Err(Error::shape(format!("shapes have at most {MAX_RANK} dimensions")));
        }
        let mut shape = *self;
        shape.dims[rank] = last;
        shape.rank += 1;
        Ok(shape)
    }

    /// Number of elements of a fully known shape.
    pub(crate) fn elements(&self) -> Result<usize> {
        product(self.dims()).ok_or_else(|| self.too_large())
    }

    /// Number of elements of the dimensions after the first `axes`.
    pub(crate) fn inner(&self, axes: usize) -> Result<usize> {
        product(self.dims().get(axes..).unwrap_or(&[])).ok_or_else(|| self.too_large())
    }

    fn too_large(&self) -> Error {
        Error::memory(format!("a tensor of shape {self} has more elements than can be addressed"))
    }

    /// The shape that fits both, known dimensions winning over unknown ones.
    pub(crate) fn unify(&self, other: &Self) -> Option<Self> {
        if self.rank != other.rank {
            return None;
        }
        let mut shape = *self;
        for (dim, &wanted) in shape.dims_mut().iter_mut().zip(other.dims()) {
            if *dim == ANY {
                *dim = wanted;
            } else if wanted != ANY && wanted != *dim {
                return None;
            }
        }
        Some(shape)
    }
}

/// The product of dimensions below [`ANY`], if it fits.
pub(crate) fn product(dims: &[usize]) -> Option<usize> {
    dims.iter().try_fold(1_usize, |count, &dim| count.checked_mul(dim)).filter(|&count| count < ANY / 16)
}

/// Whether two dimensions can be the same.
pub(crate) fn fits(dim: usize, expected: usize) -> bool {
    dim == expected || dim == ANY || expected == ANY
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[")?;
        for (index, &dim) in self.dims().iter().enumerate() {
            let separator = if index > 0 { ", " } else { "" };
            if dim == ANY { write!(f, "{separator}null")? } else { write!(f, "{separator}{dim}")? }
        }
        f.write_str("]")
    }
}

impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Type and shape of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Meta {
    pub(crate) dtype: Dtype,
    pub(crate) shape: Shape,
    /// Whether the first dimension is the batch; parameters and scalars have none.
    pub(crate) batched: bool,
}

impl Meta {
    /// A floating-point value. Whether it has a batch is for the graph to say, see [`Self::derive_batch`].
    pub(crate) fn float(shape: Shape) -> Self {
        Self { dtype: Dtype::Float32, shape, batched: shape.rank() > 0 }
    }

    /// What an operation computes has a batch dimension when something that it reads has one.
    pub(crate) fn derive_batch(inputs: &[Self], outputs: &mut [Self]) {
        let batched = inputs.iter().any(|input| input.batched);
        for output in outputs {
            output.batched = batched && output.shape.rank() > 0;
        }
    }
}
