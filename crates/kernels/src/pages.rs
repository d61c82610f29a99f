//! Memory for large buffers, straight from the system. Freed buffers go back to it, whereas an allocator would keep the
//! holes that dropped models leave. In huge pages where the system has them.

use std::ptr::NonNull;

/// Buffers of at least half this size are aligned and rounded up to it, so that Linux can back all of them with huge
/// pages. When weights stream through the caches at batch 1, small pages scattered over the cache's sets cost a tenth
/// and make the speed of a process a matter of luck.
pub(crate) const HUGE_PAGE: usize = 2 << 20;

/// A zeroed block of `capacity` bytes (whole pages), aligned to a huge page if it holds one. The system zeroes pages
/// when they are first touched; zeroing them here would cost as much as the copy that often follows.
#[cfg(all(target_os = "linux", not(miri)))]
pub(crate) fn allocate(capacity: usize) -> Option<NonNull<u8>> {
    let huge = capacity >= HUGE_PAGE;
    // Room to align in.
    let room = if huge { capacity.checked_add(HUGE_PAGE)? } else { capacity };
    // SAFETY: a new mapping, which touches no other memory.
    let mapped = unsafe {
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        libc::mmap(std::ptr::null_mut(), room, protection, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1, 0)
    };
    if mapped == libc::MAP_FAILED {
        return None;
    }
    if !huge {
        return NonNull::new(mapped.cast());
    }
    let before = mapped.addr().wrapping_neg() % HUGE_PAGE;
    // SAFETY: whole pages of the mapping before and after the block, which nobody uses; the block itself stays. Huge
    // pages must be requested before the first touch; if the system refuses, small ones work as well.
    unsafe {
        let block = mapped.byte_add(before);
        if before > 0 {
            libc::munmap(mapped, before);
        }
        if before < HUGE_PAGE {
            libc::munmap(block.byte_add(capacity), HUGE_PAGE - before);
        }
        libc::madvise(block, capacity, libc::MADV_HUGEPAGE);
        NonNull::new(block.cast())
    }
}

/// Returns a block of [`allocate`].
///
/// # Safety
/// The block was allocated with this capacity, and nobody uses it any more.
#[cfg(all(target_os = "linux", not(miri)))]
pub(crate) unsafe fn free(block: NonNull<u8>, capacity: usize) {
    // SAFETY: promised by the caller.
    unsafe { libc::munmap(block.as_ptr().cast(), capacity) };
}

#[cfg(any(miri, not(target_os = "linux")))]
fn layout(capacity: usize) -> Option<std::alloc::Layout> {
    std::alloc::Layout::from_size_align(capacity, HUGE_PAGE).ok()
}

/// A zeroed block of `capacity` bytes, more than zero.
#[cfg(any(miri, not(target_os = "linux")))]
pub(crate) fn allocate(capacity: usize) -> Option<NonNull<u8>> {
    // SAFETY: the size is not zero.
    NonNull::new(unsafe { std::alloc::alloc_zeroed(layout(capacity)?) })
}

/// Returns a block of [`allocate`].
///
/// # Safety
/// The block was allocated with this capacity, and nobody uses it any more.
#[cfg(any(miri, not(target_os = "linux")))]
pub(crate) unsafe fn free(block: NonNull<u8>, capacity: usize) {
    if let Some(layout) = layout(capacity) {
        // SAFETY: promised by the caller.
        unsafe { std::alloc::dealloc(block.as_ptr(), layout) };
    }
}
