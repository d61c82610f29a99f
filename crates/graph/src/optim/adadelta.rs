use super::entry::{Entry, optimizer};
use super::rule::{Rule, Span};
use crate::setting::settings;

settings! {
    /// Adadelta (Zeiler 2012): s ← ρ s + (1 − ρ) g², δ = √(d + ε) / √(s + ε) · g, d ← ρ d + (1 − ρ) δ², w ← w − rate · δ.
    ///
    /// The same formula in PyTorch (rate 1 by default, ρ 0.9, ε 1e-6) and in Keras. The paper has no rate: 1.
    pub(super) struct Adadelta {
        /// Decay of both means of squares.
        rho: f64 [SHARE] = 0.95;
        /// Added to both means under their roots.
        epsilon: f64 [POSITIVE] = 1e-7;
    }
    and {
        rate: f32,
    }
}

pub(super) const ENTRY: Entry = optimizer!("adadelta", Adadelta, 0.001);

impl Rule for Adadelta {
    fn states(&self) -> &[(&'static str, f32)] {
        &[("square", 0.0), ("delta", 0.0)]
    }

    fn prepare(&mut self, _step: u64, learning_rate: f64) {
        self.rate = learning_rate as f32;
    }

    #[inline(always)]
    fn formula(&self, span: Span<'_>) {
        let (rho, rest, epsilon) = (self.rho as f32, (1.0 - self.rho) as f32, self.epsilon as f32);
        let (rate, scale) = (self.rate, span.scale);
        let [square, delta, _] = span.state;
        for (((w, &g), s), d) in span.weights.iter_mut().zip(span.gradient).zip(square).zip(delta) {
            let g = g * scale;
            *s = rho * *s + rest * (g * g);
            let change = (*d + epsilon).sqrt() / (*s + epsilon).sqrt() * g;
            *d = rho * *d + rest * (change * change);
            *w -= rate * change;
        }
    }
}
