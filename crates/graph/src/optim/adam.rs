use super::entry::{Entry, Formula, optimizer};
use super::rule::{Rule, Span};
use crate::params::Slot;
use crate::setting::settings;

settings! {
    /// Adam (Kingma and Ba 2015, Algorithm 1), at step t:
    ///
    /// m ← β₁ m + (1 − β₁) g, v ← β₂ v + (1 − β₂) g², w ← w − rate · m / (1 − β₁ᵗ) / (√(v / (1 − β₂ᵗ)) + ε); with `amsgrad` (Reddi et al. 2018), the
    /// largest v so far in its place.
    ///
    /// As in PyTorch, whose ε is 1e-8. With the formula of Keras, ε is added to √v before the correction, which makes it larger by 1 / √(1 − β₂ᵗ) in the
    /// first steps: 32 times at the first one.
    pub(super) struct Adam {
        /// Decay of the first moment.
        beta1: f64 [SHARE] = 0.9;
        /// Decay of the second moment.
        beta2: f64 [SHARE] = 0.999;
        /// Added to the root of the second moment.
        epsilon: f64 [POSITIVE] = 1e-7;
        /// Whether to divide by the largest second moment so far.
        amsgrad: bool = false;
        /// Whose formula it is.
        formula: Formula = "pytorch";
    }
    and {
        now: Coefficients,
        /// The setting of `adamw`.
        weight_decay: f64,
    }
}

pub(super) const ENTRY: Entry = optimizer!("adam", Adam, 0.001);

/// What a step needs beside the moments.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Coefficients {
    beta1: f32,
    beta2: f32,
    rest1: f32,
    rest2: f32,
    epsilon: f32,
    /// Learning rate over the first moment's bias correction.
    rate: f32,
    /// One over the root of the second moment's bias correction.
    correction: f32,
}

impl Coefficients {
    /// Those of step `step`.
    pub(super) fn new(
        step: u64,
        learning_rate: f64,
        betas: [f64; 2],
        epsilon: f64,
        formula: Formula,
    ) -> Self {
        let [beta1, beta2] = betas;
        let step = step as f64;
        let correction = 1.0 / (1.0 - beta2.powf(step)).sqrt();
        let epsilon = match formula {
            Formula::Keras => epsilon * correction,
            Formula::Pytorch => epsilon,
        };
        Self {
            beta1: beta1 as f32,
            beta2: beta2 as f32,
            rest1: (1.0 - beta1) as f32,
            rest2: (1.0 - beta2) as f32,
            epsilon: epsilon as f32,
            rate: (learning_rate / (1.0 - beta1.powf(step))) as f32,
            correction: correction as f32,
        }
    }

    /// Applies the step, to the largest second moment so far where that is kept.
    #[inline(always)]
    pub(super) fn apply(self, span: Span<'_>) {
        let Self { beta1, beta2, rest1, rest2, epsilon, rate, correction } = self;
        let scale = span.scale;
        let [mean, variance, largest] = span.state;
        let elements = span.weights.iter_mut().zip(span.gradient).zip(mean).zip(variance);
        if largest.is_empty() {
            for (((w, &g), m), v) in elements {
                let g = g * scale;
                *m = beta1 * *m + rest1 * g;
                *v = beta2 * *v + rest2 * (g * g);
                *w -= rate * (*m / (v.sqrt() * correction + epsilon));
            }
        } else {
            for ((((w, &g), m), v), top) in elements.zip(largest) {
                let g = g * scale;
                *m = beta1 * *m + rest1 * g;
                *v = beta2 * *v + rest2 * (g * g);
                *top = if *v > *top { *v } else { *top };
                *w -= rate * (*m / (top.sqrt() * correction + epsilon));
            }
        }
    }
}

impl Adam {
    /// With the weight decay of `adamw`.
    pub(super) fn decoupled(
        betas: [f64; 2],
        epsilon: f64,
        amsgrad: bool,
        formula: Formula,
        weight_decay: f64,
    ) -> Self {
        let [beta1, beta2] = betas;
        Self { beta1, beta2, epsilon, amsgrad, formula, now: Coefficients::default(), weight_decay }
    }
}

impl Rule for Adam {
    fn states(&self) -> &[(&'static str, f32)] {
        const STATES: [(&str, f32); 3] = [("mean", 0.0), ("variance", 0.0), ("varianceMax", 0.0)];
        if self.amsgrad { &STATES } else { &STATES[..2] }
    }

    fn prepare(&mut self, step: u64, learning_rate: f64) {
        let betas = [self.beta1, self.beta2];
        self.now = Coefficients::new(step, learning_rate, betas, self.epsilon, self.formula);
    }

    #[inline(always)]
    fn formula(&self, span: Span<'_>) {
        self.now.apply(span);
    }

    fn weight_decay(&self, _weight: &Slot) -> f64 {
        self.weight_decay
    }
}
