//! The weights of a model in one flat arena.

use crate::buffer::copy;
use crate::error::{Error, Result};
use crate::memory;
use crate::values::{Channels, WeightSpec};
use seqloom_kernels::{AlignedVec, Int8Matrix, Scalar, quantize};
use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Slots start at multiples of this many elements: 64 bytes for f32.
pub(crate) const SLOT_ALIGNMENT: usize = 16;

/// Where one weight lies in the arena, or among the integers if it is int8.
#[derive(Debug, Clone, PartialEq)]
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
    /// A factor on their learning rate.
    pub learning_rate_multiplier: f64,
    /// Its scales, if it is int8.
    pub int8: Option<Scales>,
}

/// The scales of an int8 weight.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scales {
    /// What shares one.
    pub channels: Channels,
    /// The first one in the list of all scales.
    offset: usize,
    /// How many there are.
    pub len: usize,
}

impl Scales {
    fn range(&self) -> Range<usize> {
        self.offset..self.offset + self.len
    }
}

/// The number that an integer stands for.
pub(crate) fn dequantized<T: Scalar>(integer: i8, scale: f32) -> T {
    T::from_f32(f32::from(integer) * scale)
}

impl Slot {
    /// The channel of an int8 weight's element.
    fn channel(&self, at: usize) -> usize {
        let columns = self.shape.last().copied().unwrap_or(1).max(1);
        match self.int8.as_ref().map(|scales| scales.channels) {
            Some(Channels::Columns) => at % columns,
            _ => at / columns,
        }
    }

    /// The first element of a channel, and how far the next one is.
    fn places(&self, channel: usize, columns: usize) -> (usize, usize) {
        match self.int8.as_ref().map(|scales| scales.channels) {
            Some(Channels::Columns) => (channel, columns),
            _ => (channel * columns, 1),
        }
    }

    fn range(&self) -> Range<usize> {
        self.offset..self.offset + self.len
    }
}

/// All weights, one after another in a 64-byte aligned arena, in the order of the graph; those that are int8 in another
/// one, with a list of their scales.
#[derive(Debug)]
pub struct Parameters<T: Scalar> {
    arena: AlignedVec<T>,
    integers: AlignedVec<i8>,
    scales: AlignedVec<f32>,
    slots: Vec<Slot>,
    version: u64,
}

/// Tells different numbers apart (FNV's steps over several lanes).
pub(crate) fn fingerprint(values: &[f32]) -> u64 {
    mixed(values, |value| u64::from(value.to_bits()))
}

