use super::entry::{Entry, Formula, optimizer};
use super::rule::{Rule, Span};
use crate::setting::settings;

settings! {
    /// RMSprop (Tieleman and Hinton 2012): s ← ρ s + (1 − ρ) g², d = g / √(s + ε), w ← w − rate · d.
    ///
    /// With `centered` (Graves 2013), a ← ρ a + (1 − ρ) g and s − a² in place of s under the root; with momentum μ, b ← μ b + rate · d and w ← w − b.
    ///
    /// With the formula of PyTorch, d = g / (√s + ε), which is larger where gradients are below 3e-4; and b ← μ b + d, w ← w − rate · b, which only differs
    /// where the rate changes. There the rate is 0.01 by default, ρ (`alpha`) 0.99 and ε 1e-8.
    pub(super) struct Rmsprop {
        /// Decay of the mean of squares.
        rho: f64 [SHARE] = 0.9;
        /// How much of the last step is repeated.
        momentum: f64 [SHARE] = 0.0;
        /// Added under the root; to the root with the formula of PyTorch.
        epsilon: f64 [POSITIVE] = 1e-7;
        /// Whether to divide by the variance instead of the mean of squares.
        centered: bool = false;
        /// Whose formula it is.
        formula: Formula = "keras";
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
        let momentum = self.momentum as f32;
        // What is added under the root and to it; the rate of what goes into the momentum and of what comes out of it.
        let (under, beside, into, out) = match self.formula {
            Formula::Keras => (epsilon, 0.0, self.rate, 1.0),
            Formula::Pytorch => (0.0, epsilon, 1.0, self.rate),
        };
        let rate = self.rate;
        let scale = span.scale;
        let normalise = |g: f32, square: &mut f32| {
            *square = rho * *square + rest * (g * g);
            g / ((*square + under).sqrt() + beside)
        };
        let normalise_centered = |g: f32, square: &mut f32, mean: &mut f32| {
            *square = rho * *square + rest * (g * g);
            *mean = rho * *mean + rest * g;
            let variance = *square - *mean * *mean;
            // Rounding can make the difference of two nearly equal numbers negative.
            g / (((if variance > 0.0 { variance } else { 0.0 }) + under).sqrt() + beside)
        };
        let [square, second, third] = span.state;
        let elements = span.weights.iter_mut().zip(span.gradient).zip(square);
        match (self.momentum > 0.0, self.centered) {
            (false, false) => {
                for ((w, &g), s) in elements {
                    *w -= rate * normalise(g * scale, s);
                }
            }
            (true, false) => {
                for (((w, &g), s), b) in elements.zip(second) {
                    *b = momentum * *b + into * normalise(g * scale, s);
                    *w -= out * *b;
                }
            }
            (false, true) => {
                for (((w, &g), s), m) in elements.zip(second) {
                    *w -= rate * normalise_centered(g * scale, s, m);
                }
            }
            (true, true) => {
                for ((((w, &g), s), m), b) in elements.zip(second).zip(third) {
                    *b = momentum * *b + into * normalise_centered(g * scale, s, m);
                    *w -= out * *b;
                }
            }
        }
    }
}
