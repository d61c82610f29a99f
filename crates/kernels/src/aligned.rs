//! Cache-line aligned buffers whose allocation can fail without ending the process.

use crate::pages::{self, HUGE_PAGE};
use crate::recycle;
use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::fmt;
use std::ops::{Deref, DerefMut, Range};
use std::ptr::NonNull;

/// A cache line.
const ALIGNMENT: usize = 64;
const HALF_PAGE: usize = HUGE_PAGE / 2;

/// The allocator could not provide a buffer of this many bytes (`None`: the size itself overflows).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutOfMemory {
    /// Bytes that were asked for, if that number fits in a `usize`.
    pub bytes: Option<usize>,
}

impl fmt::Display for OutOfMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.bytes {
            Some(bytes) => write!(f, "could not allocate {bytes} bytes"),
            None => write!(f, "the size of a buffer exceeds the address space"),
        }
    }
}

impl std::error::Error for OutOfMemory {}

/// Plain numbers for which any bytes are a valid value.
///
/// # Safety
/// Implementors must be `Copy` types without padding for which every bit pattern is a valid value, zero bits being 0,
/// and need no more alignment than a cache line.
pub unsafe trait Zeroable: Copy + 'static {}

macro_rules! zeroable {
    ($($t:ty),*) => {$(
        // SAFETY: a primitive number; every bit pattern is one, all-zero bytes are its zero.
        unsafe impl Zeroable for $t {}
    )*};
}
zeroable!(f32, f64, u8, i8, u16, i16, u32, i32, u64, i64, usize, isize);

/// A fixed-length buffer aligned to 64 bytes, zeroed when created unless made by [`AlignedVec::try_any`]; or elements
/// that somebody else lends, which are only read.
pub struct AlignedVec<T> {
    pointer: NonNull<T>,
    length: usize,
    /// Allocated bytes; 0 if nothing was allocated, or if the elements are lent.
    capacity: usize,
    /// Whether the memory is kept for reuse when the buffer is dropped.
    passing: bool,
}

// SAFETY: the buffer is owned exclusively, like a `Vec<T>`.
unsafe impl<T: Send> Send for AlignedVec<T> {}
// SAFETY: shared access only hands out `&[T]`.
unsafe impl<T: Sync> Sync for AlignedVec<T> {}

impl<T: Zeroable> AlignedVec<T> {
    /// An empty buffer; allocates nothing.
    pub const fn new() -> Self {
        Self { pointer: NonNull::dangling(), length: 0, capacity: 0, passing: false }
    }

    /// A zeroed buffer of `length` elements.
    ///
    /// # Errors
    /// [`OutOfMemory`] when the allocator refuses or the size overflows.
    pub fn try_new(length: usize) -> Result<Self, OutOfMemory> {
        let capacity = Self::capacity(length)?;
        if capacity == 0 {
            return Ok(Self { pointer: NonNull::dangling(), length, capacity: 0, passing: false });
        }
        let block = allocate_zeroed(capacity).ok_or(OutOfMemory { bytes: Some(capacity) })?;
        Ok(Self { pointer: block.cast(), length, capacity, passing: false })
    }

    /// A buffer of `length` elements of any value, for callers that write all of them and do not keep it for long: its
    /// memory is reused after it is dropped.
    ///
    /// # Errors
    /// [`OutOfMemory`] when the allocator refuses or the size overflows.
    pub fn try_any(length: usize) -> Result<Self, OutOfMemory> {
        let capacity = Self::capacity(length)?;
        if capacity >= recycle::LEAST
            && let Some((pointer, capacity)) = recycle::take(capacity)
        {
            return Ok(Self { pointer: pointer.cast(), length, capacity, passing: true });
        }
        let mut buffer = Self::try_new(length)?;
        buffer.passing = true;
        Ok(buffer)
    }

    /// Elements in memory of somebody else, such as JavaScript. They need not lie at a multiple of 64 bytes.
    ///
    /// # Safety
    /// Until the buffer is dropped, or for as long as it is used, the elements stay where they are, and nobody writes to
    /// them.
    pub const unsafe fn lent(pointer: NonNull<T>, length: usize) -> Self {
        Self { pointer, length, capacity: 0, passing: false }
    }

    /// The bytes to allocate for `length` elements.
    fn capacity(length: usize) -> Result<usize, OutOfMemory> {
        const { assert!(align_of::<T>() <= ALIGNMENT) };
        let bytes = length.checked_mul(size_of::<T>()).and_then(capacity_for);
        // No slice may have more than `isize::MAX` bytes.
        bytes.filter(|&bytes| isize::try_from(bytes).is_ok()).ok_or(OutOfMemory { bytes: None })
    }

    /// Makes the buffer at least `length` long. A longer one is kept as it is; otherwise the old contents are
    /// dropped and the new buffer is zeroed.
    ///
    /// # Errors
    /// [`OutOfMemory`], leaving the buffer as it was.
    pub fn try_grow(&mut self, length: usize) -> Result<(), OutOfMemory> {
        if length > self.length {
            *self = Self::try_new(length)?;
        }
        Ok(())
    }
}

impl<T: Zeroable> Default for AlignedVec<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Drop for AlignedVec<T> {
    fn drop(&mut self) {
        let pointer = self.pointer.cast::<u8>();
        if self.passing && self.capacity >= recycle::LEAST {
            // Kept blocks may be reused for other types: all bytes are initialised, and every bit pattern is a number.
            recycle::give(pointer, self.capacity, free);
        } else if self.capacity > 0 {
            free(pointer, self.capacity);
        }
    }
}

