//! Adadelta (Zeiler 2012); its epsilon is inside the roots, in the paper and in PyTorch.

use super::check;
use super::rule::{Rest, Rule, Span, penalised, rest_unless};
use crate::error::Result;
use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(super) struct Adadelta {
    rho: f64,
    epsilon: f64,
    weight_decay: f64,
    #[serde(skip)]
    rate: f32,
}

impl Default for Adadelta {
    fn default() -> Self {
        Self { rho: 0.95, epsilon: 1e-7, weight_decay: 0.0, rate: 0.0 }
    }
}

impl Adadelta {
    pub(super) const LEARNING_RATE: f64 = 0.001;

    pub(super) fn checked(self) -> Result<Self> {
        check::fraction("rho", self.rho)?;
        check::positive("epsilon", self.epsilon)?;
        check::non_negative("weightDecay", self.weight_decay)?;
        Ok(self)
    }
}

impl Rule for Adadelta {
    fn states(&self) -> &[(&'static str, f32)] {
        &[("square", 0.0), ("delta", 0.0)]
    }

    fn prepare(&mut self, _step: u64, learning_rate: f64) {
        self.rate = learning_rate as f32;
    }

    #[inline(always)]
    fn formula(&self, span: Span<'_>) {
        let (rho, rest, epsilon) = (self.rho as f32, (1.0 - self.rho) as f32, self.epsilon as f32);
        let (rate, scale, penalty) = (self.rate, span.scale, self.weight_decay as f32);
        let [square, delta, _] = span.state;
        for (((w, &g), s), d) in span.weights.iter_mut().zip(span.gradient).zip(square).zip(delta) {
            let g = penalised(g, scale, penalty, *w);
            *s = rho * *s + rest * (g * g);
            let change = (*d + epsilon).sqrt() / (*s + epsilon).sqrt() * g;
            *d = rho * *d + rest * (change * change);
            *w -= rate * change;
        }
    }

    fn rest(&self) -> Rest {
        rest_unless(self.weight_decay)
    }
}
