//! What predictions write whose symbols have no step: the best path, or a prefix beam search (Hannun et al. 2014).

use crate::error::{Error, Result};
use crate::memory;
use crate::parallel::each_rows;
use seqloom_kernels::{CtcRow, CtcScratch, Scalar, ctc, ctc_steps, log_add};
use serde::Deserialize;

/// How transcripts are searched for.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CtcOptions {
    /// The symbol that writes nothing.
    pub blank: usize,
    /// How many prefixes are kept at each step; 1 takes the most probable symbol of each step, unless there are
    /// scores or a bonus.
    pub beam_width: usize,
    /// How many transcripts of each row are given.
    pub n_best: usize,
    /// Whether scores are asked for, and their factor.
    pub scored: bool,
    /// See above.
    pub weight: f64,
    /// What each symbol adds to the score.
    pub insertion_bonus: f64,
}

impl CtcOptions {
    /// Reads options.
    ///
    /// # Errors
    /// `ERR_OPTION`.
    pub fn from_json(text: &str) -> Result<Self> {
        serde_json::from_str(text).map_err(|error| Error::option(format!("ctcDecode: {error}")))
    }
}

/// What a row says.
#[derive(Debug, Clone, PartialEq)]
pub struct Transcript {
    /// Its symbols.
    pub labels: Vec<i32>,
    /// log p(labels), of all alignments, with what scores and bonuses add.
    pub score: f64,
    /// The step at which each symbol begins in the most probable alignment.
    pub times: Vec<u32>,
}

/// A search that can stop at every step to ask for the scores of what may come next.
#[derive(Debug)]
pub struct CtcSearch {
    options: CtcOptions,
    symbols: usize,
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    logits: Vec<f32>,
    /// Steps that are done.
    done: usize,
    steps: usize,
    nodes: Vec<Node>,
    beam: Vec<Path>,
}

/// A prefix: another one and a symbol.
#[derive(Debug)]
struct Node {
    parent: usize,
    symbol: usize,
    children: Vec<usize>,
    /// Scores of each symbol that may follow; empty until they are given.
    scores: Vec<f32>,
}

/// A prefix in the beam, or a candidate for the next one.
#[derive(Debug, Clone)]
struct Path {
    /// The prefix; for one that is not known yet, the prefix before it and its last symbol.
    node: usize,
    extension: Option<usize>,
    /// log of the probability of its alignments that end with a blank, and of all others.
    blank: f64,
    label: f64,
    added: f64,
}

impl Path {
    fn total(&self) -> f64 {
        log_add(self.blank, self.label)
    }

    fn score(&self) -> f64 {
        self.total() + self.added
    }
}

fn log_softmax(logits: &[f32]) -> Vec<f64> {
    let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f64 = logits.iter().map(|&x| f64::from(x - max).exp()).sum();
    logits.iter().map(|&x| f64::from(x - max) - sum.ln()).collect()
}

/// Refuses another number of scores than one of each symbol after each of some prefixes, and what is no number.
pub(super) fn check_scores(place: &str, prefixes: usize, symbols: usize, scores: &[f32]) -> Result<()> {
    if prefixes.checked_mul(symbols) != Some(scores.len()) {
        return Err(Error::data(format!(
            "{place}: expected {symbols} scores for each of {prefixes} prefixes, got {}",
            scores.len()
        )));
    }
    let Some(at) = scores.iter().position(|score| score.is_nan() || *score == f32::INFINITY) else {
        return Ok(());
    };
    let (prefix, symbol, score) = (at / symbols, at % symbols, scores[at]);
    Err(Error::data(format!(
        "{place}: the score of symbol {symbol} after prefix {prefix} is {score}, but must be a number or -Infinity"
    )))
}

