//! Reads JavaScript arguments by hand, so that a wrong one becomes a coded error that names it.

use crate::error::{ErrorCode, Failure, Outcome};
use napi::bindgen_prelude::{Array, Function, JsObjectValue, Object, TypedArray, TypedArrayType, Unknown};
use napi::{JsValue, ValueType};
use std::marker::PhantomData;
use std::ptr::NonNull;

/// The largest integer that a JavaScript number holds exactly, plus one.
const SAFE_INTEGERS: f64 = 9_007_199_254_740_992.0;

fn mistaken(what: &str, wanted: &str, value: &Unknown<'_>) -> Failure {
    let kind = match value.get_type() {
        Ok(ValueType::Undefined) => "undefined",
        Ok(ValueType::Null) => "null",
        Ok(ValueType::Boolean) => "a boolean",
        Ok(ValueType::Number) => "a number",
        Ok(ValueType::String) => "a string",
        Ok(ValueType::Symbol) => "a symbol",
        Ok(ValueType::Object) => "an object",
        Ok(ValueType::Function) => "a function",
        Ok(ValueType::BigInt) => "a bigint",
        _ => "another value",
    };
    Failure::new(ErrorCode::OPTION, format!("{what}: expected {wanted}, got {kind}"))
}

pub(crate) fn is_missing(value: &Unknown<'_>) -> bool {
    matches!(value.get_type(), Ok(ValueType::Undefined | ValueType::Null))
}

pub(crate) fn string(value: &Unknown<'_>, what: &str) -> Outcome<String> {
    match value.get_type()? {
        // SAFETY: the value was found to be a string.
        ValueType::String => Ok(unsafe { value.cast::<String>() }?),
        _ => Err(mistaken(what, "a string", value)),
    }
}

pub(crate) fn number(value: &Unknown<'_>, what: &str) -> Outcome<f64> {
    match value.get_type()? {
        // SAFETY: the value was found to be a number.
        ValueType::Number => Ok(unsafe { value.cast::<f64>() }?),
        _ => Err(mistaken(what, "a number", value)),
    }
}

pub(crate) fn boolean(value: &Unknown<'_>, what: &str) -> Outcome<bool> {
    match value.get_type()? {
        // SAFETY: the value was found to be a boolean.
        ValueType::Boolean => Ok(unsafe { value.cast::<bool>() }?),
        _ => Err(mistaken(what, "a boolean", value)),
    }
}

/// An integer of at least `least` that fits into `usize`.
pub(crate) fn integer(value: &Unknown<'_>, what: &str, least: usize) -> Outcome<usize> {
    let given = number(value, what)?;
    if given.fract() == 0.0
        && (0.0..SAFE_INTEGERS).contains(&given)
        && let Ok(whole) = usize::try_from(given as u64)
        && whole >= least
    {
        return Ok(whole);
    }
    Err(Failure::new(
        ErrorCode::OPTION,
        format!("{what}: expected an integer of at least {least}, got {given}"),
    ))
}

/// A safe integer that is at least `least`; none if the argument is left out.
pub(crate) fn optional_integer(value: &Unknown<'_>, what: &str, least: usize) -> Outcome<Option<usize>> {
    if is_missing(value) { Ok(None) } else { integer(value, what, least).map(Some) }
}

pub(crate) fn object<'env>(value: &Unknown<'env>, what: &str) -> Outcome<Object<'env>> {
    match value.get_type()? {
        // SAFETY: the value was found to be an object.
        ValueType::Object => Ok(unsafe { value.cast::<Object<'env>>() }?),
        _ => Err(mistaken(what, "an object", value)),
    }
}

pub(crate) fn function<'env>(
    value: &Unknown<'env>,
    what: &str,
) -> Outcome<Function<'env, Unknown<'static>, Unknown<'static>>> {
    match value.get_type()? {
        // SAFETY: the value was found to be a function.
        ValueType::Function => Ok(unsafe { value.cast() }?),
        _ => Err(mistaken(what, "a function", value)),
    }
}

pub(crate) fn field<'env>(object: &Object<'env>, name: &str) -> Outcome<Unknown<'env>> {
    Ok(object.get_named_property_unchecked::<Unknown<'env>>(name)?)
}

