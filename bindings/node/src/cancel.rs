//! The flag that cancels running work.

use crate::error::{ErrorCode, Failure, Outcome};
use napi::ValueType;
use napi::bindgen_prelude::{ClassInstance, Unknown};
use napi_derive::napi;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Cancels the work that it was passed to, which polls it in every chunk of time.
#[napi]
pub struct CancelFlag {
    flag: Arc<AtomicBool>,
}

#[napi]
impl CancelFlag {
    /// A flag that is not set.
    #[napi(constructor, catch_unwind)]
    #[allow(clippy::new_without_default, reason = "constructed from JavaScript only")]
    pub fn new() -> Self {
        Self { flag: Arc::new(AtomicBool::new(false)) }
    }

    /// Sets the flag permanently: the work stops soon and rejects with the code `ABORTED`.
    #[napi(catch_unwind)]
    pub fn cancel(&self) {
        self.flag.store(true, Ordering::Release);
    }
}

/// The flag behind an argument; a new one if the argument is left out.
pub(crate) fn read(value: &Unknown<'_>, what: &str) -> Outcome<Arc<AtomicBool>> {
    match value.get_type()? {
        ValueType::Undefined | ValueType::Null => Ok(Arc::new(AtomicBool::new(false))),
        ValueType::Object => {
            // SAFETY: the conversion checks the class and its type tag.
            let instance = unsafe { value.cast::<ClassInstance<'_, CancelFlag>>() };
            instance.map(|instance| Arc::clone(&instance.flag)).map_err(|_| wrong(what))
        }
        _ => Err(wrong(what)),
    }
}

fn wrong(what: &str) -> Failure {
    Failure::new(ErrorCode::OPTION, format!("{what}: expected a CancelFlag"))
}
