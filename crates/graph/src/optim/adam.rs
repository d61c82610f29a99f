//! Adam (Kingma and Ba 2015) and AMSGrad (Reddi, Kale, Kumar 2018).

use super::check;
use super::rule::{Rest, Rule, Span, penalised, rest_unless};
use crate::error::Result;
use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(super) struct Adam {
    beta1: f64,
    beta2: f64,
    epsilon: f64,
    amsgrad: bool,
    weight_decay: f64,
    /// Whether the decay shrinks the weights itself (AdamW) or is a penalty in the gradient.
    #[serde(skip)]
    decoupled: bool,
    #[serde(skip)]
    now: Coefficients,
}

#[derive(Debug, Default, Clone, Copy)]
struct Coefficients {
    /// Learning rate over the first moment's bias correction.
    rate: f32,
    /// One over the root of the second moment's bias correction.
    correction: f32,
    /// What decoupled decay leaves of a weight.
    keep: f32,
}

impl Default for Adam {
    fn default() -> Self {
        Self {
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-7,
            amsgrad: false,
            weight_decay: 0.0,
            decoupled: false,
            now: Coefficients::default(),
        }
    }
}

impl Adam {
    pub(super) const LEARNING_RATE: f64 = 0.001;

    pub(super) fn with_decoupled_decay(self) -> Self {
        Self { decoupled: true, ..self }
    }

    pub(super) fn checked(self) -> Result<Self> {
        check::beta("beta1", self.beta1)?;
        check::beta("beta2", self.beta2)?;
        check::positive("epsilon", self.epsilon)?;
        check::non_negative("weightDecay", self.weight_decay)?;
        Ok(self)
    }
}

impl Rule for Adam {
    fn states(&self) -> &[(&'static str, f32)] {
        const STATES: [(&str, f32); 3] = [("mean", 0.0), ("variance", 0.0), ("varianceMax", 0.0)];
        if self.amsgrad { &STATES } else { &STATES[..2] }
    }

    fn prepare(&mut self, step: u64, learning_rate: f64) {
        let step = step as f64;
        self.now = Coefficients {
            rate: (learning_rate / (1.0 - self.beta1.powf(step))) as f32,
            correction: (1.0 / (1.0 - self.beta2.powf(step)).sqrt()) as f32,
            keep: if self.decoupled { (1.0 - learning_rate * self.weight_decay) as f32 } else { 1.0 },
        };
    }

    #[inline(always)]
    fn formula(&self, span: Span<'_>) {
        let Coefficients { rate, correction, keep } = self.now;
        let (beta1, beta2, epsilon) = (self.beta1 as f32, self.beta2 as f32, self.epsilon as f32);
        let (rest1, rest2) = ((1.0 - self.beta1) as f32, (1.0 - self.beta2) as f32);
        let penalty = if self.decoupled { 0.0 } else { self.weight_decay as f32 };
        let scale = span.scale;
        let [mean, variance, largest] = span.state;
        let elements = span.weights.iter_mut().zip(span.gradient).zip(mean).zip(variance);
        if self.amsgrad {
            for ((((w, &g), m), v), top) in elements.zip(largest) {
                let g = penalised(g, scale, penalty, *w);
                *m = beta1 * *m + rest1 * g;
                *v = beta2 * *v + rest2 * (g * g);
                *top = if *v > *top { *v } else { *top };
                *w = keep * *w - rate * (*m / (top.sqrt() * correction + epsilon));
            }
        } else {
            for (((w, &g), m), v) in elements {
                let g = penalised(g, scale, penalty, *w);
                *m = beta1 * *m + rest1 * g;
                *v = beta2 * *v + rest2 * (g * g);
                *w = keep * *w - rate * (*m / (v.sqrt() * correction + epsilon));
            }
        }
    }

    fn rest(&self) -> Rest {
        rest_unless(self.weight_decay)
    }
}
