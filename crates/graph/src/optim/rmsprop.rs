use super::rule::{Rule, Span, penalised};
use super::{Entry, optimizer};
use crate::setting::settings;

settings! {
    /// RMSprop (Tieleman and Hinton 2012): s ← ρ s + (1 − ρ) g², d = g / (√s + ε), w ← w − rate · d.
    ///
    /// With `centered` (Graves 2013), a ← ρ a + (1 − ρ) g and s − a² in place of s under the root; with momentum μ, b ← μ b + d and w ← w − rate · b.
    ///
    /// As in PyTorch, whose rate is 0.01 by default, ρ (there `alpha`) 0.99 and ε 1e-8. Keras has ε under the root, g / √(s + ε), which matters where
    /// gradients are below 3e-4, and a momentum of steps that include the rate.
    pub(super) struct Rmsprop {
        /// Decay of the mean of squares.
        rho: f64 [SHARE] = 0.9;
        /// How much of the last step is repeated.
        momentum: f64 [SHARE] = 0.0;
        /// Added to the root.
        epsilon: f64 [POSITIVE] = 1e-7;
        /// Whether to divide by the variance instead of the mean of squares.
        centered: bool = false;
    }
    and {
        rate: f32,
    }
}

pub(super) const ENTRY: Entry = optimizer!("rmsprop", Rmsprop, 0.001);

impl Rule for Rmsprop {
    fn states(&self) -> &[(&'static str, f32)] {
        match (self.momentum > 0.0, self.centered) {
            (false, false) => &[("square", 0.0)],
            (true, false) => &[("square", 0.0), ("momentum", 0.0)],
            (false, true) => &[("square", 0.0), ("mean", 0.0)],
            (true, true) => &[("square", 0.0), ("mean", 0.0), ("momentum", 0.0)],
        }
    }

    fn prepare(&mut self, _step: u64, learning_rate: f64) {
        self.rate = learning_rate as f32;
    }

    #[inline(always)]
    fn formula(&self, span: Span<'_>) {
        let (rho, rest, epsilon) = (self.rho as f32, (1.0 - self.rho) as f32, self.epsilon as f32);
        let (rate, momentum) = (self.rate, self.momentum as f32);
        let (scale, penalty) = (span.scale, span.penalty);
        let normalise = |g: f32, square: &mut f32| {
            *square = rho * *square + rest * (g * g);
            g / (square.sqrt() + epsilon)
        };
        let normalise_centered = |g: f32, square: &mut f32, mean: &mut f32| {
            *square = rho * *square + rest * (g * g);
            *mean = rho * *mean + rest * g;
            let variance = *square - *mean * *mean;
            // Rounding can make the difference of two nearly equal numbers negative.
            g / ((if variance > 0.0 { variance } else { 0.0 }).sqrt() + epsilon)
        };
        let [square, second, third] = span.state;
        let elements = span.weights.iter_mut().zip(span.gradient).zip(square);
        match (self.momentum > 0.0, self.centered) {
            (false, false) => {
                for ((w, &g), s) in elements {
                    *w -= rate * normalise(penalised(g, scale, penalty, *w), s);
                }
            }
            (true, false) => {
                for (((w, &g), s), b) in elements.zip(second) {
                    *b = momentum * *b + normalise(penalised(g, scale, penalty, *w), s);
                    *w -= rate * *b;
                }
            }
            (false, true) => {
                for (((w, &g), s), m) in elements.zip(second) {
                    *w -= rate * normalise_centered(penalised(g, scale, penalty, *w), s, m);
                }
            }
            (true, true) => {
                for ((((w, &g), s), m), b) in elements.zip(second).zip(third) {
                    *b = momentum * *b + normalise_centered(penalised(g, scale, penalty, *w), s, m);
                    *w -= rate * *b;
                }
            }
        }
    }
}
