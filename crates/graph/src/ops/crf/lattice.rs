//! Sums over all paths of a row: the logarithm of their total, and how probable each tag and each transition is.
//!
//! Forward and backward sums (Rabiner 1989) of probabilities that are scaled at every step; where numbers are so far
//! apart that a path could be lost, the same in logarithms.

use super::chain::{Chain, factors};
use super::{Emissions, ROWS, size};
use crate::error::Result;
use crate::memory::refill;
use seqloom_kernels::Scalar;
use std::ops::Range;

/// The least share of all paths to a step that those to one of its tags have, where sums are not of logarithms: about as
/// far from 1 as [`super::chain::FAR`].
const LEAST: f64 = 1e-86;

/// The memory for rows that are worked through one after the other, and what was found of them.
#[derive(Debug, Clone, Default)]
pub(super) struct Lattice {
    tags: usize,
    /// The valid steps of the row at hand, and of each of them `[steps, tags]`…
    steps: Vec<usize>,
    emissions: Vec<f64>,
    /// …exp(emission − the largest), and that.
    factors: Vec<f64>,
    largest: Vec<f64>,
    /// Sums over all paths to a tag: scaled to 1 over the tags, or their logarithms.
    forward: Vec<f64>,
    /// What they are scaled by; one more at the end.
    scales: Vec<f64>,
    scaled: bool,
    total: f64,
    /// Sums over all paths from a tag on, at the step at hand, and the same before its emission.
    backward: Vec<f64>,
    entering: Vec<f64>,
    /// Transitions without their own factors, which are multiplied at the end.
    raw: Vec<f64>,
    /// How probable tags are, times the weight of their row: `[rows, time, tags]`, of [`ROWS`] rows.
    pub(super) tagged: Vec<f64>,
    /// The same for start, end `[tags]` and transitions `[tags, tags]`, summed up over rows.
    pub(super) start: Vec<f64>,
    pub(super) end: Vec<f64>,
    pub(super) transitions: Vec<f64>,
    /// What is found of each of [`ROWS`] rows: its total, or −log of how probable its true tags are.
    pub(super) found: [f64; ROWS],
    time: usize,
}

impl Lattice {
    /// Makes room for rows, whose sums are zero then; `counts` says whether they are wanted.
    pub(super) fn prepare(&mut self, time: usize, tags: usize, counts: bool) -> Result<()> {
        const WHAT: &str = "The sums over paths of tags";
        (self.time, self.tags) = (time, tags);
        let row = size(&[time, tags])?;
        for list in [&mut self.emissions, &mut self.factors, &mut self.forward] {
            refill(list, row, 0.0, WHAT)?;
        }
        refill(&mut self.steps, time, 0, WHAT)?;
        refill(&mut self.largest, time, 0.0, WHAT)?;
        refill(&mut self.scales, time + 1, 0.0, WHAT)?;
        if !counts {
            return Ok(());
        }
        refill(&mut self.tagged, size(&[ROWS, row])?, 0.0, WHAT)?;
        for list in [&mut self.backward, &mut self.entering, &mut self.start, &mut self.end] {
            refill(list, tags, 0.0, WHAT)?;
        }
        for list in [&mut self.raw, &mut self.transitions] {
            refill(list, tags * tags, 0.0, WHAT)?;
        }
        Ok(())
    }

    /// Reads a row; the logarithm of the sum over all of its paths, 0 for a row without steps.
    pub(super) fn total<T: Scalar>(
        &mut self,
        chain: &Chain,
        emissions: &Emissions<'_, T>,
        row: usize,
    ) -> f64 {
        let tags = self.tags;
        self.steps.clear();
        self.scaled = chain.start.near && chain.end.near && chain.transitions.near;
        for (at, step) in emissions.steps(row).enumerate() {
            self.steps.push(step);
            let place = at * tags..(at + 1) * tags;
            for (own, value) in self.emissions[place.clone()].iter_mut().zip(emissions.at(row, step)) {
                *own = value.to_f64();
            }
            let (largest, near) = factors(&self.emissions[place.clone()], &mut self.factors[place]);
            self.largest[at] = largest;
            self.scaled &= near;
        }
        self.total = if self.steps.is_empty() {
            0.0
        } else if let Some(total) = self.scaled.then(|| self.sum_forward(chain)).flatten() {
            total
        } else {
            self.scaled = false;
            self.sum_logarithms(chain)
        };
        self.total
    }

