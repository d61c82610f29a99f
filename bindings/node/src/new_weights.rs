//! New weights of a model, which come from JavaScript piece by piece.

use crate::argument::{self, Source};
use crate::error::{ErrorCode, Failure, Outcome, guard};
use crate::file_reader::{FileReader, Part, PartKind, Place, Target, copy_words};
use crate::model::NativeModel;
use crate::saved::scale_name;
use ::safetensors::Dtype;
use ::safetensors::tensor::{Metadata, TensorInfo};
use napi::bindgen_prelude::{ClassInstance, Object, TypedArrayType, Unknown};
use napi::{Env, Result};
use napi_derive::napi;
use seqloom_graph::train::{NewWeights, Piece};
use seqloom_kernels::Placement;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Memory for new weights of a model, which keeps its own until `takeWeights`.
#[napi]
pub struct NativeNewWeights {
    content: Mutex<Content>,
}

struct Content {
    weights: Option<NewWeights>,
    file: FileReader,
}

impl NativeNewWeights {
    fn content(&self) -> MutexGuard<'_, Content> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
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
            let start = argument::integer(&start, "start", 0)?;
            let sizes = argument::shape(&sizes, "sizes")?;
            let strides = argument::shape(&strides, "strides")?;
            let placement = Placement::new(start, &sizes, &strides).ok_or_else(|| {
                Failure::new(ErrorCode::SHAPE, format!("sizes {sizes:?} and strides {strides:?} do not fit"))
            })?;
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
                Ok(NativeNewWeights { content: Mutex::new(content) })
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
