//! Generation for JavaScript: each call works for a moment on another thread and returns the tokens that are ready.

use crate::error::{ErrorCode, Failure, Outcome, guard};
use crate::holder::{self, Holder};
use crate::{argument, cancel, job};
use napi::bindgen_prelude::{ClassInstance, Int32Array, JavaScriptClassExt, Object, ObjectFinalize, Unknown};
use napi::{Env, JsValue, Result};
use napi_derive::napi;
use seqloom_graph::decode::Generator;
use seqloom_graph::discard;
use std::cell::Cell;
use std::rc::Rc;
use std::sync::{Arc, Mutex, TryLockError};
use std::time::Duration;

/// The tokens from one call of `next`.
#[napi(object, object_from_js = false)]
pub struct GeneratedTokens {
    /// In order; perhaps none yet.
    pub tokens: Int32Array,
    /// Whether there will be no more.
    pub done: bool,
}

/// A sequence that a model continues. It works only while a call of `next` waits for it.
#[napi(custom_finalize)]
pub struct NativeGenerator {
    content: Rc<Content>,
}

/// The generator, and its bytes as reported to the garbage collector.
struct Content {
    generator: Arc<Mutex<Option<Generator>>>,
    reported: Cell<i64>,
}

impl ObjectFinalize for NativeGenerator {
    fn finalize(self, env: Env) -> Result<()> {
        self.content.report(&env, 0);
        Ok(())
    }
}

impl Holder for Content {
    fn let_go(&self, env: &Env) {
        // A call that still works holds it.
        if let Ok(mut generator) = self.generator.try_lock() {
            discard(generator.take(), Generator::memory);
            self.report(env, 0);
        }
    }
}

impl NativeGenerator {
    /// The JavaScript object of a generator.
    pub(crate) fn made<'env>(env: &'env Env, generator: Generator) -> Outcome<ClassInstance<'env, Self>> {
        let held = generator.memory();
        let generator = Arc::new(Mutex::new(Some(generator)));
        let content = Rc::new(Content { generator, reported: Cell::new(0) });
        content.report(env, i64::try_from(held).unwrap_or(i64::MAX));
        let object = Self { content: Rc::clone(&content) }.into_instance(env)?;
        holder::register(env, object.raw(), &content, held)?;
        Ok(object)
    }
}

impl Content {
    fn report(&self, env: &Env, held: i64) {
        let change = held - self.reported.replace(held);
        if change != 0 {
            // An environment that is shutting down refuses, and has no use for the number.
            let _ = env.adjust_external_memory(change);
        }
    }
}

#[napi]
impl NativeGenerator {
    /// Works for about `milliseconds` on another thread; resolves to the tokens that are ready then.
    ///
    /// Errors: `ERR_STATE` while another call waits or after `free`; `ERR_DATA`, `ERR_NUMERIC`, `ERR_MEMORY`;
    /// `ABORTED`.
    #[napi(
        catch_unwind,
        ts_args_type = "milliseconds: number, cancel?: CancelFlag",
        ts_return_type = "Promise<GeneratedTokens>"
    )]
    pub fn next<'env>(
        &self,
        env: &'env Env,
        milliseconds: Unknown<'env>,
        cancel: Unknown<'env>,
    ) -> Result<Object<'env>, ErrorCode> {
        guard(|| {
            let time = Duration::from_millis(argument::integer(&milliseconds, "milliseconds", 1)? as u64);
            let cancel = cancel::read(&cancel, "cancel")?;
            let generator = Arc::clone(&self.content.generator);
            job::run_until(env, cancel, move |cancel| {
                let state = |message: &str| Failure::new(ErrorCode::STATE, message.to_owned());
                let mut generator = match generator.try_lock() {
                    Ok(generator) => generator,
                    Err(TryLockError::WouldBlock) => {
                        return Err(state("The generator works on another call; await it first"));
                    }
                    Err(TryLockError::Poisoned(_)) => return Err(state("The generator has failed")),
                };
                let generator = generator.as_mut().ok_or_else(|| state("The generator was freed"))?;
                let generated = generator.run(time, cancel)?;
                Ok(GeneratedTokens { tokens: Int32Array::new(generated.tokens), done: generated.done })
            })
        })
    }

    /// Frees the memory at once, or together with the object if a call still works.
    #[napi(catch_unwind)]
    pub fn free(&self, env: &Env) -> Result<(), ErrorCode> {
        guard(|| {
            self.content.let_go(env);
            Ok(())
        })
    }
}
