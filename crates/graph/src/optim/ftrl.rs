use super::check;
use super::entry::{Entry, optimizer};
use super::rule::{OfWhole, Tensor, Whole};
use crate::error::Result;
use crate::params::Slot;
use crate::setting::settings;

settings! {
    /// Follow the regularized leader (McMahan et al. 2013), with the exponent p = −`learningRatePower`:
    ///
    /// n′ = n + g², z ← z + g + 2 `l2Shrinkage` w − (n′ᵖ − nᵖ) / rate · w,
    /// w ← (clip(z, ±`l1`) − z) / ((n′ᵖ + β) / rate + 2 `l2`), n ← n′, where n begins with `initialAccumulatorValue`
    ///
    /// As in Keras. It computes weights anew from z, which begins with zeros: whatever they are at first, their first step goes from 0. It is for wide
    /// linear models with few inputs at a time; `l1RegularizationStrength` makes most of their weights exactly 0.
    pub(super) struct Ftrl {
        /// The exponent of the sum of squares, at most 0; at 0 the rate stays.
        learning_rate_power: f64 = -0.5;
        /// The first value of the sum of squares.
        initial_accumulator_value: f64 [NON_NEGATIVE] = 0.1;
        /// The magnitude of z up to which a weight is 0.
        l1_regularization_strength: f64 [NON_NEGATIVE] = 0.0;
        /// The penalty on squares of weights.
        l2_regularization_strength: f64 [NON_NEGATIVE] = 0.0;
        /// The penalty on squares of weights that only the gradient gets.
        l2_shrinkage_regularization_strength: f64 [NON_NEGATIVE] = 0.0;
        /// The β of the paper.
        beta: f64 [NON_NEGATIVE] = 0.0;
    }
    and {
        states: [(&'static str, f32); 2],
        rate: f64,
    }
}

pub(super) const ENTRY: Entry = optimizer!(whole "ftrl", Ftrl, 0.001);

impl Ftrl {
    fn power(&self, sum: f64) -> f64 {
        if self.learning_rate_power == -0.5 { sum.sqrt() } else { sum.powf(-self.learning_rate_power) }
    }
}

impl Whole for Ftrl {
    fn states(&self) -> &[(&'static str, f32)] {
        &self.states
    }

    fn prepare(&mut self, _step: u64, learning_rate: f64) {
        self.rate = learning_rate;
    }

    fn scratch(&self, _weight: &Slot) -> usize {
        0
    }

    fn apply(&self, tensor: Tensor<'_>) {
        // A rate of zero divides by zero, and moves nothing.
        if self.rate == 0.0 {
            return;
        }
        let (l1, l2) = (self.l1_regularization_strength, self.l2_regularization_strength);
        let [sum, linear, _] = tensor.state;
        let elements = tensor.weights.iter_mut().zip(tensor.gradient).zip(sum).zip(linear);
        for (((w, &g), n), z) in elements {
            let (weight, g, old) = (f64::from(*w), f64::from(g), f64::from(*n));
            let new = old + g * g;
            let power = self.power(new);
            let shrunk = g + 2.0 * self.l2_shrinkage_regularization_strength * weight;
            let moved = f64::from(*z) + shrunk - (power - self.power(old)) / self.rate * weight;
            let quadratic = (power + self.beta) / self.rate + 2.0 * l2;
            *n = new as f32;
            *z = moved as f32;
            // Nothing is known of a weight that has never had a gradient.
            *w = if quadratic > 0.0 { ((moved.clamp(-l1, l1) - moved) / quadratic) as f32 } else { 0.0 };
        }
    }

    fn check(&mut self) -> Result<()> {
        check::non_negative("learningRatePower, with its sign changed,", -self.learning_rate_power)?;
        self.states = [("accumulator", self.initial_accumulator_value as f32), ("linear", 0.0)];
        Ok(())
    }
}
