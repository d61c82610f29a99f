use super::entry::{Entry, optimizer};
use super::rule::{Rule, Span};
use crate::setting::settings;

settings! {
    /// Rectified Adam (Liu et al. 2020, Algorithm 2), at step t, with ρ∞ = 2 / (1 − β₂) − 1 and ρ = ρ∞ − 2 t β₂ᵗ / (1 − β₂ᵗ):
    ///
    /// m ← β₁ m + (1 − β₁) g, v ← β₂ v + (1 − β₂) g²,
    /// w ← w − rate · r · m / (1 − β₁ᵗ) · √(1 − β₂ᵗ) / (√v + ε), where r = √((ρ − 4)(ρ − 2) ρ∞ / ((ρ∞ − 4)(ρ∞ − 2) ρ)); as long as ρ is at most 5,
    /// which with the defaults are five steps, w ← w − rate · m / (1 − β₁ᵗ)
    ///
    /// So the second moment counts as far as it is known, and the first steps need no warm-up. As in PyTorch, whose ε is 1e-8; the paper's bound is 4.
    pub(super) struct RAdam {
        /// Decay of the first moment.
        beta1: f64 [SHARE] = 0.9;
        /// Decay of the second moment.
        beta2: f64 [SHARE] = 0.999;
        /// Added to the root of the second moment.
        epsilon: f64 [POSITIVE] = 1e-7;
    }
    and {
        /// The factor on the first moment.
        rate: f32,
        /// What the quotient of moments is multiplied with; nothing where the second one does not count yet.
        rectified: Option<f32>,
    }
}

pub(super) const ENTRY: Entry = optimizer!("radam", RAdam, 0.001);

impl Rule for RAdam {
    fn states(&self) -> &[(&'static str, f32)] {
        &[("mean", 0.0), ("variance", 0.0)]
    }

    fn prepare(&mut self, step: u64, learning_rate: f64) {
        let step = step as f64;
        let power = self.beta2.powf(step);
        let most = 2.0 / (1.0 - self.beta2) - 1.0;
        // The power is zero long before its product with the step is not.
        let length = if power == 0.0 { most } else { most - 2.0 * step * power / (1.0 - power) };
        let ratio = (length - 4.0) * (length - 2.0) * most / ((most - 4.0) * (most - 2.0) * length);
        self.rate = (learning_rate / (1.0 - self.beta1.powf(step))) as f32;
        self.rectified = (length > 5.0).then(|| (ratio * (1.0 - power)).sqrt() as f32);
    }

    #[inline(always)]
    fn formula(&self, span: Span<'_>) {
        let (beta1, beta2, epsilon) = (self.beta1 as f32, self.beta2 as f32, self.epsilon as f32);
        let (rest1, rest2) = ((1.0 - self.beta1) as f32, (1.0 - self.beta2) as f32);
        let (rate, scale) = (self.rate, span.scale);
        let [mean, variance, _] = span.state;
        let elements = span.weights.iter_mut().zip(span.gradient).zip(mean).zip(variance);
        for (((w, &g), m), v) in elements {
            let g = g * scale;
            *m = beta1 * *m + rest1 * g;
            *v = beta2 * *v + rest2 * (g * g);
            let quotient = match self.rectified {
                Some(factor) => *m * factor / (v.sqrt() + epsilon),
                None => *m,
            };
            *w -= rate * quotient;
        }
    }
}
