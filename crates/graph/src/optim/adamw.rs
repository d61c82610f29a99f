use super::adam::Adam;
use super::entry::{Entry, Formula};
use crate::setting::settings;

settings! {
    /// Adam with decoupled weight decay (Loshchilov and Hutter 2019): w ← (1 − rate · weightDecay) · w, then the step of `adam`.
    ///
    /// As in PyTorch, whose decay is 0.01 by default and ε 1e-8. Keras has the same decay, and ε as its Adam. Biases and embeddings decay, too, unless
    /// `excludeFromWeightDecay` names them.
    pub(super) struct AdamW {
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
        /// The share by which weights shrink, times the learning rate.
        weight_decay: f64 [NON_NEGATIVE] = 0.004;
    }
}

pub(super) const ENTRY: Entry = Entry {
    name: "adamw",
    learning_rate: 0.001,
    settings: AdamW::SETTINGS,
    read: |settings| {
        let AdamW { beta1, beta2, epsilon, amsgrad, formula, weight_decay } = AdamW::read(settings)?;
        Ok(Box::new(Adam::decoupled([beta1, beta2], epsilon, amsgrad, formula, weight_decay)))
    },
    #[cfg(test)]
    described: ("AdamW", AdamW::ABOUT),
};
