//! Cache-line aligned buffers whose allocation can fail without ending the process.

use std::alloc::{Layout, alloc, dealloc};
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;

/// A cache line.
const ALIGNMENT: usize = 64;
/// What buffers of at least half this size are aligned to and rounded up to, so that Linux can back all of them with
/// huge pages: where weights stream through the caches at batch 1, small pages scattered over the cache's sets cost
/// a tenth and make the speed of a process a matter of luck.
const HUGE_PAGE: usize = 2 << 20;

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

/// Plain numbers for which all-zero bytes are a valid value.
///
/// # Safety
/// Implementors must be `Copy` types without padding for which zeroed memory is a valid value.
pub unsafe trait Zeroable: Copy + 'static {}

macro_rules! zeroable {
    ($($t:ty),*) => {$(
        // SAFETY: a primitive number; all-zero bytes are its zero.
        unsafe impl Zeroable for $t {}
    )*};
}
zeroable!(f32, f64, u8, i8, u16, i16, u32, i32, u64, i64, usize, isize);

/// The layout of a buffer of so many bytes, more than zero.
fn layout(bytes: usize) -> Result<Layout, OutOfMemory> {
    let overflow = OutOfMemory { bytes: None };
    let (bytes, alignment) = if bytes < HUGE_PAGE / 2 {
        (bytes, ALIGNMENT)
    } else {
        (bytes.checked_next_multiple_of(HUGE_PAGE).ok_or(overflow)?, HUGE_PAGE)
    };
    Layout::from_size_align(bytes, alignment).map_err(|_| overflow)
}

/// A zeroed block, with huge pages if it is of their size.
fn allocate(layout: Layout) -> Option<NonNull<u8>> {
    // SAFETY: callers have a layout of a non-zero size.
    let block = NonNull::new(unsafe { alloc(layout) })?;
    #[cfg(target_os = "linux")]
    if layout.align() == HUGE_PAGE {
        // Before the first touch, which chooses the pages. Where the system refuses, small ones do as well.
        // SAFETY: the block is whole pages of this process, and their contents stay.
        unsafe { libc::madvise(block.as_ptr().cast(), layout.size(), libc::MADV_HUGEPAGE) };
    }
    // SAFETY: the block has that many bytes.
    unsafe { block.write_bytes(0, layout.size()) };
    Some(block)
}

/// A fixed-length buffer aligned to 64 bytes, zeroed when created.
pub struct AlignedVec<T> {
    pointer: NonNull<T>,
    length: usize,
}

// SAFETY: the buffer is owned exclusively, like a `Vec<T>`.
unsafe impl<T: Send> Send for AlignedVec<T> {}
// SAFETY: shared access only hands out `&[T]`.
unsafe impl<T: Sync> Sync for AlignedVec<T> {}

impl<T: Zeroable> AlignedVec<T> {
    /// An empty buffer; allocates nothing.
    pub const fn new() -> Self {
        Self { pointer: NonNull::dangling(), length: 0 }
    }

    /// A zeroed buffer of `length` elements.
    ///
    /// # Errors
    /// [`OutOfMemory`] when the allocator refuses or the size overflows.
    pub fn try_new(length: usize) -> Result<Self, OutOfMemory> {
        let bytes = length.checked_mul(size_of::<T>()).ok_or(OutOfMemory { bytes: None })?;
        if bytes == 0 {
            return Ok(Self { pointer: NonNull::dangling(), length });
        }
        let block = allocate(layout(bytes)?).ok_or(OutOfMemory { bytes: Some(bytes) })?;
        Ok(Self { pointer: block.cast(), length })
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
        let bytes = self.length * size_of::<T>();
        if bytes > 0 {
            // `try_new` made this layout, so it is one.
            if let Ok(layout) = layout(bytes) {
                // SAFETY: `try_new` allocated the block with this layout.
                unsafe { dealloc(self.pointer.as_ptr().cast(), layout) }
            }
        }
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
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as in `deref`, and `self` is borrowed exclusively.
        unsafe { std::slice::from_raw_parts_mut(self.pointer.as_ptr(), self.length) }
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
}
