//! What the loop runs: operations, ordered so that element-wise ones form chains.

use super::body::{Body, SliceView, repeats};
use super::deferred::DeferredGradient;
use super::fused::{Fused, MAX_OPERANDS};
use super::product::LoopProduct;
use crate::error::Result;
use crate::ir::Phase;
use crate::ops::Role;
use crate::ops::elementwise::ElementwiseKind;
use crate::shape::ANY;
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

/// The most operations in one chain.
const MAX_NODES: usize = 12;

/// What the loop runs.
pub(super) struct LoopPlan<T: Scalar> {
    /// In order.
    pub(super) units: Vec<Unit>,
    pub(super) chains: Vec<Fused>,
    pub(super) products: Vec<LoopProduct<T>>,
    pub(super) deferred: Vec<DeferredGradient>,
}

impl<T: Scalar> LoopPlan<T> {
    /// Orders the loop's operations and fuses what can be fused.
    pub(super) fn new(body: &mut Body<T>) -> Self {
        body.find_slices();
        body.find_views();
        let deferred: Vec<DeferredGradient> =
            (0..body.nodes.len()).filter_map(|node| DeferredGradient::new(body, node)).collect();
        for gradient in &deferred {
            body.deferred[gradient.node] = true;
            body.values[body.nodes[gradient.node].outputs[0]].gradient_tracked = true;
        }
        let mut plan = Self { units: Vec::new(), chains: Vec::new(), products: Vec::new(), deferred };
        let (groups, dots) = plan.order(body);
        body.summed = plan.products.iter().map(|product| product.summed_width(body)).collect();
        let chain_of = body.find_inner(&groups, &plan.dot_nodes(&dots));
        body.find_shared(&chain_of);
        body.plan_tracks();
        let chains = groups.into_iter().zip(dots);
        let chains = chains.map(|(group, dots)| Fused::new(body, &plan.products, group, dots));
        plan.chains = chains.collect();
        plan
    }

    /// Checks that fused operations have the same shapes for the current batch.
    pub(super) fn check(&self, body: &Body<T>) -> Result<()> {
        self.chains.iter().try_for_each(|chain| chain.check(body))
    }

    /// The most elements that a copy of all steps' rows takes.
    pub(super) fn copied(&self, body: &Body<T>, rows: usize) -> Option<usize> {
        let of_products = self.products.iter().map(|product| product.copied(body, rows));
        let of_deferred = self.deferred.iter().map(|gradient| gradient.copied(body, rows));
        of_products.chain(of_deferred).try_fold(0, |most, len| Some(most.max(len?)))
    }

    /// The nodes of each chain's products.
    fn dot_nodes(&self, dots: &[Vec<usize>]) -> Vec<Vec<usize>> {
        let nodes = |dots: &Vec<usize>| dots.iter().map(|&dot| self.products[dot].node).collect();
        dots.iter().map(nodes).collect()
    }

    /// Puts the loop's operations in order. Returns the nodes of each chain, and the products at its end.
    fn order(&mut self, body: &mut Body<T>) -> (Vec<Vec<usize>>, Vec<Vec<usize>>) {
        let mut left: Vec<usize> = (0..body.nodes.len())
            .filter(|&node| {
                body.phases[node] == Phase::Step && body.slices[body.nodes[node].outputs[0]].is_none()
            })
            .collect();
        let mut done = vec![true; body.values.len()];
        for &node in &left {
            body.nodes[node].outputs.iter().for_each(|&value| done[value] = false);
        }
        let mut groups: Vec<Vec<usize>> = Vec::new();
        let mut dots: Vec<Vec<usize>> = Vec::new();
        while !left.is_empty() {
            let before = left.len();
            let mut rest = Vec::new();
            for node in left {
                if body.nodes[node].facts.role().elementwise().is_some() || !body.is_ready(node, &done) {
                    rest.push(node);
                    continue;
                }
                body.nodes[node].outputs.iter().for_each(|&value| done[value] = true);
                match self.product(body, node) {
                    _ if body.views[body.nodes[node].outputs[0]].is_some() => {}
                    None => self.units.push(Unit::Node(node)),
                    Some(index) => match body.chain_for(node, &groups, &dots) {
                        Some(chain) => {
                            self.products[index].fused = true;
                            dots[chain].push(index);
                        }
                        None => self.units.push(Unit::Product(index)),
                    },
                }
            }
            left = rest;
            if left.len() < before {
                continue;
            }
            let group = body.group(&left, &done);
            left.retain(|node| !group.contains(node));
            for &node in &group {
                done[body.nodes[node].outputs[0]] = true;
            }
            self.units.push(Unit::Chain(groups.len()));
            groups.push(group);
            dots.push(Vec::new());
        }
        (groups, dots)
    }

