//! What training needs besides the model's graph, in the wire format.

use super::summary::Summary;
use crate::error::{Error, Result};
use crate::wire::GraphSpec;
use seqloom_kernels::Precision;
use serde::Deserialize;
use std::num::NonZeroUsize;

/// A model's graph with targets, losses and metrics.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TrainSpec {
    /// The model's graph with inputs for targets (and sample weights) after its own, and outputs for losses and metrics
    /// after its own: for each a mean, directly followed by its count, or one vector of counts.
    pub graph: GraphSpec,
    /// The losses; their weighted sum is minimised.
    pub losses: Vec<LossSpec>,
    /// What is reported besides the loss, in order.
    pub metrics: Vec<MetricSpec>,
    /// What the forward pass of every step makes of weights that have no gradient, such as moving means.
    #[serde(default)]
    pub updates: Vec<Replacement>,
    /// What weights become after every step, computed of weights alone.
    #[serde(default)]
    pub constraints: Vec<Replacement>,
    /// What products with weights are computed in.
    #[serde(default)]
    pub precision: Factors,
    /// After how many steps the backward pass finds states to compute the others from; all steps are kept by default.
    #[serde(default)]
    pub checkpoint_every: Option<NonZeroUsize>,
}

/// What the factors of products with weights are, in training and in prediction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Factors {
    /// As they are.
    #[default]
    Float32,
    /// Rounded to bfloat16.
    Bfloat16,
}

impl From<Factors> for Precision {
    fn from(factors: Factors) -> Self {
        match factors {
            Factors::Float32 => Self::Float32,
            Factors::Bfloat16 => Self::Bfloat16,
        }
    }
}

/// What a weight becomes after every step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Replacement {
    /// The index of the weight.
    pub weight: usize,
    /// The index in the graph's outputs of its new value.
    pub output: usize,
}

/// One loss.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LossSpec {
    /// The index in the graph's outputs of the mean.
    pub output: usize,
    /// The factor in the sum of losses; default 1.
    #[serde(default = "one")]
    pub weight: f64,
    /// Whether the output is a sum over the batch, not a mean; its count is that of the batch's rows then.
    #[serde(default)]
    pub summed: bool,
}

/// One metric.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MetricSpec {
    /// The key in logs.
    pub name: String,
    /// The index in the graph's outputs of the mean, or of the counts.
    pub output: usize,
    /// What is reported.
    #[serde(default)]
    pub summary: Summary,
}

fn one() -> f64 {
    1.0
}

impl TrainSpec {
    /// Reads a description.
    ///
    /// # Errors
    /// `ERR_FORMAT` for malformed JSON.
    pub fn from_json(text: &str) -> Result<Self> {
        serde_json::from_str(text)
            .map_err(|error| Error::format(format!("The training graph cannot be read: {error}")))
    }

    /// The description, if its outputs exist and the weights of its losses are finite.
    pub(super) fn checked(self) -> Result<Self> {
        if self.graph.version != crate::wire::VERSION {
            return Err(Error::format(format!(
                "The training graph has format version {}; this engine reads version {}",
                self.graph.version,
                crate::wire::VERSION
            )));
        }
        if self.losses.is_empty() {
            return Err(Error::format("Training needs at least one loss"));
        }
        for loss in &self.losses {
            if !(loss.weight as f32).is_finite() {
                return Err(Error::option(format!(
                    "A loss's weight must be a finite number, not {}",
                    loss.weight
                )));
            }
        }
        let losses = self.losses.iter().map(|loss| (loss.output, 2));
        let metrics = self.metrics.iter().map(|metric| (metric.output, metric.summary.outputs()));
        for (output, outputs) in losses.chain(metrics) {
            if output.checked_add(outputs).is_none_or(|end| end > self.graph.outputs.len()) {
                return Err(Error::format(format!(
                    "A loss or metric is said to be output {output}, its count the next one; the graph has {} outputs",
                    self.graph.outputs.len()
                )));
            }
        }
        for &Replacement { weight, output } in self.updates.iter().chain(&self.constraints) {
            if weight >= self.graph.weights.len() || output >= self.graph.outputs.len() {
                return Err(Error::format(format!(
                    "Output {output} is said to replace weight {weight}; the graph has {} outputs and {} weights",
                    self.graph.outputs.len(),
                    self.graph.weights.len()
                )));
            }
        }
        Ok(self)
    }
}
