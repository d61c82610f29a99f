//! The best paths of a row (Viterbi 1967): for each tag of each step the best that lead there, with where they come from.

use super::chain::Chain;
use super::{Emissions, ROWS, size};
use crate::error::Result;
use crate::memory::refill;
use seqloom_kernels::Scalar;

/// The memory for rows that are worked through one after the other, and the best paths of each.
#[derive(Debug, Clone, Default)]
pub(super) struct Best {
    count: usize,
    time: usize,
    steps: Vec<usize>,
    /// `[tags, count]`, best first; −∞ where there are fewer paths.
    scores: Vec<f64>,
    next: Vec<f64>,
    /// `[steps, tags, count]`: the place among `scores` of the step before.
    origins: Vec<usize>,
    /// `[count]`: the place among `scores` of the last step.
    last: Vec<usize>,
    /// `[rows, count, time]`, of [`ROWS`] rows.
    pub(super) paths: Vec<usize>,
    /// `[rows, count]`
    pub(super) totals: Vec<f64>,
}

impl Best {
    /// Makes room for rows.
    pub(super) fn prepare(&mut self, time: usize, tags: usize, count: usize) -> Result<()> {
        const WHAT: &str = "The best paths of tags";
        (self.time, self.count) = (time, count);
        refill(&mut self.steps, time, 0, WHAT)?;
        refill(&mut self.scores, size(&[tags, count])?, f64::NEG_INFINITY, WHAT)?;
        refill(&mut self.next, tags * count, f64::NEG_INFINITY, WHAT)?;
        refill(&mut self.origins, size(&[time, tags, count])?, 0, WHAT)?;
        refill(&mut self.last, count, 0, WHAT)?;
        refill(&mut self.paths, size(&[ROWS, count, time])?, 0, WHAT)?;
        refill(&mut self.totals, size(&[ROWS, count])?, f64::NEG_INFINITY, WHAT)
    }

    /// Finds the best paths of a row, the `slot`th of these.
    pub(super) fn find<T: Scalar>(
        &mut self,
        chain: &Chain,
        emissions: &Emissions<'_, T>,
        row: usize,
        slot: usize,
    ) {
        let (tags, count) = (chain.tags, self.count);
        let width = tags * count;
        self.steps.clear();
        self.steps.extend(emissions.steps(row));
        for (at, &step) in self.steps.iter().enumerate() {
            self.next.fill(f64::NEG_INFINITY);
            let origins = &mut self.origins[at * width..(at + 1) * width];
            let lists = self.next.chunks_exact_mut(count).zip(origins.chunks_exact_mut(count));
            for (to, ((list, origins), emission)) in lists.zip(emissions.at(row, step)).enumerate() {
                if at == 0 {
                    insert(list, origins, chain.start.logarithms[to], 0);
                } else {
                    for (from, before) in self.scores.chunks_exact(count).enumerate() {
                        let score = chain.transitions.logarithms[from * tags + to];
                        for (rank, before) in before.iter().enumerate() {
                            // They are in order: if one is too low, the others are.
                            if !insert(list, origins, before + score, from * count + rank) {
                                break;
                            }
                        }
                    }
                }
                for score in list {
                    *score += emission.to_f64();
                }
            }
            std::mem::swap(&mut self.scores, &mut self.next);
        }
        let totals = &mut self.totals[slot * count..(slot + 1) * count];
        totals.fill(f64::NEG_INFINITY);
        let paths = &mut self.paths[slot * count * self.time..(slot + 1) * count * self.time];
        paths.fill(0);
        if self.steps.is_empty() {
            // The empty path, the only one.
            totals[0] = 0.0;
            return;
        }
        for (tag, scores) in self.scores.chunks_exact(count).enumerate() {
            for (rank, score) in scores.iter().enumerate() {
                let score = score + chain.end.logarithms[tag];
                if !insert(totals, &mut self.last, score, tag * count + rank) {
                    break;
                }
            }
        }
        for (path, &place) in paths.chunks_exact_mut(self.time).zip(&self.last).take(found(totals)) {
            let mut place = place;
            for (at, &step) in self.steps.iter().enumerate().rev() {
                path[step] = place / count;
                place = self.origins[at * width + place];
            }
        }
    }
}

/// How many of the best there are.
fn found(totals: &[f64]) -> usize {
    totals.iter().filter(|&&total| total > f64::NEG_INFINITY).count()
}

/// Puts a score into a list, highest first, of equal ones behind; false if it is lower than all of a full list.
fn insert(scores: &mut [f64], origins: &mut [usize], score: f64, origin: usize) -> bool {
    let mut at = scores.len();
    while at > 0 && score > scores[at - 1] {
        if at < scores.len() {
            scores[at] = scores[at - 1];
            origins[at] = origins[at - 1];
        }
        at -= 1;
    }
    if at == scores.len() {
        return false;
    }
    scores[at] = score;
    origins[at] = origin;
    true
}
