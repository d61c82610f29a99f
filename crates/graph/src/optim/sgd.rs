use super::entry::{Entry, Formula, optimizer};
use super::rule::{Rest, Rule, Span};
use crate::setting::settings;

settings! {
    /// Stochastic gradient descent, with momentum where asked (Polyak 1964; Sutskever et al. 2013):
    ///
    /// - without: w ← w − rate · g
    /// - momentum μ: b ← μ b + rate · g, w ← w − b
    /// - nesterov: b ← μ b + rate · g, w ← w − (rate · g + μ b)
    ///
    /// With the formula of PyTorch (dampening 0), b ← μ b + g and w ← w − rate · b: the same while the rate stays as it is; after a change of it, the
    /// momentum goes on at the new rate instead of the old one.
    pub(super) struct Sgd {
        /// How much of the last step is repeated.
        momentum: f64 [SHARE] = 0.0;
        /// Whether to look ahead (Nesterov 1983).
        nesterov: bool = false;
        /// Whose formula it is.
        formula: Formula = "keras";
    }
    and {
        rate: f32,
    }
}

pub(super) const ENTRY: Entry = optimizer!("sgd", Sgd, 0.01);

impl Rule for Sgd {
    fn states(&self) -> &[(&'static str, f32)] {
        if self.momentum > 0.0 { &[("momentum", 0.0)] } else { &[] }
    }

    fn prepare(&mut self, _step: u64, learning_rate: f64) {
        self.rate = learning_rate as f32;
    }

    #[inline(always)]
    fn formula(&self, span: Span<'_>) {
        let (rate, scale, momentum) = (self.rate, span.scale, self.momentum as f32);
        // The rate of what goes into the momentum and of what comes out of it.
        let (into, out) = match self.formula {
            Formula::Keras => (rate, 1.0),
            Formula::Pytorch => (1.0, rate),
        };
        let [velocity, ..] = span.state;
        let elements = span.weights.iter_mut().zip(span.gradient);
        if velocity.is_empty() {
            for (w, &g) in elements {
                *w -= rate * (g * scale);
            }
        } else if self.nesterov {
            for ((w, &g), b) in elements.zip(velocity) {
                let g = into * (g * scale);
                *b = momentum * *b + g;
                *w -= out * (g + momentum * *b);
            }
        } else {
            for ((w, &g), b) in elements.zip(velocity) {
                *b = momentum * *b + into * (g * scale);
                *w -= out * *b;
            }
        }
    }

    fn rest(&self) -> Rest {
        if self.momentum == 0.0 { Rest::All } else { Rest::Untouched }
    }
}
