//! A training by several ranks: each computes the gradient of its share of every batch, and all make the same step.
//!
//! Sums run in the order of ranks, whatever the network does, so their bits depend on the number of ranks alone.

mod overlap;
mod part;
mod sum;
#[cfg(test)]
mod tests;

pub(super) use part::Part;

use super::group::{Group, Parcels};
use crate::error::{Error, Result};
use crate::optim::Optimizer;
use crate::params::{Parameters, fingerprint};
use crate::train::tally::Tally;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// The numbers at the beginning of every note: which it is, epoch, batch, and whether the rank asks for the end.
const HEAD: usize = 4;

/// Where in the training a note is written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Moment {
    EpochBegin,
    Train,
    Test,
    EpochEnd,
}

/// The part of a batch that a rank works on.
#[derive(Debug, Clone)]
pub(super) struct Share {
    pub(super) rows: Range<usize>,
    /// How many rows the batch has.
    pub(super) of: usize,
    /// The share of the batch's rows that counts; zero for a rank that works on a row of another one, because there are
    /// too few.
    pub(super) part: f64,
}

impl Share {
    /// The rows of the share among those of a batch.
    pub(super) fn within(&self, batch: &Range<usize>) -> Range<usize> {
        batch.start + self.rows.start..batch.start + self.rows.end
    }
}

/// Which of `rows` rows are a rank's among `size`.
fn rows_of(rank: usize, size: usize, rows: usize) -> Range<usize> {
    rows * rank / size..rows * (rank + 1) / size
}

/// The same, or for a rank that has none the first one, which does not count.
pub(super) fn rows_to_work_on(rank: usize, size: usize, rows: usize) -> Range<usize> {
    let own = rows_of(rank, size, rows);
    if own.is_empty() { 0..rows.min(1) } else { own }
}

/// What this rank keeps of the others.
#[derive(Debug)]
pub(super) struct Ranks {
    group: Arc<dyn Group>,
    parcels: Parcels,
    /// After how many steps weights are averaged, instead of gradients in every step.
    every: u64,
    /// Steps since then.
    apart: u64,
    /// Whether sums are made beside a backward pass, which has the threads of the pool.
    beside: bool,
    /// Memory of gradients that are summed meanwhile.
    buckets: Vec<overlap::Bucket>,
    /// The longest note so far: all have one length, so that ranks that are not at the same place notice.
    longest: usize,
}

impl Ranks {
    pub(super) fn new(group: Arc<dyn Group>, every: u64) -> Self {
        let parcels = Parcels::new(group.size());
        Self { group, parcels, every, apart: 0, beside: false, buckets: Vec::new(), longest: 0 }
    }

    /// Whether ranks make steps of their own.
    pub(super) fn step_alone(&self) -> bool {
        self.every > 1
    }

    /// Whether all ranks have the same weights now.
    pub(super) fn are_together(&self) -> bool {
        self.apart == 0
    }

    /// Notes a step of its own; whether the weights are to be averaged now.
    pub(super) fn count_step(&mut self) -> bool {
        self.apart += 1;
        self.apart >= self.every
    }

    /// Makes weights and states the means of all ranks' (local SGD, Stich 2019; with the states as in Yu et al. 2019).
    pub(super) fn average(
        &mut self,
        parameters: &mut Arc<Parameters<f32>>,
        optimizer: &mut Optimizer,
        cancel: &AtomicBool,
    ) -> Result<()> {
        self.apart = 0;
        self.mean(Parameters::exclusive(parameters)?.arena_mut(), cancel)?;
        optimizer.follow(optimizer.step_count(), |states| self.mean(states, cancel))
    }

    /// This rank's share of `rows` rows.
    pub(super) fn share(&self, rows: usize) -> Share {
        let (rank, size) = (self.group.rank(), self.group.size());
        let own = self.rows_of(rank, rows).len();
        Share { rows: rows_to_work_on(rank, size, rows), of: rows, part: own as f64 / rows.max(1) as f64 }
    }

    /// Which of `rows` rows are a rank's.
    fn rows_of(&self, rank: usize, rows: usize) -> Range<usize> {
        rows_of(rank, self.group.size(), rows)
    }

