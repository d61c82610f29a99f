//! New weights of a model, which come from JavaScript piece by piece.

use crate::argument::{self, Source};
use crate::descriptor::Opened;
use crate::error::{ErrorCode, Failure, Outcome, guard};
use crate::file_reader::{FileReader, Part, PartKind, Place, Target, copy_words};
use crate::job::{self, locked};
use crate::model::NativeModel;
use crate::saved::scale_name;
use crate::whole_file::WholeFile;
use ::safetensors::Dtype;
use ::safetensors::tensor::{Metadata, TensorInfo};
use napi::bindgen_prelude::{ClassInstance, Object, TypedArrayType, Unknown};
use napi::{Env, Result};
use napi_derive::napi;
use seqloom_graph::train::{NewWeights, Piece, Stored};
use seqloom_kernels::{Half, Placement};
use std::sync::{Arc, Mutex, MutexGuard};

/// Memory for new weights of a model, which keeps its own until `takeWeights`.
#[napi]
pub struct NativeNewWeights {
    /// Locked by a thread that reads a file: JavaScript waits for its promise before it does anything else.
    content: Arc<Mutex<Content>>,
}

struct Content {
    weights: Option<NewWeights>,
    file: FileReader,
}

impl NativeNewWeights {
    fn content(&self) -> MutexGuard<'_, Content> {
        locked(&self.content)
    }
}

/// Where the elements of a box go.
fn placement(start: &Unknown<'_>, sizes: &Unknown<'_>, strides: &Unknown<'_>) -> Outcome<Placement> {
    let start = argument::integer(start, "start", 0)?;
    let sizes = argument::shape(sizes, "sizes")?;
    let strides = argument::shape(strides, "strides")?;
    Placement::new(start, &sizes, &strides).ok_or_else(|| {
        Failure::new(ErrorCode::SHAPE, format!("sizes {sizes:?} and strides {strides:?} do not fit"))
    })
}

fn stored(dtype: &Unknown<'_>) -> Outcome<Stored> {
    match argument::string(dtype, "dtype")?.as_str() {
        "F32" => Ok(Stored::Float32),
        "F16" => Ok(Stored::Half(Half::Float16)),
        "BF16" => Ok(Stored::Half(Half::Bfloat16)),
        other => {
            let message = format!("dtype: expected 'F32', 'F16' or 'BF16', got '{other}'");
            Err(Failure::new(ErrorCode::OPTION, message))
        }
    }
}

