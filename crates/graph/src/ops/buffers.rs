//! Safe access to several parts of the executor's one block at the same time.

use crate::buffer::Buffer;
use crate::error::{Error, Result};
use seqloom_kernels::Scalar;
use std::ops::Range;

/// The most parts of the block that are written at once.
const MAX_WRITES: usize = 24;

/// Where the elements of a value, a gradient or a workspace are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Place {
    /// Nowhere: there is no reader.
    #[default]
    None,
    /// In the block.
    Block { start: usize, len: usize },
    /// In graph input `index`.
    Input { index: usize, len: usize },
}

impl Place {
    pub(crate) fn is_some(self) -> bool {
        self != Self::None
    }

    /// `len` elements of a place in the block, from `offset` on.
    pub(crate) fn part(self, offset: usize, len: usize) -> Result<Self> {
        match self {
            Self::Block { start, len: whole } if offset.checked_add(len).is_some_and(|end| end <= whole) => {
                Ok(Self::Block { start: start + offset, len })
            }
            Self::None if len == 0 => Ok(Self::None),
            _ => Err(Error::native("A part of a buffer lies outside of it")),
        }
    }
}

/// What [`Buffers::carve`] gives: slices to read and slices to write.
type Carved<'s, T, const R: usize, const W: usize> = ([&'s [T]; R], [&'s mut [T]; W]);

/// The block and the inputs.
pub(crate) struct Buffers<'a, T: Scalar> {
    block: &'a mut [T],
    inputs: &'a [Buffer<T>],
}

impl<'a, T: Scalar> Buffers<'a, T> {
    pub(crate) fn new(block: &'a mut [T], inputs: &'a [Buffer<T>]) -> Self {
        Self { block, inputs }
    }

    /// The same buffers, borrowed for a shorter time.
    pub(crate) fn reborrow(&mut self) -> Buffers<'_, T> {
        Buffers { block: self.block, inputs: self.inputs }
    }

    /// Slices of several places at once: those to read may coincide, those to write may not overlap anything.
    /// Places that are nowhere give empty slices.
    pub(crate) fn carve<const R: usize, const W: usize>(
        &mut self,
        reads: [Place; R],
        writes: [Place; W],
    ) -> Result<Carved<'_, T, R, W>> {
        let fault = || Error::native("Buffers that are used together overlap or do not exist");
        const { assert!(W <= MAX_WRITES) };
        let mut order: [(usize, usize, usize); W] = [(0, 0, 0); W];
        for (entry, (index, place)) in order.iter_mut().zip(writes.iter().enumerate()) {
            *entry = match *place {
                Place::None => (0, 0, index),
                Place::Block { start, len } => (start, start.checked_add(len).ok_or_else(fault)?, index),
                Place::Input { .. } => return Err(fault()),
            };
        }
        order.sort_unstable();
        let mut written: [&mut [T]; W] = std::array::from_fn(|_| Default::default());
        let mut gaps: [(usize, &[T]); MAX_WRITES + 1] = [(0, &[]); MAX_WRITES + 1];
        let mut rest: &mut [T] = &mut *self.block;
        let mut position = 0;
        for (gap, &(start, end, index)) in gaps.iter_mut().zip(&order) {
            if start == end {
                continue;
            }
            let skip = start.checked_sub(position).ok_or_else(fault)?;
            let (before, after) = std::mem::take(&mut rest).split_at_mut_checked(skip).ok_or_else(fault)?;
            let (part, after) = after.split_at_mut_checked(end - start).ok_or_else(fault)?;
            *gap = (position, before);
            written[index] = part;
            rest = after;
            position = end;
        }
        gaps[W] = (position, rest);
        let find = |range: Range<usize>| {
            gaps.iter().find_map(|&(start, gap)| {
                let offset = range.start.checked_sub(start)?;
                gap.get(offset..range.end.checked_sub(start)?)
            })
        };
        let mut read: [&[T]; R] = [&[]; R];
        for (slice, place) in read.iter_mut().zip(reads) {
            *slice = match place {
                Place::None | Place::Block { len: 0, .. } => &[],
                Place::Block { start, len } => {
                    find(start..start.checked_add(len).ok_or_else(fault)?).ok_or_else(fault)?
                }
                Place::Input { index, len } => {
                    self.inputs.get(index).and_then(|data| data.get(..len)).ok_or_else(fault)?
                }
            };
        }
        Ok((read, written))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(start: usize, len: usize) -> Place {
        Place::Block { start, len }
    }

    #[test]
    fn reads_between_writes() {
        let mut block: Vec<f32> = (0..20).map(|i| i as f32).collect();
        let inputs = [Buffer::copied(&[7.0, 8.0, 9.0], "The inputs").unwrap()];
        let mut buffers = Buffers::new(&mut block, &inputs);
        let ([a, b, c, d], [x, y, z]) = buffers
            .carve(
                [at(0, 3), at(1, 2), Place::Input { index: 0, len: 2 }, at(18, 2)],
                [at(10, 4), Place::None, at(4, 2)],
            )
            .unwrap();
        assert_eq!((a, b, c, d), (&[0., 1., 2.][..], &[1., 2.][..], &[7., 8.][..], &[18., 19.][..]));
        assert_eq!((&*x, &*y, &*z), (&[10., 11., 12., 13.][..], &[][..], &[4., 5.][..]));
    }

    #[test]
    fn refuses_overlaps() {
        let mut block = vec![0_f32; 8];
        let mut buffers = Buffers::new(&mut block, &[]);
        assert!(buffers.carve([], [at(0, 3), at(2, 3)]).is_err());
        assert!(buffers.carve([at(1, 3)], [at(2, 3)]).is_err());
        assert!(buffers.carve([at(6, 3)], []).is_err());
        assert!(buffers.carve([], [Place::Input { index: 0, len: 0 }]).is_err());
    }
}
