//! Cache-line aligned buffers whose allocation can fail without ending the process.

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;

const ALIGNMENT: usize = 64;

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
        let layout = Layout::from_size_align(bytes, ALIGNMENT).map_err(|_| OutOfMemory { bytes: None })?;
        // SAFETY: the layout has a non-zero size.
        let raw = unsafe { alloc_zeroed(layout) };
        let pointer = NonNull::new(raw.cast::<T>()).ok_or(OutOfMemory { bytes: Some(bytes) })?;
        Ok(Self { pointer, length })
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
            // SAFETY: `try_new` allocated with exactly this size and alignment, both checked there.
            unsafe {
                dealloc(self.pointer.as_ptr().cast(), Layout::from_size_align_unchecked(bytes, ALIGNMENT))
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
        assert!(AlignedVec::<f32>::try_new(0).unwrap().is_empty());
        assert_eq!(AlignedVec::<f64>::try_new(usize::MAX / 4).unwrap_err().bytes, None);
        assert!(AlignedVec::<f64>::try_new(usize::MAX / 64).is_err());
    }
}
