//! Copies of operands in the order in which tiles read them.

use std::cell::Cell;

use crate::AlignedVec;
use crate::bfloat16::round_to_bits;

/// Calls `body` with this thread's packing buffer, of at least `length` numbers with any contents. The buffer is
/// kept for the next call; a call inside of `body` gets another one.
pub(crate) fn with_buffer<R>(length: usize, body: impl FnOnce(&mut [f32]) -> R) -> R {
    thread_local! {
        static BUFFER: Cell<AlignedVec<f32>> = const { Cell::new(AlignedVec::new()) };
    }
    let mut buffer = BUFFER.take();
    if buffer.try_grow(length).is_err() {
        // Less than a megabyte, whatever the input: if even this fails, there is nothing left to do.
        std::alloc::handle_alloc_error(std::alloc::Layout::new::<[f32; super::DEPTH]>());
    }
    let result = body(&mut buffer[..length]);
    BUFFER.set(buffer);
    result
}

/// Packs `columns` columns of a matrix, with `depth` rows, as panels of `width`:
/// element (k, c) of the matrix, at `source + k·row + c·column`, becomes `into[(c / width)·depth·width + k·width +
/// c % width]`; columns that fill up the last panel are zero.
///
/// # Safety
/// The matrix is readable.
pub(crate) unsafe fn pack_columns(
    source: *const f32,
    (row, column): (usize, usize),
    depth: usize,
    columns: usize,
    width: usize,
    into: &mut [f32],
) {
    if depth == 0 || columns == 0 {
        return;
    }
    let panels = into[..columns.div_ceil(width) * depth * width].chunks_exact_mut(depth * width);
    for (panel, into) in panels.enumerate() {
        let first = panel * width;
        let here = (columns - first).min(width);
        if here < width {
            into.fill(0.0);
        }
        // SAFETY: column `first` is below `columns`, and k and c stay below `depth` and `columns`.
        unsafe {
            let source = source.add(first * column);
            if column == 1 {
                for (k, into) in into.chunks_exact_mut(width).enumerate() {
                    source.add(k * row).copy_to_nonoverlapping(into.as_mut_ptr(), here);
                }
            } else {
                // Eight rows at a time: each column is read in runs, and the written lines stay in the cache.
                for start in (0..depth).step_by(8) {
                    let end = depth.min(start + 8);
                    for c in 0..here {
                        for k in start..end {
                            *into.get_unchecked_mut(k * width + c) = *source.add(k * row + c * column);
                        }
                    }
                }
            }
        }
    }
}

/// Makes pairs of a panel's rows of `width` numbers, in its first half; an odd last one is paired with zeros.
pub(crate) fn pair_rows(panel: &mut [f32], width: usize) {
    let rows = panel.len() / width;
    for pair in 0..rows.div_ceil(2) {
        // What is written was read before.
        for lane in 0..width {
            let first = round_to_bits(panel[2 * pair * width + lane]);
            let second = panel.get((2 * pair + 1) * width + lane).copied().map_or(0, round_to_bits);
            panel[pair * width + lane] = f32::from_bits(u32::from(second) << 16 | u32::from(first));
        }
    }
}