impl CtcSearch {
    /// A search in logits `[batch, time, symbols]`, of which the first steps of each row count.
    ///
    /// # Errors
    /// `ERR_OPTION` if the blank is no symbol; `ERR_SHAPE` for contradictory sizes; `ERR_NUMERIC` for logits that are
    /// not finite; `ERR_MEMORY`.
    pub fn new(options: CtcOptions, logits: &[f32], shape: [usize; 3], lengths: &[u32]) -> Result<Self> {
        let [batch, time, symbols] = shape;
        if options.blank >= symbols {
            let message = format!("blank is {}, but there are {symbols} symbols", options.blank);
            return Err(Error::option(format!(
                "ctcDecode: {message}: it must be 0 to {}",
                symbols.max(1) - 1
            )));
        }
        let size = time.checked_mul(symbols);
        let fits =
            size.and_then(|size| size.checked_mul(batch)) == Some(logits.len()) && lengths.len() == batch;
        if !fits || lengths.iter().any(|&length| length as usize > time) {
            return Err(Error::shape(format!(
                "ctcDecode: the logits do not have shape {shape:?} with these lengths"
            )));
        }
        let rows = lengths.iter().enumerate().map(|(row, &length)| {
            let start = row * time * symbols;
            let given = &logits[start..start + length as usize * symbols];
            if given.iter().any(|x| !x.is_finite()) {
                return Err(Error::numeric(format!("ctcDecode: a logit of row {row} is not finite")));
            }
            let mut own = Vec::new();
            memory::refill(&mut own, given.len(), 0.0, "The logits")?;
            own.copy_from_slice(given);
            let root = Node { parent: 0, symbol: options.blank, children: vec![], scores: vec![] };
            let start = Path { node: 0, extension: None, blank: 0.0, label: f64::NEG_INFINITY, added: 0.0 };
            Ok(Row { logits: own, done: 0, steps: length as usize, nodes: vec![root], beam: vec![start] })
        });
        let rows = rows.collect::<Result<_>>()?;
        Ok(Self { options, symbols, rows })
    }

    /// The prefixes whose followers' scores the next step needs, row after row; none at the end.
    pub fn missing(&self) -> Vec<Vec<i32>> {
        let wanted = self.wanted();
        wanted.into_iter().map(|(row, node)| self.rows[row].labels(node)).collect()
    }

    fn wanted(&self) -> Vec<(usize, usize)> {
        let rows =
            self.rows.iter().enumerate().filter(|(_, row)| self.options.scored && row.done < row.steps);
        rows.flat_map(|(index, row)| {
            let nodes = row.beam.iter().map(|path| path.node);
            nodes.filter(|&node| row.nodes[node].scores.is_empty()).map(move |node| (index, node))
        })
        .collect()
    }

    /// Takes a step in every row that has one, with the scores of each symbol after each of [`Self::missing`].
    ///
    /// # Errors
    /// `ERR_DATA` for another number of scores, or NaN.
    pub fn step(&mut self, scores: &[f32]) -> Result<()> {
        let wanted = self.wanted();
        let symbols = self.symbols;
        check_scores("ctcDecode", wanted.len(), symbols, scores)?;
        for ((row, node), scores) in wanted.into_iter().zip(scores.chunks_exact(symbols)) {
            self.rows[row].nodes[node].scores = scores.to_vec();
        }
        self.rows.iter_mut().for_each(|row| row.step(&self.options, symbols));
        Ok(())
    }

    /// The transcripts of each row, the best one first; what is left of the search runs without scores to ask for.
    ///
    /// # Errors
    /// `ERR_MEMORY`.
    pub fn finish(mut self) -> Result<Vec<Vec<Transcript>>> {
        let Self { options, symbols, rows } = &mut self;
        let work = rows.iter().map(|row| row.logits.len()).sum::<usize>().saturating_mul(options.beam_width);
        let mut found: Vec<(&mut Row, Result<Vec<Transcript>>)> =
            rows.iter_mut().map(|row| (row, Ok(Vec::new()))).collect();
        each_rows(&mut found, 1, work, |_, some| {
            for (row, found) in some {
                *found = row.finish(options, *symbols);
            }
        });
        found.into_iter().map(|(_, found)| found).collect()
    }
}

