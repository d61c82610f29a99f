use super::entry::{Entry, Formula, optimizer};
use super::rule::{Rule, Span};
use crate::setting::settings;

settings! {
    /// Adam with Nesterov momentum (Dozat 2016), at step t, with the momentum μₜ = β₁ (1 − ½ · 0.96ᵗ):
    ///
    /// m ← β₁ m + (1 − β₁) g, v ← β₂ v + (1 − β₂) g²,
    /// w ← w − rate · ((1 − μₜ) g / (1 − μ₁…μₜ) + μₜ₊₁ m / (1 − μ₁…μₜ₊₁)) / (√(v / (1 − β₂ᵗ)) + ε)
    ///
    /// With the formula of PyTorch, and of the paper, μ grows 250 times as slowly: μₜ = β₁ (1 − ½ · 0.96^(0.004 t)). There the rate is 0.002 by default and
    /// ε 1e-8.
    pub(super) struct Nadam {
        /// Decay of the first moment.
        beta1: f64 [SHARE] = 0.9;
        /// Decay of the second moment.
        beta2: f64 [SHARE] = 0.999;
        /// Added to the root of the second moment.
        epsilon: f64 [POSITIVE] = 1e-7;
        /// Whose formula it is.
        formula: Formula = "keras";
    }
    and {
        schedule: Schedule,
        now: Coefficients,
    }
}

pub(super) const ENTRY: Entry = optimizer!("nadam", Nadam, 0.001);

/// The product of the momenta of all steps up to `step`.
#[derive(Debug, Clone, Copy)]
struct Schedule {
    step: u64,
    product: f64,
}

#[derive(Debug, Default, Clone, Copy)]
struct Coefficients {
    gradient_rate: f32,
    mean_rate: f32,
    correction: f32,
}

impl Default for Schedule {
    fn default() -> Self {
        Self { step: 0, product: 1.0 }
    }
}

impl Nadam {
    fn momentum(&self, step: u64) -> f64 {
        let decay = match self.formula {
            Formula::Keras => 1.0,
            Formula::Pytorch => 0.004,
        };
        self.beta1 * (1.0 - 0.5 * 0.96_f64.powf(step as f64 * decay))
    }

    /// The product of the momenta of steps 1 to `step`, from the last one known if that is not later.
    fn product(&mut self, step: u64) -> f64 {
        if self.schedule.step > step {
            self.schedule = Schedule::default();
        }
        // A product this small no longer matters beside 1, which bounds the loop for any step count in a file.
        while self.schedule.step < step && self.schedule.product > f64::EPSILON * 1e-3 {
            self.schedule.step += 1;
            self.schedule.product *= self.momentum(self.schedule.step);
        }
        self.schedule.step = step;
        self.schedule.product
    }
}

impl Rule for Nadam {
    fn states(&self) -> &[(&'static str, f32)] {
        &[("mean", 0.0), ("variance", 0.0)]
    }

    fn prepare(&mut self, step: u64, learning_rate: f64) {
        let (momentum, next) = (self.momentum(step), self.momentum(step.saturating_add(1)));
        let product = self.product(step);
        self.now = Coefficients {
            gradient_rate: (learning_rate * (1.0 - momentum) / (1.0 - product)) as f32,
            mean_rate: (learning_rate * next / (1.0 - product * next)) as f32,
            correction: (1.0 / (1.0 - self.beta2.powf(step as f64)).sqrt()) as f32,
        };
    }

    #[inline(always)]
    fn formula(&self, span: Span<'_>) {
        let Coefficients { gradient_rate, mean_rate, correction } = self.now;
        let (beta1, beta2, epsilon) = (self.beta1 as f32, self.beta2 as f32, self.epsilon as f32);
        let (rest1, rest2) = ((1.0 - self.beta1) as f32, (1.0 - self.beta2) as f32);
        let scale = span.scale;
        let [mean, variance, _] = span.state;
        for (((w, &g), m), v) in span.weights.iter_mut().zip(span.gradient).zip(mean).zip(variance) {
            let g = g * scale;
            *m = beta1 * *m + rest1 * g;
            *v = beta2 * *v + rest2 * (g * g);
            *w -= (gradient_rate * g + mean_rate * *m) / (v.sqrt() * correction + epsilon);
        }
    }
}
