//! States that optimizers share, or take from one another.

use super::arena::{Arena, exclusive};
use super::optimizer::Optimizer;
use super::overflow::Bound;
use super::schedule::Schedule;
use super::touched::Touched;
use crate::error::{Error, Result};
use std::sync::Arc;

/// What [`Optimizer::kept`] gives.
#[derive(Debug)]
pub(crate) struct KeptStates {
    states: Arc<Vec<Arena>>,
    begun: bool,
    batch: u64,
}

impl Optimizer {
    /// What going on from here needs, not copied.
    pub(crate) fn kept(&self) -> KeptStates {
        KeptStates { states: Arc::clone(&self.states), begun: self.begun, batch: self.batch }
    }

    /// Goes on from what another optimizer of this kind, for weights like these, has [kept](Self::kept).
    ///
    /// # Errors
    /// `ERR_FORMAT` for another kind's.
    pub(crate) fn take_over(&mut self, kept: KeptStates) -> Result<()> {
        let lengths =
            |states: &[Arena]| states.iter().map(|arena| (arena.len(), arena.bytes())).collect::<Vec<_>>();
        if lengths(&kept.states) != lengths(&self.states) {
            return Err(Error::format("The state is that of another optimizer"));
        }
        (self.states, self.begun) = (kept.states, kept.begun);
        self.renewed(kept.batch);
        Ok(())
    }

    /// Calls `body` with the elements of all states, piece by piece.
    pub(crate) fn each_state(&self, mut body: impl FnMut(&[f32])) {
        self.states.iter().for_each(|arena| arena.values(0..arena.len()).each(&mut body));
    }

    /// Lets `change` replace all states, piece by piece, by those of another optimizer of the same kind after `step` batches. What it
    /// gives for bfloat16 is rounded to the nearest.
    ///
    /// # Errors
    /// `ERR_MEMORY`, and those of `change`.
    pub(crate) fn follow(
        &mut self,
        step: u64,
        mut change: impl FnMut(&mut [f32]) -> Result<()>,
    ) -> Result<()> {
        self.begin()?;
        self.renewed(step);
        exclusive(&mut self.states)?.iter_mut().try_for_each(|arena| arena.change(&mut change))
    }

    /// Takes another optimizer's learning rate, unless it follows a schedule.
    pub(crate) fn follow_rate(&mut self, rate: f64) {
        if matches!(self.learning_rate, Schedule::Constant(_)) {
            self.learning_rate = Schedule::Constant(rate);
        }
    }

    /// Forgets what was known of states that others replace, those after `step` batches.
    pub(super) fn renewed(&mut self, step: u64) {
        self.touched.iter_mut().for_each(Touched::forget);
        self.means.forget();
        self.bound = Bound::unknown();
        self.batch = step;
    }
}
