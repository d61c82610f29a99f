//! The search of one row.

mod written;

use super::options::TransducerOptions;
use crate::error::Result;
use crate::memory;
use seqloom_kernels::log_add;

/// A row: steps that wait, prefixes that are known, and those that are in the beam.
#[derive(Debug)]
pub(super) struct Row {
    /// The encoder's values of the steps that are not done, and where the first one begins.
    waiting: Vec<f32>,
    at: usize,
    width: usize,
    /// Steps that are done.
    done: u32,
    pub(super) nodes: Vec<Node>,
    /// When symbols were written: each with the one before it.
    marks: Vec<(usize, u32)>,
    /// The prefixes at the end of the last step.
    beam: Vec<Path>,
    /// Within a step: those that have written `level` symbols in it, and those that are through.
    pub(super) going: Vec<Path>,
    through: Vec<Path>,
    level: usize,
    /// Nodes that hold numbers.
    held: Vec<usize>,
    /// The symbols before the root, for those who score prefixes.
    settled: Vec<i32>,
}

/// A prefix: another one and a symbol.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) parent: usize,
    pub(super) symbol: i32,
    children: Vec<usize>,
    /// Scores of each symbol that may follow; empty until they are given.
    scores: Vec<f32>,
    /// The predictor's values and its states after the prefix; empty until they are computed.
    pub(super) said: Vec<f32>,
    pub(super) states: Vec<Vec<f32>>,
}

/// A prefix in the beam.
#[derive(Debug, Clone, Copy)]
pub(super) struct Path {
    pub(super) node: usize,
    /// log of the probability of its alignments so far.
    log: f64,
    added: f64,
    /// The mark of its last symbol in the most probable of them, counted from 1.
    mark: usize,
}

impl Path {
    fn score(&self) -> f64 {
        self.log + self.added
    }
}

impl Node {
    fn new(parent: usize, symbol: i32) -> Self {
        Self { parent, symbol, children: vec![], scores: vec![], said: vec![], states: vec![] }
    }
}

/// A symbol after a path of the level.
#[derive(Debug, Clone, Copy)]
struct Candidate {
    score: f64,
    path: usize,
    symbol: usize,
    log: f64,
}

impl Row {
    pub(super) fn new(options: &TransducerOptions, width: usize) -> Self {
        Self {
            waiting: Vec::new(),
            at: 0,
            width,
            done: 0,
            nodes: vec![Node::new(0, options.start)],
            marks: Vec::new(),
            beam: vec![Path { node: 0, log: 0.0, added: 0.0, mark: 0 }],
            going: Vec::new(),
            through: Vec::new(),
            level: 0,
            held: Vec::new(),
            settled: Vec::new(),
        }
    }

    pub(super) fn feed(&mut self, steps: &[f32]) -> Result<()> {
        let mut all = Vec::new();
        let rest = &self.waiting[self.at..];
        memory::refill(&mut all, rest.len().saturating_add(steps.len()), 0.0, "The encoder's values")?;
        let (before, after) = all.split_at_mut(rest.len());
        before.copy_from_slice(rest);
        after.copy_from_slice(steps);
        self.waiting = all;
        self.at = 0;
        Ok(())
    }

    pub(super) fn is_done(&self) -> bool {
        self.at == self.waiting.len()
    }

    /// The encoder's values of the step.
    pub(super) fn step(&self) -> &[f32] {
        self.waiting.get(self.at..self.at + self.width).unwrap_or_default()
    }

