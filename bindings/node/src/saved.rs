//! Models to and from the bytes of their files, on other threads.

use crate::argument::Source;
use crate::array::Bytes;
use crate::error::{ErrorCode, Failure, Outcome, guard};
use crate::model::{CARRIED, NativeModel, STEP, digits, put_state};
use crate::safetensors::{Values, Written, file, floats, opened, read_metadata};
use crate::staged;
use ::safetensors::Dtype;
use ::safetensors::tensor::{Metadata, TensorInfo};
use napi::bindgen_prelude::{Object, Unknown};
use napi::{Env, Result};
use napi_derive::napi;
use seqloom_graph::Slot;
use seqloom_graph::optim::StateTensor;
use seqloom_graph::train::{NewWeights, Piece, Trainer};
use seqloom_kernels::Placement;
use std::collections::HashMap;
use std::sync::Arc;

#[napi]
impl NativeModel {
    /// The weights as the bytes of a safetensors file. A weight that is int8 is two tensors: its integers, I8, and its
    /// scales, F32, under its name and `_scale`.
    ///
    /// Errors: `ERR_STATE`, `ERR_MEMORY`.
    #[napi(
        catch_unwind,
        ts_args_type = "metadata?: Record<string, string>",
        ts_return_type = "Promise<Uint8Array>"
    )]
    pub fn weights_file<'env>(
        &self,
        env: &'env Env,
        metadata: Unknown<'env>,
    ) -> Result<Object<'env>, ErrorCode> {
        guard(|| {
            let metadata = read_metadata(&metadata)?;
            self.shared.later(env, Arc::default(), move |trainer, _| {
                let parameters = trainer.parameters();
                let slots = parameters.slots();
                let scales: Vec<(String, [usize; 1])> = slots
                    .iter()
                    .map(|slot| (scale_name(slot), [slot.int8.as_ref().map_or(0, |scales| scales.len)]))
                    .collect();
                let mut written = Vec::new();
                for (index, (slot, (scale_name, scale_shape))) in slots.iter().zip(&scales).enumerate() {
                    let (name, shape) = (&slot.name[..], &slot.shape[..]);
                    match parameters.int8(index) {
                        None => {
                            let values = Values::F32(parameters.get(index).unwrap_or_default());
                            written.push(Written { name, shape, values });
                        }
                        Some((integers, scales)) => {
                            written.push(Written { name, shape, values: Values::I8(integers) });
                            let values = Values::F32(scales);
                            written.push(Written { name: scale_name, shape: scale_shape, values });
                        }
                    }
                }
                file(written, metadata)
            })
        })
    }

    /// What `optimizerState` gives, as the bytes of a safetensors file.
    ///
    /// Errors: `ERR_STATE`, also before `compile`; `ERR_MEMORY`.
    #[napi(
        catch_unwind,
        ts_args_type = "metadata?: Record<string, string>",
        ts_return_type = "Promise<Uint8Array>"
    )]
    pub fn state_file<'env>(
        &self,
        env: &'env Env,
        metadata: Unknown<'env>,
    ) -> Result<Object<'env>, ErrorCode> {
        guard(|| {
            let metadata = read_metadata(&metadata)?;
            self.shared.later(env, Arc::default(), move |trainer, _| state_file(trainer, metadata))
        })
    }

    /// Puts the optimizer's state of a safetensors file back, all of it or none.
    ///
    /// Errors: `ERR_FORMAT` if it is not the state of this optimizer, `ERR_STATE`, also before `compile`; `ERR_MEMORY`.
    #[napi(
        catch_unwind,
        ts_args_type = "bytes: Uint8Array | StagedArray",
        ts_return_type = "Promise<undefined>"
    )]
    pub fn read_state<'env>(&self, env: &'env Env, bytes: Unknown<'env>) -> Result<Object<'env>, ErrorCode> {
        guard(|| {
            let bytes = staged::bytes(&bytes, "bytes")?;
            self.shared.later(env, Arc::default(), move |trainer, _| put_state(trainer, states_of(&bytes)?))
        })
    }
}

