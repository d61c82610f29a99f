//! What the loop runs, and what passes over time run before it: operations, ordered so that element-wise ones form
//! chains.

use super::body::{Body, SliceView, repeats};
use super::deferred::DeferredGradient;
use super::fused::{Fused, MAX_SWEPT};
use super::product::LoopProduct;
use super::recurrences::MAX_OPERANDS;
use crate::error::{Error, Result};
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

/// The most operations in one chain of the loop.
const MAX_NODES: usize = 12;

/// What the loop runs.
pub(super) struct LoopPlan<T: Scalar> {
    /// In order.
    pub(super) units: Vec<Unit>,
    /// What runs before the loop, over all steps of a chunk of time, in order; none if nothing is a recurrence there.
    pub(super) early: Vec<Unit>,
    pub(super) chains: Vec<Fused>,
    pub(super) products: Vec<LoopProduct<T>>,
    pub(super) deferred: Vec<DeferredGradient>,
}

impl<T: Scalar> LoopPlan<T> {
    /// Orders the loop's operations and fuses what can be fused.
    pub(super) fn new(body: &mut Body<T>) -> Result<Self> {
        body.find_slices();
        body.find_views();
        let deferred: Vec<DeferredGradient> =
            (0..body.nodes.len()).filter_map(|node| DeferredGradient::new(body, node)).collect();
        for gradient in &deferred {
            body.deferred[gradient.node] = true;
            body.values[body.nodes[gradient.node].outputs[0]].gradient_tracked = true;
        }
        let (chains, products) = (Vec::new(), Vec::new());
        let mut plan = Self { units: Vec::new(), early: Vec::new(), chains, products, deferred };
        let (mut groups, mut dots) = (Vec::new(), Vec::new());
        if !body.cycles.is_empty() {
            plan.early = plan.order(body, Phase::Early, (&mut groups, &mut dots))?;
        }
        plan.units = plan.order(body, Phase::Step, (&mut groups, &mut dots))?;
        body.summed = plan.products.iter().map(|product| product.summed_width(body)).collect();
        let chain_of = body.find_inner(&groups, &plan.dot_nodes(&dots));
        body.find_shared(&chain_of);
        body.plan_tracks();
        let chains = groups.into_iter().zip(dots);
        let chains = chains.map(|(group, dots)| Fused::new(body, &plan.products, group, dots));
        plan.chains = chains.collect();
        Ok(plan)
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

    /// Puts the operations of a phase in order. Adds the nodes of each chain, and the products at its end.
    fn order(
        &mut self,
        body: &mut Body<T>,
        phase: Phase,
        (groups, dots): (&mut Vec<Vec<usize>>, &mut Vec<Vec<usize>>),
    ) -> Result<Vec<Unit>> {
        let mut units = Vec::new();
        let mut left: Vec<usize> = (0..body.nodes.len())
            .filter(|&node| body.phases[node] == phase && body.slices[body.nodes[node].outputs[0]].is_none())
            .collect();
        let mut done = vec![true; body.values.len()];
        for &node in &left {
            body.nodes[node].outputs.iter().for_each(|&value| done[value] = false);
        }
        while !left.is_empty() {
            // The old states of a pass are there once the new ones are.
            for (old, new) in body.swept().filter(|_| phase == Phase::Early) {
                done[old] = done[new];
            }
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
                    None => units.push(Unit::Node(node)),
                    Some(index) => match body.chain_for(node, groups, dots) {
                        Some(chain) => {
                            self.products[index].fused = true;
                            dots[chain].push(index);
                        }
                        None => units.push(Unit::Product(index)),
                    },
                }
            }
            left = rest;
            if left.len() < before {
                continue;
            }
            let group = body.group(&left, &done, phase);
            if group.is_empty() {
                return Err(Error::native("The operations of a step have no order"));
            }
            left.retain(|node| !group.contains(node));
            for &node in &group {
                done[body.nodes[node].outputs[0]] = true;
            }
            units.push(Unit::Chain(groups.len()));
            groups.push(group);
            dots.push(Vec::new());
        }
        Ok(units)
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

