//! A training by several ranks: each computes the gradient of its share of every batch, and all make the same step.
//!
//! Sums run in the order of ranks, whatever the network does, so their bits depend on the number of ranks alone.

use super::group::{Group, Parcels};
use super::tally::{Scores, Tally};
use super::update::Updates;
use crate::error::{Error, Result};
use crate::gradients::Gradients;
use crate::optim::Optimizer;
use crate::parallel::each_rows;
use crate::params::Parameters;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Up to so many numbers, every rank sends all of its own to all others: one exchange instead of two.
const DIRECT: usize = 1 << 13;

/// So many numbers are summed at once, which bounds the memory that it takes.
const BUCKET: usize = 1 << 24;

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

/// A batch as one of the ranks works on it.
#[derive(Debug)]
pub(super) struct Part<'a> {
    pub(super) ranks: &'a mut Ranks,
    pub(super) share: Share,
    pub(super) epoch: usize,
    pub(super) batch: usize,
    /// Whether this rank asks for the end of the epoch.
    pub(super) stop: bool,
    pub(super) cancel: &'a AtomicBool,
}

/// What the ranks know of a batch once each has computed its losses.
#[derive(Debug)]
pub(super) struct Known {
    /// Whether one of them asks for the end of the epoch.
    pub(super) stop: bool,
    /// Whether all losses are finite.
    pub(super) finite: bool,
    /// By loss, where this rank's gradient begins.
    pub(super) cotangents: Vec<f32>,
}

/// What this rank keeps of the others.
#[derive(Debug)]
pub(super) struct Ranks {
    group: Arc<dyn Group>,
    parcels: Parcels,
    /// The longest note so far: all have one length, so that ranks that are not at the same place notice.
    longest: usize,
}

impl Part<'_> {
    /// Exchanges the scores of the batch: `tally` becomes that of all ranks.
    pub(super) fn scores(
        &mut self,
        moment: Moment,
        scores: &Scores,
        tally: &mut Tally,
        finite: bool,
    ) -> Result<Known> {
        let counts = self.share.part > 0.0;
        let own: Vec<f64> = tally.sums.iter().flatten().map(|&sum| if counts { sum } else { 0.0 }).collect();
        let told = [&[f64::from(u8::from(finite || !counts))], &own[..]].concat();
        let (stop, notes) =
            self.ranks.note(moment, (self.epoch, self.batch), self.stop, &told, self.cancel)?;
        let finite = notes.iter().all(|note| note.first() == Some(&1.0));
        let mut all = vec![0.0; own.len()];
        for note in &notes {
            all.iter_mut().zip(note.get(1..).unwrap_or_default()).for_each(|(sum, value)| *sum += value);
        }
        let mut cotangents = Vec::with_capacity(scores.losses.len());
        let mut at = 0;
        for (index, sums) in tally.sums.iter().enumerate() {
            // A mean times its count, and that count.
            let pair = |list: &[f64]| {
                (list.get(at).copied().unwrap_or(0.0), list.get(at + 1).copied().unwrap_or(0.0))
            };
            let (count, total) = (pair(&own).1, pair(&all).1);
            let summed = scores.is_summed(index);
            if let Some(loss) = scores.losses.get(index) {
                let share = if total > 0.0 { f64::from(loss.weight) * count / total } else { 0.0 };
                let whole = if count > 0.0 { loss.weight } else { 0.0 };
                cotangents.push(if summed { whole } else { share as f32 });
            }
            if summed {
                let sum = |note: &Vec<f64>| match pair(note.get(1..).unwrap_or_default()) {
                    (product, count) if count > 0.0 => product / count,
                    _ => 0.0,
                };
                all[at] = notes.iter().map(sum).sum::<f64>() * total;
            }
            at += sums.len();
        }
        tally.sums.iter_mut().flatten().zip(all).for_each(|(sum, value)| *sum = value);
        Ok(Known { stop, finite, cotangents })
    }

    /// The gradients of the batch, and what its forward pass makes of weights.
    pub(super) fn sum(&mut self, gradients: &mut Gradients<f32>, updates: &mut Updates) -> Result<()> {
        for bucket in gradients.arena_mut().chunks_mut(BUCKET) {
            self.ranks.sum(bucket, self.cancel)?;
        }
        self.ranks.sum_rows(gradients, self.cancel)?;
        for values in updates.values_mut() {
            let part = self.share.part as f32;
            values.iter_mut().for_each(|value| *value = if part > 0.0 { *value * part } else { 0.0 });
            self.ranks.sum(values, self.cancel)?;
        }
        Ok(())
    }
}

