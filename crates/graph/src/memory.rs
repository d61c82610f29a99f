//! Growing memory: every size is checked, what the process may use is respected, and failure is an error.

use crate::discard::wait_for_discarded;
use crate::error::{Error, Result};
use seqloom_kernels::{AlignedVec, OutOfMemory, Zeroable};
use std::fs;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Requests below this many bytes are left to the allocator, until they are as many together.
const UNCHECKED_BYTES: usize = 16 << 20;

/// Bytes requested since the last check.
static UNCHECKED: AtomicUsize = AtomicUsize::new(0);

/// Of a limited address space this much is left to what ends the process when it gets none, such as JavaScript's
/// own heap.
const RESERVE: u64 = 32 << 20;

/// Bytes that the process can still use: the system's available memory, or what the control group or the limit of
/// its address space leaves, whichever is least. `None` where the system does not say.
pub fn available_bytes() -> Option<u64> {
    let system = fs::read_to_string("/proc/meminfo").ok().and_then(|text| {
        let line = text.lines().find(|line| line.starts_with("MemAvailable:"))?;
        line.split_whitespace().nth(1)?.parse::<u64>().ok()?.checked_mul(1024)
    });
    [system, group_bytes(), address_bytes()].into_iter().flatten().min()
}

/// The limit of the process's address space in bytes, if there is one.
pub fn address_limit() -> Option<u64> {
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max address space"))?;
    line.split_whitespace().next()?.parse::<u64>().ok()
}

/// What the limit of the address space leaves, if there is one.
fn address_bytes() -> Option<u64> {
    let limit = address_limit()?;
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmSize:"))?;
    let used = line.split_whitespace().next()?.parse::<u64>().ok()?.checked_mul(1024)?;
    Some(limit.saturating_sub(used).saturating_sub(RESERVE))
}

/// What the control group's limit (version 2, then 1) leaves, page cache not counted as used.
fn group_bytes() -> Option<u64> {
    let number = |path: &str| fs::read_to_string(path).ok()?.trim().parse::<u64>().ok();
    let cached = |path: &str, key: &str| {
        let text = fs::read_to_string(path).ok()?;
        text.lines().find_map(|line| line.strip_prefix(key)?.trim().parse::<u64>().ok())
    };
    let left = |limit: u64, used: u64, cache: Option<u64>| {
        limit.saturating_sub(used.saturating_sub(cache.unwrap_or(0)))
    };
    if let Some(limit) = number("/sys/fs/cgroup/memory.max") {
        let used = number("/sys/fs/cgroup/memory.current")?;
        return Some(left(limit, used, cached("/sys/fs/cgroup/memory.stat", "inactive_file ")));
    }
    let limit = number("/sys/fs/cgroup/memory/memory.limit_in_bytes")?;
    let used = number("/sys/fs/cgroup/memory/memory.usage_in_bytes")?;
    Some(left(limit, used, cached("/sys/fs/cgroup/memory/memory.stat", "total_inactive_file ")))
}

/// A size for a message: `1536 bytes`, `2.5 GiB`.
fn readable(bytes: u128) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    let mut size = bytes as f64 / 1024.0;
    if size < 1.0 {
        return format!("{bytes} bytes");
    }
    let mut unit = 0;
    while size >= 1024.0 && unit + 1 < UNITS.len() {
        size /= 1024.0;
        unit += 1;
    }
    format!("{size:.1} {}", UNITS[unit])
}

/// Refuses sizes that the process cannot have; `freed` bytes are given back before the new ones are taken.
fn check(elements: usize, element_bytes: usize, freed: usize, what: &str) -> Result<()> {
    let bytes = elements as u128 * element_bytes as u128;
    if bytes <= UNCHECKED_BYTES as u128 {
        let unchecked = UNCHECKED.fetch_add(bytes as usize, Ordering::Relaxed);
        if unchecked < UNCHECKED_BYTES {
            return Ok(());
        }
    }
    UNCHECKED.store(0, Ordering::Relaxed);
    let lack = || {
        available_bytes().map(|available| u128::from(available) + freed as u128).filter(|&all| bytes > all)
    };
    match lack().and_then(|all| if wait_for_discarded() { lack() } else { Some(all) }) {
        Some(all) => {
            let (needed, available) = (readable(bytes), readable(all));
            Err(Error::memory(format!("{what} need {needed}; {available} are available")))
        }
        None => Ok(()),
    }
}

