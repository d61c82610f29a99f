//! Adagrad (Duchi, Hazan, Singer 2011).

use super::check;
use super::rule::{Rest, Rule, Span, penalised, rest_unless};
use crate::error::Result;
use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(super) struct Adagrad {
    initial_accumulator_value: f64,
    epsilon: f64,
    weight_decay: f64,
    #[serde(skip)]
    states: [(&'static str, f32); 1],
    #[serde(skip)]
    rate: f32,
}

impl Default for Adagrad {
    fn default() -> Self {
        Self {
            initial_accumulator_value: 0.1,
            epsilon: 1e-7,
            weight_decay: 0.0,
            states: [("accumulator", 0.0)],
            rate: 0.0,
        }
    }
}

impl Adagrad {
    pub(super) const LEARNING_RATE: f64 = 0.001;

    pub(super) fn checked(mut self) -> Result<Self> {
        check::non_negative("initialAccumulatorValue", self.initial_accumulator_value)?;
        check::non_negative("epsilon", self.epsilon)?;
        check::non_negative("weightDecay", self.weight_decay)?;
        if self.initial_accumulator_value == 0.0 {
            // Without either, an element that has never had a gradient would divide zero by zero.
            check::positive("epsilon with an initialAccumulatorValue of 0", self.epsilon)?;
        }
        self.states = [("accumulator", self.initial_accumulator_value as f32)];
        Ok(self)
    }
}

impl Rule for Adagrad {
    fn states(&self) -> &[(&'static str, f32)] {
        &self.states
    }

    fn prepare(&mut self, _step: u64, learning_rate: f64) {
        self.rate = learning_rate as f32;
    }

    #[inline(always)]
    fn formula(&self, span: Span<'_>) {
        let (rate, epsilon) = (self.rate, self.epsilon as f32);
        let (scale, penalty) = (span.scale, self.weight_decay as f32);
        let [sum, ..] = span.state;
        for ((w, &g), s) in span.weights.iter_mut().zip(span.gradient).zip(sum) {
            let g = penalised(g, scale, penalty, *w);
            *s += g * g;
            *w -= rate * (g / (s.sqrt() + epsilon));
        }
    }

    fn rest(&self) -> Rest {
        match rest_unless(self.weight_decay) {
            Rest::Untouched => Rest::All,
            other => other,
        }
    }
}