/// Returns a block of an [`AlignedVec`] to the allocator or the system.
fn free(pointer: NonNull<u8>, capacity: usize) {
    // SAFETY: the block was made here with this capacity, and nobody uses it any more.
    unsafe {
        match layout(capacity) {
            Some(layout) => dealloc(pointer.as_ptr(), layout),
            None => pages::free(pointer, capacity),
        }
    }
}

/// The bytes to allocate for `bytes`: rounded up so that blocks can be reused, and to whole huge pages if they are
/// large.
fn capacity_for(bytes: usize) -> Option<usize> {
    match bytes {
        ..recycle::LEAST => Some(bytes),
        recycle::LEAST..HALF_PAGE => bytes.checked_next_multiple_of(recycle::GRANULE),
        HALF_PAGE.. => bytes.checked_next_multiple_of(HUGE_PAGE),
    }
}

/// The layout of a block with this capacity; `None` for large ones, which do not come from the allocator.
fn layout(capacity: usize) -> Option<Layout> {
    (capacity < recycle::LEAST).then(|| Layout::from_size_align(capacity, ALIGNMENT).ok())?
}

/// A zeroed block with this capacity, which is not zero.
fn allocate_zeroed(capacity: usize) -> Option<NonNull<u8>> {
    match layout(capacity) {
        // SAFETY: the size is not zero.
        Some(layout) => NonNull::new(unsafe { alloc_zeroed(layout) }),
        None => pages::allocate(capacity),
    }
}

impl<T> AlignedVec<T> {
    /// Whether the elements belong to somebody else, so that they cannot be written to.
    pub const fn is_lent(&self) -> bool {
        self.capacity == 0 && self.length > 0
    }

    /// A pointer to the first element. Elements may be written through it while no reference to them is in use, even if
    /// the buffer as a whole is borrowed.
    pub const fn pointer(&self) -> NonNull<T> {
        self.pointer
    }

    /// Some of the elements, without a reference to the others; empty if the range lies outside.
    pub fn part(&self, range: Range<usize>) -> &[T] {
        if range.start > range.end || range.end > self.length {
            return &[];
        }
        // SAFETY: the range is inside of the initialised elements.
        unsafe { std::slice::from_raw_parts(self.pointer.as_ptr().add(range.start), range.len()) }
    }
}

impl<T> Deref for AlignedVec<T> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        // SAFETY: `length` initialised elements start at the pointer, which is non-null and aligned even if empty.
        unsafe { std::slice::from_raw_parts(self.pointer.as_ptr(), self.length) }
    }
}

impl<T> DerefMut for AlignedVec<T> {
    /// The elements for writing: none if they are lent.
    fn deref_mut(&mut self) -> &mut [T] {
        let length = if self.is_lent() { 0 } else { self.length };
        // SAFETY: as in `deref`, and `self` is borrowed exclusively.
        unsafe { std::slice::from_raw_parts_mut(self.pointer.as_ptr(), length) }
    }
}

impl<T: fmt::Debug> fmt::Debug for AlignedVec<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_aligned_zeroed_and_fallible() {
        let v = AlignedVec::<f32>::try_new(33).unwrap();
        assert_eq!(v.as_ptr() as usize % 64, 0);
        assert!(v.iter().all(|&x| x == 0.0) && v.len() == 33);
        let large = AlignedVec::<u8>::try_new(HUGE_PAGE + 1).unwrap();
        assert_eq!(large.as_ptr() as usize % HUGE_PAGE, 0);
        assert!(large.iter().all(|&x| x == 0) && large.len() == HUGE_PAGE + 1);
        assert!(AlignedVec::<f32>::try_new(0).unwrap().is_empty());
        assert_eq!(AlignedVec::<f64>::try_new(usize::MAX / 4).unwrap_err().bytes, None);
        assert!(AlignedVec::<f64>::try_new(usize::MAX / 64).is_err());
    }

    #[test]
    fn what_is_lent_is_only_read() {
        let numbers = [1.0f32, 2.0, 3.0];
        // SAFETY: the numbers outlive the buffer and do not change.
        let mut lent = unsafe { AlignedVec::lent(NonNull::from(&numbers[1]), 2) };
        assert!(lent.is_lent() && !AlignedVec::<f32>::new().is_lent());
        assert_eq!(lent[..], [2.0, 3.0]);
        lent.iter_mut().for_each(|x| *x = 0.0);
        lent.try_grow(2).unwrap();
        assert_eq!(lent[..], [2.0, 3.0]);
        lent.try_grow(3).unwrap();
        assert_eq!((&lent[..], lent.is_lent()), (&[0.0; 3][..], false));
        assert_eq!(numbers, [1.0, 2.0, 3.0]);
    }

    #[test]
    fn memory_of_passing_buffers_is_used_again() {
        // A size of its own, so that no other test takes the block.
        let length = (recycle::LEAST + 7 * recycle::GRANULE) / size_of::<f32>();
        let mut first = AlignedVec::<f32>::try_any(length).unwrap();
        first.fill(3.0);
        let place = first.as_ptr() as usize;
        drop(first);
        let again = AlignedVec::<f32>::try_any(length - 5).unwrap();
        assert_eq!((again.as_ptr() as usize, again.len()), (place, length - 5));
        assert!(again.iter().all(|&x| x == 3.0));
        drop(again);
        let zeroed = AlignedVec::<u64>::try_new(length / 2).unwrap();
        assert!(zeroed.iter().all(|&x| x == 0));
    }
}
