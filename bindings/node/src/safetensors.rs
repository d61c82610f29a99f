//! Weights as safetensors bytes, made and read on other threads. The `safetensors` crate checks every offset and size
//! of what it reads.

use crate::argument;
use crate::array::Bytes;
use crate::error::{ErrorCode, Failure, Outcome, guard};
use crate::tensor::{self, product};
use crate::{job, staged};
use napi::bindgen_prelude::{Either, Float32Array, Int32Array, Object, Unknown};
use napi::{Env, Result};
use napi_derive::napi;
use safetensors::tensor::{Metadata, TensorInfo};
use safetensors::{Dtype, SafeTensorError, SafeTensors};
use seqloom_graph::{TensorData, bytes_for};
use std::collections::{HashMap, HashSet};

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
    name: String,
    shape: Vec<usize>,
    data: TensorData,
}

/// A tensor to be written.
#[derive(Clone, Copy)]
pub(crate) struct Written<'a> {
    pub(crate) name: &'a str,
    pub(crate) shape: &'a [usize],
    pub(crate) values: Values<'a>,
}

/// The elements of a tensor.
#[derive(Clone, Copy)]
pub(crate) enum Values<'a> {
    F32(&'a [f32]),
    I32(&'a [i32]),
    I8(&'a [i8]),
    /// The bits of bfloat16.
    Bf16(&'a [u16]),
}

impl Values<'_> {
    fn dtype(self) -> Dtype {
        match self {
            Self::F32(_) => Dtype::F32,
            Self::I32(_) => Dtype::I32,
            Self::I8(_) => Dtype::I8,
            Self::Bf16(_) => Dtype::BF16,
        }
    }

    /// The number of elements.
    pub(crate) fn len(self) -> usize {
        match self {
            Self::F32(values) => values.len(),
            Self::I32(values) => values.len(),
            Self::I8(values) => values.len(),
            Self::Bf16(values) => values.len(),
        }
    }

    fn bytes(self) -> usize {
        match self {
            Self::F32(values) => size_of_val(values),
            Self::I32(values) => size_of_val(values),
            Self::I8(values) => size_of_val(values),
            Self::Bf16(values) => size_of_val(values),
        }
    }

    /// Writes bytes of the elements, those from `from` on.
    fn write(self, from: usize, into: &mut [u8]) {
        match self {
            Self::F32(values) => write_words(values, f32::to_le_bytes, from, into),
            Self::I32(values) => write_words(values, i32::to_le_bytes, from, into),
            Self::Bf16(values) => write_words(values, u16::to_le_bytes, from, into),
            Self::I8(values) => {
                let values = values.get(from..).unwrap_or_default();
                into.iter_mut().zip(values).for_each(|(byte, value)| *byte = value.cast_unsigned());
            }
        }
    }
}

fn write_words<V: Copy, const N: usize>(values: &[V], bytes: fn(V) -> [u8; N], from: usize, into: &mut [u8]) {
    if from.is_multiple_of(N) && into.len().is_multiple_of(N) {
        let values = values.get(from / N..).unwrap_or_default();
        let words = into.as_chunks_mut::<N>().0;
        words.iter_mut().zip(values).for_each(|(word, &value)| *word = bytes(value));
        return;
    }
    for (at, byte) in (from..).zip(into) {
        *byte = values.get(at / N).map_or(0, |&value| bytes(value)[at % N]);
    }
}

/// Where the tensors of a file lie: their descriptions come first, sorted as the format's own library does, then their
/// elements. `T` says which tensor it is.
pub(crate) struct Layout<T> {
    /// The length of the descriptions, and the descriptions.
    head: Vec<u8>,
    /// Where each ends.
    tensors: Vec<(usize, T)>,
    /// The bytes of the file.
    pub(crate) bytes: usize,
}

impl<T> Layout<T> {
    /// Fails with `ERR_DATA` for two tensors of one name.
    pub(crate) fn new(
        mut tensors: Vec<(Written<'_>, T)>,
        metadata: Option<HashMap<String, String>>,
    ) -> Outcome<Self> {
        let refused =
            |error: String| Failure::new(ErrorCode::DATA, format!("The weights cannot be written: {error}"));
        let mut names = HashSet::new();
        if let Some((Written { name, .. }, _)) = tensors.iter().find(|(tensor, _)| !names.insert(tensor.name))
        {
            return Err(Failure::new(ErrorCode::DATA, format!("tensors: two are named '{name}'")));
        }
        tensors.sort_by(|(a, _), (b, _)| b.values.dtype().cmp(&a.values.dtype()).then(a.name.cmp(b.name)));
        let mut end = 0_usize;
        let mut described = Vec::with_capacity(tensors.len());
        let mut places = Vec::with_capacity(tensors.len());
        for (Written { name, shape, values }, which) in tensors {
            let start = end;
            end += values.bytes();
            let (dtype, shape) = (values.dtype(), shape.to_vec());
            described.push((name.to_owned(), TensorInfo { dtype, shape, data_offsets: (start, end) }));
            places.push((end, which));
        }
        let metadata = Metadata::new(metadata, described).map_err(|error| refused(error.to_string()))?;
        let mut header = serde_json::to_vec(&metadata).map_err(|error| refused(error.to_string()))?;
        header.resize(header.len().next_multiple_of(size_of::<u64>()), b' ');
        let head = [&(header.len() as u64).to_le_bytes(), &header[..]].concat();
        places.iter_mut().for_each(|(end, _)| *end += head.len());
        let bytes = head.len() + end;
        Ok(Self { head, tensors: places, bytes })
    }

    /// Reads bytes of the file, those from `from` on; what lies behind it stays as it is. `values` gives the elements
    /// of a tensor.
    pub(crate) fn read<'a>(&self, from: usize, into: &mut [u8], values: impl Fn(&T) -> Values<'a>) {
        let mut at = from;
        let mut rest = into;
        let head = self.head.get(at..).unwrap_or_default();
        let (begin, after) = rest.split_at_mut(head.len().min(rest.len()));
        begin.copy_from_slice(&head[..begin.len()]);
        (at, rest) = (at + begin.len(), after);
        let first = self.tensors.partition_point(|&(end, _)| end <= at);
        for (end, which) in self.tensors.iter().skip(first) {
            let values = values(which);
            let (part, after) = rest.split_at_mut((end - at).min(rest.len()));
            values.write(at + values.bytes() - end, part);
            (at, rest) = (at + part.len(), after);
            if rest.is_empty() {
                break;
            }
        }
    }
}

/// The bytes of a file with these tensors.
fn file(tensors: Vec<Written<'_>>, metadata: Option<HashMap<String, String>>) -> Outcome<Bytes> {
    let layout = Layout::new(tensors.into_iter().map(|tensor| (tensor, tensor.values)).collect(), metadata)?;
    let mut bytes = bytes_for(layout.bytes, "The bytes of the file")?;
    layout.read(0, &mut bytes, |&values| values);
    Ok(Bytes::from(bytes))
}

/// The tensors of a file.
///
/// Fails with `ERR_FORMAT` for bytes that are not a complete, consistent file.
fn opened(bytes: &[u8]) -> Outcome<SafeTensors<'_>> {
    SafeTensors::deserialize(bytes).map_err(malformed)
}

fn malformed(error: SafeTensorError) -> Failure {
    Failure::new(ErrorCode::FORMAT, format!("This is not an intact safetensors file: {error}"))
}

fn read_entry(value: &Unknown<'_>, what: &str) -> Outcome<Entry> {
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
    Ok(Entry { name, shape, data })
}

/// Strings to be written beside tensors.
pub(crate) fn read_metadata(value: &Unknown<'_>) -> Outcome<Option<HashMap<String, String>>> {
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

/// Makes the bytes of a safetensors file of tensors, whose elements may be staged.
///
/// Errors: `ERR_SHAPE` if a shape does not fit its data, `ERR_DATA` if a dtype does not fit or two tensors share a
/// name, `ERR_MEMORY`.
#[napi(
    catch_unwind,
    ts_args_type = "tensors: Array<Omit<NamedTensor, 'data'> & { data: Float32Array | Int32Array | StagedArray }>, metadata?: Record<string, string>",
    ts_return_type = "Promise<Uint8Array>"
)]
pub fn encode_safetensors<'env>(
    env: &'env Env,
    tensors: Unknown<'env>,
    metadata: Unknown<'env>,
) -> Result<Object<'env>, ErrorCode> {
    guard(|| {
        let entries = argument::list(&tensors, "tensors", |item, what| read_entry(&item, what))?;
        let metadata = read_metadata(&metadata)?;
        job::run(env, move || {
            let written = entries.iter().map(|Entry { name, shape, data }| Written {
                name,
                shape,
                values: match data {
                    TensorData::F32(data) => Values::F32(data),
                    TensorData::I32(data) => Values::I32(data),
                },
            });
            file(written.collect(), metadata)
        })
    })
}