fn mixed<V: Copy>(values: &[V], word: impl Fn(V) -> u64) -> u64 {
    let mut lanes = [0xcbf2_9ce4_8422_2325_u64; 8];
    let (blocks, rest) = values.as_chunks::<8>();
    for block in blocks {
        for (lane, &value) in lanes.iter_mut().zip(block) {
            *lane = (*lane ^ word(value)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    let rest = rest.iter().map(|&value| word(value));
    lanes
        .into_iter()
        .chain(rest)
        .fold(0, |sum, lane| (sum ^ lane).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29))
}

impl Parameters<f32> {
    /// Tells different weights apart.
    pub fn fingerprint(&self) -> u64 {
        let integers = mixed(&self.integers, |value| u64::from(value.cast_unsigned()));
        [integers, fingerprint(&self.scales)]
            .into_iter()
            .fold(fingerprint(&self.arena), |sum, part| sum.rotate_left(7) ^ part)
    }
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
        let (mut floats, mut integers, mut scales) = (0_usize, 0_usize, 0_usize);
        for weight in weights {
            let too_large = || {
                Error::memory(format!(
                    "The weight '{}' of shape {:?} has more elements than can be addressed",
                    weight.name, weight.shape
                ))
            };
            let len = element_count(&weight.shape).ok_or_else(too_large)?;
            let int8 = weight.int8.map(|channels| {
                let columns = weight.shape.last().copied().unwrap_or(1).max(1);
                let count = if channels == Channels::Rows { len / columns } else { columns };
                let offset = scales;
                scales += count;
                Scales { channels, offset, len: count }
            });
            let end = if int8.is_some() { &mut integers } else { &mut floats };
            let offset = *end;
            *end = len
                .checked_next_multiple_of(SLOT_ALIGNMENT)
                .and_then(|len| end.checked_add(len))
                .ok_or_else(too_large)?;
            slots.push(Slot {
                name: weight.name.clone(),
                shape: weight.shape.clone(),
                offset,
                len,
                trainable: weight.trainable,
                learning_rate_multiplier: weight.learning_rate_multiplier,
                int8,
            });
        }
        Ok(Self {
            arena: memory::aligned(floats, "The weights")?,
            integers: memory::aligned(integers, "The int8 weights")?,
            scales: memory::aligned(scales, "The scales of the int8 weights")?,
            slots,
            version: next_version(),
        })
    }

    /// The weights for writing: from now on a copy, where others go on with them as they are.
    ///
    /// # Errors
    /// `ERR_MEMORY`.
    pub(crate) fn exclusive(shared: &mut Arc<Self>) -> Result<&mut Self> {
        if Arc::get_mut(shared).is_none() {
            let mut arena = memory::aligned(shared.arena.len(), "A copy of the weights")?;
            copy(&shared.arena, &mut arena);
            let mut integers = memory::aligned(shared.integers.len(), "A copy of the int8 weights")?;
            copy(&shared.integers, &mut integers);
            let mut scales = memory::aligned(shared.scales.len(), "A copy of the scales")?;
            copy(&shared.scales, &mut scales);
            let slots = shared.slots.clone();
            *shared = Arc::new(Self { arena, integers, scales, slots, version: next_version() });
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

    /// The elements of weight `index`, `None` when there is no such weight or it is int8.
    pub fn get(&self, index: usize) -> Option<&[T]> {
        let slot = self.slots.get(index).filter(|slot| slot.int8.is_none())?;
        self.arena.get(slot.range())
    }

    /// The elements of weight `index` for writing, `None` when there is no such weight or it is int8.
    pub fn get_mut(&mut self, index: usize) -> Option<&mut [T]> {
        self.version = next_version();
        let slot = self.slots.get(index).filter(|slot| slot.int8.is_none())?;
        self.arena.get_mut(slot.range())
    }

    /// The integers and the scales of weight `index`, `None` when there is no such weight or it is not int8.
    pub fn int8(&self, index: usize) -> Option<(&[i8], &[f32])> {
        let slot = self.slots.get(index)?;
        let scales = slot.int8.as_ref()?;
        Some((self.integers.get(slot.range())?, self.scales.get(scales.range())?))
    }

    /// The same for writing.
    pub fn int8_mut(&mut self, index: usize) -> Option<(&mut [i8], &mut [f32])> {
        self.version = next_version();
        let slot = self.slots.get(index)?;
        let scales = slot.int8.as_ref()?;
        Some((self.integers.get_mut(slot.range())?, self.scales.get_mut(scales.range())?))
    }

    /// Weight `index` as the right matrix of a product: its leading dimensions by its last one, or, with a scale for each
    /// row, the transpose of that. `None` when it is not int8.
    pub(crate) fn int8_matrix(&self, index: usize) -> Option<Int8Matrix<'_>> {
        let (values, scales) = self.int8(index)?;
        let columns = scales.len();
        let transposed = self.slots.get(index)?.int8.as_ref()?.channels == Channels::Rows;
        Some(Int8Matrix { values, scales, rows: values.len() / columns.max(1), columns, transposed })
    }

    /// The elements of weight `index`, or the numbers that its integers stand for; `None` when there is no such weight.
    ///
    /// # Errors
    /// `ERR_MEMORY`.
    pub fn values(&self, index: usize) -> Result<Option<Cow<'_, [T]>>> {
        if let Some(values) = self.get(index) {
            return Ok(Some(Cow::Borrowed(values)));
        }
        let (Some(slot), Some((integers, scales))) = (self.slots.get(index), self.int8(index)) else {
            return Ok(None);
        };
        let mut values = Vec::new();
        memory::refill(&mut values, integers.len(), T::ZERO, "The numbers of an int8 weight")?;
        for (at, (value, &integer)) in values.iter_mut().zip(integers).enumerate() {
            *value = dequantized(integer, scales[slot.channel(at)]);
        }
        Ok(Some(Cow::Owned(values)))
    }

    /// Bytes of all weights.
    pub fn bytes(&self) -> usize {
        size_of_val(&self.arena[..]) + size_of_val(&self.integers[..]) + size_of_val(&self.scales[..])
    }

    /// Replaces the elements of weight `index`; those of an int8 weight are quantized.
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
        let slot = slot.clone();
        if let Some((integers, scales)) = self.int8_mut(index) {
            let columns = slot.shape.last().copied().unwrap_or(1).max(1);
            for (channel, scale) in scales.iter_mut().enumerate() {
                let (first, step) = slot.places(channel, columns);
                let count = values.len() / slot.int8.as_ref().map_or(1, |scales| scales.len.max(1));
                let numbers = values[first..].iter().step_by(step).take(count).map(|value| value.to_f32());
                *scale = quantize(numbers, |i, integer| integers[first + i * step] = integer);
            }
        } else if let Some(target) = self.get_mut(index) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::GraphSpec;

    /// A tied table, a kernel that a product uses, one that nothing can use as int8, and a bias.
    const GRAPH: &str = r#"{ "version": 1, "int8": true,
        "inputs": [{ "name": "x", "dtype": "int32", "shape": [null, null] }],
        "weights": [
            { "name": "table", "shape": [50, 40], "trainable": true, "initializer": { "kind": "glorotUniform" } },
            { "name": "kernel", "shape": [40, 40], "trainable": true, "initializer": { "kind": "glorotUniform" } },
            { "name": "bias", "shape": [40], "trainable": true, "initializer": { "kind": "ones" } },
            { "name": "square", "shape": [40, 40], "trainable": true, "initializer": { "kind": "ones" } }
        ],
        "nodes": [
            { "name": "e", "op": "embedding", "inputs": [0], "weights": [0], "outputs": [1], "attributes": { "maskZero": false } },
            { "name": "d", "op": "dense", "inputs": [1], "weights": [1, 2], "outputs": [2] },
            { "name": "s", "op": "dense", "inputs": [2], "weights": [3], "outputs": [3] },
            { "name": "t", "op": "dense", "inputs": [3], "weights": [3], "outputs": [4], "attributes": { "transposed": true } },
            { "name": "o", "op": "dense", "inputs": [4], "weights": [0], "outputs": [5], "attributes": { "transposed": true } }
        ],
        "outputs": [5] }"#;

    #[test]
    fn weights_are_int8_as_all_their_operations_agree_and_give_the_same_integers_again() {
        let graph = crate::registry::read(GraphSpec::from_json(GRAPH).unwrap()).unwrap();
        let channels: Vec<_> = graph.weights.iter().map(|weight| weight.int8).collect();
        // The last weight would need a scale for each row and for each column.
        assert_eq!(channels, [Some(Channels::Rows), Some(Channels::Columns), None, None]);
        assert!(graph.weights.iter().all(|weight| !weight.trainable));
        let mut parameters = Parameters::<f32>::zeros(&graph).unwrap();
        for (index, len) in [(0, 2000), (1, 1600)] {
            let values: Vec<f32> =
                (0..len).map(|i| ((i * 37 % 101) as f32 - 50.0) * (1.0 + i as f32 / 99.0)).collect();
            parameters.set(index, &values).unwrap();
            assert!(parameters.get(index).is_none() && parameters.get_mut(index).is_none());
            let stored = |parameters: &Parameters<f32>| {
                parameters.int8(index).map(|(integers, scales)| (integers.to_vec(), scales.to_vec())).unwrap()
            };
            let first = stored(&parameters);
            let read = parameters.values(index).unwrap().unwrap().into_owned();
            let rough = |(a, b): (&f32, &f32)| (a - b).abs() <= 0.51 * 50.0 * 22.0 / 127.0;
            assert!(values.iter().zip(&read).all(rough));
            parameters.set(index, &read).unwrap();
            assert_eq!(stored(&parameters), first);
        }
        assert_eq!(parameters.bytes(), 4 * (48 + 1600) + 2000 + 1600 + 4 * (50 + 40));
        assert_eq!(parameters.values(3).unwrap().unwrap().len(), 1600);
        assert!(parameters.values(4).unwrap().is_none());
    }
}