/// Reads every element of an array.
pub(crate) fn list<'env, T>(
    value: &Unknown<'env>,
    what: &str,
    mut read: impl FnMut(Unknown<'env>, &str) -> Outcome<T>,
) -> Outcome<Vec<T>> {
    if !is_array(value)? {
        return Err(mistaken(what, "an array", value));
    }
    // SAFETY: the value was found to be an array.
    let array = unsafe { value.cast::<Array<'env>>() }?;
    let mut items = Vec::new();
    for index in 0..array.len() {
        let Some(item) = array.get::<Unknown<'env>>(index)? else { break };
        items.push(read(item, &format!("{what}[{index}]"))?);
    }
    Ok(items)
}

fn is_array(value: &Unknown<'_>) -> Outcome<bool> {
    if value.get_type()? != ValueType::Object {
        return Ok(false);
    }
    // SAFETY: the value was found to be an object.
    Ok(unsafe { value.cast::<Object<'_>>() }?.is_array()?)
}

/// A dimension list: at most 16 integers.
pub(crate) fn shape(value: &Unknown<'_>, what: &str) -> Outcome<Vec<usize>> {
    const MOST: u32 = 16;
    if is_array(value)? {
        // SAFETY: the value was found to be an array.
        let rank = unsafe { value.cast::<Array<'_>>() }?.len();
        if rank > MOST {
            return Err(Failure::new(
                ErrorCode::SHAPE,
                format!("{what}: at most {MOST} dimensions, got {rank}"),
            ));
        }
    }
    list(value, what, |item, what| integer(&item, what, 0))
}

/// Elements that can be copied out of a typed array.
pub(crate) trait Element: Copy + Default {
    /// The typed array that holds such elements.
    const KIND: TypedArrayType;
    /// Its name in JavaScript.
    const NAME: &'static str;
}

impl Element for f32 {
    const KIND: TypedArrayType = TypedArrayType::Float32;
    const NAME: &'static str = "a Float32Array";
}

impl Element for i32 {
    const KIND: TypedArrayType = TypedArrayType::Int32;
    const NAME: &'static str = "an Int32Array";
}

impl Element for u32 {
    const KIND: TypedArrayType = TypedArrayType::Uint32;
    const NAME: &'static str = "a Uint32Array";
}

impl Element for u8 {
    const KIND: TypedArrayType = TypedArrayType::Uint8;
    const NAME: &'static str = "a Uint8Array";
}

/// The kind of a typed array, `None` for other values.
pub(crate) fn typed_array<'env>(value: &Unknown<'env>) -> Outcome<Option<TypedArray<'env>>> {
    if value.get_type()? != ValueType::Object {
        return Ok(None);
    }
    // SAFETY: the value was found to be an object.
    if !unsafe { value.cast::<Object<'_>>() }?.is_typedarray()? {
        return Ok(None);
    }
    // SAFETY: the object was found to be a typed array.
    Ok(Some(unsafe { value.cast::<TypedArray<'env>>() }?))
}

/// A copy of a typed array's elements; no JavaScript runs between reading the pointer and copying.
pub(crate) fn elements<T: Element>(value: &Unknown<'_>, what: &str) -> Outcome<Vec<T>> {
    match typed_array(value)? {
        Some(array) if array.typed_array_type == T::KIND => copy(&array, what),
        _ => Err(mistaken(what, T::NAME, value)),
    }
}

/// A copy of the elements of a typed array that is known to hold `T`.
pub(crate) fn copy<T: Element>(array: &TypedArray<'_>, what: &str) -> Outcome<Vec<T>> {
    let mut copied = Vec::new();
    copy_to(array, what, &mut copied)?;
    Ok(copied)
}

/// [`copy`] into a list, reusing its memory.
pub(crate) fn copy_to<T: Element>(array: &TypedArray<'_>, what: &str, list: &mut Vec<T>) -> Outcome<()> {
    let source = Source::<T>::of(array, what)?;
    list.clear();
    list.try_reserve_exact(source.len()).map_err(|_| Failure::memory(what, source.len()))?;
    list.resize(source.len(), T::default());
    source.copy_to(list);
    Ok(())
}

/// Writes `values` to a typed array of the same length.
pub(crate) fn write<T: Element>(value: &Unknown<'_>, what: &str, values: &[T]) -> Outcome<()> {
    let array = typed_array(value)?.filter(|array| array.typed_array_type == T::KIND);
    let Some(mut array) = array else { return Err(mistaken(what, T::NAME, value)) };
    // SAFETY: no JavaScript runs between reading the pointer and writing.
    let bytes = unsafe { array.arraybuffer.as_mut() };
    if bytes.len() != size_of_val(values) {
        return Err(Failure::new(
            ErrorCode::SHAPE,
            format!("{what}: expected {} elements, got {}", values.len(), bytes.len() / size_of::<T>()),
        ));
    }
    // SAFETY: both have as many bytes and do not overlap: the values are the engine's own.
    unsafe { std::ptr::copy_nonoverlapping(values.as_ptr().cast::<u8>(), bytes.as_mut_ptr(), bytes.len()) };
    Ok(())
}

/// The bytes of a typed array that is known to hold `T`, to be copied before any JavaScript runs.
pub(crate) struct Source<'a, T> {
    bytes: &'a [u8],
    kind: PhantomData<T>,
}

impl<'a, T: Element> Source<'a, T> {
    /// Fails with `ERR_DATA` if the array has lost its memory.
    pub(crate) fn of(array: &'a TypedArray<'_>, what: &str) -> Outcome<Self> {
        let bytes: &[u8] = &array.arraybuffer;
        if bytes.is_empty() {
            refuse_detached(array, what)?;
        }
        Ok(Self { bytes, kind: PhantomData })
    }

    /// The number of elements.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len() / size_of::<T>()
    }

    /// The first element, if they may be read where they are for as long as the caller keeps JavaScript from running:
    /// not in a buffer that other threads may write to.
    pub(crate) fn place(&self, array: &TypedArray<'_>) -> Option<NonNull<T>> {
        let pointer = NonNull::new(self.bytes.as_ptr().cast_mut().cast::<T>())?;
        let mut unshared = false;
        // SAFETY: the buffer is that of a live typed array of the current callback. A shared one is no `ArrayBuffer`.
        unsafe {
            napi::sys::napi_is_arraybuffer(array.value().env, buffer_of(array), &mut unshared);
        }
        (unshared && pointer.is_aligned()).then_some(pointer)
    }

    /// Copies elements up to the shorter length.
    pub(crate) fn copy_to(&self, target: &mut [T]) {
        let count = self.len().min(target.len());
        // SAFETY: both have `count` elements and do not overlap, and any bit pattern is a value of every `Element`.
        // Bytes are copied because other threads may write to a shared buffer.
        unsafe {
            std::ptr::copy_nonoverlapping(
                self.bytes.as_ptr(),
                target.as_mut_ptr().cast::<u8>(),
                count * size_of::<T>(),
            );
        }
    }
}

fn refuse_detached(array: &TypedArray<'_>, what: &str) -> Outcome<()> {
    let mut detached = false;
    // SAFETY: the buffer is that of a live typed array of the current callback.
    unsafe {
        napi::sys::napi_is_detached_arraybuffer(array.value().env, buffer_of(array), &mut detached);
    }
    if detached {
        return Err(Failure::new(
            ErrorCode::DATA,
            format!("{what}: its buffer was detached (transferred elsewhere)"),
        ));
    }
    Ok(())
}

/// The buffer that a typed array is a view of.
fn buffer_of(array: &TypedArray<'_>) -> napi::sys::napi_value {
    let value = array.value();
    let mut buffer = std::ptr::null_mut();
    // SAFETY: `value` is a live typed array of the current callback; null pointers skip what is not asked for.
    unsafe {
        napi::sys::napi_get_typedarray_info(
            value.env,
            value.value,
            std::ptr::null_mut(),
            std::ptr::null_mut(),
            std::ptr::null_mut(),
            &mut buffer,
            std::ptr::null_mut(),
        );
    }
    buffer
}