/// What `allocate` gives, at a second attempt if memory was on its way back at the first.
fn allocated<T>(
    elements: usize,
    what: &str,
    allocate: impl Fn(usize) -> std::result::Result<AlignedVec<T>, OutOfMemory>,
) -> Result<AlignedVec<T>> {
    allocate(elements)
        .or_else(|error| if wait_for_discarded() { allocate(elements) } else { Err(error) })
        .map_err(|_| refused(elements, size_of::<T>(), what))
}

fn refused(elements: usize, element_bytes: usize, what: &str) -> Error {
    let size = readable(elements as u128 * element_bytes as u128);
    Error::memory(format!("{what} need {size}, which cannot be allocated"))
}

/// Checks that somebody else can allocate `bytes` whose failure would end the process. `what` names them in the plural.
///
/// # Errors
/// `ERR_MEMORY`.
pub fn room_for(bytes: usize, what: &str) -> Result<()> {
    check(bytes, 1, 0, what)?;
    static LIMITED: OnceLock<bool> = OnceLock::new();
    let limited = *LIMITED.get_or_init(|| address_limit().is_some());
    if bytes < if limited { PROBED_BYTES } else { PROBED_WITHOUT_LIMIT } {
        return Ok(());
    }
    allocated::<u8>(bytes, what, AlignedVec::try_new).map(drop)
}

/// Smaller blocks are not tried: what has no room for them ends anyway.
const PROBED_BYTES: usize = 64 << 10;

/// The same where the address space has no limit and smaller blocks are always given. To try one costs fresh pages in
/// place of those that the heap had: a tenth of a call that returns 256 KiB.
const PROBED_WITHOUT_LIMIT: usize = 16 << 20;

/// A zeroed aligned block. `what` names its content in the message, in the plural: "The weights".
pub(crate) fn aligned<T: Zeroable>(elements: usize, what: &str) -> Result<AlignedVec<T>> {
    check(elements, size_of::<T>(), 0, what)?;
    allocated(elements, what, AlignedVec::try_new)
}

/// The same with elements of any value, for a caller that writes all of them.
pub(crate) fn any<T: Zeroable>(elements: usize, what: &str) -> Result<AlignedVec<T>> {
    check(elements, size_of::<T>(), 0, what)?;
    allocated(elements, what, AlignedVec::try_any)
}

/// Bytes of any value, such as those of a file, for a caller that writes all of them.
///
/// # Errors
/// `ERR_MEMORY`.
pub fn bytes_for(bytes: usize, what: &str) -> Result<AlignedVec<u8>> {
    any(bytes, what)
}

/// Makes `block` at least `elements` long; its content is lost when it grows.
pub(crate) fn grow_aligned<T: seqloom_kernels::Scalar>(
    block: &mut AlignedVec<T>,
    elements: usize,
    what: &str,
) -> Result<()> {
    if block.len() >= elements {
        return Ok(());
    }
    check(elements, size_of::<T>(), block.len() * size_of::<T>(), what)?;
    // The old block goes first: both together might not fit.
    *block = AlignedVec::new();
    *block = allocated(elements, what, AlignedVec::try_new)?;
    Ok(())
}

/// Empties `list` and fills it with `elements` copies of `value`, keeping its capacity.
pub(crate) fn refill<V: Clone>(list: &mut Vec<V>, elements: usize, value: V, what: &str) -> Result<()> {
    list.clear();
    if list.capacity() < elements {
        check(elements, size_of::<V>(), 0, what)?;
        list.try_reserve_exact(elements).map_err(|_| refused(elements, size_of::<V>(), what))?;
    }
    list.resize(elements, value);
    Ok(())
}