    /// A product with weights of a value of the loop, as one of `products`.
    fn product(&mut self, body: &mut Body<T>, node: usize) -> Option<usize> {
        let product = LoopProduct::new(body, node)?;
        body.values[body.nodes[node].outputs[0]].gradient_tracked = true;
        self.products.push(product);
        Some(self.products.len() - 1)
    }
}

impl<T: Scalar> Body<T> {
    /// The chain that makes the input of a product with a vector, if it has room for the product.
    fn chain_for(&self, node: usize, groups: &[Vec<usize>], dots: &[Vec<usize>]) -> Option<usize> {
        let input = self.nodes[node].inputs[0];
        let makes = |group: &Vec<usize>| group.iter().any(|&node| self.nodes[node].outputs[0] == input);
        let chain = groups.iter().position(makes)?;
        let meta = self.metas[input];
        let thin = matches!(self.nodes[node].facts.role(), Role::Product([_, 1]));
        let mut operands = Vec::new();
        for value in groups[chain].iter().flat_map(|&node| &self.nodes[node].inputs) {
            operands.push(self.slices[*value].map_or(*value, |slice| slice.source));
        }
        operands.sort_unstable();
        operands.dedup();
        let room = operands.len() + dots[chain].len() < MAX_OPERANDS
            && groups[chain].len() + dots[chain].len() < MAX_NODES;
        (thin && meta.batched && meta.shape.rank() > 1 && room).then_some(chain)
    }

    fn is_ready(&self, node: usize, done: &[bool]) -> bool {
        self.nodes[node]
            .inputs
            .iter()
            .all(|&value| done[self.slices[value].map_or(value, |slice| slice.source)])
    }

    /// Finds values of the loop that are reshaped views of others: they share the memory, and so do their gradients.
    fn find_views(&mut self) {
        self.views = vec![None; self.values.len()];
        for (node, &phase) in self.nodes.iter().zip(&self.phases) {
            if node.facts.role() != Role::View || phase != Phase::Step {
                continue;
            }
            let (source, value) = (node.inputs[0], node.outputs[0]);
            let of_loop = self.values[source].phase == Phase::Step && self.state_of(source).is_none();
            if of_loop && self.slices[source].is_none() && !self.outputs.contains(&value) {
                self.views[value] = Some(source);
            }
        }
    }

