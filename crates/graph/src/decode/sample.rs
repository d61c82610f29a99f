//! The choice of the next token from the logits of all.

use super::head::{From, Reading, are_distributions};
use crate::error::{Error, Result};
use crate::memory;
use crate::rng::{Key, domain, uniform};
use seqloom_kernels::Scalar;
use serde::Deserialize;
use std::collections::HashSet;

/// How the next token is chosen.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SamplingOptions {
    /// The number by which logits are divided; 0 always takes the largest. Default 1.
    #[serde(default = "one")]
    pub temperature: f64,
    /// Choose among this many of the most probable tokens; default all.
    #[serde(default)]
    pub top_k: Option<usize>,
    /// Choose among the most probable tokens that together reach this probability (Holtzman et al. 2020); default 1,
    /// all.
    #[serde(default = "one")]
    pub top_p: f64,
    /// Positive logits of tokens that have occurred are divided by it, negative ones multiplied (Keskar et al. 2019);
    /// default 1.
    #[serde(default = "one")]
    pub repetition_penalty: f64,
    /// The seed of the choices.
    #[serde(default)]
    pub seed: u64,
    /// Tokens that are never chosen; default none.
    #[serde(default)]
    pub exclude: Vec<usize>,
    /// Which output of the model is read; default the first.
    #[serde(default)]
    pub output: usize,
    /// What that output is; by default as its values are known to be.
    #[serde(default)]
    pub from: Option<From>,
}

fn one() -> f64 {
    1.0
}

impl SamplingOptions {
    /// Reads and checks options.
    ///
    /// # Errors
    /// `ERR_OPTION` naming the option.
    pub fn from_json(text: &str) -> Result<Self> {
        let options: Self =
            serde_json::from_str(text).map_err(|error| Error::option(format!("generate: {error}")))?;
        options.check()?;
        Ok(options)
    }

    /// # Errors
    /// `ERR_OPTION` naming the option.
    fn check(&self) -> Result<()> {
        let require = |holds: bool, name: &str, range: &str, value: f64| {
            if holds {
                return Ok(());
            }
            Err(Error::option(format!("generate: {name} must be {range}, not {value}")))
        };
        let &Self { temperature, top_k, top_p, repetition_penalty: penalty, .. } = self;
        let usable = |value: f64| (value as f32).is_finite();
        require(
            usable(temperature) && temperature >= 0.0,
            "temperature",
            "a finite number of at least 0",
            temperature,
        )?;
        require(top_k != Some(0), "topK", "at least 1", 0.0)?;
        require(top_p > 0.0 && top_p <= 1.0, "topP", "above 0 and at most 1", top_p)?;
        require(usable(penalty) && penalty > 0.0, "repetitionPenalty", "a finite number above 0", penalty)
    }
}

/// Chooses tokens; the choices depend only on the options, the tokens so far and their number.
#[derive(Debug)]
pub(super) struct Sampler {
    options: SamplingOptions,
    reading: Reading,
    /// The tokens that have occurred, each once.
    seen: Vec<usize>,
    is_seen: Vec<bool>,
    logits: Vec<f32>,
    weights: Vec<f32>,
    /// The tokens to choose from, if not all.
    kept: Vec<usize>,
}

impl Sampler {
    /// # Errors
    /// `ERR_OPTION`; `ERR_MEMORY`.
    pub(super) fn new(options: SamplingOptions, vocabulary: usize, reading: Reading) -> Result<Self> {
        options.check()?;
        let mut is_seen = Vec::new();
        memory::refill(&mut is_seen, vocabulary, false, "The tokens so far")?;
        if let Some(token) = options.exclude.iter().find(|&&token| token >= vocabulary) {
            return Err(Error::option(format!(
                "generate: exclude has {token}, which is none of the {vocabulary} tokens"
            )));
        }
        if HashSet::<usize>::from_iter(options.exclude.iter().copied()).len() == vocabulary {
            return Err(Error::option(format!(
                "generate: exclude has all {vocabulary} tokens, so that none is left to choose"
            )));
        }
        Ok(Self {
            options,
            reading,
            seen: Vec::new(),
            is_seen,
            logits: Vec::new(),
            weights: Vec::new(),
            kept: Vec::new(),
        })
    }

