//! Broadcasting from the right, as in numpy.

use crate::error::{Error, Result};
use crate::shape::{ANY, MAX_RANK, Meta, Shape};
use seqloom_kernels::{MAX_DIMS, View};

const _: () = assert!(MAX_DIMS >= MAX_RANK);

/// The shape of the result of an operation on these values. Batches are never repeated, and only a batch can be
/// opposite a batch.
pub(crate) fn broadcast(inputs: &[Meta]) -> Result<Shape> {
    let rank = inputs.iter().map(|input| input.shape.rank()).max().unwrap_or(0);
    let batched = inputs.iter().any(|input| input.batched);
    let mut dims = [1; MAX_RANK];
    for input in inputs {
        let mismatch = || {
            let shapes: Vec<String> = inputs.iter().map(|input| input.shape.to_string()).collect();
            Error::shape(format!("the shapes {} do not fit together", shapes.join(" and ")))
        };
        let shape = input.shape.dims();
        if input.batched && shape.len() < rank {
            return Err(mismatch());
        }
        let first = rank - shape.len();
        for (axis, (dim, &other)) in dims[first..rank].iter_mut().zip(shape).enumerate() {
            let is_batch = batched && first + axis == 0;
            *dim = match (*dim, other) {
                // A parameter has nothing that could be a row of the batch.
                (dim, other) if is_batch && !input.batched => {
                    if other != 1 {
                        return Err(mismatch());
                    }
                    dim
                }
                (dim, other) if dim == other => dim,
                (1, other) => other,
                (dim, 1) => dim,
                (ANY, other) => other,
                (dim, ANY) => dim,
                _ => return Err(mismatch()),
            };
        }
    }
    Shape::new(&dims[..rank])
}

/// Strides of a dense value of `shape` along the dimensions of `whole`, 0 where it is repeated.
pub(crate) fn strides(whole: &Shape, shape: &Shape) -> [usize; MAX_DIMS] {
    let mut strides = [0; MAX_DIMS];
    let offset = whole.rank().saturating_sub(shape.rank());
    let mut stride = 1_usize;
    for (axis, &dim) in shape.dims().iter().enumerate().rev() {
        if let Some(slot) = strides.get_mut(offset + axis).filter(|_| dim != 1) {
            *slot = stride;
        }
        stride = stride.saturating_mul(dim);
    }
    strides
}

/// The index in a value of `shape`, repeated to `whole`, of an element of the latter.
pub(crate) fn repeated(whole: &Shape, shape: &Shape) -> impl Fn(usize) -> usize + use<> {
    let strides = strides(whole, shape);
    let mut dims = [1; MAX_RANK];
    dims[..whole.rank()].copy_from_slice(whole.dims());
    let (rank, same) = (whole.rank(), whole == shape);
    move |mut index| {
        if same {
            return index;
        }
        let mut at = 0;
        for axis in (0..rank).rev() {
            at += index % dims[axis] * strides[axis];
            index /= dims[axis];
        }
        at
    }
}

/// The dimensions that a chain iterates over.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Extent {
    dims: [usize; MAX_DIMS],
    rank: usize,
}

impl Extent {
    pub(crate) fn dims(&self) -> &[usize] {
        &self.dims[..self.rank]
    }

    /// The dimensions of `shape`, neighbours merged where every view runs on from one to the next.
    pub(crate) fn merged(shape: &Shape, reads: &mut [View], writes: &mut [View]) -> Result<Self> {
        let mut dims = [1; MAX_DIMS];
        dims[..shape.rank()].copy_from_slice(shape.dims());
        let mut last = 0;
        for axis in 1..shape.rank() {
            let dim = dims[axis];
            if dim == 1 {
                continue;
            }
            let mut views = reads.iter().chain(writes.iter());
            let runs_on = views.all(|view| view.strides[last] == view.strides[axis].saturating_mul(dim));
            if dims[last] != 1 && !runs_on {
                last += 1;
                dims[last] = dim;
            } else {
                dims[last] *= dim;
            }
            for view in reads.iter_mut().chain(writes.iter_mut()) {
                view.strides[last] = view.strides[axis];
            }
        }
        let mut rank = last + 1;
        if dims[last] == 1 {
            reads.iter_mut().chain(writes.iter_mut()).for_each(|view| view.strides[last] = 0);
        } else if reads.iter().chain(writes.iter()).any(|view| view.strides[last] > 1) {
            // Single elements apart from each other: a last dimension of one.
            if rank == MAX_DIMS {
                return Err(Error::unsupported("views of so many dimensions that are not neighbours"));
            }
            dims[rank] = 1;
            reads.iter_mut().chain(writes.iter_mut()).for_each(|view| view.strides[rank] = 0);
            rank += 1;
        }
        Ok(Self { dims, rank })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batched(dims: &[usize]) -> Meta {
        Meta::float(Shape::new(dims).unwrap())
    }

    fn free(dims: &[usize]) -> Meta {
        Meta { batched: false, ..batched(dims) }
    }

    #[test]
    fn shapes() {
        let shape = |inputs: &[Meta]| broadcast(inputs).ok().map(|shape| shape.dims().to_vec());
        assert_eq!(shape(&[batched(&[ANY, 3]), free(&[3])]), Some(vec![ANY, 3]));
        assert_eq!(
            shape(&[free(&[]), batched(&[ANY, 1, 4]), batched(&[ANY, ANY, 4])]),
            Some(vec![ANY, ANY, 4])
        );
        assert_eq!(shape(&[free(&[2, 1]), free(&[3])]), Some(vec![2, 3]));
        assert_eq!(shape(&[batched(&[2, 3]), free(&[2, 3])]), None);
        assert_eq!(shape(&[batched(&[2, 3]), free(&[1, 3])]), Some(vec![2, 3]));
        assert_eq!(shape(&[batched(&[3]), batched(&[3, 3])]), None);
        assert_eq!(shape(&[batched(&[2, 3]), free(&[1, 1, 3])]), None);
        assert_eq!(shape(&[batched(&[2, 3]), batched(&[2, 4])]), None);
    }

    #[test]
    fn merges_neighbours() {
        let shape = Shape::new(&[4, 1, 5, 6]).unwrap();
        let view =
            |dims: &[usize]| View { strides: strides(&shape, &Shape::new(dims).unwrap()), ..View::default() };
        let mut views = [view(&[4, 1, 5, 6]), view(&[1]), view(&[4, 1, 5, 6])];
        let (reads, writes) = views.split_at_mut(1);
        assert_eq!(Extent::merged(&shape, reads, writes).unwrap().dims(), [120]);
        let mut all = [view(&[4, 1, 5, 6]), view(&[6])];
        assert_eq!(Extent::merged(&shape, &mut all, &mut []).unwrap().dims(), [20, 6]);
        assert_eq!((all[0].strides[..2].to_vec(), all[1].strides[..2].to_vec()), (vec![6, 1], vec![0, 1]));
    }
}