#[napi]
impl NativeNewWeights {
    /// Writes consecutive elements of a box, row by row, from `from` on, to their places in weight `index`: `start + Σ
    /// index[axis] · strides[axis]`. No element may be written twice. With `clamps`, infinities become the largest
    /// numbers.
    ///
    /// Errors: `ERR_SHAPE` if the weight has not all the places, `ERR_DATA` for values that are not finite, `ERR_STATE`
    /// after the weights were taken or freed.
    #[napi(
        catch_unwind,
        ts_args_type = "index: number, start: number, sizes: readonly number[], strides: readonly number[], from: number, values: Float32Array, clamps: boolean"
    )]
    #[allow(clippy::too_many_arguments, reason = "an object of them would be taken apart for every piece")]
    pub fn put(
        &self,
        index: Unknown<'_>,
        start: Unknown<'_>,
        sizes: Unknown<'_>,
        strides: Unknown<'_>,
        from: Unknown<'_>,
        values: Unknown<'_>,
        clamps: Unknown<'_>,
    ) -> Result<(), ErrorCode> {
        guard(|| {
            let placement = placement(&start, &sizes, &strides)?;
            let (weight, from) =
                (argument::integer(&index, "index", 0)?, argument::integer(&from, "from", 0)?);
            let clamps = argument::boolean(&clamps, "clamps")?;
            let array = argument::typed_array(&values)?;
            let Some(array) = array.filter(|array| array.typed_array_type == TypedArrayType::Float32) else {
                return Err(Failure::new(ErrorCode::DATA, "values: expected a Float32Array"));
            };
            let source = Source::<f32>::of(&array, "values")?;
            let piece = Piece { weight, placement, from, count: source.len(), clamps };
            let mut content = self.content();
            let weights = content.weights.as_mut().ok_or_else(gone)?;
            Ok(weights.put(&piece, |into| source.copy_to(into))?)
        })
    }

    /// Writes `count` elements of a box, those from `from` on, to their places, as `put` does. They are read from an open file of this
    /// descriptor, little-endian and one after the other from byte `offset` on, by other threads.
    ///
    /// Errors: those of `put`; `ERR_FORMAT` if the file ends too early, `ERR_IO`. Not available on Windows.
    #[napi(
        catch_unwind,
        ts_args_type = "index: number, start: number, sizes: readonly number[], strides: readonly number[], from: number, count: number, descriptor: number, offset: number, dtype: 'F32' | 'F16' | 'BF16', clamps: boolean",
        ts_return_type = "Promise<undefined>"
    )]
    #[allow(clippy::too_many_arguments, reason = "as of `put`")]
    pub fn read<'env>(
        &self,
        env: &'env Env,
        index: Unknown<'env>,
        start: Unknown<'env>,
        sizes: Unknown<'env>,
        strides: Unknown<'env>,
        from: Unknown<'env>,
        count: Unknown<'env>,
        descriptor: Unknown<'env>,
        offset: Unknown<'env>,
        dtype: Unknown<'env>,
        clamps: Unknown<'env>,
    ) -> Result<Object<'env>, ErrorCode> {
        guard(|| {
            let weight = argument::integer(&index, "index", 0)?;
            let placement = placement(&start, &sizes, &strides)?;
            let (stored, clamps) = (stored(&dtype)?, argument::boolean(&clamps, "clamps")?);
            let offset = argument::integer(&offset, "offset", 0)?;
            let (from, count) =
                (argument::integer(&from, "from", 0)?, argument::integer(&count, "count", 0)?);
            let file = Opened::of(argument::integer(&descriptor, "descriptor", 0)?)?;
            let content = Arc::clone(&self.content);
            // Where the first element of the box would be is before the file, if others have it.
            let before = from.saturating_mul(stored.bytes());
            job::run_until(env, Arc::default(), move |cancel| {
                let piece = Piece { weight, placement, from, count, clamps };
                let mut content = locked(&content);
                let weights = content.weights.as_mut().ok_or_else(gone)?;
                Ok(weights
                    .read(&piece, stored, cancel, |at, into| file.read(offset + (at - before), into))?)
            })
        })
    }

    /// Reads a safetensors file of `size` bytes with all weights by their names, on other threads. Gives whether it has the
    /// SHA-256 `sha256`, if that is given; what else is wrong with a file that has not is not told.
    ///
    /// Errors: those of `appendFile`; `ERR_FORMAT` if the file ends too early, `ERR_IO`. Not available on Windows.
    #[napi(
        catch_unwind,
        ts_args_type = "descriptor: number, size: number, sha256?: string",
        ts_return_type = "Promise<boolean>"
    )]
    pub fn read_file<'env>(
        &self,
        env: &'env Env,
        descriptor: Unknown<'env>,
        size: Unknown<'env>,
        sha256: Unknown<'env>,
    ) -> Result<Object<'env>, ErrorCode> {
        guard(|| {
            let whole = WholeFile::of(&descriptor, &size, &sha256)?;
            whole.read_into(env, &self.content, |content| Ok(content.weights.as_mut().ok_or_else(gone)?))
        })
    }

    /// Takes the next bytes of a safetensors file of `size` bytes, with all weights by their names.
    ///
    /// Errors: `ERR_FORMAT` if it is not such a file, or its weights are not the model's; `ERR_DATA` for values that are
    /// not finite; `ERR_STATE`.
    #[napi(catch_unwind, ts_args_type = "bytes: Uint8Array, size: number")]
    pub fn append_file(&self, bytes: Unknown<'_>, size: Unknown<'_>) -> Result<(), ErrorCode> {
        guard(|| {
            let size = argument::integer(&size, "size", 0)?;
            let Content { weights, file } = &mut *self.content();
            file.append(&bytes, size, weights.as_mut().ok_or_else(gone)?)
        })
    }

    /// Frees the memory.
    #[napi(catch_unwind)]
    pub fn free(&self) -> Result<(), ErrorCode> {
        guard(|| {
            self.content().weights = None;
            Ok(())
        })
    }
}

