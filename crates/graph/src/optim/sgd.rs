use super::rule::{Rest, Rule, Span, penalised};
use super::{Entry, optimizer};
use crate::setting::settings;

settings! {
    /// Stochastic gradient descent, with momentum where asked (Polyak 1964; Sutskever et al. 2013):
    ///
    /// - without: w ← w − rate · g
    /// - momentum μ: b ← μ b + g, w ← w − rate · b
    /// - nesterov: b ← μ b + g, w ← w − rate · (g + μ b)
    ///
    /// As in PyTorch (with dampening 0). Keras keeps −rate · b instead of b: the same while the rate stays as it is; after a change of it, Keras's
    /// momentum goes on at the old rate.
    pub(super) struct Sgd {
        /// How much of the last step is repeated.
        momentum: f64 [SHARE] = 0.0;
        /// Whether to look ahead (Nesterov 1983).
        nesterov: bool = false;
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
        let (rate, scale, penalty, momentum) = (self.rate, span.scale, span.penalty, self.momentum as f32);
        let [velocity, ..] = span.state;
        let elements = span.weights.iter_mut().zip(span.gradient);
        if velocity.is_empty() {
            for (w, &g) in elements {
                *w -= rate * penalised(g, scale, penalty, *w);
            }
        } else if self.nesterov {
            for ((w, &g), b) in elements.zip(velocity) {
                let g = penalised(g, scale, penalty, *w);
                *b = momentum * *b + g;
                *w -= rate * (g + momentum * *b);
            }
        } else {
            for ((w, &g), b) in elements.zip(velocity) {
                *b = momentum * *b + penalised(g, scale, penalty, *w);
                *w -= rate * *b;
            }
        }
    }

    fn rest(&self) -> Rest {
        if self.momentum == 0.0 { Rest::All } else { Rest::Untouched }
    }
}
