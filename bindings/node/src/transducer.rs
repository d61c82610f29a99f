//! What an RNN transducer writes, searched for at once, on another thread, or as its input comes.

use crate::argument;
use crate::ctc::{NativePrefixes, NativeTranscripts, later, prefixes};
use crate::error::{ErrorCode, Failure, Outcome, guard};
use napi::bindgen_prelude::{Object, Unknown};
use napi::{Env, Result};
use napi_derive::napi;
use seqloom_graph::decode::{Session, TransducerJoint, TransducerOptions, TransducerSearch};
use std::cell::RefCell;

/// A search that takes the encoder's values as they come, and may stop before every symbol to ask for scores.
#[napi]
pub struct NativeTransducerSearch {
    search: RefCell<Option<TransducerSearch>>,
}

impl NativeTransducerSearch {
    /// A search for some rows with a predictor; the weights are those of the joint network.
    pub(crate) fn made(
        predictor: Session,
        kernel: Vec<f32>,
        bias: Vec<f32>,
        options_json: &str,
        rows: usize,
    ) -> Outcome<Self> {
        let options = TransducerOptions::from_json(options_json)?;
        let search = TransducerSearch::new(options, predictor, TransducerJoint { kernel, bias }, rows)?;
        Ok(Self { search: RefCell::new(Some(search)) })
    }

    fn with<V>(&self, body: impl FnOnce(&mut TransducerSearch) -> Outcome<V>) -> Outcome<V> {
        body(self.search.borrow_mut().as_mut().ok_or_else(ended)?)
    }

    fn take(&self) -> Outcome<TransducerSearch> {
        self.search.borrow_mut().take().ok_or_else(ended)
    }
}

#[napi]
impl NativeTransducerSearch {
    /// Takes further values of the encoder, `[rows, time, width]`, of which the first steps of each row count.
    ///
    /// Errors: `ERR_SHAPE`, `ERR_NUMERIC`, `ERR_MEMORY`; `ERR_STATE` after the end.
    #[napi(catch_unwind, ts_args_type = "encoded: Float32Array, shape: number[], lengths: Uint32Array")]
    pub fn feed(
        &self,
        encoded: Unknown<'_>,
        shape: Unknown<'_>,
        lengths: Unknown<'_>,
    ) -> Result<(), ErrorCode> {
        guard(|| {
            let Ok(shape) = <[usize; 3]>::try_from(argument::shape(&shape, "shape")?) else {
                return Err(Failure::new(ErrorCode::SHAPE, "shape: expected 3 dimensions".to_owned()));
            };
            let encoded = argument::elements::<f32>(&encoded, "encoded")?;
            let lengths = argument::elements::<u32>(&lengths, "lengths")?;
            self.with(|search| Ok(search.feed(&encoded, shape, &lengths)?))
        })
    }

    /// Whether all that came is done.
    ///
    /// Errors: `ERR_STATE` after the end.
    #[napi(catch_unwind)]
    pub fn done(&self) -> Result<bool, ErrorCode> {
        guard(|| self.with(|search| Ok(search.is_done())))
    }

    /// The prefixes that the next symbols need scores for.
    ///
    /// Errors: `ERR_STATE` after the end.
    #[napi(catch_unwind)]
    pub fn missing(&self) -> Result<NativePrefixes, ErrorCode> {
        guard(|| self.with(|search| Ok(prefixes(search.missing()))))
    }

    /// Writes symbols, with the scores of each symbol after each of those prefixes.
    ///
    /// Errors: `ERR_DATA`, `ERR_NUMERIC`, `ERR_MEMORY`; `ERR_STATE` after the end.
    #[napi(catch_unwind, ts_args_type = "scores: Float32Array")]
    pub fn step(&self, scores: Unknown<'_>) -> Result<(), ErrorCode> {
        guard(|| {
            let scores = argument::elements::<f32>(&scores, "scores")?;
            self.with(|search| Ok(search.step(&scores)?))
        })
    }

    /// What is final of what has been written since the last call.
    ///
    /// Errors: `ERR_NUMERIC`, `ERR_MEMORY`; `ERR_STATE` where scores are missing, and after the end.
    #[napi(catch_unwind)]
    pub fn settle(&self) -> Result<NativeTranscripts, ErrorCode> {
        guard(|| self.with(|search| Ok(search.settle()?.into())))
    }

    /// The best transcripts so far, without what is final.
    ///
    /// Errors: as above.
    #[napi(catch_unwind)]
    pub fn transcripts(&self) -> Result<NativeTranscripts, ErrorCode> {
        guard(|| self.with(|search| Ok(search.transcripts()?.into())))
    }

    /// Goes through what is left, without scores, and ends; on another thread.
    ///
    /// Errors: `ERR_NUMERIC`, `ERR_MEMORY`, `ABORTED`; `ERR_STATE` after the end.
    #[napi(catch_unwind, ts_args_type = "cancel?: CancelFlag", ts_return_type = "Promise<NativeTranscripts>")]
    pub fn finish_later<'env>(
        &self,
        env: &'env Env,
        cancel: Unknown<'env>,
    ) -> Result<Object<'env>, ErrorCode> {
        guard(|| {
            let mut search = self.take()?;
            later(env, &cancel, move || search.transcripts())
        })
    }

    /// Frees the memory at once; every later call is `ERR_STATE`.
    #[napi(catch_unwind)]
    pub fn free(&self) -> Result<(), ErrorCode> {
        guard(|| {
            self.search.borrow_mut().take();
            Ok(())
        })
    }
}

fn ended() -> Failure {
    Failure::new(ErrorCode::STATE, "The search has ended".to_owned())
}