    /// Whether the element-wise operations of a phase form chains.
    fn is_chained(&self, phase: Phase) -> bool {
        phase == Phase::Step || (phase == Phase::Early && !self.cycles.is_empty())
    }

    /// Finds values that are reshaped views of others: they share the memory, and so do their gradients.
    fn find_views(&mut self) {
        self.views = vec![None; self.values.len()];
        for (node, &phase) in self.nodes.iter().zip(&self.phases) {
            if node.facts.role() != Role::View || !self.is_chained(phase) {
                continue;
            }
            let (source, value) = (node.inputs[0], node.outputs[0]);
            let same = self.values[source].phase == phase && self.state_of(source).is_none();
            if same && self.slices[source].is_none() && !self.outputs.contains(&value) {
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
            let chain = self.is_chained(phase) && node.facts.role().elementwise().is_some();
            for &value in node.inputs.iter().filter(|&&value| !chain || self.values[value].phase != phase) {
                element_wise[value] = false;
            }
        }
        for (node, &phase) in self.nodes.iter().zip(&self.phases) {
            let (Role::Slice { axis, start }, true) = (node.facts.role(), self.is_chained(phase)) else {
                continue;
            };
            let (source, value) = (node.inputs[0], node.outputs[0]);
            if element_wise[value] && self.slices[source].is_none() {
                let axis = crate::ops::axis_of(axis, self.metas[source].shape.rank());
                self.slices[value] = Some(SliceView { source, axis, start });
            }
        }
    }

    /// The first element-wise operation that can run, and those of the same shape that can run with it. The operations
    /// of a recurrence run together.
    fn group(&self, left: &[usize], done: &[bool], phase: Phase) -> Vec<usize> {
        let mut group = Vec::new();
        let mut operands = Vec::new();
        let most = if phase == Phase::Early { MAX_SWEPT } else { MAX_NODES };
        loop {
            let before = group.len();
            for &node in left {
                if group.len() == most {
                    break;
                }
                let cycle = self.cycles.iter().find(|cycle| cycle.nodes.contains(&node));
                let joining = cycle.map_or(std::slice::from_ref(&node), |cycle| &cycle.nodes);
                if !group.contains(&node) && group.len() + joining.len() <= most {
                    self.join(&mut group, &mut operands, joining, done);
                }
            }
            // An operation that comes before the end of a recurrence may depend on it.
            if group.len() == before || phase == Phase::Step {
                return group;
            }
        }
    }

    /// Adds operations to a group, if they can run with it.
    fn join(&self, group: &mut Vec<usize>, operands: &mut Vec<usize>, joining: &[usize], done: &[bool]) {
        let output = |node: usize| self.nodes[node].outputs[0];
        let shape = self.proven[output(joining[0])];
        let elementwise = self.nodes[joining[0]].facts.role().elementwise().is_some();
        if !elementwise || group.first().is_some_and(|&first| self.proven[output(first)] != shape) {
            return;
        }
        let inside = |value: usize| group.iter().chain(joining).any(|&node| output(node) == value);
        let source = |value: usize| self.slices[value].map_or(value, |slice| slice.source);
        let with_state = |value: usize| self.swept().any(|(old, new)| old == value && inside(new));
        let inputs = || joining.iter().flat_map(|&node| &self.nodes[node].inputs).copied();
        if !inputs().all(|value| inside(value) || done[source(value)] || with_state(value)) {
            return;
        }
        // A pass over time has a view of its own for every slice.
        let early = self.values[output(joining[0])].phase == Phase::Early;
        let operand = |value: usize| if early { value } else { source(value) };
        let mut longer = operands.clone();
        longer.extend(inputs().map(operand).filter(|&value| !inside(value)));
        longer.sort_unstable();
        longer.dedup();
        if longer.len() <= MAX_OPERANDS {
            *operands = longer;
            group.extend(joining);
        }
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
