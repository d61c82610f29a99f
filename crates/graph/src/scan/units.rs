//! What the loop runs: operations in an order in which element-wise ones come together to chains.

use super::body::{Body, Phase};
use super::fused::Fused;
use super::product::Product;
use seqloom_kernels::Scalar;

/// One thing to run in every step.
#[derive(Debug)]
pub(super) enum Unit {
    /// An operation on its own.
    Node(usize),
    /// A product with weights, one of the body's `products`.
    Product(usize),
    /// Element-wise operations in one pass, one of the body's `chains`.
    Chain(usize),
}

/// Operations, and values from elsewhere, in one chain at most: the buffers that it touches are borrowed all at once.
const MAX_NODES: usize = 12;
pub(super) const MAX_OPERANDS: usize = 12;

/// A part of another value that is read in place.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cut {
    pub(super) source: usize,
    pub(super) axis: usize,
    pub(super) start: usize,
}

impl<T: Scalar> Body<T> {
    /// Orders the loop's operations and fuses what can be fused.
    pub(super) fn plan_units(&mut self) {
        self.find_cuts();
        let mut left: Vec<usize> = (0..self.nodes.len())
            .filter(|&node| {
                self.phases[node] == Phase::Step && self.cuts[self.nodes[node].outputs[0]].is_none()
            })
            .collect();
        let mut done = vec![true; self.values.len()];
        for &node in &left {
            self.nodes[node].outputs.iter().for_each(|&value| done[value] = false);
        }
        let mut groups = Vec::new();
        while !left.is_empty() {
            let before = left.len();
            let mut rest = Vec::new();
            for node in left {
                if self.nodes[node].op.elementwise().is_some() || !self.is_ready(node, &done) {
                    rest.push(node);
                    continue;
                }
                self.nodes[node].outputs.iter().for_each(|&value| done[value] = true);
                let unit = self.product(node).unwrap_or(Unit::Node(node));
                self.units.push(unit);
            }
            left = rest;
            if left.len() < before {
                continue;
            }
            let group = self.group(&left, &done);
            left.retain(|node| !group.contains(node));
            for &node in &group {
                done[self.nodes[node].outputs[0]] = true;
            }
            self.units.push(Unit::Chain(groups.len()));
            groups.push(group);
        }
        self.find_inner(&groups);
        self.plan_tracks();
        self.chains = groups.into_iter().map(|group| Fused::new(self, group)).collect();
    }

    fn is_ready(&self, node: usize, done: &[bool]) -> bool {
        self.nodes[node].inputs.iter().all(|&value| done[self.cuts[value].map_or(value, |cut| cut.source)])
    }

    /// Parts of values that only element-wise operations read are read where they are.
    fn find_cuts(&mut self) {
        self.cuts = vec![None; self.values.len()];
        let mut element_wise = vec![true; self.values.len()];
        for &value in &self.outputs {
            element_wise[value] = false;
        }
        for (node, &phase) in self.nodes.iter().zip(&self.phases) {
            if phase != Phase::Step || node.op.elementwise().is_none() {
                node.inputs.iter().for_each(|&value| element_wise[value] = false);
            }
        }
        for (node, &phase) in self.nodes.iter().zip(&self.phases) {
            let (Some((axis, start, _)), Phase::Step) = (node.op.slice(), phase) else { continue };
            let (source, value) = (node.inputs[0], node.outputs[0]);
            if element_wise[value] && self.cuts[source].is_none() {
                let axis = crate::op::axis_of(axis, self.metas[source].shape.rank());
                self.cuts[value] = Some(Cut { source, axis, start });
            }
        }
    }

    /// The first element-wise operation that can run, and those of the same shape that can run with it.
    fn group(&self, left: &[usize], done: &[bool]) -> Vec<usize> {
        let mut group: Vec<usize> = Vec::new();
        let mut inside: Vec<usize> = Vec::new();
        let mut operands: Vec<usize> = Vec::new();
        for &node in left {
            if self.nodes[node].op.elementwise().is_none() {
                continue;
            }
            let output = self.nodes[node].outputs[0];
            let shape = self.metas[output].shape;
            if group.first().is_some_and(|&first| self.metas[self.nodes[first].outputs[0]].shape != shape) {
                continue;
            }
            let source = |value: usize| self.cuts[value].map_or(value, |cut| cut.source);
            let inputs = &self.nodes[node].inputs;
            if !inputs.iter().all(|&value| inside.contains(&value) || done[source(value)]) {
                continue;
            }
            let mut longer = operands.clone();
            longer.extend(inputs.iter().map(|&value| source(value)).filter(|value| !inside.contains(value)));
            longer.sort_unstable();
            longer.dedup();
            if longer.len() > MAX_OPERANDS {
                continue;
            }
            operands = longer;
            group.push(node);
            inside.push(output);
            if group.len() == MAX_NODES {
                break;
            }
        }
        group
    }

    /// Finds the values that never leave their chain.
    fn find_inner(&mut self, groups: &[Vec<usize>]) {
        let mut chain_of = vec![None; self.nodes.len()];
        for (chain, group) in groups.iter().enumerate() {
            for &node in group {
                chain_of[node] = Some(chain);
                self.values[self.nodes[node].outputs[0]].inner = true;
            }
        }
        let mut maker = vec![None; self.values.len()];
        for (index, node) in self.nodes.iter().enumerate() {
            for &value in &node.inputs {
                let made: Option<usize> = maker[value];
                self.values[value].inner &= made == chain_of[index];
            }
            for &value in &node.outputs {
                maker[value] = chain_of[index];
            }
        }
        for &value in &self.outputs {
            self.values[value].inner = false;
        }
    }

    /// A product with weights of a value of the loop.
    fn product(&mut self, node: usize) -> Option<Unit> {
        let product = Product::new(self, node)?;
        self.values[self.nodes[node].outputs[0]].gradient_tracked = true;
        self.products.push(product);
        Some(Unit::Product(self.products.len() - 1))
    }
}
