//! Buffers of finished steps, kept for the next one: the pages of a fresh buffer cost more than the copy into it.

use seqloom_graph::{HostTensor, TensorData};
use std::sync::{Mutex, PoisonError};

/// At most so many buffers are kept, for the inputs and targets of one step.
const MOST: usize = 4;
/// Smaller ones cost nothing to make, larger ones too much to keep (elements).
const KEPT: std::ops::RangeInclusive<usize> = 1 << 14..=1 << 22;

static SPARE: Mutex<Vec<Vec<f32>>> = Mutex::new(Vec::new());

/// An empty buffer, with room for `count` elements if a fitting one is there.
pub(crate) fn take(count: usize) -> Vec<f32> {
    if !KEPT.contains(&count) {
        return Vec::new();
    }
    let mut spare = SPARE.lock().unwrap_or_else(PoisonError::into_inner);
    let fits = |buffer: &Vec<f32>| buffer.capacity() >= count && buffer.capacity() / 2 <= count;
    spare.iter().position(fits).map_or_else(Vec::new, |index| spare.remove(index))
}

/// Keeps the buffers of tensors that are no longer needed; the oldest ones make room.
pub(crate) fn give(tensors: Vec<HostTensor>) {
    for tensor in tensors {
        let TensorData::F32(mut buffer) = tensor.data else { continue };
        if !KEPT.contains(&buffer.capacity()) {
            continue;
        }
        buffer.clear();
        let mut spare = SPARE.lock().unwrap_or_else(PoisonError::into_inner);
        if spare.len() == MOST {
            spare.remove(0);
        }
        spare.push(buffer);
    }
}