/// What the scales of an int8 weight are called.
fn scale_name(slot: &Slot) -> String {
    format!("{}_scale", slot.name)
}

fn state_file(trainer: &mut Trainer, metadata: Option<HashMap<String, String>>) -> Outcome<Bytes> {
    let step = digits(trainer.optimizer()?.step_count());
    let (state, carried) = trainer.state_parts()?;
    let names: Vec<String> = (0..carried.len()).map(|index| format!("{CARRIED}{index}")).collect();
    let mut lists: Vec<(&str, &[f32])> = vec![(STEP, &step)];
    lists.extend(state.iter().map(|&(ref name, data)| (name.as_str(), data)));
    lists.extend(names.iter().zip(carried).map(|(name, data)| (name.as_str(), &data[..])));
    let lengths: Vec<[usize; 1]> = lists.iter().map(|(_, data)| [data.len()]).collect();
    let written = lists.iter().zip(&lengths).map(|(&(name, data), shape)| Written {
        name,
        shape,
        values: Values::F32(data),
    });
    file(written.collect(), metadata)
}

/// Reads weights of a safetensors file as its bytes come.
#[derive(Default)]
pub(crate) struct WeightsReader {
    /// The bytes that were not used yet: those of the header, then less than an element.
    bytes: Vec<u8>,
    /// Which tensors follow each other, once the header has been read.
    weights: Option<Vec<Part>>,
    /// The tensor that is read, among them, and how many of its elements have been.
    current: usize,
    done: usize,
}

/// A tensor of a file.
#[derive(Clone, Copy)]
struct Part {
    /// The weight's index.
    weight: usize,
    kind: PartKind,
    /// The number of elements.
    length: usize,
}

/// What a tensor is.
#[derive(Clone, Copy)]
enum PartKind {
    Floats,
    Integers,
    /// Of an int8 weight.
    Scales,
}

impl Part {
    /// Bytes of an element.
    fn size(self) -> usize {
        if matches!(self.kind, PartKind::Integers) { 1 } else { 4 }
    }

    /// Writes elements from `from` on; returns how many.
    fn write(self, from: usize, bytes: &[u8], into: &mut NewWeights) -> Outcome<usize> {
        let count = (bytes.len() / self.size()).min(self.length - from);
        let bytes = &bytes[..count * self.size()];
        let words = bytes.as_chunks::<4>().0;
        match self.kind {
            PartKind::Floats => {
                let placement = Placement::new(0, &[self.length], &[1]).ok_or_else(|| malformed("a size"))?;
                let piece = Piece { weight: self.weight, placement, from, count, clamps: false };
                into.put(&piece, |target| {
                    target.iter_mut().zip(words).for_each(|(value, &word)| *value = f32::from_le_bytes(word));
                })?;
            }
            PartKind::Integers => into.put_integers(self.weight, from, bytes)?,
            PartKind::Scales => {
                let scales: Vec<f32> = words.iter().map(|&word| f32::from_le_bytes(word)).collect();
                into.put_scales(self.weight, from, &scales)?;
            }
        }
        Ok(count)
    }
}

/// The header's length comes first, in so many bytes.
const LENGTH_BYTES: usize = size_of::<u64>();

/// The longest header, as in the format's own library.
const MOST_HEADER_BYTES: u64 = 100_000_000;

impl WeightsReader {
    /// Takes the next bytes of a file, which has `size` in all.
    pub(crate) fn append(
        &mut self,
        next: &Source<'_, u8>,
        size: usize,
        into: &mut NewWeights,
    ) -> Outcome<()> {
        let before = self.bytes.len();
        self.bytes.try_reserve(next.len()).map_err(|_| Failure::memory("The file", next.len()))?;
        self.bytes.resize(before + next.len(), 0);
        next.copy_to(&mut self.bytes[before..]);
        let mut used = 0;
        if self.weights.is_none() {
            let Some(end) = header_end(&self.bytes, size)? else { return Ok(()) };
            let Some(header) = self.bytes.get(LENGTH_BYTES..end) else { return Ok(()) };
            self.weights = Some(weights_in(header, size - end, into.slots())?);
            used = end;
        }
        while let Some(&part) = self.weights.as_deref().unwrap_or_default().get(self.current) {
            let count = part.write(self.done, self.bytes.get(used..).unwrap_or_default(), into)?;
            if count == 0 && self.done < part.length {
                break;
            }
            used += count * part.size();
            self.done += count;
            if self.done == part.length {
                (self.current, self.done) = (self.current + 1, 0);
            }
        }
        self.bytes.drain(..used);
        Ok(())
    }
}

