//! What the engine runs on, and how many threads it uses.

use crate::argument;
use crate::error::{ErrorCode, Failure, guard};
use napi::Result;
use napi::bindgen_prelude::Unknown;
use napi_derive::napi;
use seqloom_graph::room_for;
use seqloom_kernels::{pool, simd};

/// A description of the engine on this machine.
#[napi(object, object_from_js = false)]
pub struct Backend {
    /// The instruction set in use: `scalar`, `avx2`, `avx512` or `neon`.
    pub simd: String,
    /// Every instruction set that this machine offers.
    pub simd_available: Vec<String>,
    /// The instructions that multiply int8 weights: one of the above, or its extension for that, such as `avx512-vnni`.
    pub int8: String,
    /// Whether products of bfloat16 can be computed: `compile({ precision: 'bfloat16' })`.
    pub bfloat16: bool,
    /// Threads of the compute pool, the caller included.
    pub threads: u32,
    /// Version of the addon, equal to that of the npm package.
    pub version: String,
}

/// Version of the addon, equal to that of the npm package; never fails.
#[napi(catch_unwind)]
pub fn addon_version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}

/// Describes the engine.
///
/// Errors: `ERR_OPTION` if `SEQLOOM_SIMD` or `SEQLOOM_THREADS` holds a value that is not accepted.
#[napi(catch_unwind)]
pub fn backend() -> Result<Backend, ErrorCode> {
    guard(|| {
        let refused = |error: String| Failure::new(ErrorCode::OPTION, error);
        let level = simd::level().map_err(|error| refused(error.to_string()))?;
        let threads = pool::threads().map_err(|error| refused(error.to_string()))?;
        Ok(Backend {
            simd: level.to_string(),
            simd_available: simd::available().iter().map(ToString::to_string).collect(),
            int8: seqloom_kernels::int8_instructions().to_owned(),
            bfloat16: simd::bfloat16().is_ok(),
            threads: u32::try_from(threads).unwrap_or(u32::MAX),
            version: addon_version().to_owned(),
        })
    })
}

/// Changes settings of the process: `threads` (1 to 256) is the size of the compute pool.
///
/// Errors: `ERR_OPTION` for a value outside its range.
#[napi(catch_unwind, ts_args_type = "options: { threads?: number }")]
pub fn configure(options: Unknown<'_>) -> Result<(), ErrorCode> {
    guard(|| {
        let options = argument::object(&options, "options")?;
        let threads = argument::field(&options, "threads")?;
        if !argument::is_missing(&threads) {
            let threads = argument::integer(&threads, "threads", 1)?;
            pool::set_threads(threads)
                .map_err(|error| Failure::new(ErrorCode::OPTION, format!("threads: {error}")))?;
        }
        Ok(())
    })
}

/// Asks for `bytes` that JavaScript is about to take for `what`, in the plural: their lack might end the process.
///
/// Errors: `ERR_MEMORY`.
#[napi(catch_unwind, js_name = "roomFor", ts_args_type = "bytes: number, what: string")]
pub fn room_for_bytes(bytes: Unknown<'_>, what: Unknown<'_>) -> Result<(), ErrorCode> {
    guard(|| {
        let what = argument::string(&what, "what")?;
        Ok(room_for(argument::integer(&bytes, "bytes", 0)?, &what)?)
    })
}