impl Row {
    fn labels(&self, mut node: usize) -> Vec<i32> {
        let mut labels = Vec::new();
        while node != 0 {
            labels.push(self.nodes[node].symbol as i32);
            node = self.nodes[node].parent;
        }
        labels.reverse();
        labels
    }

    fn step(&mut self, options: &CtcOptions, symbols: usize) {
        if self.done == self.steps {
            return;
        }
        let logits = &self.logits[self.done * symbols..(self.done + 1) * symbols];
        self.done += 1;
        let p = log_softmax(logits);
        let mut paths: Vec<Path> = self.beam.clone();
        for path in &mut paths {
            let total = path.total();
            // A symbol that is repeated writes nothing.
            path.label =
                if path.node == 0 { path.label } else { path.label + p[self.nodes[path.node].symbol] };
            path.blank = total + p[options.blank];
        }
        let mut known: Vec<Option<usize>> = vec![None; symbols];
        for at in 0..self.beam.len() {
            let Path { node, blank, label, added, .. } = self.beam[at];
            let from = &self.nodes[node];
            for (other, path) in self.beam.iter().enumerate() {
                if path.node != 0 && self.nodes[path.node].parent == node {
                    known[self.nodes[path.node].symbol] = Some(other);
                }
            }
            let total = log_add(blank, label);
            for (symbol, p) in p.iter().enumerate().filter(|&(symbol, _)| symbol != options.blank) {
                let before = if node != 0 && symbol == from.symbol { blank } else { total };
                let label = before + p;
                if let Some(other) = known[symbol].take() {
                    paths[other].label = log_add(paths[other].label, label);
                } else if label > f64::NEG_INFINITY {
                    let score =
                        from.scores.get(symbol).map_or(0.0, |&score| options.weight * f64::from(score));
                    let added = added + score + options.insertion_bonus;
                    paths.push(Path {
                        node,
                        extension: Some(symbol),
                        blank: f64::NEG_INFINITY,
                        label,
                        added,
                    });
                }
            }
        }
        keep_best(&mut paths, options.beam_width);
        for path in &mut paths {
            if let Some(symbol) = path.extension.take() {
                path.node = self.child(path.node, symbol);
            }
        }
        for path in &self.beam {
            if paths.iter().all(|kept| kept.node != path.node) {
                self.nodes[path.node].scores = Vec::new();
            }
        }
        self.beam = paths;
    }

    /// The prefix of another one and a symbol.
    fn child(&mut self, parent: usize, symbol: usize) -> usize {
        let known = self.nodes[parent].children.iter().find(|&&child| self.nodes[child].symbol == symbol);
        known.copied().unwrap_or_else(|| {
            let child = self.nodes.len();
            self.nodes.push(Node { parent, symbol, children: vec![], scores: vec![] });
            self.nodes[parent].children.push(child);
            child
        })
    }

    fn finish(&mut self, options: &CtcOptions, symbols: usize) -> Result<Vec<Transcript>> {
        let greedy = options.beam_width == 1 && !options.scored && options.insertion_bonus == 0.0;
        let mut found: Vec<(Vec<i32>, f64)> = if greedy {
            vec![(self.best_path(options.blank, symbols), 0.0)]
        } else {
            while self.done < self.steps {
                self.step(options, symbols);
            }
            self.beam.iter().map(|path| (self.labels(path.node), path.added)).collect()
        };
        let mut probabilities = Vec::new();
        let mut scratch = CtcScratch::default();
        let steps: Vec<usize> = (0..self.steps).collect();
        let mut transcripts = Vec::with_capacity(found.len());
        for (labels, added) in found.drain(..) {
            memory::refill(&mut probabilities, self.logits.len(), 0.0, "The probabilities")?;
            f32::softmax_rows(&self.logits, symbols, &mut probabilities);
            let (logits, gradient) = (self.logits.as_slice(), probabilities.as_mut_slice());
            let row =
                CtcRow { logits, gradient, symbols, steps: &steps, target: &labels, blank: options.blank };
            let loss =
                ctc(row, &mut scratch).map_err(|error| Error::memory(format!("ctcDecode: {error}")))?;
            let times = self.align(&labels, options.blank, symbols)?;
            transcripts.push(Transcript { labels, score: added - loss, times });
        }
        transcripts.sort_by(|a, b| b.score.total_cmp(&a.score));
        transcripts.truncate(options.n_best);
        Ok(transcripts)
    }