    /// Records a token of the prompt, or a chosen one.
    pub(super) fn note(&mut self, token: usize) {
        if let Some(seen) = self.is_seen.get_mut(token).filter(|seen| !**seen) {
            *seen = true;
            self.seen.push(token);
        }
    }

    /// The token at a position, from the model's output there.
    ///
    /// # Errors
    /// `ERR_NUMERIC` for values that are not finite, or that leave no token to choose; `ERR_DATA` for values that
    /// should be probabilities and are not; `ERR_OPTION` if it is not known what they are; `ERR_MEMORY`.
    pub(super) fn choose(&mut self, values: &[f32], position: u64) -> Result<usize> {
        let SamplingOptions { temperature, top_k, top_p, repetition_penalty, seed, .. } = self.options;
        if values.is_empty() || values.len() != self.is_seen.len() {
            return Err(Error::native("The sampler was made for another vocabulary"));
        }
        if values.iter().any(|value| !value.is_finite()) {
            return Err(Error::numeric(format!("The model's output at token {position} is not finite")));
        }
        self.read(values)?;
        if repetition_penalty != 1.0 {
            let penalty = repetition_penalty as f32;
            for &token in &self.seen {
                let logit = &mut self.logits[token];
                *logit = if *logit > 0.0 { *logit / penalty } else { *logit * penalty };
            }
        }
        for &token in &self.options.exclude {
            self.logits[token] = f32::NEG_INFINITY;
        }
        let best = largest(&self.logits);
        if self.logits[best] == f32::NEG_INFINITY {
            return Err(Error::numeric(format!(
                "At token {position} every token that is not excluded has a probability of 0"
            )));
        }
        if temperature == 0.0 {
            return Ok(best);
        }
        // Differences before the division: no temperature makes them infinite in the wrong direction.
        let (top, heat) = (self.logits[best], temperature as f32);
        self.logits.iter_mut().for_each(|logit| *logit = ((*logit - top) / heat).max(f32::MIN));
        memory::refill(&mut self.weights, values.len(), 0.0, "The probabilities")?;
        f32::softmax_rows(&self.logits, values.len(), &mut self.weights);
        let drawn = f64::from(uniform(Key { seed, step: position, op: domain::SAMPLE }, 0));
        let k = top_k.filter(|&k| k < values.len());
        if k.is_none() && top_p >= 1.0 {
            return Ok(pick(&self.weights, 0..values.len(), drawn).unwrap_or(best));
        }
        self.keep(k, top_p);
        Ok(pick(&self.weights, self.kept.iter().copied(), drawn).unwrap_or(best))
    }

    /// Takes the logits from the model's output.
    fn read(&mut self, values: &[f32]) -> Result<()> {
        memory::refill(&mut self.logits, values.len(), 0.0, "The logits")?;
        if self.reading == Reading::Logits {
            self.logits.copy_from_slice(values);
            return Ok(());
        }
        if self.reading != Reading::Probabilities && !are_distributions(values, values.len()) {
            return Err(match self.reading {
                Reading::Measured => Error::option(
                    "generate: it cannot be known whether the output is probabilities or logits: give { from: 'probabilities' } or { from: 'logits' }",
                ),
                _ => Error::data(
                    "generate: from is 'probabilities', but the output is no distribution: it has values below 0, or their sum is not 1",
                ),
            });
        }
        for (logit, &probability) in self.logits.iter_mut().zip(values) {
            *logit = probability.ln();
        }
        Ok(())
    }

    /// Keeps the most probable tokens, the most probable first.
    fn keep(&mut self, k: Option<usize>, top_p: f64) {
        let Self { weights, kept, .. } = self;
        kept.clear();
        kept.extend(0..weights.len());
        let falling = |a: &usize, b: &usize| weights[*b].total_cmp(&weights[*a]).then(a.cmp(b));
        if let Some(k) = k {
            kept.select_nth_unstable_by(k - 1, falling);
            kept.truncate(k);
        }
        kept.sort_unstable_by(falling);
        if top_p < 1.0 {
            let total: f64 = kept.iter().map(|&token| f64::from(weights[token])).sum();
            let mut sum = 0.0;
            let enough = kept.iter().position(|&token| {
                sum += f64::from(weights[token]);
                sum >= top_p * total
            });
            kept.truncate(enough.map_or(kept.len(), |last| last + 1));
        }
    }
}

