//! Adamax: Adam with the infinity norm (Kingma and Ba 2015, section 7.1).

use super::check;
use super::rule::{Rest, Rule, Span, penalised};
use crate::error::Result;
use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(super) struct Adamax {
    beta1: f64,
    beta2: f64,
    epsilon: f64,
    weight_decay: f64,
    #[serde(skip)]
    rate: f32,
}

impl Default for Adamax {
    fn default() -> Self {
        Self { beta1: 0.9, beta2: 0.999, epsilon: 1e-7, weight_decay: 0.0, rate: 0.0 }
    }
}

impl Adamax {
    pub(super) const LEARNING_RATE: f64 = 0.001;

    pub(super) fn checked(self) -> Result<Self> {
        check::beta("beta1", self.beta1)?;
        check::beta("beta2", self.beta2)?;
        check::positive("epsilon", self.epsilon)?;
        check::non_negative("weightDecay", self.weight_decay)?;
        Ok(self)
    }
}

impl Rule for Adamax {
    fn states(&self) -> &[(&'static str, f32)] {
        &[("mean", 0.0), ("norm", 0.0)]
    }

    fn prepare(&mut self, step: u64, learning_rate: f64) {
        self.rate = (learning_rate / (1.0 - self.beta1.powf(step as f64))) as f32;
    }

    #[inline(always)]
    fn formula(&self, span: Span<'_>) {
        let (beta1, beta2, epsilon) = (self.beta1 as f32, self.beta2 as f32, self.epsilon as f32);
        let (rate, rest1) = (self.rate, (1.0 - self.beta1) as f32);
        let (scale, penalty) = (span.scale, self.weight_decay as f32);
        let [mean, norm, _] = span.state;
        for (((w, &g), m), u) in span.weights.iter_mut().zip(span.gradient).zip(mean).zip(norm) {
            let g = penalised(g, scale, penalty, *w);
            *m = beta1 * *m + rest1 * g;
            let (old, new) = (beta2 * *u, g.abs() + epsilon);
            *u = if old > new { old } else { new };
            *w -= rate * (*m / *u);
        }
    }

    fn rest(&self) -> Rest {
        // The norm becomes epsilon where there has been no gradient.
        Rest::None
    }
}