#[napi]
impl NativeModel {
    /// Memory for new weights of this model.
    ///
    /// Errors: `ERR_STATE`, `ERR_MEMORY`.
    #[napi(catch_unwind, ts_return_type = "Promise<NativeNewWeights>")]
    pub fn new_weights<'env>(&self, env: &'env Env) -> Result<Object<'env>, ErrorCode> {
        guard(|| {
            self.shared.later_undrawn(env, Arc::default(), |trainer, _| {
                let content = Content { weights: Some(trainer.new_weights()?), file: FileReader::default() };
                Ok(NativeNewWeights { content: Arc::new(Mutex::new(content)) })
            })
        })
    }

    /// Replaces the weights that were written, on another thread; the others keep their values.
    ///
    /// Errors: `ERR_SHAPE` if they are another model's, or one was written in part; `ERR_STATE`, `ERR_MEMORY`.
    #[napi(catch_unwind, ts_args_type = "weights: NativeNewWeights", ts_return_type = "Promise<undefined>")]
    pub fn take_weights<'env>(
        &self,
        env: &'env Env,
        weights: Unknown<'env>,
    ) -> Result<Object<'env>, ErrorCode> {
        guard(|| {
            // SAFETY: the conversion checks the class and its type tag.
            let given = unsafe { weights.cast::<ClassInstance<'_, NativeNewWeights>>() }
                .map_err(|_| Failure::new(ErrorCode::DATA, "weights: expected new weights"))?;
            let new = given.content().weights.take().ok_or_else(gone)?;
            self.shared.later_undrawn(env, Arc::default(), move |trainer, cancel| {
                Ok(trainer.take_weights(new, cancel)?)
            })
        })
    }
}

impl Target for NewWeights {
    fn parts(&mut self, header: &Metadata) -> Outcome<Vec<(Place, Part)>> {
        let slots = self.slots();
        let tensors = header.tensors();
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
        for (index, slot) in slots.iter().enumerate() {
            let dtype = if slot.int8.is_some() { Dtype::I8 } else { Dtype::F32 };
            let kind = if slot.int8.is_some() { PartKind::Integers } else { PartKind::Floats };
            found.push((find(&slot.name, dtype, &slot.shape)?, Part { index, kind, length: slot.len }));
            if let Some(scales) = &slot.int8 {
                let place = find(&scale_name(slot), Dtype::F32, &[scales.len])?;
                found.push((place, Part { index, kind: PartKind::Scales, length: scales.len }));
            }
        }
        Ok(found)
    }

    fn write(&mut self, part: Part, from: usize, bytes: &[u8]) -> Outcome<()> {
        let words = bytes.as_chunks::<4>().0;
        match part.kind {
            PartKind::Floats => {
                let placement = Placement::new(0, &[part.length], &[1])
                    .ok_or_else(|| Failure::new(ErrorCode::FORMAT, "a weight is too large"))?;
                let count = words.len();
                let piece = Piece { weight: part.index, placement, from, count, clamps: false };
                Ok(self.put(&piece, |target| copy_words(words, target))?)
            }
            PartKind::Integers => Ok(self.put_integers(part.index, from, bytes)?),
            PartKind::Scales => {
                let mut scales = vec![0.0; words.len()];
                copy_words(words, &mut scales);
                Ok(self.put_scales(part.index, from, &scales)?)
            }
            PartKind::Bfloat16 => Err(Failure::new(ErrorCode::FORMAT, "no weight is kept in bfloat16")),
        }
    }
}

fn gone() -> Failure {
    Failure::new(ErrorCode::STATE, "The new weights were taken or freed before")
}
