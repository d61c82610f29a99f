//! A batch of which each rank works on a part.

use super::{Moment, Ranks, Share};
use crate::error::Result;
use crate::gradients::Gradients;
use crate::run::OnCompleted;
use crate::train::tally::{Scores, Tally};
use crate::train::update::Updates;
use std::sync::atomic::AtomicBool;

/// A batch as one of the ranks works on it.
#[derive(Debug)]
pub(in crate::train) struct Part<'a> {
    pub(in crate::train) ranks: &'a mut Ranks,
    pub(in crate::train) share: Share,
    pub(in crate::train) epoch: usize,
    pub(in crate::train) batch: usize,
    /// Whether this rank asks for the end of the epoch.
    pub(in crate::train) stop: bool,
    pub(in crate::train) cancel: &'a AtomicBool,
}

/// What the ranks know of a batch once each has computed its losses.
#[derive(Debug)]
pub(in crate::train) struct Known {
    /// Whether one of them asks for the end of the epoch.
    pub(in crate::train) stop: bool,
    /// Whether all losses are finite.
    pub(in crate::train) finite: bool,
    /// By loss, where this rank's gradient begins.
    pub(in crate::train) cotangents: Vec<f32>,
}

impl Part<'_> {
    /// Exchanges the scores of the batch: `tally` becomes that of all ranks.
    pub(in crate::train) fn scores(
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

    /// Makes values of this rank's rows those of all rows of the batch.
    pub(in crate::train) fn join(&mut self, values: &mut [Vec<f32>]) -> Result<()> {
        self.ranks.join_rows(values, &self.share, self.cancel)
    }

    /// Runs a backward pass: the gradients of the batch become those of all ranks, and so does what its forward pass makes
    /// of weights.
    pub(in crate::train) fn sum(
        &mut self,
        gradients: &mut Gradients<f32>,
        updates: &mut Updates,
        backward: impl FnOnce(&mut Gradients<f32>, &mut OnCompleted<'_, f32>) -> Result<()>,
    ) -> Result<()> {
        self.ranks.sum_during(gradients, self.cancel, backward)?;
        self.ranks.sum_rows(gradients, self.cancel)?;
        for values in updates.values_mut() {
            let part = self.share.part as f32;
            values.iter_mut().for_each(|value| *value = if part > 0.0 { *value * part } else { 0.0 });
            self.ranks.sum(values, self.cancel)?;
        }
        Ok(())
    }
}
