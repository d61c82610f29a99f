//! Elements that enter or leave the engine.

use crate::error::Result;
use crate::memory;
use crate::parallel::each_rows;
use seqloom_kernels::{AlignedVec, Scalar};
use std::fmt;
use std::ops::{Deref, Range};
use std::sync::Arc;

/// Elements that no longer change, shared by all clones; the memory is reused once all are dropped.
pub struct Buffer<T: Scalar> {
    block: Arc<AlignedVec<T>>,
    range: Range<usize>,
}

impl<T: Scalar> Buffer<T> {
    /// `len` elements that `fill` writes; it finds any values there. `what` names the content in errors, in the plural.
    ///
    /// # Errors
    /// `ERR_MEMORY`, and what `fill` fails with.
    pub fn build(len: usize, what: &str, fill: impl FnOnce(&mut [T]) -> Result<()>) -> Result<Self> {
        let mut block = memory::any(len, what)?;
        fill(&mut block)?;
        Ok(block.into())
    }

    /// A copy of `values`.
    ///
    /// # Errors
    /// `ERR_MEMORY`.
    pub fn copied(values: &[T], what: &str) -> Result<Self> {
        Self::build(values.len(), what, |target| {
            copy(values, target);
            Ok(())
        })
    }

    /// No elements.
    pub(crate) fn empty() -> Self {
        AlignedVec::new().into()
    }

    /// `len` elements of any value, to be overwritten, in the same memory if nobody else uses it and it is large
    /// enough.
    ///
    /// # Errors
    /// `ERR_MEMORY`.
    pub(crate) fn renew(&mut self, len: usize, what: &str) -> Result<&mut [T]> {
        if Arc::get_mut(&mut self.block).is_none_or(|block| block.len() < len || block.is_lent()) {
            // The old memory is freed first: both together might not fit.
            *self = Self::empty();
            *self = memory::any(len, what)?.into();
        }
        self.range = 0..len;
        Ok(Arc::get_mut(&mut self.block).and_then(|block| block.get_mut(..len)).unwrap_or_default())
    }

    /// The elements for writing, while nobody else has them.
    pub fn get_mut(&mut self) -> Option<&mut [T]> {
        Arc::get_mut(&mut self.block)?.get_mut(self.range.clone())
    }

    /// Drops the elements if others have them, too, or own them; else keeps the memory for [`Self::renew`].
    pub(crate) fn release(&mut self) {
        if Arc::get_mut(&mut self.block).is_none_or(|block| block.is_lent()) {
            *self = Self::empty();
        }
    }

    /// Bytes that are kept for this buffer alone.
    pub(crate) fn own_bytes(&self) -> usize {
        if Arc::strong_count(&self.block) > 1 || self.block.is_lent() {
            0
        } else {
            self.block.len() * size_of::<T>()
        }
    }

    /// A part of the elements, sharing the memory; empty if the range lies outside.
    #[must_use]
    pub fn part(&self, range: Range<usize>) -> Self {
        let inside = range.start <= range.end && range.end <= self.range.len();
        let start = self.range.start;
        let range = if inside { start + range.start..start + range.end } else { start..start };
        Self { block: Arc::clone(&self.block), range }
    }
}

/// Elements with one owner: nobody else reads or writes them, so that the owner may let others write, as JavaScript
/// does to its arrays.
pub struct Exclusive<T: Scalar> {
    block: Arc<AlignedVec<T>>,
    /// No other owner's range in this block overlaps it, and no [`Buffer`] has the block.
    range: Range<usize>,
}

impl<T: Scalar> Buffer<T> {
    /// The elements, if nobody else has them.
    ///
    /// # Errors
    /// The buffer as it was, if its memory is shared or lent.
    pub fn exclusive(mut self) -> std::result::Result<Exclusive<T>, Self> {
        if Arc::get_mut(&mut self.block).is_none_or(|block| block.is_lent()) {
            return Err(self);
        }
        Ok(Exclusive { block: self.block, range: self.range })
    }
}