    /// What the most probable symbols of the steps write.
    fn best_path(&self, blank: usize, symbols: usize) -> Vec<i32> {
        let best = |logits: &[f32]| {
            (1..symbols).fold(0, |best, at| if logits[at] > logits[best] { at } else { best })
        };
        let mut path: Vec<usize> = self.logits.chunks_exact(symbols).map(best).collect();
        path.dedup();
        path.into_iter().filter(|&symbol| symbol != blank).map(|symbol| symbol as i32).collect()
    }

    /// The steps at which labels begin in their most probable alignment (Viterbi).
    fn align(&self, labels: &[i32], blank: usize, symbols: usize) -> Result<Vec<u32>> {
        debug_assert!(ctc_steps(labels) <= self.steps, "the search writes what fits");
        let states = 2 * labels.len() + 1;
        // How far back each state at each step came from.
        let mut came: Vec<u8> = Vec::new();
        let size = states
            .checked_mul(self.steps)
            .ok_or_else(|| Error::memory("ctcDecode: the alignments do not fit"))?;
        memory::refill(&mut came, size, 0, "The alignments")?;
        let symbol = |state: usize| if state % 2 == 1 { labels[state / 2] as usize } else { blank };
        let mut old = vec![f64::NEG_INFINITY; states];
        let mut new = old.clone();
        for (step, logits) in self.logits.chunks_exact(symbols).enumerate() {
            let p = log_softmax(logits);
            for state in 0..states {
                let skips = state >= 3 && state % 2 == 1 && labels[state / 2] != labels[state / 2 - 1];
                let mut best = (old[state], 0);
                for back in 1..=(1 + usize::from(skips)).min(state) {
                    if old[state - back] > best.0 {
                        best = (old[state - back], back);
                    }
                }
                let before = if step > 0 {
                    best.0
                } else if state < 2 {
                    0.0
                } else {
                    f64::NEG_INFINITY
                };
                new[state] = before + p[symbol(state)];
                came[step * states + state] = best.1 as u8;
            }
            std::mem::swap(&mut old, &mut new);
        }
        let mut state = states - 1;
        if state > 0 && old[state - 1] > old[state] {
            state -= 1;
        }
        let mut times = vec![0; labels.len()];
        for step in (0..self.steps).rev() {
            if state % 2 == 1 {
                times[state / 2] = step as u32;
            }
            state -= usize::from(came[step * states + state]);
        }
        Ok(times)
    }
}

