//! Weights as safetensors bytes. The `safetensors` crate checks every offset and size of what it reads.

use crate::argument;
use crate::error::{ErrorCode, Failure, Outcome, guard};
use crate::tensor::{self, product};
use napi::bindgen_prelude::{BufferSlice, Either, Float32Array, Int32Array, Object, Unknown};
use napi::{Env, Result};
use napi_derive::napi;
use safetensors::{Dtype, SafeTensorError, SafeTensors, View};
use seqloom_graph::TensorData;
use std::borrow::Cow;
use std::collections::HashMap;

/// One tensor of a file.
#[napi(object, object_from_js = false)]
pub struct NamedTensor {
    /// Its name, unique in the file.
    pub name: String,
    /// `F32` or `I32`.
    #[napi(ts_type = "'F32' | 'I32'")]
    pub dtype: String,
    /// Dimensions.
    pub shape: Vec<f64>,
    /// Elements, row-major.
    pub data: Either<Float32Array, Int32Array>,
}

/// The contents of a safetensors file.
#[napi(object, object_from_js = false)]
pub struct DecodedSafetensors {
    /// The tensors, by name.
    pub tensors: Vec<NamedTensor>,
    /// The strings beside them.
    pub metadata: HashMap<String, String>,
}

struct Entry {
    shape: Vec<usize>,
    data: TensorData,
}

impl View for &Entry {
    fn dtype(&self) -> Dtype {
        match self.data {
            TensorData::F32(_) => Dtype::F32,
            TensorData::I32(_) => Dtype::I32,
        }
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Owned(match &self.data {
            TensorData::F32(data) => data.iter().flat_map(|value| value.to_le_bytes()).collect(),
            TensorData::I32(data) => data.iter().flat_map(|value| value.to_le_bytes()).collect(),
        })
    }

    fn data_len(&self) -> usize {
        self.data.len() * size_of::<f32>()
    }
}

fn read_entry(value: &Unknown<'_>, what: &str) -> Outcome<(String, Entry)> {
    let object = argument::object(value, what)?;
    let name = argument::string(&argument::field(&object, "name")?, &format!("{what}.name"))?;
    let dtype = argument::string(&argument::field(&object, "dtype")?, &format!("{what}.dtype"))?;
    let shape = argument::shape(&argument::field(&object, "shape")?, &format!("{what}.shape"))?;
    let data = tensor::elements(&argument::field(&object, "data")?, &format!("{what}.data"))?;
    let wanted = match data {
        TensorData::F32(_) => "F32",
        TensorData::I32(_) => "I32",
    };
    if dtype != wanted {
        return Err(Failure::new(
            ErrorCode::DATA,
            format!("{what} ('{name}'): the dtype is '{dtype}', but the data is {wanted}"),
        ));
    }
    if product(&shape) != Some(data.len()) {
        return Err(Failure::new(
            ErrorCode::SHAPE,
            format!("{what} ('{name}'): {} elements for the shape {shape:?}", data.len()),
        ));
    }
    Ok((name, Entry { shape, data }))
}

fn read_metadata(value: &Unknown<'_>) -> Outcome<Option<HashMap<String, String>>> {
    if argument::is_missing(value) {
        return Ok(None);
    }
    let object = argument::object(value, "metadata")?;
    let mut metadata = HashMap::new();
    for key in Object::keys(&object)? {
        let text = argument::string(&argument::field(&object, &key)?, &format!("metadata.{key}"))?;
        metadata.insert(key, text);
    }
    Ok(Some(metadata))
}

/// Writes tensors as a safetensors file.
///
/// Errors: `ERR_SHAPE` if a shape does not fit its data, `ERR_DATA` if a dtype does not fit or two tensors share a name.
#[napi(
    catch_unwind,
    ts_args_type = "tensors: Array<NamedTensor>, metadata?: Record<string, string>",
    ts_return_type = "Buffer"
)]
pub fn encode_safetensors<'env>(
    env: &'env Env,
    tensors: Unknown<'env>,
    metadata: Unknown<'env>,
) -> Result<BufferSlice<'env>, ErrorCode> {
    guard(|| {
        let entries = argument::list(&tensors, "tensors", |item, what| read_entry(&item, what))?;
        let metadata = read_metadata(&metadata)?;
        let mut names = std::collections::HashSet::new();
        if let Some((name, _)) = entries.iter().find(|(name, _)| !names.insert(name.as_str())) {
            return Err(Failure::new(ErrorCode::DATA, format!("tensors: two are named '{name}'")));
        }
        let views = entries.iter().map(|(name, entry)| (name.as_str(), entry));
        let bytes = safetensors::serialize(views, metadata).map_err(|error| {
            Failure::new(ErrorCode::DATA, format!("The weights cannot be written: {error}"))
        })?;
        Ok(BufferSlice::from_data(env, bytes)?)
    })
}

/// Reads a safetensors file.
///
/// Errors: `ERR_FORMAT` for bytes that are not a complete, consistent file; `ERR_UNSUPPORTED` for a dtype other than
/// F32 and I32.
#[napi(catch_unwind, ts_args_type = "bytes: Uint8Array")]
pub fn decode_safetensors(bytes: Unknown<'_>) -> Result<DecodedSafetensors, ErrorCode> {
    guard(|| {
        let bytes = argument::elements::<u8>(&bytes, "bytes")?;
        let malformed = |error: SafeTensorError| {
            Failure::new(ErrorCode::FORMAT, format!("This is not an intact safetensors file: {error}"))
        };
        let (_, header) = SafeTensors::read_metadata(&bytes).map_err(malformed)?;
        let file = SafeTensors::deserialize(&bytes).map_err(malformed)?;
        let mut tensors = Vec::with_capacity(file.len());
        let mut views = file.tensors();
        views.sort_by(|a, b| a.0.cmp(&b.0));
        for (name, view) in views {
            let (dtype, data) = match view.dtype() {
                Dtype::F32 => {
                    ("F32", Either::A(Float32Array::new(words(view.data(), &name, f32::from_le_bytes)?)))
                }
                Dtype::I32 => {
                    ("I32", Either::B(Int32Array::new(words(view.data(), &name, i32::from_le_bytes)?)))
                }
                other => {
                    return Err(Failure::new(
                        ErrorCode::UNSUPPORTED,
                        format!("The tensor '{name}' has the dtype {other}; only F32 and I32 are read"),
                    ));
                }
            };
            let shape = view.shape().iter().map(|&dimension| dimension as f64).collect();
            tensors.push(NamedTensor { name, dtype: dtype.to_owned(), shape, data });
        }
        Ok(DecodedSafetensors { tensors, metadata: header.metadata().clone().unwrap_or_default() })
    })
}

fn words<T>(bytes: &[u8], name: &str, convert: impl Fn([u8; 4]) -> T) -> Outcome<Vec<T>> {
    let count = bytes.len() / 4;
    let mut values = Vec::new();
    values.try_reserve_exact(count).map_err(|_| Failure::memory(name, count))?;
    values.extend(bytes.as_chunks::<4>().0.iter().map(|&word| convert(word)));
    Ok(values)
}
