//! What predictions write whose symbols have no step, searched for at once or on another thread.

use crate::error::{ErrorCode, Failure, Outcome, guard};
use crate::{argument, cancel, job};
use napi::bindgen_prelude::{Float64Array, Int32Array, Object, Uint32Array, Unknown};
use napi::{Env, Result};
use napi_derive::napi;
use seqloom_graph::decode::{CtcOptions, CtcSearch, Transcript};
use seqloom_graph::unless_cancelled;
use std::cell::RefCell;

/// Lists of symbols, one after the other.
#[napi(object, object_from_js = false)]
pub struct NativePrefixes {
    /// How many symbols each has.
    pub lengths: Uint32Array,
    /// The symbols of all.
    pub labels: Int32Array,
}

/// Transcripts, row after row, the best one of each row first; their symbols lie one after the other.
#[napi(object, object_from_js = false)]
pub struct NativeTranscripts {
    /// How many each row has.
    pub counts: Uint32Array,
    /// How many symbols each has.
    pub lengths: Uint32Array,
    /// The symbols of all.
    pub labels: Int32Array,
    /// The step at which each symbol begins.
    pub times: Uint32Array,
    /// What each is ordered by.
    pub scores: Float64Array,
}

/// A search in logits, which may stop at every step to ask for scores.
#[napi]
pub struct NativeCtcSearch {
    search: RefCell<Option<CtcSearch>>,
}

#[napi]
impl NativeCtcSearch {
    /// A search in logits of shape `[batch, time, symbols]`.
    ///
    /// Errors: `ERR_OPTION`, `ERR_SHAPE`, `ERR_NUMERIC`, `ERR_MEMORY`.
    #[napi(
        constructor,
        catch_unwind,
        ts_args_type = "logits: Float32Array, shape: number[], lengths: Uint32Array, optionsJson: string"
    )]
    pub fn new(
        logits: Unknown<'_>,
        shape: Unknown<'_>,
        lengths: Unknown<'_>,
        options_json: Unknown<'_>,
    ) -> Result<Self, ErrorCode> {
        guard(|| {
            let options = CtcOptions::from_json(&argument::string(&options_json, "optionsJson")?)?;
            let shape = argument::shape(&shape, "shape")?;
            let Ok(shape) = <[usize; 3]>::try_from(shape) else {
                return Err(Failure::new(ErrorCode::SHAPE, "shape: expected 3 dimensions".to_owned()));
            };
            let lengths = argument::elements::<u32>(&lengths, "lengths")?;
            let logits = argument::elements::<f32>(&logits, "logits")?;
            Ok(Self { search: RefCell::new(Some(CtcSearch::new(options, &logits, shape, &lengths)?)) })
        })
    }

    /// The prefixes that the next step needs scores for.
    ///
    /// Errors: `ERR_STATE` after the end.
    #[napi(catch_unwind)]
    pub fn missing(&self) -> Result<NativePrefixes, ErrorCode> {
        guard(|| Ok(prefixes(self.search.borrow().as_ref().ok_or_else(ended)?.missing())))
    }

    /// Takes a step, with the scores of each symbol after each of those prefixes.
    ///
    /// Errors: `ERR_DATA`; `ERR_STATE` after the end.
    #[napi(catch_unwind, ts_args_type = "scores: Float32Array")]
    pub fn step(&self, scores: Unknown<'_>) -> Result<(), ErrorCode> {
        guard(|| {
            let scores = argument::elements::<f32>(&scores, "scores")?;
            Ok(self.search.borrow_mut().as_mut().ok_or_else(ended)?.step(&scores)?)
        })
    }

    /// Takes all steps that are left, without scores, and ends.
    ///
    /// Errors: `ERR_MEMORY`; `ERR_STATE` after the end.
    #[napi(catch_unwind)]
    pub fn finish(&self) -> Result<NativeTranscripts, ErrorCode> {
        guard(|| Ok(self.take()?.finish()?.into()))
    }

    /// [`Self::finish`] on another thread.
    ///
    /// Errors: as there, and `ABORTED`.
    #[napi(catch_unwind, ts_args_type = "cancel?: CancelFlag", ts_return_type = "Promise<NativeTranscripts>")]
    pub fn finish_later<'env>(
        &self,
        env: &'env Env,
        cancel: Unknown<'env>,
    ) -> Result<Object<'env>, ErrorCode> {
        guard(|| {
            let search = self.take()?;
            later(env, &cancel, || search.finish())
        })
    }

    fn take(&self) -> Outcome<CtcSearch> {
        self.search.borrow_mut().take().ok_or_else(ended)
    }
}

/// What a search finds, on another thread.
pub(crate) fn later<'env>(
    env: &'env Env,
    cancel: &Unknown<'_>,
    finish: impl FnOnce() -> seqloom_graph::Result<Vec<Vec<Transcript>>> + Send + 'static,
) -> Outcome<Object<'env>> {
    job::run_until(env, cancel::read(cancel, "cancel")?, move |cancel| {
        Ok(NativeTranscripts::from(unless_cancelled(cancel, finish)?))
    })
}

/// Lists of symbols as JavaScript takes them.
pub(crate) fn prefixes(given: Vec<Vec<i32>>) -> NativePrefixes {
    let lengths = given.iter().map(|labels| labels.len() as u32).collect();
    NativePrefixes { lengths: Uint32Array::new(lengths), labels: Int32Array::new(given.concat()) }
}

fn ended() -> Failure {
    Failure::new(ErrorCode::STATE, "The search has ended".to_owned())
}

impl From<Vec<Vec<Transcript>>> for NativeTranscripts {
    fn from(found: Vec<Vec<Transcript>>) -> Self {
        let counts = found.iter().map(|row| row.len() as u32).collect();
        let all: Vec<Transcript> = found.into_iter().flatten().collect();
        let lengths = all.iter().map(|transcript| transcript.labels.len() as u32).collect();
        Self {
            counts: Uint32Array::new(counts),
            lengths: Uint32Array::new(lengths),
            labels: Int32Array::new(all.iter().flat_map(|transcript| &transcript.labels).copied().collect()),
            times: Uint32Array::new(all.iter().flat_map(|transcript| &transcript.times).copied().collect()),
            scores: Float64Array::new(all.iter().map(|transcript| transcript.score).collect()),
        }
    }
}
