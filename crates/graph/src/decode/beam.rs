//! The hypotheses of one sequence.

use super::search::{Hypothesis, SearchOptions, length_penalty};
use crate::parallel::each_rows;
use std::cmp::Ordering;

/// A token that may come next, with its probability.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Candidate {
    token: i32,
    probability: f32,
}

/// The `each` most probable tokens of every row of `probabilities`, the most probable first; among equals, the smaller
/// token.
pub(super) fn best_tokens(
    probabilities: &[f32],
    vocabulary: usize,
    each: usize,
    exclude: &[i32],
    candidates: &mut Vec<Candidate>,
) {
    let rows = probabilities.len() / vocabulary.max(1);
    candidates.clear();
    candidates.resize(rows * each, Candidate { token: 0, probability: -1.0 });
    each_rows(candidates, each, probabilities.len(), |first, part| {
        let rows = probabilities.chunks_exact(vocabulary).skip(first);
        for (best, row) in part.chunks_exact_mut(each).zip(rows) {
            let mut least = -1.0;
            for (token, &probability) in row.iter().enumerate() {
                if probability <= least || exclude.contains(&(token as i32)) {
                    continue;
                }
                let place = best.partition_point(|other| other.probability >= probability);
                if let Some(worse) = best.get_mut(place..) {
                    worse.rotate_right(1);
                    worse[0] = Candidate { token: token as i32, probability };
                }
                least = best.last().map_or(-1.0, |last| last.probability);
            }
        }
    });
}

/// A token that was written, after another one.
#[derive(Debug)]
struct Written {
    /// The one before; nothing at the beginning.
    before: Option<usize>,
    token: i32,
    alignment: Vec<f32>,
}

/// A hypothesis that continues.
#[derive(Debug, Clone, Copy)]
struct Live {
    /// Its last token.
    last: Option<usize>,
    log_probability: f64,
    /// Its row in the beam before its last token.
    parent: usize,
    /// Whether each of its tokens was the most probable one.
    greedy: bool,
}

/// A hypothesis that has ended.
#[derive(Debug)]
struct Ended {
    last: Option<usize>,
    log_probability: f64,
    score: f64,
    /// Whether it has an end, and the alignment of that step.
    finished: bool,
    alignment: Vec<f32>,
}

/// A possible continuation.
#[derive(Debug, Clone, Copy)]
struct Next {
    live: usize,
    token: i32,
    log_probability: f64,
    greedy: bool,
}

/// The hypotheses of one row of the constants.
#[derive(Debug)]
pub(super) struct Beam {
    row: usize,
    max_length: usize,
    length: usize,
    written: Vec<Written>,
    live: Vec<Live>,
    ended: Vec<Ended>,
    /// The penalty at the maximum length, which bounds the scores that continuing hypotheses can still reach.
    greatest_penalty: f64,
}

impl Beam {
    pub(super) fn new(row: usize, max_length: usize, options: &SearchOptions) -> Self {
        Self {
            row,
            max_length,
            length: 0,
            written: Vec::new(),
            live: vec![Live { last: None, log_probability: 0.0, parent: 0, greedy: true }],
            ended: Vec::new(),
            greatest_penalty: length_penalty(max_length, options.length_penalty),
        }
    }

    /// The row of the constants.
    pub(super) fn row(&self) -> usize {
        self.row
    }

    /// How many tokens its hypotheses have.
    pub(super) fn length(&self) -> usize {
        self.length
    }

    /// Whether nothing better can be found.
    pub(super) fn is_done(&self) -> bool {
        self.live.is_empty()
    }

    /// The last token of each hypothesis, and of the first one again for rows that are free.
    pub(super) fn push_tokens(&self, width: usize, start: i32, tokens: &mut Vec<i32>) {
        let token = |row: usize| {
            let live = self.live.get(row).or(self.live.first());
            live.and_then(|live| self.written.get(live.last?)).map_or(start, |written| written.token)
        };
        tokens.extend((0..width).map(token));
    }

    /// For each row, the row that it continues from.
    pub(super) fn parents(&self, width: usize) -> impl Iterator<Item = usize> {
        (0..width).map(|row| self.live.get(row).or(self.live.first()).map_or(row, |live| live.parent))
    }

