//! Tensors between JavaScript and the engine.

use crate::argument;
use crate::array::Elements;
use crate::error::{ErrorCode, Failure, Outcome};
use crate::staged;
use napi::bindgen_prelude::{TypedArrayType, Uint8Array, Uint32Array, Unknown};
use napi_derive::napi;
use seqloom_graph::{Buffer, HostTensor, Sequence, TensorData};
use seqloom_kernels::AlignedVec;

/// A tensor over a typed array that nothing else writes to.
#[napi(object, object_from_js = false)]
pub struct NativeTensor {
    /// Elements, row-major; with `ragged`, only the valid steps, row after row. Inputs may be staged.
    #[napi(ts_type = "Float32Array | Int32Array | StagedArray")]
    pub data: Elements,
    /// Dimensions, batch first; with `ragged`, the padded ones.
    pub shape: Vec<f64>,
    /// How many leading steps of each row are valid.
    pub lengths: Option<Uint32Array>,
    /// Which steps are valid, `[batch * time]`.
    pub mask: Option<Uint8Array>,
    /// Whether `data` holds only the valid steps.
    pub ragged: Option<bool>,
}

impl From<HostTensor> for NativeTensor {
    fn from(tensor: HostTensor) -> Self {
        let data = Elements::new(tensor.data);
        let shape = tensor.shape.into_iter().map(|dimension| dimension as f64).collect();
        let (lengths, mask, ragged) = match tensor.sequence {
            Sequence::Full => (None, None, None),
            Sequence::Lengths(lengths) => (Some(Uint32Array::new(lengths)), None, None),
            Sequence::Mask(mask) => (None, Some(Uint8Array::new(mask)), None),
            Sequence::Ragged(lengths) => (Some(Uint32Array::new(lengths)), None, Some(true)),
        };
        Self { data, shape, lengths, mask, ragged }
    }
}

impl NativeTensor {
    /// The result of a synchronous call.
    pub(crate) fn at_once(tensor: HostTensor) -> Self {
        let tensor = Self::from(tensor);
        Self { data: tensor.data.at_once(), ..tensor }
    }
}

/// A copy of the tensor that JavaScript describes as `{ data, shape, lengths?, mask?, ragged? }`, its sizes checked.
pub(crate) fn read(value: &Unknown<'_>, what: &str) -> Outcome<HostTensor> {
    Description::read(value, what)?.tensor(what, elements)
}

/// Tensors whose elements are read where JavaScript has them, for a call that has ended before any JavaScript runs
/// again. `call` is that call; it drops the tensors and all that it made of their elements.
pub(crate) fn lend_list<V>(
    value: &Unknown<'_>,
    what: &str,
    call: impl FnOnce(Vec<HostTensor>) -> Outcome<V>,
) -> Outcome<V> {
    // Also the getters of the last tensor run before the first one's elements are looked up.
    let descriptions = argument::list(value, what, |item, what| Description::read(&item, what))?;
    let tensors = descriptions.into_iter().enumerate();
    call(
        tensors
            .map(|(index, tensor)| tensor.tensor(&format!("{what}[{index}]"), lent))
            .collect::<Outcome<_>>()?,
    )
}

/// A tensor without its elements.
struct Description<'env> {
    data: Unknown<'env>,
    shape: Vec<usize>,
    sequence: Sequence,
}

impl<'env> Description<'env> {
    fn read(value: &Unknown<'env>, what: &str) -> Outcome<Self> {
        let object = argument::object(value, what)?;
        // All properties are read before any element: a getter is code that could detach a buffer.
        let data = argument::field(&object, "data")?;
        let lengths = argument::field(&object, "lengths")?;
        let mask = argument::field(&object, "mask")?;
        let ragged = argument::field(&object, "ragged")?;
        let shape = argument::shape(&argument::field(&object, "shape")?, &format!("{what}.shape"))?;
        let ragged = !argument::is_missing(&ragged) && argument::boolean(&ragged, &format!("{what}.ragged"))?;
        Ok(Self { data, shape, sequence: sequence(&lengths, &mask, ragged, what)? })
    }