    /// The forward sums, scaled; `None` where numbers are too far apart.
    fn sum_forward(&mut self, chain: &Chain) -> Option<f64> {
        let tags = self.tags;
        let mut total = chain.start.shift + chain.end.shift;
        for at in 0..self.steps.len() {
            let (before, now) = self.forward.split_at_mut(at * tags);
            let now = &mut now[..tags];
            if at == 0 {
                now.copy_from_slice(&chain.start.factors);
            } else {
                now.fill(0.0);
                let rows = chain.transitions.factors.chunks_exact(tags);
                for (&from, row) in before[(at - 1) * tags..].iter().zip(rows) {
                    add_scaled(now, from, row);
                }
                total += chain.transitions.shift;
            }
            let mut scale = 0.0;
            for (now, factor) in now.iter_mut().zip(&self.factors[at * tags..]) {
                *now *= factor;
                scale += *now;
            }
            self.scales[at] = scale;
            if scale == 0.0 {
                return Some(f64::NEG_INFINITY);
            }
            let mut near = true;
            for now in now {
                *now /= scale;
                near &= !(*now != 0.0 && *now < LEAST);
            }
            if !near {
                return None;
            }
            total += self.largest[at] + scale.ln();
        }
        let last = &self.forward[(self.steps.len() - 1) * tags..];
        let scale = last.iter().zip(&chain.end.factors).map(|(path, end)| path * end).sum::<f64>();
        self.scales[self.steps.len()] = scale;
        Some(total + scale.ln())
    }

    /// The logarithms of the forward sums.
    fn sum_logarithms(&mut self, chain: &Chain) -> f64 {
        let tags = self.tags;
        for at in 0..self.steps.len() {
            let (before, now) = self.forward.split_at_mut(at * tags);
            for (to, now) in now[..tags].iter_mut().enumerate() {
                let sum = if at == 0 {
                    chain.start.logarithms[to]
                } else {
                    let before = &before[(at - 1) * tags..];
                    log_sum(tags, |from| before[from] + chain.transitions.logarithms[from * tags + to])
                };
                *now = self.emissions[at * tags + to] + sum;
            }
        }
        let last = &self.forward[(self.steps.len() - 1) * tags..];
        log_sum(tags, |tag| last[tag] + chain.end.logarithms[tag])
    }

    /// Adds the probabilities of the row that was read last, the `slot`th of this lattice, times `weight`; none of a
    /// row without a possible path.
    pub(super) fn count(&mut self, chain: &Chain, slot: usize, weight: f64) {
        if self.total == f64::NEG_INFINITY || self.steps.is_empty() {
            return;
        }
        let tags = self.tags;
        let last = self.steps.len() - 1;
        for tag in 0..tags {
            self.backward[tag] = match self.scaled {
                true if self.forward[last * tags + tag] == 0.0 => 0.0,
                true => chain.end.factors[tag] / self.scales[last + 1],
                false => chain.end.logarithms[tag],
            };
        }
        for at in (0..=last).rev() {
            let place = at * tags..(at + 1) * tags;
            let step = self.steps[at];
            let first = (slot * self.time + step) * tags;
            let tagged = &mut self.tagged[first..first + tags];
            for ((tagged, &forward), &backward) in
                tagged.iter_mut().zip(&self.forward[place.clone()]).zip(&self.backward)
            {
                let share =
                    if self.scaled { forward * backward } else { (forward + backward - self.total).exp() };
                *tagged = weight * share;
            }
            if at == last {
                add_scaled(&mut self.end, 1.0, tagged);
            }
            if at == 0 {
                add_scaled(&mut self.start, 1.0, tagged);
                break;
            }
            let before = (at - 1) * tags..at * tags;
            if self.scaled {
                self.step_back(chain, place, before, self.scales[at], weight);
            } else {
                self.step_back_in_logarithms(chain, place, before, weight);
            }
        }
    }

