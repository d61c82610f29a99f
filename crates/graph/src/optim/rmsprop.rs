//! RMSprop (Tieleman and Hinton 2012), centered as in Graves 2013, with momentum as in PyTorch.

use super::check;
use super::rule::{Rest, Rule, Span, penalised, rest_unless};
use crate::error::Result;
use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(super) struct RmsProp {
    rho: f64,
    momentum: f64,
    epsilon: f64,
    centered: bool,
    weight_decay: f64,
    #[serde(skip)]
    rate: f32,
}

impl Default for RmsProp {
    fn default() -> Self {
        Self { rho: 0.9, momentum: 0.0, epsilon: 1e-7, centered: false, weight_decay: 0.0, rate: 0.0 }
    }
}

impl RmsProp {
    pub(super) const LEARNING_RATE: f64 = 0.001;

    pub(super) fn checked(self) -> Result<Self> {
        check::fraction("rho", self.rho)?;
        check::fraction("momentum", self.momentum)?;
        check::positive("epsilon", self.epsilon)?;
        check::non_negative("weightDecay", self.weight_decay)?;
        Ok(self)
    }
}

impl Rule for RmsProp {
    fn states(&self) -> &[(&'static str, f32)] {
        match (self.momentum > 0.0, self.centered) {
            (false, false) => &[("square", 0.0)],
            (true, false) => &[("square", 0.0), ("momentum", 0.0)],
            (false, true) => &[("square", 0.0), ("mean", 0.0)],
            (true, true) => &[("square", 0.0), ("mean", 0.0), ("momentum", 0.0)],
        }
    }

    fn prepare(&mut self, _step: u64, learning_rate: f64) {
        self.rate = learning_rate as f32;
    }

    #[inline(always)]
    fn formula(&self, span: Span<'_>) {
        let (rho, rest, epsilon) = (self.rho as f32, (1.0 - self.rho) as f32, self.epsilon as f32);
        let (rate, momentum) = (self.rate, self.momentum as f32);
        let (scale, penalty) = (span.scale, self.weight_decay as f32);
        let normalise = |g: f32, square: &mut f32| {
            *square = rho * *square + rest * (g * g);
            g / (square.sqrt() + epsilon)
        };
        let normalise_centered = |g: f32, square: &mut f32, mean: &mut f32| {
            *square = rho * *square + rest * (g * g);
            *mean = rho * *mean + rest * g;
            let variance = *square - *mean * *mean;
            // Rounding can make the difference of two nearly equal numbers negative.
            g / ((if variance > 0.0 { variance } else { 0.0 }).sqrt() + epsilon)
        };
        let [square, second, third] = span.state;
        let elements = span.weights.iter_mut().zip(span.gradient).zip(square);
        match (self.momentum > 0.0, self.centered) {
            (false, false) => {
                for ((w, &g), s) in elements {
                    *w -= rate * normalise(penalised(g, scale, penalty, *w), s);
                }
            }
            (true, false) => {
                for (((w, &g), s), b) in elements.zip(second) {
                    *b = momentum * *b + normalise(penalised(g, scale, penalty, *w), s);
                    *w -= rate * *b;
                }
            }
            (false, true) => {
                for (((w, &g), s), m) in elements.zip(second) {
                    *w -= rate * normalise_centered(penalised(g, scale, penalty, *w), s, m);
                }
            }
            (true, true) => {
                for ((((w, &g), s), m), b) in elements.zip(second).zip(third) {
                    *b = momentum * *b + normalise_centered(penalised(g, scale, penalty, *w), s, m);
                    *w -= rate * *b;
                }
            }
        }
    }

    fn rest(&self) -> Rest {
        rest_unless(self.weight_decay)
    }
}