    fn tensor(
        self,
        what: &str,
        elements: impl Fn(&Unknown<'_>, &str) -> Outcome<TensorData>,
    ) -> Outcome<HostTensor> {
        let Self { data, shape, sequence } = self;
        let data = elements(&data, &format!("{what}.data"))?;
        check(&data, &shape, &sequence, what)?;
        Ok(HostTensor { data, shape, sequence })
    }
}

/// A list of tensors; `what` names it in errors.
pub(crate) fn read_list(value: &Unknown<'_>, what: &str) -> Outcome<Vec<HostTensor>> {
    argument::list(value, what, |item, what| read(&item, what))
}

/// A copy of a `Float32Array` or an `Int32Array`, or what was staged.
pub(crate) fn elements(value: &Unknown<'_>, what: &str) -> Outcome<TensorData> {
    let Some(array) = argument::typed_array(value)? else {
        if let Some(data) = staged::take(value, what)? {
            return Ok(data);
        }
        return Err(Failure::new(
            ErrorCode::DATA,
            format!("{what}: expected a Float32Array or an Int32Array"),
        ));
    };
    match array.typed_array_type {
        TypedArrayType::Float32 => {
            let source = argument::Source::<f32>::of(&array, what)?;
            let buffer = Buffer::build(source.len(), what, |target| {
                source.copy_to(target);
                Ok(())
            })?;
            Ok(TensorData::F32(buffer))
        }
        TypedArrayType::Int32 => Ok(TensorData::I32(argument::copy(&array, what)?)),
        other => Err(Failure::new(
            ErrorCode::DATA,
            format!("{what}: expected a Float32Array or an Int32Array, got {}Array", other.as_ref()),
        )),
    }
}

/// Fewer elements are copied as fast.
const WORTH_LENDING: usize = 1 << 14;

/// The elements of a `Float32Array` where they are, if they are many; else a copy.
fn lent(value: &Unknown<'_>, what: &str) -> Outcome<TensorData> {
    if let Some(array) = argument::typed_array(value)?
        && array.typed_array_type == TypedArrayType::Float32
    {
        let source = argument::Source::<f32>::of(&array, what)?;
        if let Some(place) = source.place(&array).filter(|_| source.len() >= WORTH_LENDING) {
            // SAFETY: the elements stay where they are and as they are while no JavaScript runs, and `lend_list` says
            // who drops the buffer before that.
            let elements = unsafe { AlignedVec::lent(place, source.len()) };
            return Ok(TensorData::F32(elements.into()));
        }
    }
    elements(value, what)
}

fn sequence(lengths: &Unknown<'_>, mask: &Unknown<'_>, ragged: bool, what: &str) -> Outcome<Sequence> {
    match (argument::is_missing(lengths), argument::is_missing(mask)) {
        (false, false) => {
            Err(Failure::new(ErrorCode::OPTION, format!("{what}: give either lengths or a mask, not both")))
        }
        (false, true) => {
            let lengths = argument::elements::<u32>(lengths, &format!("{what}.lengths"))?;
            Ok(if ragged { Sequence::Ragged(lengths) } else { Sequence::Lengths(lengths) })
        }
        (true, _) if ragged => {
            Err(Failure::new(ErrorCode::OPTION, format!("{what}: ragged data needs lengths")))
        }
        (true, false) => Ok(Sequence::Mask(argument::elements::<u8>(mask, &format!("{what}.mask"))?)),
        (true, true) => Ok(Sequence::Full),
    }
}

fn check(data: &TensorData, shape: &[usize], sequence: &Sequence, what: &str) -> Outcome<()> {
    let fail = |message: String| Failure::new(ErrorCode::SHAPE, format!("{what}: {message}"));
    let too_large = || fail(format!("the shape {shape:?} has more elements than any array"));
    let steps = |shape: &[usize]| -> Outcome<(usize, usize)> {
        match shape {
            [batch, time, ..] => Ok((*batch, *time)),
            _ => Err(fail(format!("lengths and masks need a shape [batch, time, …], got {shape:?}"))),
        }
    };

    let mut expected = product(shape).ok_or_else(too_large)?;
    match sequence {
        Sequence::Full => {}
        Sequence::Lengths(lengths) | Sequence::Ragged(lengths) => {
            let (batch, time) = steps(shape)?;
            if lengths.len() != batch {
                return Err(fail(format!("{} lengths for {batch} rows", lengths.len())));
            }
            if let Some(row) = lengths.iter().position(|&length| length as usize > time) {
                let length = lengths[row];
                return Err(fail(format!("row {row} has length {length}, but the shape has {time} steps")));
            }
            if matches!(sequence, Sequence::Ragged(_)) {
                let total = lengths.iter().try_fold(0_usize, |sum, &length| sum.checked_add(length as usize));
                let width = product(&shape[2..]);
                expected = total
                    .zip(width)
                    .and_then(|(total, width)| total.checked_mul(width))
                    .ok_or_else(too_large)?;
            }
        }
        Sequence::Mask(mask) => {
            let (batch, time) = steps(shape)?;
            if Some(mask.len()) != batch.checked_mul(time) {
                return Err(fail(format!(
                    "a mask of {} entries for {batch} rows of {time} steps",
                    mask.len()
                )));
            }
        }
    }
    if data.len() != expected {
        return Err(fail(format!("{} elements, but the shape {shape:?} needs {expected}", data.len())));
    }
    Ok(())
}

/// Number of elements of a shape, `None` on overflow.
pub(crate) fn product(shape: &[usize]) -> Option<usize> {
    shape.iter().try_fold(1_usize, |count, &dimension| count.checked_mul(dimension))
}
