use super::check;
use super::entry::{Entry, Formula, optimizer};
use super::rule::{Rest, Rule, Span};
use crate::error::Result;
use crate::setting::settings;

settings! {
    /// Adagrad (Duchi et al. 2011): s ← s + g², w ← w − rate · g / (√s + ε), where s begins with `initialAccumulatorValue`.
    ///
    /// As in PyTorch, where the rate is 0.01 by default, s begins with 0 and ε is 1e-10. With the formula of Keras, g / √(s + ε).
    pub(super) struct Adagrad {
        /// The first value of the sum of squares.
        initial_accumulator_value: f64 [NON_NEGATIVE] = 0.1;
        /// Added to the root; under it with the formula of Keras.
        epsilon: f64 [NON_NEGATIVE] = 1e-7;
        /// Whose formula it is.
        formula: Formula = "pytorch";
    }
    and {
        states: [(&'static str, f32); 1],
        rate: f32,
    }
}

pub(super) const ENTRY: Entry = optimizer!("adagrad", Adagrad, 0.001);

impl Rule for Adagrad {
    fn states(&self) -> &[(&'static str, f32)] {
        &self.states
    }

    fn prepare(&mut self, _step: u64, learning_rate: f64) {
        self.rate = learning_rate as f32;
    }

    #[inline(always)]
    fn formula(&self, span: Span<'_>) {
        let (rate, epsilon) = (self.rate, self.epsilon as f32);
        let scale = span.scale;
        let (under, beside) = match self.formula {
            Formula::Keras => (epsilon, 0.0),
            Formula::Pytorch => (0.0, epsilon),
        };
        let [sum, ..] = span.state;
        for ((w, &g), s) in span.weights.iter_mut().zip(span.gradient).zip(sum) {
            let g = g * scale;
            *s += g * g;
            *w -= rate * (g / ((*s + under).sqrt() + beside));
        }
    }

    fn rest(&self) -> Rest {
        Rest::All
    }

    fn check(&mut self) -> Result<()> {
        self.states = [("accumulator", self.initial_accumulator_value as f32)];
        if self.initial_accumulator_value > 0.0 {
            return Ok(());
        }
        // Without either, an element that has never had a gradient would divide zero by zero.
        check::positive("epsilon with an initialAccumulatorValue of 0", self.epsilon)
    }
}
