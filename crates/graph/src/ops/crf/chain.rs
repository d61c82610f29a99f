//! The weights of a chain, as sums and searches over paths read them.

use crate::error::{Error, Result};
use crate::memory;
use seqloom_kernels::Scalar;

/// How far, as logarithms, numbers may be apart that are added up as they are: products of three such ratios are still
/// numbers of double precision.
pub(super) const FAR: f64 = 200.0;

/// Scores in double precision; those of forbidden transitions are −∞.
#[derive(Debug, Clone, Default)]
pub(super) struct Chain {
    pub(super) tags: usize,
    /// Pairs `from · (tags + 1) + to`, where `tags` stands for the start as `from` and for the end as `to`.
    forbidden: Vec<usize>,
    pub(super) start: Scores,
    pub(super) end: Scores,
    /// `[from, to]`
    pub(super) transitions: Scores,
    /// The factors of the transitions as `[to, from]`.
    pub(super) transposed: Vec<f64>,
}

/// Scores of which one is added in each step.
#[derive(Debug, Clone, Default)]
pub(super) struct Scores {
    pub(super) logarithms: Vec<f64>,
    /// exp(score − shift)
    pub(super) factors: Vec<f64>,
    /// The largest score, or 0 where there is none.
    pub(super) shift: f64,
    /// Whether no factor but those of forbidden transitions is near 0.
    pub(super) near: bool,
}

impl Scores {
    fn set<T: Scalar>(&mut self, scores: &[T]) -> Result<()> {
        memory::refill(&mut self.logarithms, scores.len(), 0.0, "The scores of transitions")?;
        memory::refill(&mut self.factors, scores.len(), 0.0, "The scores of transitions")?;
        for (logarithm, score) in self.logarithms.iter_mut().zip(scores) {
            *logarithm = score.to_f64();
        }
        Ok(())
    }

    fn exponentiate(&mut self) {
        (self.shift, self.near) = factors(&self.logarithms, &mut self.factors);
    }
}

/// exp(score − the largest score) of each score, that score, and whether no factor of a possible one is near 0.
pub(super) fn factors(scores: &[f64], factors: &mut [f64]) -> (f64, bool) {
    let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let shift = if largest == f64::NEG_INFINITY { 0.0 } else { largest };
    let mut near = true;
    for (factor, &score) in factors.iter_mut().zip(scores) {
        near &= score == f64::NEG_INFINITY || score - shift >= -FAR;
        *factor = (score - shift).exp();
    }
    (shift, near)
}

impl Chain {
    pub(super) fn new(tags: usize, forbidden: Vec<usize>) -> Result<Self> {
        let pairs = super::size(&[tags + 1, tags + 1])?;
        if let Some(pair) = forbidden.iter().find(|&&pair| pair + 1 >= pairs) {
            return Err(Error::option(format!(
                "forbidden must be transitions between {tags} tags, not {pair}"
            )));
        }
        Ok(Self { tags, forbidden, ..Self::default() })
    }

    /// Takes the weights: start, end and transition scores.
    pub(super) fn set<T: Scalar>(&mut self, [start, end, transitions]: [&[T]; 3]) -> Result<()> {
        let tags = self.tags;
        self.start.set(start)?;
        self.end.set(end)?;
        self.transitions.set(transitions)?;
        for &pair in &self.forbidden {
            let (from, to) = (pair / (tags + 1), pair % (tags + 1));
            let score = match (from == tags, to == tags) {
                (false, false) => &mut self.transitions.logarithms[from * tags + to],
                (true, false) => &mut self.start.logarithms[to],
                (_, true) => &mut self.end.logarithms[from],
            };
            *score = f64::NEG_INFINITY;
        }
        for scores in [&mut self.start, &mut self.end, &mut self.transitions] {
            scores.exponentiate();
        }
        memory::refill(&mut self.transposed, tags * tags, 0.0, "The scores of transitions")?;
        for (from, row) in self.transitions.factors.chunks_exact(tags).enumerate() {
            for (to, &factor) in row.iter().enumerate() {
                self.transposed[to * tags + from] = factor;
            }
        }
        Ok(())
    }

    /// What is forbidden of a path of tags with their steps: the step and what is before and after it there, where `None`
    /// stands for the start or the end.
    pub(super) fn fault(
        &self,
        path: impl Iterator<Item = (usize, usize)>,
    ) -> Option<(usize, Option<usize>, Option<usize>)> {
        let forbidden = |from: usize, to: usize| self.forbidden.contains(&(from * (self.tags + 1) + to));
        let (mut last, mut before) = (0, None);
        for (step, tag) in path {
            if forbidden(before.unwrap_or(self.tags), tag) {
                return Some((step, before, Some(tag)));
            }
            (last, before) = (step, Some(tag));
        }
        before.filter(|&tag| forbidden(tag, self.tags)).map(|tag| (last, Some(tag), None))
    }
}