/// Where the header ends, once its length is there; it must be within the file.
fn header_end(bytes: &[u8], size: usize) -> Outcome<Option<usize>> {
    let length = bytes.first_chunk().map(|&length| u64::from_le_bytes(length));
    if size < LENGTH_BYTES || length.is_some_and(|length| length > MOST_HEADER_BYTES) {
        return Err(malformed("its header has no length that can be"));
    }
    let end = length.map(|length| LENGTH_BYTES + usize::try_from(length).unwrap_or(usize::MAX));
    if end.is_some_and(|end| end > size) {
        return Err(malformed("its header is longer than the file"));
    }
    Ok(end)
}

/// The tensors of a header in the order of their elements, which must be all of the `size` bytes behind it.
fn weights_in(header: &[u8], size: usize, slots: &[Slot]) -> Outcome<Vec<Part>> {
    let metadata: Metadata = serde_json::from_slice(header).map_err(|error| malformed(&error.to_string()))?;
    let tensors = metadata.tensors();
    let wanted = slots.len() + slots.iter().filter(|slot| slot.int8.is_some()).count();
    if tensors.len() != wanted {
        let message = format!("it has {} tensors, the model's weights are {wanted}", tensors.len());
        return Err(Failure::new(ErrorCode::FORMAT, message));
    }
    let find = |name: &str, dtype: Dtype, shape: &[usize]| {
        let fits = |info: &&TensorInfo| info.dtype == dtype && info.shape == shape;
        tensors.get(name).copied().filter(fits).map(|info| info.data_offsets).ok_or_else(|| {
            let message = format!("it has no weight '{name}' of shape {shape:?} and type {dtype}");
            Failure::new(ErrorCode::FORMAT, message)
        })
    };
    let mut found = Vec::with_capacity(wanted);
    for (weight, slot) in slots.iter().enumerate() {
        let dtype = if slot.int8.is_some() { Dtype::I8 } else { Dtype::F32 };
        let kind = if slot.int8.is_some() { PartKind::Integers } else { PartKind::Floats };
        found.push((find(&slot.name, dtype, &slot.shape)?, Part { weight, kind, length: slot.len }));
        if let Some(scales) = &slot.int8 {
            let place = find(&scale_name(slot), Dtype::F32, &[scales.len])?;
            found.push((place, Part { weight, kind: PartKind::Scales, length: scales.len }));
        }
    }
    // That they follow each other without gaps, the library has checked.
    found.sort_unstable_by_key(|&(place, _)| place);
    let told = metadata.data_len();
    if told != size {
        return Err(malformed(&format!("it has {size} bytes of elements where its header tells of {told}")));
    }
    Ok(found.into_iter().map(|(_, part)| part).collect())
}

fn malformed(why: &str) -> Failure {
    Failure::new(ErrorCode::FORMAT, format!("This is not an intact safetensors file: {why}"))
}

fn states_of(bytes: &[u8]) -> Outcome<Vec<StateTensor>> {
    let file = opened(bytes)?;
    file.iter()
        .map(|(name, view)| {
            if view.dtype() != Dtype::F32 {
                let message = format!("the state '{name}' has the dtype {}, not F32", view.dtype());
                return Err(Failure::new(ErrorCode::FORMAT, message));
            }
            let data = floats(view.data(), name)?;
            Ok(StateTensor { name: name.to_owned(), shape: vec![data.len()], data })
        })
        .collect()
}
