//! Losses of single elements: binary cross-entropy and the regression losses.

use super::{EPSILON, Kind, Loss};

impl Loss {
    /// The loss of one element with prediction `x` and target `t`.
    pub(super) fn element(&self, x: f64, t: f64) -> f64 {
        let difference = x - t;
        match self.kind {
            Kind::BinaryCrossentropy => {
                let t = self.smooth(t);
                if self.from_logits {
                    // max(x, 0) − x·t + log(1 + exp(−|x|)) cannot overflow.
                    x.max(0.0) - x * t + (-x.abs()).exp().ln_1p()
                } else {
                    let p = x.clamp(EPSILON, 1.0 - EPSILON);
                    -(t * p.ln() + (1.0 - t) * (-p).ln_1p())
                }
            }
            Kind::MeanAbsoluteError => difference.abs(),
            Kind::Huber if difference.abs() > self.delta => {
                self.delta * (difference.abs() - 0.5 * self.delta)
            }
            Kind::Huber => 0.5 * difference * difference,
            _ => difference * difference,
        }
    }

    /// The derivative of [`Self::element`] by `x`.
    pub(super) fn element_gradient(&self, x: f64, t: f64) -> f64 {
        let difference = x - t;
        let sign = if difference == 0.0 { 0.0 } else { difference.signum() };
        match self.kind {
            Kind::BinaryCrossentropy => {
                let t = self.smooth(t);
                if self.from_logits {
                    let small = (-x.abs()).exp();
                    let sigmoid = if x >= 0.0 { 1.0 / (1.0 + small) } else { small / (1.0 + small) };
                    sigmoid - t
                } else if (EPSILON..=1.0 - EPSILON).contains(&x) {
                    (x - t) / (x * (1.0 - x))
                } else {
                    0.0
                }
            }
            Kind::MeanAbsoluteError => sign,
            Kind::Huber if difference.abs() > self.delta => self.delta * sign,
            Kind::Huber => difference,
            _ => 2.0 * difference,
        }
    }

    fn smooth(&self, t: f64) -> f64 {
        t * (1.0 - self.smoothing) + 0.5 * self.smoothing
    }
}
