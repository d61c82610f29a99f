use super::adam::{Coefficients, states};
use super::rule::{Rule, Span};
use super::{Entry, optimizer};
use crate::setting::settings;

settings! {
    /// Adam with decoupled weight decay (Loshchilov and Hutter 2019): w ← (1 − rate · weightDecay) · w, then the step of `adam`.
    ///
    /// As in PyTorch, whose decay is 0.01 by default and ε 1e-8. Keras has the same decay, and ε as its Adam. Biases and embeddings decay too.
    pub(super) struct AdamW {
        /// Decay of the first moment.
        beta1: f64 [SHARE] = 0.9;
        /// Decay of the second moment.
        beta2: f64 [SHARE] = 0.999;
        /// Added to the root of the second moment.
        epsilon: f64 [POSITIVE] = 1e-7;
        /// Whether to divide by the largest second moment so far.
        amsgrad: bool = false;
        /// The share by which weights shrink, times the learning rate.
        weight_decay: f64 [NON_NEGATIVE] = 0.004;
    }
    and {
        now: Coefficients,
    }
}

pub(super) const ENTRY: Entry = optimizer!("adamw", AdamW, 0.001);

impl Rule for AdamW {
    fn states(&self) -> &[(&'static str, f32)] {
        states(self.amsgrad)
    }

    fn prepare(&mut self, step: u64, learning_rate: f64) {
        let (betas, decay) = ([self.beta1, self.beta2], self.weight_decay);
        self.now = Coefficients::new(step, learning_rate, betas, self.epsilon, decay);
    }

    #[inline(always)]
    fn formula(&self, span: Span<'_>) {
        self.now.apply(span);
    }

    fn weight_decay(&self) -> f64 {
        self.weight_decay
    }
}
