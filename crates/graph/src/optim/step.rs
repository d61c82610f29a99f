//! One step: from gradients to weights.

use super::apply::{self, Kept, Prepared};
use super::arena::{StateValues, exclusive};
use super::optimizer::Optimizer;
use super::options::Clip;
use super::overflow::Before;
use super::rounding::Rounding;
use super::rule::{MAX_STATES, Rest, state_len};
use crate::error::{Error, Result};
use crate::gradients::{Gradient, GradientMut, Gradients};
use crate::memory;
use crate::params::{Parameters, Slot};

impl Optimizer {
    /// Clips the gradients and applies one step. Frozen weights stay as they are.
    ///
    /// # Errors
    /// `ERR_NUMERIC`, naming the first weight whose gradient is not finite, or that would become infinite, or whose state would, or for a learning
    /// rate that is not finite; weights and state are then unchanged.
    pub fn apply(&mut self, parameters: &mut Parameters<f32>, gradients: &mut Gradients<f32>) -> Result<()> {
        let slots = parameters.slots();
        let place = |slot: &Slot| (slot.offset, slot.len);
        if !slots.iter().map(place).eq(self.slots.iter().map(place)) || gradients.len() != slots.len() {
            return Err(Error::native("The optimizer was made for other weights"));
        }
        let rate = self.learning_rate();
        if !((rate as f32).is_finite() && rate >= 0.0) {
            return Err(Error::numeric(format!("the schedule gives the learning rate {rate}")));
        }
        self.begin()?;
        if self.batch == 0 {
            self.means.begin(&self.slots, parameters, exclusive(&mut self.states)?);
        }
        let before = self.steps();
        if self.batch.saturating_add(1).is_multiple_of(self.batches) {
            self.means.combine(&self.slots, gradients, &self.states, self.batches)?;
            self.step(parameters, gradients, rate)?;
            let states = exclusive(&mut self.states)?;
            self.means.stepped(&self.slots, parameters, states, before.saturating_add(1));
        } else {
            self.measure(gradients)?;
            self.means.add(&self.slots, gradients, exclusive(&mut self.states)?)?;
        }
        let states = exclusive(&mut self.states)?;
        self.means.follow(&self.slots, parameters, states, before == 0, before.saturating_add(1));
        self.batch = self.batch.saturating_add(1);
        Ok(())
    }

    /// One step of the rule.
    fn step(
        &mut self,
        parameters: &mut Parameters<f32>,
        gradients: &mut Gradients<f32>,
        rate: f64,
    ) -> Result<()> {
        self.clip(gradients)?;
        memory::refill(&mut self.keep, self.slots.len(), 1.0, "What decays")?;
        for ((keep, decay), slot) in self.keep.iter_mut().zip(&self.decays).zip(&self.slots) {
            *keep = (1.0 - rate * slot.learning_rate_multiplier * decay) as f32;
        }
        self.touch(gradients)?;
        if let Some(whole) = self.rule.whole() {
            let trained = self.slots.iter().filter(|slot| slot.trainable);
            let most = trained.map(|slot| slot.len.saturating_add(whole.scratch(slot))).max().unwrap_or(0);
            memory::refill(&mut self.scratch, most, 0.0, "What the optimizer works with")?;
        }
        let largest = self.multipliers.iter().copied().fold(1.0, f64::max);
        let before = if self.is_risky(rate * largest, parameters)? {
            Some(Before::copy(parameters, &self.states)?)
        } else {
            None
        };
        let step = self.steps().saturating_add(1);
        let rounding = Rounding::new(step);
        let states = exclusive(&mut self.states)?;
        // Weights of another learning rate are another step of the same number: almost always there is one.
        for &multiplier in &self.multipliers {
            self.rule.prepare(step, rate * multiplier);
            apply::sweep(
                Prepared {
                    rule: &*self.rule,
                    keep: &self.keep,
                    sparse: self.sparse,
                    multiplier,
                    rounding: &rounding,
                },
                &self.slots,
                &self.scales,
                parameters,
                gradients,
                Kept {
                    states: states.get_mut(..self.rule.states().len()).unwrap_or_default(),
                    touched: &self.touched,
                    bound: &self.bound,
                    scratch: &mut self.scratch,
                },
            );
        }
        if let Some(before) = before
            && let Err(error) =
                self.bound.measure(&self.slots, parameters, &self.states, &self.kinds, &*self.rule)
        {
            before.put_back(parameters, exclusive(&mut self.states)?);
            return Err(error);
        }
        Ok(())
    }