impl<T: Scalar> Exclusive<T> {
    /// Parts of the elements, in order, each with its own owner. A range that overlaps an earlier one, or lies outside,
    /// gives no elements.
    pub(crate) fn parts(self) -> impl FnMut(Range<usize>) -> Self {
        let mut taken = 0;
        move |range| {
            let fits = taken <= range.start && range.start <= range.end && range.end <= self.range.len();
            let range = if fits { range } else { taken..taken };
            taken = range.end;
            let start = self.range.start;
            Self { block: Arc::clone(&self.block), range: start + range.start..start + range.end }
        }
    }

    /// The number of elements; reads none of them.
    pub fn len(&self) -> usize {
        self.range.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.range.is_empty()
    }

    /// The first element. Who writes through the pointer needs that no reference to the elements is in use meanwhile.
    pub fn pointer(&mut self) -> *mut T {
        self.block.pointer().as_ptr().wrapping_add(self.range.start)
    }
}

impl<T: Scalar> From<AlignedVec<T>> for Exclusive<T> {
    fn from(block: AlignedVec<T>) -> Self {
        let range = 0..block.len();
        Self { block: Arc::new(block), range }
    }
}

impl<T: Scalar> Deref for Exclusive<T> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        // Not by way of all elements: others may be writing to theirs.
        self.block.part(self.range.clone())
    }
}

impl<T: Scalar> PartialEq for Exclusive<T> {
    fn eq(&self, other: &Self) -> bool {
        self[..] == other[..]
    }
}

impl<T: Scalar> fmt::Debug for Exclusive<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// Copies a slice to one as long, on all threads if it is large.
///
/// # Panics
/// If it is not as long.
pub fn copy<V: Copy + Send + Sync>(from: &[V], to: &mut [V]) {
    let work = to.len();
    each_rows(to, 1, work, |first, part| part.copy_from_slice(&from[first..first + part.len()]));
}

impl<T: Scalar> From<AlignedVec<T>> for Buffer<T> {
    fn from(block: AlignedVec<T>) -> Self {
        let range = 0..block.len();
        Self { block: Arc::new(block), range }
    }
}

impl<T: Scalar> Deref for Buffer<T> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        // Ranges are checked when they are made.
        self.block.get(self.range.clone()).unwrap_or_default()
    }
}

impl<T: Scalar> Clone for Buffer<T> {
    fn clone(&self) -> Self {
        Self { block: Arc::clone(&self.block), range: self.range.clone() }
    }
}

impl<T: Scalar> PartialEq for Buffer<T> {
    fn eq(&self, other: &Self) -> bool {
        self[..] == other[..]
    }
}

impl<T: Scalar> fmt::Debug for Buffer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted() -> Buffer<f32> {
        Buffer::copied(&[0.0, 1.0, 2.0, 3.0, 4.0, 5.0], "The elements").unwrap()
    }

    #[test]
    fn shared_elements_are_nobodys_alone() {
        let buffer = counted();
        let clone = buffer.clone();
        let buffer = buffer.exclusive().unwrap_err();
        drop(clone);
        let part = buffer.part(2..4);
        let part = part.exclusive().unwrap_err();
        drop(buffer);
        let mut alone = part.exclusive().unwrap();
        assert_eq!((&alone[..], alone.len()), (&[2.0, 3.0][..], 2));
        assert_eq!(alone.pointer().cast_const(), alone.as_ptr());
    }

    #[test]
    fn parts_have_owners_of_their_own() {
        let mut part = counted().exclusive().unwrap().parts();
        let parts = [part(0..2), part(1..3), part(3..5), part(5..7), part(5..6), part(0..1)];
        let lists: Vec<&[f32]> = parts.iter().map(|part| &part[..]).collect();
        assert_eq!(lists, [&[0.0, 1.0][..], &[], &[3.0, 4.0], &[], &[5.0], &[]]);
    }
}
