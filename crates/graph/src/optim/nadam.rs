//! NAdam: Adam with Nesterov momentum (Dozat 2016), with the momentum schedule of its section 2.

use super::check;
use super::rule::{Rest, Rule, Span, penalised, rest_unless};
use crate::error::Result;
use serde::Deserialize;

/// The schedule's decay per step, as in the paper and PyTorch.
const MOMENTUM_DECAY: f64 = 0.004;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(super) struct Nadam {
    beta1: f64,
    beta2: f64,
    epsilon: f64,
    weight_decay: f64,
    #[serde(skip)]
    schedule: Schedule,
    #[serde(skip)]
    now: Coefficients,
}

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

impl Default for Nadam {
    fn default() -> Self {
        Self {
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-7,
            weight_decay: 0.0,
            schedule: Schedule::default(),
            now: Coefficients::default(),
        }
    }
}

impl Nadam {
    pub(super) const LEARNING_RATE: f64 = 0.001;

    pub(super) fn checked(self) -> Result<Self> {
        check::beta("beta1", self.beta1)?;
        check::beta("beta2", self.beta2)?;
        check::positive("epsilon", self.epsilon)?;
        check::non_negative("weightDecay", self.weight_decay)?;
        Ok(self)
    }

    fn momentum(&self, step: u64) -> f64 {
        self.beta1 * (1.0 - 0.5 * 0.96_f64.powf(step as f64 * MOMENTUM_DECAY))
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
        let (scale, penalty) = (span.scale, self.weight_decay as f32);
        let [mean, variance, _] = span.state;
        for (((w, &g), m), v) in span.weights.iter_mut().zip(span.gradient).zip(mean).zip(variance) {
            let g = penalised(g, scale, penalty, *w);
            *m = beta1 * *m + rest1 * g;
            *v = beta2 * *v + rest2 * (g * g);
            *w -= (gradient_rate * g + mean_rate * *m) / (v.sqrt() * correction + epsilon);
        }
    }

    fn rest(&self) -> Rest {
        rest_unless(self.weight_decay)
    }
}
