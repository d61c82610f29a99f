//! Beam search: the most probable sequences that a model writes token by token.

use super::beam::{Beam, Candidate, best_tokens};
use super::blueprint::Blueprint;
use super::head::{From, Head, Reading, are_distributions};
use super::session::Session;
use crate::error::{Error, Result};
use crate::ir::Graph;
use crate::memory;
use crate::params::Parameters;
use crate::tensor::{BatchData, HostTensor, Sequence};
use crate::train::{Batch, Dataset};
use seqloom_kernels::Scalar;
use serde::Deserialize;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// The most rows that a step computes at once.
const ROWS: usize = 256;

/// How sequences are searched for.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SearchOptions {
    /// The token that begins every sequence and is not part of it.
    pub start: i32,
    /// The token that ends a sequence and is not part of it.
    pub end: i32,
    /// Most tokens of each sequence, one for each row of the constants.
    pub max_lengths: Vec<usize>,
    /// How many hypotheses of a sequence are kept; 1 is greedy search.
    pub width: usize,
    /// How many hypotheses are returned, at most `width`.
    pub best: usize,
    /// The exponent of the length normalisation.
    pub length_penalty: f64,
    /// Whether to collect the first of the other outputs, the attention weights of each step.
    pub alignments: bool,
    /// Tokens that are never written.
    pub exclude: Vec<i32>,
    /// Which output of the model is read for the next token; default the first.
    #[serde(default)]
    pub output: usize,
    /// What that output is; by default as its values are known to be.
    #[serde(default)]
    pub from: Option<From>,
}

/// A sequence that was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Hypothesis {
    /// Without start and end.
    pub tokens: Vec<i32>,
    /// The sum of the logarithms of the tokens' probabilities, the end's included.
    pub log_probability: f64,
    /// The same divided by the length penalty: what hypotheses are ordered by.
    pub score: f64,
    /// Whether it ended; false if it was cut at the maximum length.
    pub finished: bool,
    /// The attention weights for each token, and for the end, `[steps, width]`; empty unless asked for.
    pub alignments: Vec<f32>,
}

/// Hypotheses are ordered by log P(Y) / lp(Y), lp(Y) = ((5 + |Y|) / 6)^α, where |Y| counts the end (Wu et al. 2016,
/// arXiv 1609.08144).
pub(super) fn length_penalty(length: usize, exponent: f64) -> f64 {
    ((5.0 + length as f64) / 6.0).powf(exponent)
}

/// Writes a sequence for each row of the constants. The model's step reads one token of each sequence from its input
/// `step`; one output is a distribution over the next token, or logits. The greedy hypothesis keeps a slot in the beam,
/// so that the best one never scores below it.
///
/// Returns the `best` hypotheses of each row, the best one first. Results do not depend on the other rows.
///
/// # Errors
/// `ERR_OPTION` for unsuitable options; `ERR_DATA` for constants that do not fit or outputs that are no distributions;
/// `ERR_UNSUPPORTED` for a model without such outputs; `ERR_MEMORY`; `ABORTED` once `cancel` is set.
pub fn beam_search(
    graph: &Graph,
    parameters: Arc<Parameters<f32>>,
    step: usize,
    constants: &[HostTensor],
    options: &SearchOptions,
    cancel: &AtomicBool,
) -> Result<Vec<Vec<Hypothesis>>> {
    options.check()?;
    let other = (0..graph.outputs.len()).find(|&output| options.alignments && output != options.output);
    let others: Vec<usize> = other.iter().map(|&output| graph.outputs[output]).collect();
    let Head { graph, reading } = Head::new(graph, options.output, options.from, &others, false)?;
    let mut blueprint = Blueprint::new(&graph, parameters, step)?;
    let Some(first) = constants.first() else {
        return Err(Error::unsupported(
            "A search writes a sequence for each row of the constants, but the model has none",
        ));
    };
    let rows = first.shape.first().copied().unwrap_or(0);
    if options.max_lengths.len() != rows {
        return Err(Error::option(format!(
            "There must be a greatest length for each of {rows} rows; got {}",
            options.max_lengths.len()
        )));
    }
    let data = Dataset::new(constants, &blueprint.constants)?;
    // Rows of similar lengths go together: the padding of the longest one costs time.
    let mut order: Vec<usize> = (0..rows).collect();
    order.sort_by_key(|&row| constants.iter().map(|constant| length(constant, row)).sum::<usize>());
    let mut found: Vec<Vec<Hypothesis>> = vec![Vec::new(); rows];
    let mut batch = Batch::default();
    for part in order.chunks((ROWS / options.width).max(1)) {
        data.gather(part.iter().copied(), &mut batch)?;
        let inputs = batch.inputs(&data);
        let session = blueprint.session_of(part.len(), &inputs, options.width, Some(cancel))?;
        Search::new(session, options, reading, part)?.run(cancel, &mut found)?;
    }
    Ok(found)
}

fn length(constant: &HostTensor, row: usize) -> usize {
    match &constant.sequence {
        Sequence::Lengths(lengths) | Sequence::Ragged(lengths) => {
            lengths.get(row).map_or(0, |&length| length as usize)
        }
        Sequence::Full | Sequence::Mask(_) => 0,
    }
}

impl SearchOptions {
    /// Reads options from JSON.
    ///
    /// # Errors
    /// `ERR_OPTION` for other fields or types.
    pub fn from_json(text: &str) -> Result<Self> {
        serde_json::from_str(text).map_err(|error| Error::option(format!("The search's options: {error}")))
    }