    /// Writes the next token of each hypothesis. `candidates` has `each` for every row, `alignments` the weights of
    /// every row.
    pub(super) fn advance(
        &mut self,
        candidates: &[Candidate],
        each: usize,
        alignments: &[f32],
        options: &SearchOptions,
    ) {
        if self.live.is_empty() {
            return;
        }
        self.length += 1;
        let attended = alignments.len() / options.width;
        let alignment = |live: usize| alignments[live * attended..(live + 1) * attended].to_vec();
        let mut next = self.ways(candidates, each);
        next.sort_by(|a, b| {
            order(a.log_probability, b.log_probability).then(a.live.cmp(&b.live)).then(a.token.cmp(&b.token))
        });
        let last_step = self.length == self.max_length;
        let penalty = length_penalty(self.length, options.length_penalty);
        let mut going: Vec<Live> = Vec::new();
        for (place, way) in next.iter().enumerate() {
            let room = going.len() < options.width;
            let ends = way.token == options.end;
            if !way.greedy && (!room || (ends && place >= options.width)) {
                continue;
            }
            let score = way.log_probability / penalty;
            let last = self.live[way.live].last;
            if ends {
                self.ended.push(Ended {
                    last,
                    log_probability: way.log_probability,
                    score,
                    finished: true,
                    alignment: alignment(way.live),
                });
                continue;
            }
            self.written.push(Written { before: last, token: way.token, alignment: alignment(way.live) });
            let last = Some(self.written.len() - 1);
            if last_step {
                let log_probability = way.log_probability;
                self.ended.push(Ended {
                    last,
                    log_probability,
                    score,
                    finished: false,
                    alignment: Vec::new(),
                });
            }
            if !room {
                // The greedy hypothesis keeps a slot.
                going.pop();
            }
            going.push(Live {
                last,
                log_probability: way.log_probability,
                parent: way.live,
                greedy: way.greedy,
            });
        }
        if last_step {
            going.clear();
        }
        self.live = going;
        self.ended.sort_by(|a, b| order(a.score, b.score));
        self.ended.truncate(options.best);
        let bound = self.ended.get(options.best - 1).map(|ended| ended.score);
        let hope = self.live.iter().map(|live| live.log_probability).fold(f64::NEG_INFINITY, f64::max);
        if bound.is_some_and(|bound| bound >= hope / self.greatest_penalty) {
            self.live.clear();
        }
    }

    /// All possible continuations of the hypotheses.
    fn ways(&self, candidates: &[Candidate], each: usize) -> Vec<Next> {
        let mut ways = Vec::with_capacity(self.live.len() * each);
        for (index, (live, candidates)) in self.live.iter().zip(candidates.chunks_exact(each)).enumerate() {
            let possible = candidates.iter().filter(|candidate| candidate.probability >= 0.0);
            ways.extend(possible.enumerate().map(|(rank, candidate)| Next {
                live: index,
                token: candidate.token,
                log_probability: live.log_probability
                    + f64::from(candidate.probability.max(f32::MIN_POSITIVE)).ln(),
                greedy: live.greedy && rank == 0,
            }));
        }
        ways
    }

    /// The hypotheses that were found, the best one first.
    pub(super) fn finish(self, options: &SearchOptions, attended: usize) -> Vec<Hypothesis> {
        let found = self.ended.iter().take(options.best).map(|ended| {
            let mut tokens = Vec::new();
            let mut alignments: Vec<&[f32]> = vec![&ended.alignment];
            let mut at = ended.last;
            while let Some(written) = at.and_then(|at| self.written.get(at)) {
                tokens.push(written.token);
                alignments.push(&written.alignment);
                at = written.before;
            }
            tokens.reverse();
            alignments.reverse();
            debug_assert!(attended > 0 || alignments.iter().all(|alignment| alignment.is_empty()));
            Hypothesis {
                tokens,
                log_probability: ended.log_probability,
                score: ended.score,
                finished: ended.finished,
                alignments: alignments.concat(),
            }
        });
        found.collect()
    }
}

/// The greater one first.
fn order(a: f64, b: f64) -> Ordering {
    b.total_cmp(&a)
}
