use super::entry::{Entry, Formula, optimizer};
use super::rule::{Rest, Rule, Span};
use crate::setting::settings;

settings! {
    /// Adam with the infinity norm (Kingma and Ba 2015, section 7.1), at step t:
    ///
    /// m ← β₁ m + (1 − β₁) g, u ← max(β₂ u, |g|), w ← w − rate / (1 − β₁ᵗ) · m / (u + ε)
    ///
    /// With the formula of PyTorch, ε is added before the maximum: u ← max(β₂ u, |g| + ε). There the rate is 0.002 by default and ε 1e-8.
    pub(super) struct Adamax {
        /// Decay of the first moment.
        beta1: f64 [SHARE] = 0.9;
        /// Decay of the infinity norm.
        beta2: f64 [SHARE] = 0.999;
        /// Added to the norm; to the magnitude of the gradient with the formula of PyTorch.
        epsilon: f64 [POSITIVE] = 1e-7;
        /// Whose formula it is.
        formula: Formula = "keras";
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
        let scale = span.scale;
        let (before, after) = match self.formula {
            Formula::Keras => (0.0, epsilon),
            Formula::Pytorch => (epsilon, 0.0),
        };
        let [mean, norm, _] = span.state;
        for (((w, &g), m), u) in span.weights.iter_mut().zip(span.gradient).zip(mean).zip(norm) {
            let g = g * scale;
            *m = beta1 * *m + rest1 * g;
            let (old, new) = (beta2 * *u, g.abs() + before);
            *u = if old > new { old } else { new };
            *w -= rate * (*m / (*u + after));
        }
    }

    fn rest(&self) -> Rest {
        match self.formula {
            Formula::Keras => Rest::Untouched,
            // The norm becomes epsilon where there has been no gradient.
            Formula::Pytorch => Rest::None,
        }
    }
}