    fn check(&self) -> Result<()> {
        let wrong = |message: &str| Err(Error::option(message));
        if self.width == 0 || self.best == 0 || self.best > self.width {
            return wrong(
                "The beam's width must be at least 1, and no less than the number of hypotheses wanted",
            );
        }
        if !(self.length_penalty >= 0.0 && self.length_penalty.is_finite()) {
            return wrong("The length penalty must be a finite number of at least 0");
        }
        if self.max_lengths.contains(&0) {
            return wrong("The greatest length must be at least 1");
        }
        if self.exclude.contains(&self.end) {
            return wrong("The token that ends a sequence cannot be excluded");
        }
        Ok(())
    }
}

/// The search for some rows.
struct Search<'a> {
    session: Session,
    options: &'a SearchOptions,
    reading: Reading,
    beams: Vec<Beam>,
    /// How many tokens there are.
    vocabulary: usize,
    /// How many weights an alignment has; 0 if none is collected.
    attended: usize,
}

impl<'a> Search<'a> {
    /// A session with `width` neighbouring rows for each of `rows`.
    fn new(
        mut session: Session,
        options: &'a SearchOptions,
        reading: Reading,
        rows: &[usize],
    ) -> Result<Self> {
        let shapes = session.output_shapes()?;
        let &[_, vocabulary] = shapes.first().map_or(&[][..], Vec::as_slice) else {
            return Err(Error::unsupported("A search needs an output of shape [batch, time, tokens]"));
        };
        for (name, token) in [("start", options.start), ("end", options.end)] {
            if usize::try_from(token).map_or(true, |token| token >= vocabulary) {
                return Err(Error::option(format!("{name}: {token} is not one of the {vocabulary} tokens")));
            }
        }
        if let Some(token) = options.exclude.iter().find(|&&token| token < 0 || token as usize >= vocabulary)
        {
            return Err(Error::option(format!("exclude: {token} is not one of the {vocabulary} tokens")));
        }
        let attended = match (options.alignments, shapes.get(1).map(Vec::as_slice)) {
            (false, _) => 0,
            (true, Some(&[_, attended])) => attended,
            (true, _) => {
                return Err(Error::unsupported(
                    "Alignments need a second output of shape [batch, time, steps]",
                ));
            }
        };
        let beams = rows.iter().map(|&row| Beam::new(row, options.max_lengths[row], options)).collect();
        Ok(Self { session, options, reading, beams, vocabulary, attended })
    }

    fn run(mut self, cancel: &AtomicBool, found: &mut [Vec<Hypothesis>]) -> Result<()> {
        let width = self.options.width;
        // A row needs one more token than there are hypotheses: one of the tokens may be the end.
        let each = (width + 1).min(self.vocabulary);
        let mut tokens: Vec<i32> = Vec::new();
        let mut candidates: Vec<Candidate> = Vec::new();
        let mut parents: Vec<u32> = Vec::new();
        let mut softened: Vec<f32> = Vec::new();
        while !self.beams.is_empty() {
            tokens.clear();
            self.beams.iter().for_each(|beam| beam.push_tokens(width, self.options.start, &mut tokens));
            self.session.step_or_cancel(BatchData::Int(&tokens), Some(cancel))?;
            let mut probabilities = self.session.output(0)?;
            if self.reading == Reading::Logits {
                if probabilities.iter().any(|value| !value.is_finite()) {
                    return Err(Error::numeric("The model's output is not finite"));
                }
                memory::refill(&mut softened, probabilities.len(), 0.0, "The probabilities")?;
                f32::softmax_rows(probabilities, self.vocabulary, &mut softened);
                probabilities = &softened;
            } else if self.reading != Reading::Probabilities
                || self.beams.first().is_some_and(|beam| beam.length() == 0)
            {
                check_distributions(probabilities, self.vocabulary)?;
            }
            best_tokens(probabilities, self.vocabulary, each, &self.options.exclude, &mut candidates);
            let alignments = if self.attended > 0 { self.session.output(1)? } else { &[] };
            parents.clear();
            for (slot, (beam, candidates)) in
                self.beams.iter_mut().zip(candidates.chunks(width * each)).enumerate()
            {
                let rows = slot * width;
                let weights = alignments.get(rows * self.attended..(rows + width) * self.attended);
                beam.advance(candidates, each, weights.unwrap_or_default(), self.options);
                parents.extend(beam.parents(width).map(|parent| (rows + parent) as u32));
            }
            let done = self.beams.iter().filter(|beam| beam.is_done()).count();
            if done * 2 >= self.beams.len() {
                // Finished beams leave, so that they cost nothing more.
                let going = |slot: usize| self.beams.get(slot).is_some_and(|beam| !beam.is_done());
                let kept: Vec<u32> = parents
                    .iter()
                    .enumerate()
                    .filter(|&(row, _)| going(row / width))
                    .map(|(_, &parent)| parent)
                    .collect();
                let (ended, rest): (Vec<Beam>, Vec<Beam>) =
                    std::mem::take(&mut self.beams).into_iter().partition(Beam::is_done);
                for beam in ended {
                    let row = beam.row();
                    found[row] = beam.finish(self.options, self.attended);
                }
                self.beams = rest;
                if !kept.is_empty() {
                    self.session.select(&kept)?;
                }
            } else {
                self.session.select_states(&parents)?;
            }
        }
        Ok(())
    }
}

/// Refuses values that are not distributions, since the search would give nonsense.
fn check_distributions(values: &[f32], width: usize) -> Result<()> {
    if are_distributions(values, width) {
        return Ok(());
    }
    Err(Error::data(
        "The model's output is no distribution over the tokens; a search needs probabilities, as softmax gives them, or logits with { from: 'logits' }",
    ))
}
