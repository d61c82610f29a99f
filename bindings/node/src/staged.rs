//! Large inputs on their way to the engine: copied piece by piece, so that JavaScript's thread is never blocked for
//! long.

use crate::argument::{self, Source};
use crate::error::{ErrorCode, Failure, Outcome, guard};
use napi::Result;
use napi::bindgen_prelude::{ClassInstance, TypedArrayType, Unknown};
use napi_derive::napi;
use seqloom_graph::{Buffer, TensorData};
use std::cell::RefCell;

/// The elements of a tensor, handed over in pieces; can replace a typed array in a `NativeTensor`, once.
#[napi]
pub struct StagedArray {
    content: RefCell<Option<Content>>,
}

enum Content {
    /// The elements, and how many of them have been written.
    Floats(Buffer<f32>, usize),
    /// The elements so far, and how many there will be.
    Integers(Vec<i32>, usize),
    /// The bytes so far, and how many there will be.
    Bytes(Vec<u8>, usize),
}

#[napi]
impl StagedArray {
    /// Room for `length` elements.
    ///
    /// Errors: `ERR_MEMORY`.
    #[napi(constructor, catch_unwind, ts_args_type = "dtype: 'float32' | 'int32' | 'uint8', length: number")]
    pub fn new(dtype: Unknown<'_>, length: Unknown<'_>) -> Result<Self, ErrorCode> {
        guard(|| {
            let length = argument::integer(&length, "length", 0)?;
            let content = match argument::string(&dtype, "dtype")?.as_str() {
                "float32" => Content::Floats(Buffer::build(length, "The data", |_| Ok(()))?, 0),
                "int32" => Content::Integers(room(length)?, length),
                "uint8" => Content::Bytes(room(length)?, length),
                other => {
                    let message = format!("dtype: expected 'float32', 'int32' or 'uint8', got '{other}'");
                    return Err(Failure::new(ErrorCode::OPTION, message));
                }
            };
            Ok(Self { content: RefCell::new(Some(content)) })
        })
    }

    /// Copies the next elements.
    ///
    /// Errors: `ERR_SHAPE` for more than there is room for, `ERR_STATE` after the data were handed over.
    #[napi(catch_unwind, ts_args_type = "piece: Float32Array | Int32Array | Uint8Array")]
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
                    extend(list, *length, &argument::copy::<i32>(&array, "piece")?)
                }
                (Content::Bytes(list, length), TypedArrayType::Uint8) => {
                    extend(list, *length, &argument::copy::<u8>(&array, "piece")?)
                }
                _ => Err(wrong()),
            }
        })
    }
}

fn room<T>(length: usize) -> Outcome<Vec<T>> {
    let mut list = Vec::new();
    list.try_reserve_exact(length).map_err(|_| Failure::memory("The data", length))?;
    Ok(list)
}

fn extend<T: Copy>(list: &mut Vec<T>, length: usize, piece: &[T]) -> Outcome<()> {
    if list.len() + piece.len() > length {
        return Err(too_many());
    }
    list.extend_from_slice(piece);
    Ok(())
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

fn content(value: &Unknown<'_>) -> Outcome<Option<Content>> {
    if value.get_type()? != napi::ValueType::Object {
        return Ok(None);
    }
    // SAFETY: the conversion checks the class and its type tag.
    let Ok(staged) = (unsafe { value.cast::<ClassInstance<'_, StagedArray>>() }) else { return Ok(None) };
    let content = staged.content.borrow_mut().take().ok_or_else(used)?;
    Ok(Some(content))
}

fn incomplete(what: &str) -> Failure {
    Failure::new(ErrorCode::DATA, format!("{what}: not all of its elements were staged"))
}

/// The elements of a [`StagedArray`], which is empty afterwards; `None` if the value is something else.
pub(crate) fn take(value: &Unknown<'_>, what: &str) -> Outcome<Option<TensorData>> {
    match content(value)? {
        None => Ok(None),
        Some(Content::Floats(buffer, written)) if written == buffer.len() => {
            Ok(Some(TensorData::F32(buffer)))
        }
        Some(Content::Integers(list, length)) if list.len() == length => Ok(Some(TensorData::I32(list))),
        Some(Content::Bytes(..)) => Err(wrong()),
        Some(_) => Err(incomplete(what)),
    }
}

/// The bytes of a [`StagedArray`], which is empty afterwards, or a copy of those of a `Uint8Array`.
pub(crate) fn bytes(value: &Unknown<'_>, what: &str) -> Outcome<Vec<u8>> {
    match content(value)? {
        None => argument::elements::<u8>(value, what),
        Some(Content::Bytes(list, length)) if list.len() == length => Ok(list),
        Some(Content::Bytes(..)) => Err(incomplete(what)),
        Some(_) => Err(wrong()),
    }
}
