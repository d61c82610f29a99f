//! Stochastic gradient descent with momentum (Polyak 1964; Nesterov 1983, in the form of Sutskever et al. 2013).

use super::check;
use super::rule::{Rest, Rule, Span, penalised, rest_unless};
use crate::error::Result;
use serde::Deserialize;

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(super) struct Sgd {
    momentum: f64,
    nesterov: bool,
    weight_decay: f64,
    #[serde(skip)]
    rate: f32,
}

impl Sgd {
    pub(super) const LEARNING_RATE: f64 = 0.01;

    pub(super) fn checked(self) -> Result<Self> {
        check::fraction("momentum", self.momentum)?;
        check::non_negative("weightDecay", self.weight_decay)?;
        Ok(self)
    }
}

impl Rule for Sgd {
    fn states(&self) -> &[(&'static str, f32)] {
        if self.momentum > 0.0 { &[("momentum", 0.0)] } else { &[] }
    }

    fn prepare(&mut self, _step: u64, learning_rate: f64) {
        self.rate = learning_rate as f32;
    }

    #[inline(always)]
    fn formula(&self, span: Span<'_>) {
        let (rate, scale, decay, momentum) =
            (self.rate, span.scale, self.weight_decay as f32, self.momentum as f32);
        let [velocity, ..] = span.state;
        let elements = span.weights.iter_mut().zip(span.gradient);
        if velocity.is_empty() {
            for (w, &g) in elements {
                *w -= rate * penalised(g, scale, decay, *w);
            }
        } else if self.nesterov {
            for ((w, &g), b) in elements.zip(velocity) {
                let g = penalised(g, scale, decay, *w);
                *b = momentum * *b + g;
                *w -= rate * (g + momentum * *b);
            }
        } else {
            for ((w, &g), b) in elements.zip(velocity) {
                *b = momentum * *b + penalised(g, scale, decay, *w);
                *w -= rate * *b;
            }
        }
    }

    fn rest(&self) -> Rest {
        match rest_unless(self.weight_decay) {
            Rest::Untouched if self.momentum == 0.0 => Rest::All,
            other => other,
        }
    }
}