    /// Adds what [`Self::count`] would if a path, tags with their steps, were all that is possible.
    pub(super) fn count_path(
        &mut self,
        path: impl Iterator<Item = (usize, usize)>,
        slot: usize,
        weight: f64,
    ) {
        let mut before = None;
        for (step, tag) in path {
            self.tagged[(slot * self.time + step) * self.tags + tag] += weight;
            match before {
                None => self.start[tag] += weight,
                Some(before) => self.transitions[before * self.tags + tag] += weight,
            }
            before = Some(tag);
        }
        if let Some(tag) = before {
            self.end[tag] += weight;
        }
    }

    /// From the backward sums of a step to those of the step before, and the transitions between them.
    fn step_back(&mut self, chain: &Chain, now: Range<usize>, before: Range<usize>, scale: f64, weight: f64) {
        let tags = self.tags;
        for ((entering, &backward), &factor) in
            self.entering.iter_mut().zip(&self.backward).zip(&self.factors[now])
        {
            *entering = factor * backward / scale;
        }
        self.backward.fill(0.0);
        for (&entering, column) in self.entering.iter().zip(chain.transposed.chunks_exact(tags)) {
            add_scaled(&mut self.backward, entering, column);
        }
        let rows = self.raw.chunks_exact_mut(tags);
        for ((raw, &forward), backward) in rows.zip(&self.forward[before]).zip(&mut self.backward) {
            // What no path reaches has no share, however much comes after it.
            if forward == 0.0 {
                *backward = 0.0;
            } else {
                add_scaled(raw, weight * forward, &self.entering);
            }
        }
    }

    fn step_back_in_logarithms(
        &mut self,
        chain: &Chain,
        now: Range<usize>,
        before: Range<usize>,
        weight: f64,
    ) {
        let tags = self.tags;
        for ((entering, &backward), &emission) in
            self.entering.iter_mut().zip(&self.backward).zip(&self.emissions[now])
        {
            *entering = emission + backward;
        }
        for (from, &forward) in self.forward[before].iter().enumerate() {
            let scores = &chain.transitions.logarithms[from * tags..(from + 1) * tags];
            for (to, sum) in self.transitions[from * tags..(from + 1) * tags].iter_mut().enumerate() {
                *sum += weight * (forward + scores[to] + self.entering[to] - self.total).exp();
            }
            self.backward[from] = log_sum(tags, |to| scores[to] + self.entering[to]);
        }
    }

    /// Completes the sums over rows.
    pub(super) fn finish(&mut self, chain: &Chain) {
        let pairs = self.raw.iter().zip(&chain.transitions.factors);
        for (sum, (raw, factor)) in self.transitions.iter_mut().zip(pairs) {
            *sum += raw * factor;
        }
    }
}

/// sum += factor · values
fn add_scaled(sum: &mut [f64], factor: f64, values: &[f64]) {
    for (sum, value) in sum.iter_mut().zip(values) {
        *sum += factor * value;
    }
}

/// The logarithm of a sum of numbers that are given as logarithms.
fn log_sum(count: usize, value: impl Fn(usize) -> f64) -> f64 {
    let largest = (0..count).map(&value).fold(f64::NEG_INFINITY, f64::max);
    if largest == f64::NEG_INFINITY {
        return largest;
    }
    largest + (0..count).map(|index| (value(index) - largest).exp()).sum::<f64>().ln()
}