    /// What this rank has done of the batches up to this one.
    pub(super) fn whole<'a>(
        &'a mut self,
        epoch: usize,
        batch: usize,
        stop: bool,
        cancel: &'a AtomicBool,
    ) -> Part<'a> {
        Part { ranks: self, share: Share { rows: 0..1, of: 1, part: 1.0 }, epoch, batch, stop, cancel }
    }

    /// Lets all ranks know whether one of them asks for the end.
    pub(super) fn agree(
        &mut self,
        moment: Moment,
        epoch: usize,
        stop: bool,
        cancel: &AtomicBool,
    ) -> Result<bool> {
        Ok(self.note(moment, (epoch, 0), stop, &[], cancel)?.0)
    }

    /// Makes the scores of the batches that this rank has worked on those of all ranks' batches; of so many losses and
    /// metrics.
    pub(super) fn total(&mut self, tally: &mut Tally, scores: usize, cancel: &AtomicBool) -> Result<()> {
        tally.sums.resize(scores, Vec::new());
        // A rank without a batch does not know how many sums a metric has.
        let lens: Vec<f64> = tally.sums.iter().map(|sums| sums.len() as f64).collect();
        let (_, notes) = self.note(Moment::Test, (0, 0), false, &lens, cancel)?;
        let most = |score: usize| {
            notes.iter().filter_map(|note| note.get(score)).fold(0.0, |most: f64, &len| most.max(len))
        };
        for (score, sums) in tally.sums.iter_mut().enumerate() {
            sums.resize(most(score) as usize, 0.0);
        }
        let own: Vec<f64> = tally.sums.iter().flatten().copied().collect();
        let (_, notes) = self.note(Moment::Test, (0, 1), false, &own, cancel)?;
        let mut all = vec![0.0; own.len()];
        for note in &notes {
            all.iter_mut().zip(note).for_each(|(sum, value)| *sum += value);
        }
        tally.sums.iter_mut().flatten().zip(all).for_each(|(sum, value)| *sum = value);
        Ok(())
    }

    /// Before an epoch: gives all ranks the weights, the optimizer's state, the learning rate and the seed of rank 0, if
    /// they differ. Whether one of them asks for the end.
    pub(super) fn follow_first(
        &mut self,
        epoch: usize,
        stop: bool,
        parameters: &mut Arc<Parameters<f32>>,
        optimizer: &mut Optimizer,
        seed: &mut u64,
        cancel: &AtomicBool,
    ) -> Result<bool> {
        let weights = parameters.fingerprint();
        let mut states = 0_u64;
        optimizer.each_state(|values| states = fingerprint(values) ^ states.rotate_left(7));
        let own = [weights, states, optimizer.step_count(), optimizer.learning_rate().to_bits(), *seed]
            .map(f64::from_bits);
        let (stop, notes) = self.note(Moment::EpochBegin, (epoch, 0), stop, &own, cancel)?;
        let bits =
            |note: &Vec<f64>| note.iter().take(own.len()).map(|value| value.to_bits()).collect::<Vec<_>>();
        let all: Vec<Vec<u64>> = notes.iter().map(bits).collect();
        let Some([_, _, step, rate, first_seed]) =
            all.first().and_then(|first| first.as_slice().as_array::<5>())
        else {
            return Err(Error::native("The note of rank 0 is too short"));
        };
        *seed = *first_seed;
        if all.iter().any(|other| other.get(3) != Some(rate)) {
            optimizer.follow_rate(f64::from_bits(*rate));
        }
        if all.iter().any(|other| other.get(..3) != all[0].get(..3)) {
            self.broadcast(Parameters::exclusive(parameters)?.arena_mut(), cancel)?;
            optimizer.follow(*step, |states| self.broadcast(states, cancel))?;
        }
        Ok(stop)
    }

    /// Exchanges notes of numbers, by rank; and whether one of the ranks asks for the end.
    fn note(
        &mut self,
        moment: Moment,
        (epoch, batch): (usize, usize),
        stop: bool,
        values: &[f64],
        cancel: &AtomicBool,
    ) -> Result<(bool, Vec<Vec<f64>>)> {
        let place = [f64::from(moment as u8), epoch as f64, batch as f64, f64::from(u8::from(stop))];
        let mut own = [&place[..], values].concat();
        self.longest = self.longest.max(own.len());
        own.resize(self.longest, 0.0);
        // Two halves of 32 bits each: they are moved, never computed with.
        let halves = |value: &f64| {
            let bits = value.to_bits();
            [f32::from_bits(bits as u32), f32::from_bits((bits >> 32) as u32)]
        };
        let words: Vec<f32> = own.iter().flat_map(halves).collect();
        self.gather(&words, cancel)?;
        let read = |words: &[f32]| {
            let number = |half: &[f32; 2]| {
                f64::from_bits(u64::from(half[1].to_bits()) << 32 | u64::from(half[0].to_bits()))
            };
            words.as_chunks::<2>().0.iter().map(number).collect::<Vec<f64>>()
        };
        let mut notes = Vec::with_capacity(self.group.size());
        let mut any = stop;
        for rank in 0..self.group.size() {
            let mut note =
                if rank == self.group.rank() { own.clone() } else { read(&self.parcels.incoming[rank]) };
            if note.get(..3) != Some(&place[..3]) {
                return Err(Error::data(format!(
                    "Rank {rank} is at another place of the training than rank {}: all ranks must train on the same data, with the same options",
                    self.group.rank()
                )));
            }
            any |= note.get(3) == Some(&1.0);
            notes.push(note.split_off(HEAD));
        }
        Ok((any, notes))
    }
}
