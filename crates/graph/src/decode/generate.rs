//! Generation: a session that reads the tokens that were chosen from its own outputs.

use super::blueprint::Blueprint;
use super::head::Head;
use super::sample::{Sampler, SamplingOptions};
use super::session::Session;
use crate::error::{Error, Result};
use crate::ir::Graph;
use crate::params::Parameters;
use crate::tensor::BatchData;
use crate::values::Dtype;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// The tokens from one call of [`Generator::run`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Generated {
    /// In order; none may be ready yet.
    pub tokens: Vec<i32>,
    /// Whether there will be no more.
    pub done: bool,
}

/// Continues a sequence of tokens. The result depends neither on threads nor on how the work is divided into calls.
#[derive(Debug)]
pub struct Generator {
    session: Session,
    sampler: Sampler,
    /// The prompt, then what was chosen last.
    waiting: Vec<i32>,
    read: usize,
    given: usize,
    most: usize,
}

impl Generator {
    /// Prepares to continue `prompt` by at most `most` tokens.
    ///
    /// # Errors
    /// `ERR_UNSUPPORTED` for models that cannot stream or do not read tokens; `ERR_DATA` for an empty prompt or tokens
    /// that the model's output does not know; `ERR_OPTION`; `ERR_MEMORY`.
    pub fn new(
        graph: &Graph,
        parameters: Arc<Parameters<f32>>,
        prompt: &[i32],
        most: usize,
        options: SamplingOptions,
    ) -> Result<Self> {
        if graph.inputs.first().is_none_or(|input| input.dtype != Dtype::Int32) {
            return Err(Error::unsupported("generate is for models that read tokens"));
        }
        let Head { graph, reading } = Head::new(graph, options.output, options.from, &[], true)?;
        let mut session = Blueprint::new(&graph, parameters, 0)?.session(1, &[])?;
        let shapes = session.output_shapes()?;
        let Some(&[_, vocabulary]) = shapes.first().map(Vec::as_slice) else {
            return Err(Error::unsupported("generate needs an output of shape [batch, time, tokens]"));
        };
        if prompt.is_empty() {
            return Err(Error::data("generate: the prompt must have at least one token"));
        }
        let mut sampler = Sampler::new(options, vocabulary, reading)?;
        for (place, &token) in prompt.iter().enumerate() {
            let known = usize::try_from(token).ok().filter(|&token| token < vocabulary);
            let unknown = || {
                let last = vocabulary.saturating_sub(1);
                Error::data(format!(
                    "generate: token {place} of the prompt is {token}; tokens are 0 to {last}"
                ))
            };
            sampler.note(known.ok_or_else(unknown)?);
        }
        Ok(Self { session, sampler, waiting: prompt.to_vec(), read: 0, given: 0, most })
    }

    /// Works for about `time`, or until the end.
    ///
    /// # Errors
    /// `ABORTED` once `cancel` is set; `ERR_DATA`, `ERR_NUMERIC`, `ERR_MEMORY`.
    pub fn run(&mut self, time: Duration, cancel: &AtomicBool) -> Result<Generated> {
        let started = Instant::now();
        let mut tokens = Vec::new();
        while self.given < self.most {
            if cancel.load(Ordering::Relaxed) {
                return Err(Error::aborted());
            }
            if started.elapsed() >= time {
                return Ok(Generated { tokens, done: false });
            }
            let Some(token) = self.waiting.get(self.read..=self.read) else {
                return Err(Error::native("There is no token to go on from"));
            };
            self.session.step(BatchData::Int(token))?;
            self.read += 1;
            if self.read < self.waiting.len() {
                continue;
            }
            let chosen = self.sampler.choose(self.session.output(0)?, self.given as u64)?;
            self.sampler.note(chosen);
            let chosen = i32::try_from(chosen).map_err(|_| Error::native("A token is no 32-bit number"))?;
            self.waiting.clear();
            self.waiting.push(chosen);
            self.read = 0;
            self.given += 1;
            tokens.try_reserve(1).map_err(|_| Error::memory("The tokens do not fit"))?;
            tokens.push(chosen);
        }
        Ok(Generated { tokens, done: true })
    }

    /// Bytes held.
    pub fn memory(&self) -> usize {
        self.session.memory()
    }
}
