//! Sequences that a model writes, searched for on another thread.

use crate::error::{ErrorCode, guard};
use crate::model::NativeModel;
use crate::{argument, cancel, tensor};
use napi::bindgen_prelude::{
    Float32Array, Float64Array, Int32Array, Object, Uint8Array, Uint32Array, Unknown,
};
use napi::{Env, Result};
use napi_derive::napi;
use seqloom_graph::decode::{Hypothesis, SearchOptions, beam_search};
use seqloom_graph::unless_cancelled;

/// Hypotheses, row after row, the best one of each row first; their tokens and alignments lie one after the other.
#[napi(object, object_from_js = false)]
pub struct NativeHypotheses {
    /// How many each row has.
    pub counts: Uint32Array,
    /// How many tokens each has.
    pub lengths: Uint32Array,
    /// The tokens of all.
    pub tokens: Int32Array,
    /// The logarithm of each one's probability.
    pub log_probabilities: Float64Array,
    /// What each is ordered by.
    pub scores: Float64Array,
    /// 1 for each that has come to its end, 0 for one that was cut.
    pub finished: Uint8Array,
    /// How many weights of alignments each has.
    pub aligned: Uint32Array,
    /// The alignments of all.
    pub alignments: Float32Array,
}

#[napi]
impl NativeModel {
    /// Searches for the most probable sequence of tokens for each row of the constants; input `step` is the decoder's.
    ///
    /// Errors: `ERR_UNSUPPORTED` for models that cannot stream or have no such outputs; `ERR_DATA`, `ERR_SHAPE`,
    /// `ERR_OPTION`; `ERR_STATE` during `fit`; `ABORTED`.
    #[napi(
        catch_unwind,
        ts_args_type = "step: number, constants: NativeTensor[], optionsJson: string, cancel?: CancelFlag",
        ts_return_type = "Promise<NativeHypotheses>"
    )]
    pub fn search<'env>(
        &self,
        env: &'env Env,
        step: Unknown<'env>,
        constants: Unknown<'env>,
        options_json: Unknown<'env>,
        cancel: Unknown<'env>,
    ) -> Result<Object<'env>, ErrorCode> {
        guard(|| {
            let step = argument::integer(&step, "step", 0)?;
            let constants = tensor::read_list(&constants, "constants")?;
            let options = SearchOptions::from_json(&argument::string(&options_json, "optionsJson")?)?;
            self.shared.later(env, cancel::read(&cancel, "cancel")?, move |trainer, cancel| {
                let (spec, parameters) = (trainer.graph(), trainer.shared_parameters());
                let found = unless_cancelled(cancel, || {
                    beam_search(spec, parameters, step, &constants, &options, cancel)
                })?;
                Ok(NativeHypotheses::from(found))
            })
        })
    }
}

impl From<Vec<Vec<Hypothesis>>> for NativeHypotheses {
    fn from(found: Vec<Vec<Hypothesis>>) -> Self {
        let counts: Vec<u32> = found.iter().map(|row| row.len() as u32).collect();
        let all: Vec<Hypothesis> = found.into_iter().flatten().collect();
        let lengths = |length: fn(&Hypothesis) -> usize| {
            Uint32Array::new(all.iter().map(|hypothesis| length(hypothesis) as u32).collect())
        };
        let numbers = |number: fn(&Hypothesis) -> f64| Float64Array::new(all.iter().map(number).collect());
        Self {
            counts: Uint32Array::new(counts),
            lengths: lengths(|hypothesis| hypothesis.tokens.len()),
            tokens: Int32Array::new(all.iter().flat_map(|hypothesis| &hypothesis.tokens).copied().collect()),
            log_probabilities: numbers(|hypothesis| hypothesis.log_probability),
            scores: numbers(|hypothesis| hypothesis.score),
            finished: Uint8Array::new(all.iter().map(|hypothesis| u8::from(hypothesis.finished)).collect()),
            aligned: lengths(|hypothesis| hypothesis.alignments.len()),
            alignments: Float32Array::new(
                all.iter().flat_map(|hypothesis| &hypothesis.alignments).copied().collect(),
            ),
        }
    }
}