/// Keeps the best paths, in order; of equals the first.
fn keep_best(paths: &mut Vec<Path>, count: usize) {
    paths.sort_by(|a, b| b.score().total_cmp(&a.score()));
    paths.truncate(count);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn options(beam_width: usize) -> CtcOptions {
        CtcOptions { blank: 0, beam_width, n_best: 4, scored: false, weight: 0.0, insertion_bonus: 0.0 }
    }

    fn noise(seed: u64, count: usize) -> Vec<f32> {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f32 / (1u64 << 22) as f32 - 2.0
        };
        (0..count).map(|_| next()).collect()
    }

    /// Every transcript and its log probability, and its best path's.
    fn all(logits: &[f32], symbols: usize) -> BTreeMap<Vec<i32>, f64> {
        let steps = logits.len() / symbols;
        let p: Vec<f64> = logits.chunks(symbols).flat_map(log_softmax).collect();
        let mut found = BTreeMap::new();
        for code in 0..symbols.pow(steps as u32) {
            let path: Vec<usize> = (0..steps as u32).map(|step| code / symbols.pow(step) % symbols).collect();
            let log: f64 = path.iter().enumerate().map(|(step, symbol)| p[step * symbols + symbol]).sum();
            let mut written = path;
            written.dedup();
            let labels =
                written.into_iter().filter(|&symbol| symbol != 0).map(|symbol| symbol as i32).collect();
            let total = found.entry(labels).or_insert(f64::NEG_INFINITY);
            *total = log_add(*total, log);
        }
        found
    }

    #[test]
    fn a_wide_beam_finds_the_best_transcripts_of_all() {
        for seed in 0..30 {
            let (steps, symbols) = (1 + seed as usize % 6, 3);
            let logits = noise(seed, steps * symbols);
            for (weight, bonus) in [(0.0, 0.0), (0.7, 0.4)] {
                let scored = weight > 0.0;
                // The score of a symbol depends on the whole prefix.
                let score = |labels: &[i32], next: i32| -> f64 {
                    let sum: i32 = labels.iter().sum();
                    f64::from((-0.3 * f64::from((sum * 5 + next * 3) % 7)) as f32)
                };
                let given = CtcOptions { weight, insertion_bonus: bonus, scored, ..options(200) };
                let mut search =
                    CtcSearch::new(given, &logits, [1, steps, symbols], &[steps as u32]).unwrap();
                for _ in 0..steps {
                    let asked = search.missing();
                    let scores: Vec<f32> = asked
                        .iter()
                        .flat_map(|labels| (0..symbols).map(move |next| score(labels, next as i32) as f32))
                        .collect();
                    search.step(&scores).unwrap();
                }
                assert!(search.missing().is_empty());
                let found = search.finish().unwrap().remove(0);
                let mut expected: Vec<(Vec<i32>, f64)> = all(&logits, symbols)
                    .into_iter()
                    .map(|(labels, log)| {
                        let scores: f64 = (0..labels.len()).map(|at| score(&labels[..at], labels[at])).sum();
                        let added = weight * scores + bonus * labels.len() as f64;
                        (labels, log + added)
                    })
                    .collect();
                expected.sort_by(|a, b| b.1.total_cmp(&a.1));
                for (transcript, (labels, score)) in found.iter().zip(&expected) {
                    assert_eq!(transcript.labels, *labels, "seed {seed}");
                    assert!(
                        (transcript.score - score).abs() < 1e-5,
                        "seed {seed}: {} {score}",
                        transcript.score
                    );
                }
                assert_eq!(found.len(), expected.len().min(4));
            }
        }
    }

    #[test]
    fn the_best_path_is_written_without_repetitions_and_blanks() {
        let path = [0, 2, 2, 0, 2, 1, 1, 0];
        let logits: Vec<f32> = path
            .iter()
            .flat_map(|&best| (0..3).map(move |symbol| if symbol == best { 3.0 } else { 0.0 }))
            .collect();
        let found = CtcSearch::new(options(1), &logits, [1, 8, 3], &[8]).unwrap().finish().unwrap().remove(0);
        assert_eq!(found.len(), 1);
        assert_eq!(
            (found[0].labels.as_slice(), found[0].times.as_slice()),
            ([2, 2, 1].as_slice(), [1, 4, 5].as_slice())
        );
        assert!((found[0].score - all(&logits, 3)[&vec![2, 2, 1]]).abs() < 1e-5);
    }

    #[test]
    fn rows_have_lengths_of_their_own() {
        let logits = noise(5, 2 * 4 * 3);
        let both = CtcSearch::new(options(8), &logits, [2, 4, 3], &[4, 2]).unwrap().finish().unwrap();
        let second = CtcSearch::new(options(8), &logits[12..18], [1, 2, 3], &[2]).unwrap().finish().unwrap();
        assert_eq!(both[1], second[0]);
        let none = CtcSearch::new(options(8), &[], [1, 0, 3], &[0]).unwrap().finish().unwrap().remove(0);
        assert_eq!(none, [Transcript { labels: vec![], score: 0.0, times: vec![] }]);
    }
}
