use super::rule::{Rest, Rule, Span, penalised};
use super::{Entry, optimizer};
use crate::setting::settings;

settings! {
    /// Adam with the infinity norm (Kingma and Ba 2015, section 7.1), at step t:
    ///
    /// m ← β₁ m + (1 − β₁) g, u ← max(β₂ u, |g| + ε), w ← w − rate / (1 − β₁ᵗ) · m / u
    ///
    /// As in PyTorch, whose rate is 0.002 by default and ε 1e-8. Keras adds ε after the maximum: m / (u + ε) with u ← max(β₂ u, |g|).
    pub(super) struct Adamax {
        /// Decay of the first moment.
        beta1: f64 [SHARE] = 0.9;
        /// Decay of the infinity norm.
        beta2: f64 [SHARE] = 0.999;
        /// Added to the magnitude of the gradient.
        epsilon: f64 [POSITIVE] = 1e-7;
    }
    and {
        rate: f32,
    }
}

pub(super) const ENTRY: Entry = optimizer!("adamax", Adamax, 0.001);

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
        let (scale, penalty) = (span.scale, span.penalty);
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
