//! Failures on their way to JavaScript: each becomes an `Error` with a stable `code`.

use napi::{Env, JsError, Status, bindgen_prelude::Unknown};
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The stable code of a failure, such as `ERR_SHAPE`; `ABORTED` for cancelled work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ErrorCode(pub(crate) &'static str);

impl ErrorCode {
    pub(crate) const SHAPE: Self = Self("ERR_SHAPE");
    pub(crate) const OPTION: Self = Self("ERR_OPTION");
    pub(crate) const DATA: Self = Self("ERR_DATA");
    pub(crate) const STATE: Self = Self("ERR_STATE");
    pub(crate) const FORMAT: Self = Self("ERR_FORMAT");
    pub(crate) const IO: Self = Self("ERR_IO");
    pub(crate) const MEMORY: Self = Self("ERR_MEMORY");
    pub(crate) const UNSUPPORTED: Self = Self("ERR_UNSUPPORTED");
    pub(crate) const NATIVE: Self = Self("ERR_NATIVE");
}

impl AsRef<str> for ErrorCode {
    fn as_ref(&self) -> &str {
        self.0
    }
}

impl From<Status> for ErrorCode {
    fn from(_: Status) -> Self {
        Self::NATIVE
    }
}

/// A coded failure inside the binding.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    pub(crate) code: ErrorCode,
    pub(crate) message: String,
}

/// What the binding's own functions return.
pub(crate) type Outcome<T> = Result<T, Failure>;

impl Failure {
    pub(crate) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    pub(crate) fn memory(what: &str, elements: usize) -> Self {
        Self::new(ErrorCode::MEMORY, format!("{what}: no memory for {elements} elements"))
    }

    /// The JavaScript error, made on the thread of `env`.
    pub(crate) fn into_rejection(self, env: Env) -> napi::Error {
        let value: Unknown<'_> = JsError::from(napi::Error::from(self)).into_unknown(env);
        napi::Error::from(value)
    }
}

impl From<Failure> for napi::Error<ErrorCode> {
    fn from(failure: Failure) -> Self {
        Self::new(failure.code, failure.message)
    }
}

impl From<seqloom_graph::Error> for Failure {
    fn from(error: seqloom_graph::Error) -> Self {
        Self { code: ErrorCode(error.code.as_str()), message: error.message }
    }
}

impl From<seqloom_text::Error> for Failure {
    fn from(error: seqloom_text::Error) -> Self {
        Self { code: ErrorCode(error.code.as_str()), message: error.message }
    }
}

impl From<napi::Error> for Failure {
    fn from(error: napi::Error) -> Self {
        Self::new(ErrorCode::NATIVE, format!("Node-API: {} ({})", error.reason, error.status.as_ref()))
    }
}

/// Runs `body`; a panic in it becomes `ERR_NATIVE`.
pub(crate) fn caught<T>(body: impl FnOnce() -> Outcome<T>) -> Outcome<T> {
    // Anything that a panic may leave half-changed is behind a mutex, whose poison is checked.
    catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|payload| Err(panicked(&*payload)))
}

/// [`caught`] for the body of an exported function: napi throws the error with its code.
pub(crate) fn guard<T>(body: impl FnOnce() -> Outcome<T>) -> napi::Result<T, ErrorCode> {
    caught(body).map_err(napi::Error::from)
}

fn panicked(payload: &(dyn Any + Send)) -> Failure {
    let said = payload
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| payload.downcast_ref::<&str>().copied())
        .unwrap_or("no message");
    Failure::new(
        ErrorCode::NATIVE,
        format!("The native engine failed internally: {said}. This is a bug in Seqloom"),
    )
}
