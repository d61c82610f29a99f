//! Cross-entropy between a distribution over classes and a label or another distribution.

use super::EPSILON;
use seqloom_kernels::Scalar;

/// The targets of one position: a label or one probability per class, both smoothed.
pub(super) struct Distribution<F> {
    pub(super) label: Option<usize>,
    /// Probability of a class where there is no label.
    pub(super) values: F,
    pub(super) smoothing: f64,
    pub(super) classes: usize,
}

impl<F: Fn(usize) -> f64> Distribution<F> {
    fn at(&self, class: usize) -> f64 {
        let hard = match self.label {
            Some(label) => f64::from(u8::from(label == class)),
            None => (self.values)(class),
        };
        hard * (1.0 - self.smoothing) + self.smoothing / self.classes as f64
    }

    /// The one class that counts, if there is only one.
    fn single(&self) -> Option<usize> {
        self.label.filter(|_| self.smoothing == 0.0)
    }

    /// Σ t, which is one for a label.
    pub(super) fn sum(&self) -> f64 {
        if self.label.is_some() { 1.0 } else { (0..self.classes).map(|class| self.at(class)).sum() }
    }

    /// −Σ t·log softmax(x), where the largest x and Σ exp(x − that) are given.
    pub(super) fn of_logits<T: Scalar>(&self, x: &[T], [max, sum]: [T; 2]) -> f64 {
        let norm = max.to_f64() + sum.to_f64().ln();
        match self.single() {
            Some(label) => norm - x[label].to_f64(),
            None => x.iter().enumerate().map(|(class, x)| self.at(class) * (norm - x.to_f64())).sum(),
        }
    }

    /// What completes the gradient of [`Self::of_logits`], d = Σ t·softmax(x) − t, times a scale: dx −= scale·t.
    pub(super) fn subtract_targets<T: Scalar>(&self, scale: f64, dx: &mut [T]) {
        match self.single() {
            Some(label) => dx[label] -= T::from_f64(scale),
            None => {
                for (class, dx) in dx.iter_mut().enumerate() {
                    *dx -= T::from_f64(scale * self.at(class));
                }
            }
        }
    }

    /// −Σ t·log p of probabilities that are first scaled to a sum of one, then clipped.
    pub(super) fn of_probabilities<T: Scalar>(&self, p: &[T]) -> f64 {
        let sum = total(p);
        let term = |class: usize| self.at(class) * clip(p[class].to_f64() / sum).ln();
        -match self.single() {
            Some(label) => term(label),
            None => (0..self.classes).map(term).sum::<f64>(),
        }
    }

    /// dp += scale · d(−Σ t·log p)/dp; clipped probabilities have no gradient.
    pub(super) fn probabilities_gradient<T: Scalar>(&self, p: &[T], scale: f64, dp: &mut [T]) {
        let sum = total(p);
        let slope = |class: usize| {
            let q = p[class].to_f64() / sum;
            if clip(q) == q { -self.at(class) / q } else { 0.0 }
        };
        let mean: f64 = (0..self.classes).map(|class| slope(class) * p[class].to_f64() / sum).sum();
        for (class, dp) in dp.iter_mut().enumerate() {
            *dp += T::from_f64(scale * (slope(class) - mean) / sum);
        }
    }
}

fn total<T: Scalar>(p: &[T]) -> f64 {
    let sum: f64 = p.iter().map(|p| p.to_f64()).sum();
    if sum > 0.0 { sum } else { 1.0 }
}

fn clip(p: f64) -> f64 {
    p.clamp(EPSILON, 1.0 - EPSILON)
}
