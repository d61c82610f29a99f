//! What has been written: prefixes, their symbols and steps, and what of them is final.

use super::super::super::ctc::Transcript;
use super::super::options::TransducerOptions;
use super::{Path, Row};

impl Row {
    /// All symbols of a prefix.
    pub(in super::super) fn prefix(&self, node: usize) -> Vec<i32> {
        [&self.settled[..], &self.labels(node)].concat()
    }

    /// The symbols of a prefix from the root on.
    fn labels(&self, node: usize) -> Vec<i32> {
        self.nodes_to(node).iter().map(|&node| self.nodes[node].symbol).collect()
    }

    /// The prefixes that lead to one, without the root.
    fn nodes_to(&self, node: usize) -> Vec<usize> {
        chain(node, |node| self.nodes[node].parent)
    }

    /// The marks of the symbols of a path from the root on.
    fn marks_of(&self, path: &Path) -> Vec<usize> {
        chain(path.mark, |mark| self.marks[mark - 1].0)
    }

    /// The best transcripts from the root on.
    pub(in super::super) fn transcripts(&self, options: &TransducerOptions) -> Vec<Transcript> {
        self.beam.iter().take(options.n_best).map(|path| self.transcript(path)).collect()
    }

    fn transcript(&self, path: &Path) -> Transcript {
        Transcript {
            labels: self.labels(path.node),
            score: path.score(),
            times: self.marks_of(path).iter().map(|&mark| self.marks[mark - 1].1).collect(),
        }
    }

    /// What all paths in the beam have in common, symbols and their steps: later steps cannot change that. It is forgotten.
    pub(in super::super) fn settle(&mut self, options: &TransducerOptions) -> Transcript {
        let mut common = self.marks_of(&self.beam[0]);
        for path in &self.beam[1..] {
            let same = self.marks_of(path).iter().zip(&common).take_while(|(a, b)| a == b).count();
            common.truncate(same);
        }
        let mut settled = self.transcript(&self.beam[0]);
        settled.labels.truncate(common.len());
        settled.times.truncate(common.len());
        if options.scored {
            self.settled.extend(&settled.labels);
        }
        self.keep_after(common.len());
        settled
    }

    /// Keeps what paths in the beam are made of, without their first `count` symbols. What comes later in a list is made of
    /// what comes earlier, before and after.
    fn keep_after(&mut self, count: usize) {
        let (mut nodes, mut marks) = (Vec::new(), Vec::new());
        for path in &self.beam {
            let prefixes = std::iter::once(0).chain(self.nodes_to(path.node));
            nodes.extend(prefixes.skip(count));
            marks.extend(self.marks_of(path).into_iter().skip(count));
        }
        for list in [&mut nodes, &mut marks] {
            list.sort_unstable();
            list.dedup();
        }
        let place = |node: &usize| nodes.binary_search(node).ok();
        let mark = |mark: usize| marks.binary_search(&mark).map_or(0, |at| at + 1);
        for path in &mut self.beam {
            (path.node, path.mark) = (place(&path.node).unwrap_or(0), mark(path.mark));
        }
        for (to, &from) in nodes.iter().enumerate() {
            self.nodes.swap(to, from);
            let node = &mut self.nodes[to];
            node.parent = place(&node.parent).unwrap_or(0);
            node.children = node.children.iter().filter_map(place).collect();
        }
        self.nodes.truncate(nodes.len());
        self.held = self.held.iter().filter_map(place).collect();
        self.marks = marks.iter().map(|&at| (mark(self.marks[at - 1].0), self.marks[at - 1].1)).collect();
    }
}

/// What leads from 0, which is left out, to an element.
fn chain(mut at: usize, before: impl Fn(usize) -> usize) -> Vec<usize> {
    let mut elements = Vec::new();
    while at != 0 {
        elements.push(at);
        at = before(at);
    }
    elements.reverse();
    elements
}
