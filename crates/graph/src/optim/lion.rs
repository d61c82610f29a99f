use super::entry::{Entry, optimizer};
use super::rule::{Rule, Span};
use crate::params::Slot;
use crate::setting::settings;

settings! {
    /// Lion (Chen et al. 2023, Algorithm 2): steps of one size, in the direction of the sign of a moving mean:
    ///
    /// w ← w − rate · (sign(β₁ m + (1 − β₁) g) + weightDecay · w), then m ← β₂ m + (1 − β₂) g
    ///
    /// As in Keras, for a decay before the step. Since every weight moves by the whole rate, this is to be three to
    /// ten times smaller than Adam's, and the decay as many times larger. It keeps half as much as Adam.
    pub(super) struct Lion {
        /// How much of the mean is in the direction of a step.
        beta1: f64 [SHARE] = 0.9;
        /// Decay of the mean.
        beta2: f64 [SHARE] = 0.99;
        /// The share by which weights shrink, times the learning rate.
        weight_decay: f64 [NON_NEGATIVE] = 0.0;
    }
    and {
        rate: f32,
    }
}

pub(super) const ENTRY: Entry = optimizer!("lion", Lion, 0.001);

impl Rule for Lion {
    fn states(&self) -> &[(&'static str, f32)] {
        &[("mean", 0.0)]
    }

    fn prepare(&mut self, _step: u64, learning_rate: f64) {
        self.rate = learning_rate as f32;
    }

    #[inline(always)]
    fn formula(&self, span: Span<'_>) {
        let (beta1, rest1) = (self.beta1 as f32, (1.0 - self.beta1) as f32);
        let (beta2, rest2) = (self.beta2 as f32, (1.0 - self.beta2) as f32);
        let (rate, scale) = (self.rate, span.scale);
        let [mean, ..] = span.state;
        for ((w, &g), m) in span.weights.iter_mut().zip(span.gradient).zip(mean) {
            let g = g * scale;
            let direction = beta1 * *m + rest1 * g;
            // Nowhere if there is no direction.
            let step = if direction == 0.0 { 0.0 } else { rate.copysign(direction) };
            *m = beta2 * *m + rest2 * g;
            *w -= step;
        }
    }

    fn weight_decay(&self, _weight: &Slot) -> f64 {
        self.weight_decay
    }
}