impl Ranks {
    pub(super) fn new(group: Arc<dyn Group>) -> Self {
        let parcels = Parcels::new(group.size());
        Self { group, parcels, longest: 0 }
    }

    /// This rank's share of `rows` rows.
    pub(super) fn share(&self, rows: usize) -> Share {
        let (rank, size) = (self.group.rank(), self.group.size());
        let range = rows * rank / size..rows * (rank + 1) / size;
        if range.is_empty() {
            return Share { rows: 0..rows.min(1), part: 0.0 };
        }
        Share { part: range.len() as f64 / rows as f64, rows: range }
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

    /// Before an epoch: gives all ranks the weights, the optimizer's state and the learning rate of rank 0, if they differ. Whether one of them
    /// asks for the end.
    pub(super) fn follow_first(
        &mut self,
        epoch: usize,
        stop: bool,
        parameters: &mut Arc<Parameters<f32>>,
        optimizer: &mut Optimizer,
        cancel: &AtomicBool,
    ) -> Result<bool> {
        let weights = hash(parameters.arena());
        let states = optimizer.arenas().fold(0_u64, |sum, arena| hash(arena) ^ sum.rotate_left(7));
        let own = [weights, states, optimizer.step_count(), optimizer.learning_rate().to_bits()]
            .map(f64::from_bits);
        let (stop, notes) = self.note(Moment::EpochBegin, (epoch, 0), stop, &own, cancel)?;
        let bits =
            |note: &Vec<f64>| note.iter().take(own.len()).map(|value| value.to_bits()).collect::<Vec<_>>();
        let all: Vec<Vec<u64>> = notes.iter().map(bits).collect();
        let Some([_, _, step, rate]) = all.first().and_then(|first| first.as_slice().as_array::<4>()) else {
            return Err(Error::native("The note of rank 0 is too short"));
        };
        if all.iter().any(|other| other.get(3) != Some(rate)) {
            optimizer.follow_rate(f64::from_bits(*rate));
        }
        if all.iter().any(|other| other.get(..3) != all[0].get(..3)) {
            self.broadcast(Parameters::exclusive(parameters)?.arena_mut(), cancel)?;
            for arena in optimizer.follow(*step)? {
                self.broadcast(arena, cancel)?;
            }
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

    /// Sends all ranks the same; theirs, of the same length, are what came in.
    fn gather(&mut self, own: &[f32], cancel: &AtomicBool) -> Result<()> {
        let rank = self.group.rank();
        self.parcels.pack(rank, own)?;
        self.parcels.repeat(rank);
        for from in (0..self.group.size()).filter(|&from| from != rank) {
            self.parcels.expect(from, own.len())?;
        }
        self.exchange(cancel)
    }

    fn exchange(&mut self, cancel: &AtomicBool) -> Result<()> {
        self.parcels = self.group.exchange(std::mem::take(&mut self.parcels), cancel)?;
        Ok(())
    }

    /// Replaces numbers by their sums over all ranks.
    fn sum(&mut self, values: &mut [f32], cancel: &AtomicBool) -> Result<()> {
        let (rank, size) = (self.group.rank(), self.group.size());
        if values.is_empty() {
            return Ok(());
        }
        if values.len() <= DIRECT {
            self.gather(values, cancel)?;
            self.add_up(values);
            return Ok(());
        }
        // Each rank sums a part, then sends its sums to all others.
        let each = values.len().div_ceil(size).next_multiple_of(16);
        let part = |rank: usize| (rank * each).min(values.len())..((rank + 1) * each).min(values.len());
        let own = part(rank);
        for other in (0..size).filter(|&other| other != rank) {
            self.parcels.pack(other, &values[part(other)])?;
            self.parcels.expect(other, own.len())?;
        }
        self.exchange(cancel)?;
        let parts: Vec<Range<usize>> = (0..size).map(part).collect();
        self.add_up(&mut values[own.clone()]);
        self.parcels.pack(rank, &values[own])?;
        self.parcels.repeat(rank);
        for (other, part) in parts.iter().enumerate().filter(|&(other, _)| other != rank) {
            self.parcels.expect(other, part.len())?;
        }
        self.exchange(cancel)?;
        for (part, received) in parts
            .into_iter()
            .zip(&self.parcels.incoming)
            .enumerate()
            .filter_map(|(other, it)| (other != rank).then_some(it))
        {
            values[part].copy_from_slice(received);
        }
        Ok(())
    }

    /// Adds what came in to this rank's own numbers, in the order of ranks.
    fn add_up(&mut self, own: &mut [f32]) {
        let rank = self.group.rank();
        let work = own.len();
        let incoming = &mut self.parcels.incoming;
        for other in 0..self.group.size() {
            if other < rank {
                let (first, rest) = incoming.split_at_mut(1);
                if other > 0 {
                    add(&mut first[0], &rest[other - 1]);
                }
            } else if other > rank {
                add(own, &incoming[other]);
            }
            if other == rank && rank > 0 {
                let earlier = &incoming[0];
                each_rows(own, 1, work, |start, part| {
                    part.iter_mut().zip(&earlier[start..]).for_each(|(value, sum)| *value += sum);
                });
            }
        }
    }

    /// Replaces the gradients that are lists of rows by their sums over all ranks.
    fn sum_rows(&mut self, gradients: &mut Gradients<f32>, cancel: &AtomicBool) -> Result<()> {
        let lists = gradients.row_lists_mut();
        if lists.is_empty() {
            return Ok(());
        }
        let (rank, size) = (self.group.rank(), self.group.size());
        let word = |number: usize| {
            let number = u32::try_from(number);
            number
                .map(f32::from_bits)
                .map_err(|_| Error::unsupported("A table has too many rows for several ranks"))
        };
        let counts = lists.iter().map(|list| word(list.rows.len())).collect::<Result<Vec<f32>>>()?;
        self.gather(&counts, cancel)?;
        let number = |word: &f32| word.to_bits() as usize;
        let mut all = vec![Vec::new(); size];
        for (other, counts_of) in all.iter_mut().enumerate() {
            let given = if other == rank { &counts } else { &self.parcels.incoming[other] };
            counts_of.extend(given.iter().map(number));
        }
        let mut own = Vec::new();
        for list in lists.iter() {
            own.try_reserve(list.rows.len() + list.values.len())
                .map_err(|_| Error::memory("The gradients of tables do not fit"))?;
            for &row in &list.rows {
                own.push(word(row)?);
            }
            own.extend_from_slice(&list.values);
        }
        self.parcels.pack(rank, &own)?;
        self.parcels.repeat(rank);
        let widths: Vec<usize> = lists.iter().map(|list| list.width).collect();
        for other in (0..size).filter(|&other| other != rank) {
            let len = all[other].iter().zip(&widths).map(|(count, width)| count * (width + 1)).sum();
            self.parcels.expect(other, len)?;
        }
        self.exchange(cancel)?;
        for list in lists.iter_mut() {
            list.rows.clear();
            list.values.clear();
        }
        for (other, counts) in all.iter().enumerate() {
            let mut rest = if other == rank { &own[..] } else { &self.parcels.incoming[other][..] };
            for (list, &count) in lists.iter_mut().zip(counts) {
                let short = || Error::native("What a rank sent is too short");
                let (rows, after) = rest.split_at_checked(count).ok_or_else(short)?;
                let (values, after) = after.split_at_checked(count * list.width).ok_or_else(short)?;
                list.accumulate(count, |position| rows.get(position).map(number), values)?;
                rest = after;
            }
        }
        Ok(())
    }

    /// Replaces numbers by those of rank 0.
    fn broadcast(&mut self, values: &mut [f32], cancel: &AtomicBool) -> Result<()> {
        let (rank, size) = (self.group.rank(), self.group.size());
        for bucket in values.chunks_mut(BUCKET) {
            self.parcels.pack(rank, if rank == 0 { bucket } else { &[] })?;
            self.parcels.repeat(rank);
            for other in 0..size {
                self.parcels.expect(other, if other == 0 && rank > 0 { bucket.len() } else { 0 })?;
            }
            self.exchange(cancel)?;
            if rank > 0 {
                bucket.copy_from_slice(&self.parcels.incoming[0]);
            }
        }
        Ok(())
    }
}

fn add(sums: &mut [f32], values: &[f32]) {
    let work = sums.len();
    each_rows(sums, 1, work, |start, part| {
        part.iter_mut().zip(&values[start..]).for_each(|(sum, value)| *sum += value);
    });
}

/// Tells different numbers apart (FNV's steps over several lanes).
fn hash(values: &[f32]) -> u64 {
    let mut lanes = [0xcbf2_9ce4_8422_2325_u64; 8];
    let (blocks, rest) = values.as_chunks::<8>();
    for block in blocks {
        for (lane, value) in lanes.iter_mut().zip(block) {
            *lane = (*lane ^ u64::from(value.to_bits())).wrapping_mul(0x0100_0000_01b3);
        }
    }
    let rest = rest.iter().map(|value| u64::from(value.to_bits()));
    lanes
        .into_iter()
        .chain(rest)
        .fold(0, |sum, lane| (sum ^ lane).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29))
}
