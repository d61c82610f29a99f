//! Results as typed arrays: over the engine's own memory if that is worth it, else copies in JavaScript's memory.

use crate::error::Outcome;
use napi::bindgen_prelude::{ToNapiValue, TypeName, TypedArrayType, ValueType};
use napi::{Env, check_status, sys};
use seqloom_graph::{Buffer, Exclusive, TensorData, copy, discard, room_for};
use seqloom_kernels::AlignedVec;
use std::ffi::c_void;
use std::ptr::{NonNull, null_mut};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Fewer bytes are cheaper to copy into JavaScript's own memory, which the garbage collector reuses: sharing needs
/// fresh pages in place of those that the collector still holds, and foreign memory costs it extra work. Gradients of a
/// simple RNN (16, 64, 64), 256 KiB each, take a sixth less time as copies, those of 1 MiB a few percent more.
const WORTH_SHARING: usize = 512 << 10;

/// The same for a synchronous call: during a loop of them, no memory comes back at all, so that every result needs
/// pages that no cache holds. On Zen 4, these and a copy into them take 0.22, 0.44, 0.96 and 2.4 ms for 2, 4, 8 and 16
/// MiB; with JavaScript's own memory it is 0.14, 0.27, 0.59 and 1.5.
const WORTH_SHARING_AT_ONCE: usize = 16 << 20;

/// The most bytes of the engine's memory that JavaScript may hold when a synchronous call adds to them. Node.js gives
/// such memory back only between two turns of the event loop: without a bound, a loop of such calls would fill the
/// machine with garbage.
const MOST_SHARED: usize = 256 << 20;

/// Bytes of the engine's memory that JavaScript holds.
static SHARED: AtomicUsize = AtomicUsize::new(0);

/// What JavaScript takes for an array as such: the objects of the array and its buffer, and of what holds them.
const ARRAY_BYTES: usize = 640;

/// Asks for what JavaScript takes for so many arrays, of so many bytes together, in its own memory, whose lack ends the
/// process.
pub(crate) fn room_for_results(arrays: usize, bytes: usize) -> Outcome<()> {
    Ok(room_for(bytes.saturating_add(arrays.saturating_mul(ARRAY_BYTES)), "The results")?)
}

/// Elements on their way to JavaScript as a typed array that nothing else reads or writes.
pub struct Elements {
    data: Data,
    /// If there are fewer bytes, they are copied.
    worth_sharing: usize,
}

enum Data {
    /// Nobody else has them, so JavaScript may take them over.
    Floats(Exclusive<f32>),
    /// The engine keeps reading them, so they must be copied.
    Shared(Buffer<f32>),
    Integers(Vec<i32>),
}

impl Elements {
    /// Takes over elements.
    pub(crate) fn new(data: TensorData) -> Self {
        let data = match data {
            TensorData::F32(buffer) => buffer.exclusive().map_or_else(Data::Shared, Data::Floats),
            TensorData::I32(list) => Data::Integers(list),
        };
        Self { data, worth_sharing: WORTH_SHARING }
    }

    /// The same for the result of a synchronous call.
    pub(crate) fn at_once(self) -> Self {
        Self { worth_sharing: WORTH_SHARING_AT_ONCE, ..self }
    }

    /// A copy of `values`.
    pub(crate) fn copied(values: &[f32], what: &str) -> Outcome<Self> {
        Ok(Self::new(TensorData::F32(Buffer::copied(values, what)?)))
    }
}

impl From<Exclusive<f32>> for Elements {
    fn from(elements: Exclusive<f32>) -> Self {
        Self { data: Data::Floats(elements), worth_sharing: WORTH_SHARING }
    }
}

impl TypeName for Elements {
    fn type_name() -> &'static str {
        "Float32Array | Int32Array"
    }

    fn value_type() -> ValueType {
        ValueType::Object
    }
}

impl ToNapiValue for Elements {
    unsafe fn to_napi_value(env: sys::napi_env, elements: Self) -> napi::Result<sys::napi_value> {
        // SAFETY: napi passes the environment of the callback under way.
        unsafe {
            match elements.data {
                Data::Floats(data) => {
                    let count = data.len();
                    let buffer = match shared(env, data, elements.worth_sharing)? {
                        Ok(buffer) => buffer,
                        Err(data) => copied(env, &data)?,
                    };
                    typed_array(env, TypedArrayType::Float32, count, buffer)
                }
                Data::Shared(data) => {
                    let buffer = copied(env, &data)?;
                    typed_array(env, TypedArrayType::Float32, data.len(), buffer)
                }
                Data::Integers(data) => {
                    let buffer = copied(env, &data)?;
                    typed_array(env, TypedArrayType::Int32, data.len(), buffer)
                }
            }
        }
    }
}

/// The bytes of a file on their way to JavaScript as a `Uint8Array` over the engine's memory.
pub(crate) struct Bytes(AlignedVec<u8>);

impl From<AlignedVec<u8>> for Bytes {
    fn from(bytes: AlignedVec<u8>) -> Self {
        Self(bytes)
    }
}

impl TypeName for Bytes {
    fn type_name() -> &'static str {
        "Uint8Array"
    }

    fn value_type() -> ValueType {
        ValueType::Object
    }
}