    /// The prefixes that may write a symbol next and have no scores for that.
    pub(super) fn unscored(&self, options: &TransducerOptions) -> impl Iterator<Item = usize> + '_ {
        let next = if self.going.is_empty() { &self.beam } else { &self.going };
        let writes = !self.is_done() && (self.going.is_empty() || self.level < options.max_symbols);
        next.iter().map(|path| path.node).filter(move |&node| writes && self.nodes[node].scores.is_empty())
    }

    pub(super) fn score(&mut self, node: usize, scores: &[f32]) {
        self.nodes[node].scores = scores.to_vec();
        self.held.push(node);
    }

    /// Begins a step, unless it has begun or there is none.
    pub(super) fn begin(&mut self) {
        if self.going.is_empty() && !self.is_done() {
            self.going = std::mem::take(&mut self.beam);
            self.level = 0;
        }
    }

    /// Keeps what the predictor says after a prefix.
    pub(super) fn say(&mut self, node: usize, said: &[f32], states: Vec<Vec<f32>>) {
        self.nodes[node].said = said.to_vec();
        self.nodes[node].states = states;
        self.held.push(node);
    }

    /// Writes a symbol with each path that is going, or a blank. `norms` are what the softmax of the logits needs.
    pub(super) fn advance(&mut self, options: &TransducerOptions, logits: &[f32], norms: &[[f32; 2]]) {
        if self.going.is_empty() {
            return;
        }
        let symbols = logits.len() / norms.len();
        let log = |path: usize, symbol: usize| {
            let [max, sum] = norms[path];
            f64::from(logits[path * symbols + symbol] - max) - f64::from(sum).ln()
        };
        let writes = self.level < options.max_symbols;
        if options.is_greedy() {
            let best = (1..symbols).fold(0, |best, at| if logits[at] > logits[best] { at } else { best });
            let mut path = self.going[0];
            if writes && best != options.blank {
                self.going[0] = self.written(path, path.log + log(0, best), path.added, best);
                self.level += 1;
                return;
            }
            path.log += log(0, options.blank);
            self.through.push(path);
            self.going.clear();
            self.end();
            return;
        }
        let going = std::mem::take(&mut self.going);
        for (at, path) in going.iter().enumerate() {
            let path = Path { log: path.log + log(at, options.blank), ..*path };
            match self.through.iter_mut().find(|other| other.node == path.node) {
                Some(other) => {
                    let mark = if path.log > other.log { path.mark } else { other.mark };
                    *other = Path { log: log_add(other.log, path.log), mark, ..*other };
                }
                None => self.through.push(path),
            }
        }
        keep_best(&mut self.through, options.beam_width);
        if writes {
            let least = match self.through.get(options.beam_width - 1) {
                Some(path) => path.score(),
                None => f64::NEG_INFINITY,
            };
            let mut candidates: Vec<Candidate> = Vec::new();
            for (path, from) in going.iter().enumerate() {
                let scores = &self.nodes[from.node].scores;
                for symbol in (0..symbols).filter(|&symbol| symbol != options.blank) {
                    let log = from.log + log(path, symbol);
                    let score = scores.get(symbol).map_or(0.0, |&score| options.weight * f64::from(score));
                    let score = log + from.added + score + options.insertion_bonus;
                    // What is less probable than a full beam will not get into it.
                    if score > least {
                        candidates.push(Candidate { score, path, symbol, log });
                    }
                }
            }
            best_candidates(&mut candidates, options.beam_width);
            for Candidate { score, path, symbol, log } in candidates {
                let path = self.written(going[path], log, score - log, symbol);
                self.going.push(path);
            }
            self.level += 1;
        }
        if self.going.is_empty() {
            self.end();
        }
    }

    /// A path with one more symbol.
    fn written(&mut self, path: Path, log: f64, added: f64, symbol: usize) -> Path {
        self.marks.push((path.mark, self.done));
        Path { node: self.child(path.node, symbol as i32), log, added, mark: self.marks.len() }
    }

    /// The prefix of another one and a symbol.
    fn child(&mut self, parent: usize, symbol: i32) -> usize {
        let known = self.nodes[parent].children.iter().find(|&&child| self.nodes[child].symbol == symbol);
        known.copied().unwrap_or_else(|| {
            let child = self.nodes.len();
            self.nodes.push(Node::new(parent, symbol));
            self.nodes[parent].children.push(child);
            child
        })
    }

    /// Ends a step: numbers of prefixes that have left the beam are dropped.
    fn end(&mut self) {
        self.beam = std::mem::take(&mut self.through);
        for node in std::mem::take(&mut self.held) {
            if self.beam.iter().any(|path| path.node == node) {
                self.held.push(node);
            } else {
                let node = &mut self.nodes[node];
                (node.scores, node.said, node.states) = (vec![], vec![], vec![]);
            }
        }
        self.held.sort_unstable();
        self.held.dedup();
        self.at += self.width;
        self.done += 1;
    }
}

/// Keeps the best paths, in order; of equals the first.
fn keep_best(paths: &mut Vec<Path>, count: usize) {
    paths.sort_by(|a, b| b.score().total_cmp(&a.score()));
    paths.truncate(count);
}

/// The same for candidates, of which there may be many.
fn best_candidates(candidates: &mut Vec<Candidate>, count: usize) {
    let order = |a: &Candidate, b: &Candidate| {
        b.score.total_cmp(&a.score).then((a.path, a.symbol).cmp(&(b.path, b.symbol)))
    };
    if candidates.len() > count {
        candidates.select_nth_unstable_by(count - 1, order);
        candidates.truncate(count);
    }
    candidates.sort_unstable_by(order);
}
