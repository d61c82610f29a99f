//! Losses of single elements: binary cross-entropy and the regression losses.

use super::{EPSILON, Loss, LossKind, Targets};
use seqloom_kernels::Scalar;

/// The sum of `loss(prediction, target)` over a row.
fn sum<T: Scalar>(x: &[T], targets: Targets<'_, T>, loss: impl Fn(f64, f64) -> f64) -> f64 {
    match targets {
        Targets::Floats(targets) => {
            x.iter().zip(targets).fold(0.0, |sum, (x, t)| sum + loss(x.to_f64(), t.to_f64()))
        }
        Targets::Ints(targets) => {
            x.iter().zip(targets).fold(0.0, |sum, (x, &t)| sum + loss(x.to_f64(), f64::from(t)))
        }
    }
}

/// Adds `scale` times `slope(prediction, target)` to each element of a row of gradients.
fn add<T: Scalar>(
    x: &[T],
    targets: Targets<'_, T>,
    scale: f64,
    dx: &mut [T],
    slope: impl Fn(f64, f64) -> f64,
) {
    let elements = dx.iter_mut().zip(x);
    match targets {
        Targets::Floats(targets) => elements
            .zip(targets)
            .for_each(|((dx, x), t)| *dx += T::from_f64(scale * slope(x.to_f64(), t.to_f64()))),
        Targets::Ints(targets) => elements
            .zip(targets)
            .for_each(|((dx, x), &t)| *dx += T::from_f64(scale * slope(x.to_f64(), f64::from(t)))),
    }
}

fn sign(difference: f64) -> f64 {
    if difference == 0.0 { 0.0 } else { difference.signum() }
}

impl Loss {
    /// The sum of the losses of a row of predictions `x`. The kind is matched here, so that the loops know it.
    pub(super) fn row_loss<T: Scalar>(&self, x: &[T], targets: Targets<'_, T>) -> f64 {
        match self.kind {
            LossKind::BinaryCrossentropy if self.from_logits => sum(x, targets, |x, t| {
                // max(x, 0) − x·t + log(1 + exp(−|x|)) cannot overflow.
                x.max(0.0) - x * self.smooth(t) + (-x.abs()).exp().ln_1p()
            }),
            LossKind::BinaryCrossentropy => sum(x, targets, |x, t| {
                let (p, t) = (x.clamp(EPSILON, 1.0 - EPSILON), self.smooth(t));
                -(t * p.ln() + (1.0 - t) * (-p).ln_1p())
            }),
            LossKind::MeanAbsoluteError => sum(x, targets, |x, t| (x - t).abs()),
            LossKind::Huber => sum(x, targets, |x, t| {
                let distance = (x - t).abs();
                if distance > self.delta {
                    self.delta * (distance - 0.5 * self.delta)
                } else {
                    0.5 * distance * distance
                }
            }),
            _ => sum(x, targets, |x, t| (x - t) * (x - t)),
        }
    }

    /// Adds `scale` times the derivatives of [`Self::row_loss`] by `x` to `dx`.
    pub(super) fn add_row_gradient<T: Scalar>(
        &self,
        x: &[T],
        targets: Targets<'_, T>,
        scale: f64,
        dx: &mut [T],
    ) {
        match self.kind {
            LossKind::BinaryCrossentropy if self.from_logits => add(x, targets, scale, dx, |x, t| {
                let small = (-x.abs()).exp();
                let sigmoid = if x >= 0.0 { 1.0 / (1.0 + small) } else { small / (1.0 + small) };
                sigmoid - self.smooth(t)
            }),
            LossKind::BinaryCrossentropy => add(x, targets, scale, dx, |x, t| {
                let inside = (EPSILON..=1.0 - EPSILON).contains(&x);
                if inside { (x - self.smooth(t)) / (x * (1.0 - x)) } else { 0.0 }
            }),
            LossKind::MeanAbsoluteError => add(x, targets, scale, dx, |x, t| sign(x - t)),
            LossKind::Huber => add(x, targets, scale, dx, |x, t| {
                let difference = x - t;
                if difference.abs() > self.delta { self.delta * sign(difference) } else { difference }
            }),
            _ => add(x, targets, scale, dx, |x, t| 2.0 * (x - t)),
        }
    }

    fn smooth(&self, t: f64) -> f64 {
        t * (1.0 - self.smoothing) + 0.5 * self.smoothing
    }
}