    /// Finds values that are only added to something: their gradient is that of the sum, which need not be copied.
    fn find_shared(&mut self, chain_of: &[Option<usize>]) {
        let mut uses = vec![0; self.values.len()];
        self.outputs.iter().for_each(|&value| uses[value] += 1);
        self.nodes.iter().flat_map(|node| &node.inputs).for_each(|&value| uses[value] += 1);
        let made = |value: usize| value >= self.counts.body_inputs();
        self.shared = vec![None; self.values.len()];
        for (index, node) in self.nodes.iter().enumerate().rev() {
            if !matches!(
                node.facts.role().elementwise(),
                Some(ElementwiseKind::Add | ElementwiseKind::Identity)
            ) {
                continue;
            }
            let sum = node.outputs[0];
            // What its own chain adds to a gradient is never stored.
            let used_here = |other: usize| {
                chain_of[other].is_some()
                    && chain_of[other] == chain_of[index]
                    && self.nodes[other].inputs.contains(&sum)
            };
            let owner = if self.values[sum].inner {
                self.shared[sum]
            } else if (0..self.nodes.len()).any(used_here) {
                None
            } else {
                Some(self.shared[sum].unwrap_or(sum))
            };
            let Some(owner) = owner.filter(|_| self.values[sum].wants_gradient) else { continue };
            for &value in &node.inputs {
                let once = |value: usize| self.values[value].phase == Phase::Once;
                let free = uses[value] == 1 && made(value) && self.views[value].is_none();
                let whole = self.metas[value].batched
                    && once(value) == once(owner)
                    && self.is_whole(value, sum, &node.inputs);
                if free && whole && self.slices[value].is_none() && self.values[value].wants_gradient {
                    self.shared[value] = Some(owner);
                    let known = self.values[value];
                    let by_rows = known.tracked || known.gradient_tracked || known.phase != Phase::Step;
                    self.values[owner].gradient_tracked |= by_rows;
                }
            }
        }
    }

    /// Whether a summand has the sum's shape, even if dimensions are not known yet.
    fn is_whole(&self, value: usize, sum: usize, summands: &[usize]) -> bool {
        let (shape, whole) = (self.metas[value].shape, self.metas[sum].shape);
        shape == whole
            && (0..shape.rank()).all(|axis| {
                let from_end = shape.rank() - axis;
                let repeated = |other: usize| other == value || repeats(&self.metas[other].shape, from_end);
                shape.dims()[axis] != ANY || axis == 0 || summands.iter().all(|&other| repeated(other))
            })
    }

    /// Finds slices that only element-wise operations read: they are read in place.
    fn find_slices(&mut self) {
        self.slices = vec![None; self.values.len()];
        let mut element_wise = vec![true; self.values.len()];
        for &value in &self.outputs {
            element_wise[value] = false;
        }
        for (node, &phase) in self.nodes.iter().zip(&self.phases) {
            if phase != Phase::Step || node.facts.role().elementwise().is_none() {
                node.inputs.iter().for_each(|&value| element_wise[value] = false);
            }
        }
        for (node, &phase) in self.nodes.iter().zip(&self.phases) {
            let (Role::Slice { axis, start }, Phase::Step) = (node.facts.role(), phase) else { continue };
            let (source, value) = (node.inputs[0], node.outputs[0]);
            if element_wise[value] && self.slices[source].is_none() {
                let axis = crate::ops::axis_of(axis, self.metas[source].shape.rank());
                self.slices[value] = Some(SliceView { source, axis, start });
            }
        }
    }

    /// The first element-wise operation that can run, and those of the same shape that can run with it.
    fn group(&self, left: &[usize], done: &[bool]) -> Vec<usize> {
        let mut group: Vec<usize> = Vec::new();
        let mut inside: Vec<usize> = Vec::new();
        let mut operands: Vec<usize> = Vec::new();
        for &node in left {
            if self.nodes[node].facts.role().elementwise().is_none() {
                continue;
            }
            let output = self.nodes[node].outputs[0];
            let shape = self.proven[output];
            if group.first().is_some_and(|&first| self.proven[self.nodes[first].outputs[0]] != shape) {
                continue;
            }
            let source = |value: usize| self.slices[value].map_or(value, |slice| slice.source);
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

    /// Finds the values that never leave their chain; returns the chain of each node.
    fn find_inner(&mut self, groups: &[Vec<usize>], dots: &[Vec<usize>]) -> Vec<Option<usize>> {
        let mut chain_of = vec![None; self.nodes.len()];
        for (chain, group) in groups.iter().enumerate() {
            for &node in group {
                chain_of[node] = Some(chain);
                self.values[self.nodes[node].outputs[0]].inner = true;
            }
            for &node in &dots[chain] {
                chain_of[node] = Some(chain);
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
        chain_of
    }
}
