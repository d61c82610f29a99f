//! The weights of a model in one flat arena.

use crate::buffer::copy;
use crate::error::{Error, Result};
use crate::memory;
use crate::values::WeightSpec;
use seqloom_kernels::{AlignedVec, Scalar};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Slots start at multiples of this many elements: 64 bytes for f32.
pub(crate) const SLOT_ALIGNMENT: usize = 16;

/// Where one weight lies in the arena.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    /// Name, such as `lstm/kernel`.
    pub name: String,
    /// Dimensions, row-major.
    pub shape: Vec<usize>,
    /// First element in the arena.
    pub offset: usize,
    /// Number of elements.
    pub len: usize,
    /// Whether optimizers change it.
    pub trainable: bool,
}

/// All weights, one after another in a 64-byte aligned arena, in the order of the graph.
#[derive(Debug)]
pub struct Parameters<T: Scalar> {
    arena: AlignedVec<T>,
    slots: Vec<Slot>,
    version: u64,
}

/// Number of elements of a shape, `None` when it overflows.
pub(crate) fn element_count(shape: &[usize]) -> Option<usize> {
    shape.iter().try_fold(1_usize, |count, &dim| count.checked_mul(dim))
}

/// Versions are unique in the process, so that a version alone tells whether packed weights are current.
fn next_version() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

impl<T: Scalar> Parameters<T> {
    /// The weights that a graph describes, all zero.
    ///
    /// # Errors
    /// `ERR_MEMORY` when the arena cannot be allocated, naming its size.
    pub fn zeros(graph: &impl AsRef<[WeightSpec]>) -> Result<Self> {
        let weights = graph.as_ref();
        let mut slots = Vec::with_capacity(weights.len());
        let mut end = 0_usize;
        for weight in weights {
            let too_large = || {
                Error::memory(format!(
                    "The weight '{}' of shape {:?} has more elements than can be addressed",
                    weight.name, weight.shape
                ))
            };
            let len = element_count(&weight.shape).ok_or_else(too_large)?;
            let offset = end;
            end = len
                .checked_next_multiple_of(SLOT_ALIGNMENT)
                .and_then(|len| end.checked_add(len))
                .ok_or_else(too_large)?;
            slots.push(Slot {
                name: weight.name.clone(),
                shape: weight.shape.clone(),
                offset,
                len,
                trainable: weight.trainable,
            });
        }
        Ok(Self { arena: memory::aligned(end, "The weights")?, slots, version: next_version() })
    }

    /// The weights for writing: from now on a copy, where others go on with them as they are.
    ///
    /// # Errors
    /// `ERR_MEMORY`.
    pub(crate) fn exclusive(shared: &mut Arc<Self>) -> Result<&mut Self> {
        if Arc::get_mut(shared).is_none() {
            let mut arena = memory::aligned(shared.arena.len(), "A copy of the weights")?;
            copy(&shared.arena, &mut arena);
            *shared = Arc::new(Self { arena, slots: shared.slots.clone(), version: next_version() });
        }
        Arc::get_mut(shared).ok_or_else(|| Error::native("The weights are in use"))
    }

    /// Names, shapes and places of the weights.
    pub fn slots(&self) -> &[Slot] {
        &self.slots
    }

    /// Changes whenever weights may have changed; two parameter sets never have the same version.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// The elements of weight `index`, `None` when there is no such weight.
    pub fn get(&self, index: usize) -> Option<&[T]> {
        let slot = self.slots.get(index)?;
        self.arena.get(slot.offset..slot.offset + slot.len)
    }

    /// The elements of weight `index` for writing, `None` when there is no such weight.
    pub fn get_mut(&mut self, index: usize) -> Option<&mut [T]> {
        self.version = next_version();
        let slot = self.slots.get(index)?;
        self.arena.get_mut(slot.offset..slot.offset + slot.len)
    }

    /// Replaces the elements of weight `index`.
    ///
    /// # Errors
    /// `ERR_SHAPE` when there is no such weight or the number of elements differs.
    pub fn set(&mut self, index: usize, values: &[T]) -> Result<()> {
        let count = self.slots.len();
        let Some(slot) = self.slots.get(index) else {
            return Err(Error::shape(format!("There is no weight {index}; the model has {count}")));
        };
        if slot.len != values.len() {
            return Err(Error::shape(format!(
                "The weight '{}' of shape {:?} has {} elements; got {}",
                slot.name,
                slot.shape,
                slot.len,
                values.len()
            )));
        }
        if let Some(target) = self.get_mut(index) {
            target.copy_from_slice(values);
        }
        Ok(())
    }

    /// The whole arena, the padding between slots included.
    pub fn arena(&self) -> &[T] {
        &self.arena
    }

    /// The whole arena for writing.
    pub fn arena_mut(&mut self) -> &mut [T] {
        self.version = next_version();
        &mut self.arena
    }
}
