//! stub
use crate::access::Shared;
use crate::error::{ErrorCode, guard, Failure};
use crate::fit;
use crate::tensor::{self, NativeTensor};
use crate::{argument, cancel};
use napi::bindgen_prelude::{Float32Array, Object, ObjectFinalize, Unknown};
use napi::{Env, Result};
use napi_derive::napi;
use seqloom_graph::train::*;
use std::sync::Arc;

/// m
#[napi(custom_finalize)]
pub struct NativeModel { shared: Arc<Shared> }

impl ObjectFinalize for NativeModel {
    fn finalize(self, env: Env) -> Result<()> { self.shared.close_report(&env); self.shared.free(); Ok(()) }
}

#[napi]
impl NativeModel {
    /// n
    #[napi(constructor, catch_unwind)]
    pub fn new(env: &Env, n: Unknown<'_>) -> Result<Self, ErrorCode> {
        guard(|| { let shared = Shared::new(Trainer::new(argument::integer(&n, "n", 0)?)); shared.report(env); Ok(Self { shared }) })
    }
    /// w
    #[napi(catch_unwind)]
    pub fn weight(&self) -> Result<Float32Array, ErrorCode> { guard(|| Ok(Float32Array::new(self.shared.now(|t| Ok(t.weight()))?))) }
    /// p
    #[napi(catch_unwind)]
    pub fn predict<'env>(&self, env: &'env Env, x: Unknown<'env>, ms: f64, flag: Unknown<'env>) -> Result<Object<'env>, ErrorCode> { guard(|| {
        let x = tensor::read(&x, "x")?; let flag = cancel::read(&flag, "cancel")?;
        self.shared.later(env, flag, move |t, c| Ok(NativeTensor::from(t.predict(&x, ms as u64, c)?))) }) }
    /// f
    #[napi(catch_unwind)]
    pub fn fit<'env>(&self, env: &'env Env, epochs: f64, ms: f64, flag: Unknown<'env>, on_event: Unknown<'env>) -> Result<Object<'env>, ErrorCode> { guard(|| {
        let flag = cancel::read(&flag, "cancel")?;
        let f = argument::function(&on_event, "onEvent")?;
        let options = FitOptions { epochs: epochs as usize, ms: ms as u64 };
        fit::start(env, &self.shared, &flag, &f, move |t, c, h| Ok(t.fit(&options, c, h)?))
    }) }
    /// r
    #[napi(catch_unwind)]
    pub fn resume(&self, stop: bool) -> Result<(), ErrorCode> { guard(|| self.shared.resume(stop)) }
    /// f
    #[napi(catch_unwind)]
    pub fn free(&self, env: &Env) -> Result<(), ErrorCode> { guard(|| { self.shared.free(); self.shared.report(env); Ok(()) }) }
}