impl ToNapiValue for Bytes {
    unsafe fn to_napi_value(env: sys::napi_env, Self(bytes): Self) -> napi::Result<sys::napi_value> {
        let (pointer, count) = (bytes.pointer().as_ptr(), bytes.len());
        // SAFETY: napi passes the environment of the callback under way; nobody else has the bytes, which do not move
        // with their owner.
        unsafe {
            let buffer = match external(env, pointer, count, bytes)? {
                Ok(buffer) => buffer,
                Err(bytes) => copied(env, &bytes)?,
            };
            typed_array(env, TypedArrayType::Uint8, count, buffer)
        }
    }
}

/// An `ArrayBuffer` over the memory of `data`, which it keeps alive; `data` itself if a copy is better.
///
/// # Safety
/// `env` is the environment of the callback under way.
unsafe fn shared(
    env: sys::napi_env,
    mut data: Exclusive<f32>,
    worth_sharing: usize,
) -> napi::Result<Result<sys::napi_value, Exclusive<f32>>> {
    let bytes = bytes_of(&data);
    // Anything larger than all others together is not worth a second copy. Asynchronous calls need no bound: the event
    // loop turns between their results.
    let full = worth_sharing == WORTH_SHARING_AT_ONCE
        && bytes < MOST_SHARED
        && SHARED.load(Ordering::Relaxed) >= MOST_SHARED;
    if bytes < worth_sharing || full {
        return Ok(Err(data));
    }
    let pointer = data.pointer();
    // SAFETY: `data` is the only owner of these elements, and looks at none of them once JavaScript has them.
    unsafe { external(env, pointer, bytes, data) }
}

/// What JavaScript holds of the engine's memory.
struct Held<T> {
    data: T,
    bytes: usize,
}

/// An `ArrayBuffer` over `bytes` bytes at `pointer`, which `data` keeps alive until the buffer is collected; `data`
/// itself if JavaScript refuses external memory.
///
/// # Safety
/// `env` is the environment of the callback under way. As long as `data` lives, wherever it is moved to, only
/// JavaScript reads and writes these bytes.
unsafe fn external<T: Send + 'static, E>(
    env: sys::napi_env,
    pointer: *mut E,
    bytes: usize,
    data: T,
) -> napi::Result<Result<sys::napi_value, T>> {
    let mut value = null_mut();
    let held = Box::into_raw(Box::new(Held { data, bytes }));
    // SAFETY: the box keeps the memory alive until `release` is called.
    let status = unsafe {
        sys::napi_create_external_arraybuffer(
            env,
            pointer.cast::<c_void>(),
            bytes,
            Some(release::<T>),
            held.cast::<c_void>(),
            &mut value,
        )
    };
    if status == sys::Status::napi_ok {
        SHARED.fetch_add(bytes, Ordering::Relaxed);
        return Ok(Ok(value));
    }
    // SAFETY: nobody else has the box, since the call failed.
    let Held { data, .. } = *unsafe { Box::from_raw(held) };
    if status == sys::Status::napi_no_external_buffers_allowed {
        return Ok(Err(data));
    }
    check_status!(status, "an array over the engine's memory")?;
    Ok(Err(data))
}

fn bytes_of(data: &Exclusive<f32>) -> usize {
    data.len() * size_of::<f32>()
}

/// Called once when the garbage collector has freed an array of [`external`].
unsafe extern "C" fn release<T: Send + 'static>(_: sys::napi_env, _: *mut c_void, held: *mut c_void) {
    // SAFETY: `external` made the box for this type, and this is called once.
    let Held { data, bytes } = *unsafe { Box::from_raw(held.cast::<Held<T>>()) };
    SHARED.fetch_sub(bytes, Ordering::Relaxed);
    discard(Some(data), |_| bytes);
}

/// An `ArrayBuffer` of JavaScript's own memory with a copy of `data`.
///
/// # Safety
/// `env` is the environment of the callback under way.
unsafe fn copied<T: Copy + Send + Sync>(env: sys::napi_env, data: &[T]) -> napi::Result<sys::napi_value> {
    let (mut value, mut target) = (null_mut(), null_mut());
    // JavaScript's own allocator ends the process when memory runs out.
    room_for_results(1, size_of_val(data)).map_err(|failure| failure.into_rejection(Env::from_raw(env)))?;
    // SAFETY: the out-pointers are valid for the call; the new memory has room for all of `data`, is zeroed, and nobody
    // else has it.
    unsafe {
        let status = sys::napi_create_arraybuffer(env, size_of_val(data), &mut target, &mut value);
        check_status!(status, "an array of {} elements", data.len())?;
        if let Some(target) = NonNull::new(target.cast::<T>()) {
            copy(data, std::slice::from_raw_parts_mut(target.as_ptr(), data.len()));
        }
    }
    Ok(value)
}

/// # Safety
/// `env` is the environment of the callback under way, `buffer` an `ArrayBuffer` of `count` elements of four bytes.
unsafe fn typed_array(
    env: sys::napi_env,
    kind: TypedArrayType,
    count: usize,
    buffer: sys::napi_value,
) -> napi::Result<sys::napi_value> {
    let mut value = null_mut();
    // SAFETY: promised by the caller.
    let status = unsafe { sys::napi_create_typedarray(env, kind as i32, count, buffer, 0, &mut value) };
    check_status!(status, "an array of {count} elements")?;
    Ok(value)
}
