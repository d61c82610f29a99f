use super::entry::{Entry, optimizer};
use super::norm::square;
use super::rule::{OfWhole, Tensor, Whole};
use crate::params::Slot;
use crate::setting::settings;

settings! {
    /// LAMB (You et al. 2020, Algorithm 2): the step of `adam`, as long as the weight itself times the rate, for large batches. At step t:
    ///
    /// m ← β₁ m + (1 − β₁) g, v ← β₂ v + (1 − β₂) g², u = m / (1 − β₁ᵗ) / (√(v / (1 − β₂ᵗ)) + ε), w ← w − rate · ‖w‖ / ‖u‖ · u
    ///
    /// Norms are those of a whole weight; a factor of 1 stands for ‖w‖ / ‖u‖ if one of them is 0. As in Keras, where decay comes before the step; in the
    /// paper it is part of u.
    pub(super) struct Lamb {
        /// Decay of the first moment.
        beta1: f64 [SHARE] = 0.9;
        /// Decay of the second moment.
        beta2: f64 [SHARE] = 0.999;
        /// Added to the root of the second moment.
        epsilon: f64 [POSITIVE] = 1e-7;
    }
    and {
        rate: f64,
        /// One over the bias corrections of the first moment and of the root of the second one.
        corrections: [f32; 2],
    }
}

pub(super) const ENTRY: Entry = optimizer!(whole "lamb", Lamb, 0.001);

impl Whole for Lamb {
    fn states(&self) -> &[(&'static str, f32)] {
        &[("mean", 0.0), ("variance", 0.0)]
    }

    fn prepare(&mut self, step: u64, learning_rate: f64) {
        let step = step as f64;
        self.rate = learning_rate;
        let second = (1.0 - self.beta2.powf(step)).sqrt();
        self.corrections = [1.0 / (1.0 - self.beta1.powf(step)), 1.0 / second].map(|factor| factor as f32);
    }

    fn scratch(&self, weight: &Slot) -> usize {
        weight.len
    }

    fn apply(&self, tensor: Tensor<'_>) {
        let (beta1, beta2, epsilon) = (self.beta1 as f32, self.beta2 as f32, self.epsilon as f32);
        let (rest1, rest2) = ((1.0 - self.beta1) as f32, (1.0 - self.beta2) as f32);
        let [first, second] = self.corrections;
        let [mean, variance, _] = tensor.state;
        let update = &mut tensor.scratch[..tensor.weights.len()];
        for (((u, &g), m), v) in update.iter_mut().zip(tensor.gradient).zip(mean).zip(variance) {
            *m = beta1 * *m + rest1 * g;
            *v = beta2 * *v + rest2 * (g * g);
            *u = *m * first / (v.sqrt() * second + epsilon);
        }
        let (whole, step) = (square(tensor.weights).sqrt(), square(update).sqrt());
        let ratio = if whole > 0.0 && step > 0.0 { whole / step } else { 1.0 };
        let rate = (self.rate * ratio) as f32;
        tensor.weights.iter_mut().zip(update).for_each(|(w, u)| *w -= rate * *u);
    }
}
