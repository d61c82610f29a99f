//! Large inputs on their way to the engine: copied piece by piece, so that JavaScript's thread is never held for long.

use crate::argument::{self, Source};
use crate::error::{ErrorCode, Failure, Outcome, guard};
use napi::Result;
use napi::bindgen_prelude::{ClassInstance, TypedArrayType, Unknown};
use napi_derive::napi;
use seqloom_graph::{Buffer, TensorData};
use std::cell::RefCell;

/// The elements of a tensor, handed over in pieces; stands for a typed array in a `NativeTensor`, once.
#[napi]
pub struct StagedArray {
    content: RefCell<Option<Content>>,
}

enum Content {
    /// The elements, of which so many have been written.
    Floats(Buffer<f32>, usize),
    /// Room for so many elements.
    Integers(Vec<i32>, usize),
}

#[napi]
impl StagedArray {
    /// Room for `length` elements.
    ///
    /// Errors: `ERR_MEMORY`.
    #[napi(constructor, catch_unwind, ts_args_type = "dtype: 'float32' | 'int32', length: number")]
    pub fn new(dtype: Unknown<'_>, length: Unknown<'_>) -> Result<Self, ErrorCode> {
        guard(|| {
            let length = argument::integer(&length, "length", 0)?;
            let content = match argument::string(&dtype, "dtype")?.as_str() {
                "float32" => Content::Floats(Buffer::build(length, "The data", |_| Ok(()))?, 0),
                "int32" => {
                    let mut list = Vec::new();
                    list.try_reserve_exact(length).map_err(|_| Failure::memory("The data", length))?;
                    Content::Integers(list, length)
                }
                other => {
                    let message = format!("dtype: expected 'float32' or 'int32', got '{other}'");
                    return Err(Failure::new(ErrorCode::OPTION, message));
                }
            };
            Ok(Self { content: RefCell::new(Some(content)) })
        })
    }

    /// Copies the next elements.
    ///
    /// Errors: `ERR_SHAPE` for more than there is room for, `ERR_STATE` after the data were handed over.
    #[napi(catch_unwind, ts_args_type = "piece: Float32Array | Int32Array")]
    pub fn append(&self, piece: Unknown<'_>) -> Result<(), ErrorCode> {
        guard(|| {
            let mut content = self.content.borrow_mut();
            let content = content.as_mut().ok_or_else(used)?;
            let Some(array) = argument::typed_array(&piece)? else { return Err(wrong()) };
            match (content, array.typed_array_type) {
                (Content::Floats(buffer, written), TypedArrayType::Float32) => {
                    let source = Source::<f32>::of(&array, "piece")?;
                    let end = *written + source.len();
                    let target = buffer.get_mut().and_then(|all| all.get_mut(*written..end));
                    source.copy_to(target.ok_or_else(too_many)?);
                    *written = end;
                    Ok(())
                }
                (Content::Integers(list, length), TypedArrayType::Int32) => {
                    let piece = argument::copy::<i32>(&array, "piece")?;
                    if list.len() + piece.len() > *length {
                        return Err(too_many());
                    }
                    list.extend_from_slice(&piece);
                    Ok(())
                }
                _ => Err(wrong()),
            }
        })
    }
}

fn used() -> Failure {
    Failure::new(ErrorCode::STATE, "The staged data were handed over before")
}

fn too_many() -> Failure {
    Failure::new(ErrorCode::SHAPE, "piece: there is no room for so many elements")
}

fn wrong() -> Failure {
    Failure::new(ErrorCode::DATA, "piece: expected a typed array of the staged type")
}

/// The elements of a [`StagedArray`], which is empty afterwards; `None` if the value is something else.
pub(crate) fn take(value: &Unknown<'_>, what: &str) -> Outcome<Option<TensorData>> {
    if value.get_type()? != napi::ValueType::Object {
        return Ok(None);
    }
    // SAFETY: the conversion checks the class and its type tag.
    let Ok(staged) = (unsafe { value.cast::<ClassInstance<'_, StagedArray>>() }) else { return Ok(None) };
    let content = staged.content.borrow_mut().take().ok_or_else(used)?;
    let incomplete = || Failure::new(ErrorCode::DATA, format!("{what}: not all of its elements were staged"));
    match content {
        Content::Floats(buffer, written) if written == buffer.len() => Ok(Some(TensorData::F32(buffer))),
        Content::Integers(list, length) if list.len() == length => Ok(Some(TensorData::I32(list))),
        _ => Err(incomplete()),
    }
}