    /// Whether the step may make a weight or a state infinite: not with ordinary numbers, so that nothing is copied for
    /// it.
    fn is_risky(&mut self, rate: f64, parameters: &Parameters<f32>) -> Result<bool> {
        let clipped = |(square, scale): (&f64, &f32)| square.sqrt() * f64::from(*scale);
        let gradient = self.norms.squares().iter().zip(&self.scales).map(clipped).fold(0.0, f64::max);
        let decay = self.decays.iter().copied().fold(0.0, f64::max);
        if self.bound.may_overflow(gradient, rate, decay) {
            // What was known may be of before.
            self.bound.measure(&self.slots, parameters, &self.states, &self.kinds, &*self.rule)?;
        }
        Ok(self.bound.may_overflow(gradient, rate, decay))
    }

    /// Measures the gradients.
    ///
    /// # Errors
    /// `ERR_NUMERIC` for one that is not finite.
    fn measure(&mut self, gradients: &Gradients<f32>) -> Result<()> {
        self.gradient_norm = self.norms.measure(&self.slots, gradients)?.iter().sum::<f64>().sqrt();
        Ok(())
    }

    /// Checks the gradients, clips them by value and computes the factors that clip them by norm (Keras's `limit /
    /// max(norm, limit)`).
    fn clip(&mut self, gradients: &mut Gradients<f32>) -> Result<()> {
        self.measure(gradients)?;
        let squares = self.norms.squares();
        memory::refill(&mut self.scales, squares.len(), 1.0, "The clipping factors")?;
        let factor = |limit: f64, norm: f64| (limit / norm.max(limit)) as f32;
        match self.clip {
            None => {}
            Some(Clip::GlobalNorm(limit)) => self.scales.fill(factor(limit, self.gradient_norm)),
            Some(Clip::Norm(limit)) => {
                for (scale, square) in self.scales.iter_mut().zip(squares) {
                    *scale = factor(limit, square.sqrt());
                }
            }
            Some(Clip::Value(limit)) => {
                let limit = limit as f32;
                for weight in 0..self.slots.len() {
                    let values = match gradients.get_mut(weight) {
                        None => continue,
                        Some(GradientMut::Dense(values)) => values,
                        Some(GradientMut::Rows(list)) => &mut list.values[..],
                    };
                    values.iter_mut().for_each(|g| *g = g.clamp(-limit, limit));
                }
            }
        }
        Ok(())
    }

    /// Notes which rows of tables have a gradient, for rules that leave all others as they are.
    fn touch(&mut self, gradients: &Gradients<f32>) -> Result<()> {
        if self.sparse || self.rule.rest() != Rest::Untouched {
            return Ok(());
        }
        let mut start = 0;
        for (weight, slot) in self.slots.iter().enumerate().filter(|(_, slot)| slot.trainable) {
            match gradients.get(weight) {
                Some(Gradient::Rows(list)) if self.keep[weight] == 1.0 => {
                    let mut states = [(StateValues::Float32(&[]), 0.0); MAX_STATES];
                    let arenas = self.states.iter().zip(self.rule.states());
                    for (state, (arena, &(_, first))) in states.iter_mut().zip(arenas) {
                        *state = (arena.values(start..start + slot.len), first);
                    }
                    self.touched[weight].mark(&list.rows, slot.len / list.width, list.width, states)?;
                }
                _ => self.touched[weight].forget(),
            }
            start += state_len(slot);
        }
        Ok(())
    }
}