/// Reads the bytes of a safetensors file, which may be staged.
///
/// Errors: `ERR_FORMAT` for bytes that are not a complete, consistent file; `ERR_UNSUPPORTED` for a dtype other than
/// F32 and I32; `ERR_MEMORY`.
#[napi(
    catch_unwind,
    ts_args_type = "bytes: Uint8Array | StagedArray",
    ts_return_type = "Promise<DecodedSafetensors>"
)]
pub fn decode_safetensors<'env>(env: &'env Env, bytes: Unknown<'env>) -> Result<Object<'env>, ErrorCode> {
    guard(|| {
        let bytes = staged::bytes(&bytes, "bytes")?;
        job::run(env, move || decoded(&bytes))
    })
}

fn decoded(bytes: &[u8]) -> Outcome<DecodedSafetensors> {
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(malformed)?;
    let file = opened(bytes)?;
    let mut tensors = Vec::with_capacity(file.len());
    let mut views = file.tensors();
    views.sort_by(|a, b| a.0.cmp(&b.0));
    for (name, view) in views {
        let (dtype, data) = match view.dtype() {
            Dtype::F32 => ("F32", Either::A(Float32Array::new(floats(view.data(), &name)?))),
            Dtype::I32 => ("I32", Either::B(Int32Array::new(words(view.data(), &name, i32::from_le_bytes)?))),
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
}

/// The elements of a tensor of F32; `name` is its name.
pub(crate) fn floats(bytes: &[u8], name: &str) -> Outcome<Vec<f32>> {
    words(bytes, name, f32::from_le_bytes)
}

fn words<T>(bytes: &[u8], name: &str, convert: impl Fn([u8; 4]) -> T) -> Outcome<Vec<T>> {
    let count = bytes.len() / 4;
    let mut values = Vec::new();
    values.try_reserve_exact(count).map_err(|_| Failure::memory(name, count))?;
    values.extend(bytes.as_chunks::<4>().0.iter().map(|&word| convert(word)));
    Ok(values)
}