fn largest(values: &[f32]) -> usize {
    (1..values.len()).fold(0, |best, at| if values[at] > values[best] { at } else { best })
}

/// The token at which the running sum of the weights passes the drawn share of the total.
fn pick(weights: &[f32], tokens: impl Iterator<Item = usize> + Clone, drawn: f64) -> Option<usize> {
    let total: f64 = tokens.clone().map(|token| f64::from(weights[token])).sum();
    let mut left = drawn * total;
    let mut last = None;
    for token in tokens.filter(|&token| weights[token] > 0.0) {
        last = Some(token);
        left -= f64::from(weights[token]);
        if left < 0.0 {
            break;
        }
    }
    last
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(json: serde_json::Value) -> SamplingOptions {
        serde_json::from_value(json).unwrap()
    }

    /// How often each of the tokens is chosen.
    fn shares(json: serde_json::Value, logits: &[f32], seen: &[usize]) -> Vec<f64> {
        let mut sampler = Sampler::new(options(json), logits.len(), Reading::Logits).unwrap();
        seen.iter().for_each(|&token| sampler.note(token));
        let mut counts = vec![0.0; logits.len()];
        for position in 0..20_000 {
            counts[sampler.choose(logits, position).unwrap()] += 1.0 / 20_000.0;
        }
        counts
    }

    fn close(got: &[f64], want: &[f64]) {
        assert!(got.iter().zip(want).all(|(got, want)| (got - want).abs() < 0.015), "{got:?} for {want:?}");
    }

    #[test]
    fn frequencies_are_the_probabilities() {
        let logits = [0.1_f32.ln(), 0.4_f32.ln(), 0.2_f32.ln(), 0.3_f32.ln()];
        let json = |text: &str| serde_json::from_str(text).unwrap();
        close(&shares(json("{}"), &logits, &[]), &[0.1, 0.4, 0.2, 0.3]);
        close(&shares(json(r#"{"temperature":0}"#), &logits, &[]), &[0.0, 1.0, 0.0, 0.0]);
        let hot: Vec<f64> = [0.1_f64, 0.4, 0.2, 0.3].iter().map(|p| p.sqrt()).collect();
        let sum: f64 = hot.iter().sum();
        let hot: Vec<f64> = hot.iter().map(|p| p / sum).collect();
        close(&shares(json(r#"{"temperature":2}"#), &logits, &[]), &hot);
        close(&shares(json(r#"{"topK":2}"#), &logits, &[]), &[0.0, 4.0 / 7.0, 0.0, 3.0 / 7.0]);
        close(&shares(json(r#"{"topP":0.75}"#), &logits, &[]), &[0.0, 4.0 / 9.0, 2.0 / 9.0, 3.0 / 9.0]);
        close(&shares(json(r#"{"topK":3,"topP":0.5}"#), &logits, &[]), &[0.0, 4.0 / 7.0, 0.0, 3.0 / 7.0]);
        let penalised = [1.0_f32, 1.0, -1.0];
        close(&shares(json(r#"{"repetitionPenalty":2,"topK":1}"#), &penalised, &[0, 0]), &[0.0, 1.0, 0.0]);
        let tiny = shares(json(r#"{"temperature":1e-30}"#), &logits, &[]);
        close(&tiny, &[0.0, 1.0, 0.0, 0.0]);
    }

    #[test]
    fn bad_options_and_logits_are_refused() {
        for wrong in [
            r#"{"temperature":-1}"#,
            r#"{"topK":0}"#,
            r#"{"topP":0}"#,
            r#"{"topP":1.5}"#,
            r#"{"repetitionPenalty":0}"#,
        ] {
            let options = options(serde_json::from_str(wrong).unwrap());
            assert_eq!(
                Sampler::new(options, 3, Reading::Logits).unwrap_err().code.as_str(),
                "ERR_OPTION",
                "{wrong}"
            );
        }
        let mut sampler = Sampler::new(options(serde_json::json!({})), 2, Reading::Logits).unwrap();
        assert_eq!(sampler.choose(&[f32::NAN, 1.0], 0).unwrap_err().code.as_str(), "ERR_NUMERIC");
    }
}
