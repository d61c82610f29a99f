//! Element-wise operations of the loop as one chain, forward and backward.

use super::body::{Body, SliceView};
use super::layout::{Scope, with_rows};
use super::product::LoopProduct;
use super::recurrences::MAX_OPERANDS;
use super::run::Pass;
use crate::error::{Error, Result};
use crate::ops::elementwise::{ElementwiseKind, Emitter, Extent, strides};
use crate::ops::{Buffers, Place};
use crate::shape::{Meta, Shape};
use seqloom_kernels::{
    Chain, ChainOperands, Function, MAX_DIMS, Motion, Output, Scalar, Source, Sweep, View,
};

/// The most operations of a pass over time.
pub(super) const MAX_SWEPT: usize = 24;
/// The most buffers that it reads: operands, what states begin with, values and gradients of its operations.
const SWEPT_READS: usize = 2 * MAX_OPERANDS + 2 * MAX_SWEPT;
/// The most buffers that a chain reads: operands, values and gradients of its operations.
const READS: usize = 3 * MAX_OPERANDS;
/// The same, plus the weights that results are multiplied with, which lie elsewhere.
const SOURCES: usize = READS + MAX_OPERANDS;

/// The chains of some operations.
#[derive(Debug)]
pub(super) struct Fused {
    pub(super) nodes: Vec<usize>,
    /// Products of results with a single vector of weights, which are summed up while the results are in the cache.
    dots: Vec<usize>,
    /// A value with the shape of the whole chain.
    shape: usize,
    plain: FusedChain,
    recording: FusedChain,
    backward: FusedChain,
}

/// The target of a view: a value or its gradient (or a slice of it), or a product's vector of weights or the gradient
/// of these weights, one per sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operand {
    Value(usize),
    Gradient(usize),
    Kernel(usize),
    KernelGradient(usize),
}

/// A chain and what it works on.
#[derive(Debug)]
struct FusedChain {
    chain: Chain,
    reads: Vec<Operand>,
    writes: Vec<Operand>,
}

/// Collects a chain and its operands.
struct Writer<'a, T: Scalar> {
    body: &'a Body<T>,
    products: &'a [LoopProduct<T>],
    steps: Emitter,
    reads: Vec<Operand>,
    writes: Vec<Operand>,
    /// Where values of the chain have been computed.
    known: Vec<(usize, Source)>,
}

fn position(list: &mut Vec<Operand>, operand: Operand) -> usize {
    list.iter().position(|&known| known == operand).unwrap_or_else(|| {
        list.push(operand);
        list.len() - 1
    })
}

impl<'a, T: Scalar> Writer<'a, T> {
    fn new(body: &'a Body<T>, products: &'a [LoopProduct<T>]) -> Self {
        Self {
            body,
            products,
            steps: Emitter::default(),
            reads: Vec::new(),
            writes: Vec::new(),
            known: Vec::new(),
        }
    }

    fn read(&mut self, operand: Operand) -> Source {
        Source::Read(position(&mut self.reads, operand))
    }

    fn write(&mut self, operand: Operand) -> usize {
        position(&mut self.writes, operand)
    }

    /// Adds to an operand.
    fn add(&mut self, operand: Operand, summand: Source) {
        let view = self.write(operand);
        self.steps.output(summand, Output::Add(view));
    }

    /// A value: a number, a result of the chain, or something in memory.
    fn value(&mut self, value: usize) -> Source {
        if let Some(constant) = self.body.constants[value] {
            return Source::Constant(constant);
        }
        if let Some(&(_, known)) = self.known.iter().find(|known| known.0 == value) {
            return known;
        }
        let maker = self.body.maker(value).filter(|_| self.body.values[value].recomputed);
        match maker.and_then(|node| Some((node, self.body.nodes[node].facts.role().elementwise()?))) {
            Some((node, kind)) => self.compute(node, kind),
            None => self.read(Operand::Value(value)),
        }
    }

    /// The result of an operation, known from now on.
    fn compute(&mut self, node: usize, kind: ElementwiseKind) -> Source {
        let sources = self.operands(node);
        let result = kind.value(sources, &mut self.steps);
        self.known.push((self.body.nodes[node].outputs[0], result));
        result
    }

    /// Adds to the gradient of a value in a list of them.
    fn collect(&mut self, list: &mut Vec<(usize, Source)>, value: usize, share: Source) {
        match list.iter_mut().find(|known| known.0 == value) {
            Some(known) => known.1 = self.steps.push(Function::Add, [known.1, share]),
            None => list.push((value, share)),
        }
    }

    fn operands(&mut self, node: usize) -> [Source; 3] {
        let mut sources = [Source::Constant(0.0); 3];
        let body = self.body;
        for (source, &input) in sources.iter_mut().zip(&body.nodes[node].inputs) {
            *source = self.value(input);
        }
        sources
    }

    fn forward(mut self, nodes: &[usize], dots: &[usize], recording: bool) -> FusedChain {
        for &node in nodes {
            let Some(kind) = self.body.nodes[node].facts.role().elementwise() else { continue };
            let output = self.body.nodes[node].outputs[0];
            let result = self.compute(node, kind);
            let value = self.body.values[output];
            if !value.inner || (recording && value.kept) {
                let view = self.write(Operand::Value(output));
                self.steps.output(result, Output::Store(view));
            }
        }
        for &dot in dots {
            let node = &self.body.nodes[self.products[dot].node];
            let factors = [self.value(node.inputs[0]), self.read(Operand::Kernel(dot))];
            let product = self.steps.push(Function::Multiply, factors);
            self.add(Operand::Value(node.outputs[0]), product);
        }
        self.finish()
    }

    fn backward(mut self, nodes: &[usize], dots: &[usize]) -> FusedChain {
        let body = self.body;
        // The gradients collected so far: of results, and of values from outside.
        let mut inner: Vec<(usize, Source)> = Vec::new();
        let mut outer: Vec<(usize, Source)> = Vec::new();
        for &dot in dots {
            let index = self.products[dot].node;
            let node = &body.nodes[index];
            if !body.visited[index] {
                continue;
            }
            let gradient = self.read(Operand::Gradient(node.outputs[0]));
            if body.values[node.inputs[0]].wants_gradient {
                let kernel = self.read(Operand::Kernel(dot));
                let share = self.steps.push(Function::Multiply, [kernel, gradient]);
                self.collect(&mut inner, node.inputs[0], share);
            }
            if node.trainable {
                let factors = [self.value(node.inputs[0]), gradient];
                let share = self.steps.push(Function::Multiply, factors);
                self.add(Operand::KernelGradient(dot), share);
            }
        }
        for &node in nodes.iter().rev() {
            let Some(kind) = body.nodes[node].facts.role().elementwise() else { continue };
            let output = body.nodes[node].outputs[0];
            let value = body.values[output];
            let collected = inner.iter().find(|known| known.0 == output).map(|known| known.1);
            let own = (!value.inner && value.wants_gradient).then(|| self.read(Operand::Gradient(output)));
            let gradient = match (own, collected) {
                (Some(own), Some(collected)) => self.steps.push(Function::Add, [own, collected]),
                (Some(one), None) | (None, Some(one)) => one,
                (None, None) => continue,
            };
            let needs = kind.needs();
            let mut sources = [Source::Constant(0.0); 3];
            for (index, &input) in body.nodes[node].inputs.iter().enumerate() {
                if needs.inputs[index] {
                    sources[index] = self.value(input);
                }
            }
            let result = if needs.output { self.value(output) } else { Source::Constant(0.0) };
            for (index, &input) in body.nodes[node].inputs.iter().enumerate() {
                let known = body.values[input];
                if !kind.differentiable(index)
                    || !known.wants_gradient
                    || (body.shared[input].is_some() && !known.inner)
                {
                    continue;
                }
                let derivative = kind.derivative(index, sources, result, gradient, &mut self.steps);
                let made_here = nodes.iter().any(|&node| body.nodes[node].outputs[0] == input);
                let list = if made_here { &mut inner } else { &mut outer };
                self.collect(list, input, derivative);
            }
        }
        for (value, gradient) in outer {
            self.add(Operand::Gradient(value), gradient);
        }
        self.finish()
    }

    fn finish(self) -> FusedChain {
        FusedChain { chain: Chain::new(self.steps.steps), reads: self.reads, writes: self.writes }
    }
}

impl Fused {
    pub(super) fn new<T: Scalar>(
        body: &Body<T>,
        products: &[LoopProduct<T>],
        nodes: Vec<usize>,
        dots: Vec<usize>,
    ) -> Self {
        let writer = || Writer::new(body, products);
        let shape = body.nodes[nodes[0]].outputs[0];
        Self {
            shape,
            plain: writer().forward(&nodes, &dots, false),
            recording: writer().forward(&nodes, &dots, true),
            backward: writer().backward(&nodes, &dots),
            nodes,
            dots,
        }
    }

    /// Checks that all results have the same shape, which is open as long as dimensions are not declared.
    pub(super) fn check<T: Scalar>(&self, body: &Body<T>) -> Result<()> {
        let expected = body.metas[self.shape].shape;
        for &node in &self.nodes {
            let got = body.metas[body.nodes[node].outputs[0]].shape;
            if got != expected {
                let error = format!("shapes that were not declared turn out to be {expected} and {got}");
                return Err(body.nodes[node].explain(Error::unsupported(error)));
            }
        }
        Ok(())
    }

    pub(super) fn forward<T: Scalar>(
        &self,
        (body, products): (&Body<T>, &[LoopProduct<T>]),
        pass: &Pass<'_, T>,
        buffers: &mut Buffers<'_, T>,
        scope: Scope,
    ) -> Result<()> {
        let part = if pass.recording { &self.recording } else { &self.plain };
        for &dot in &self.dots {
            products[dot].start(body, pass, buffers, scope)?;
        }
        self.run(part, (body, products), pass, buffers, scope)
    }

    pub(super) fn backward<T: Scalar>(
        &self,
        (body, products): (&Body<T>, &[LoopProduct<T>]),
        pass: &Pass<'_, T>,
        buffers: &mut Buffers<'_, T>,
        scope: Scope,
    ) -> Result<()> {
        self.run(&self.backward, (body, products), pass, buffers, scope)
    }

    /// Runs a pass over the steps of a chunk of time.
    pub(super) fn sweep_forward<T: Scalar>(
        &self,
        body: &Body<T>,
        pass: &Pass<'_, T>,
        buffers: &mut Buffers<'_, T>,
        steps: (usize, usize),
    ) -> Result<()> {
        let part = if pass.recording { &self.recording } else { &self.plain };
        self.sweep(part, body, pass, buffers, (steps, false))
    }

    /// Runs its derivative, the last step first.
    pub(super) fn sweep_backward<T: Scalar>(
        &self,
        body: &Body<T>,
        pass: &Pass<'_, T>,
        buffers: &mut Buffers<'_, T>,
        steps: (usize, usize),
    ) -> Result<()> {
        self.sweep(&self.backward, body, pass, buffers, (steps, true))
    }

    fn sweep<T: Scalar>(
        &self,
        part: &FusedChain,
        body: &Body<T>,
        pass: &Pass<'_, T>,
        buffers: &mut Buffers<'_, T>,
        (steps, reversed): ((usize, usize), bool),
    ) -> Result<()> {
        if part.chain.steps().is_empty() {
            return Ok(());
        }
        let rows = pass.locator.rows(Scope::Step(steps.0));
        let shape = with_rows(&body.metas[self.shape], rows);
        let mut sources = [Place::None; SWEPT_READS];
        let mut targets = [Place::None; MAX_SWEPT];
        let mut views = [[View::default(); SWEPT_READS]; 2];
        let mut motions = [[Motion::default(); SWEPT_READS]; 2];
        // What is written comes first: what is read may be among it.
        for (written, operands) in [(true, &part.writes), (false, &part.reads)] {
            let mut place_of = |place: Place| {
                let known = targets.iter().position(|&known| known == place && place.is_some());
                match known {
                    Some(target) if written => Ok(target),
                    Some(target) => Ok(SWEPT_READS + target),
                    None => {
                        let list = if written { &mut targets[..] } else { &mut sources[..] };
                        let free = list.iter().position(|&known| known == place || known == Place::None);
                        let free =
                            free.ok_or_else(|| Error::native("A pass over time has too many operands"))?;
                        list[free] = place;
                        Ok(free)
                    }
                }
            };
            for (index, &operand) in operands.iter().enumerate() {
                let (Operand::Value(value) | Operand::Gradient(value)) = operand else {
                    return Err(Error::native("A pass over time has a product"));
                };
                let source = body.slices[value].map_or(value, |slice| slice.source);
                let (place, mut motion, initial) = match operand {
                    Operand::Value(_) => pass.moving(source, steps)?,
                    _ => pass.locator.moving(&pass.layout.gradients, source, steps)?,
                };
                let buffer = place_of(place)?;
                if initial.is_some() {
                    motion.initial = Some(place_of(initial)?);
                }
                let side = usize::from(written);
                motions[side][index] = motion;
                views[side][index] = show(&shape, &body.metas, value, body.slices[value], buffer, rows);
            }
        }
        let [reads, writes] = &mut views;
        let (reads, writes) = (&mut reads[..part.reads.len()], &mut writes[..part.writes.len()]);
        let extent = Extent::merged(&shape, reads, writes)?;
        let (sources, mut targets) = buffers.carve(sources, targets)?;
        let sweep = Sweep {
            starts: pass.locator.packing.steps(),
            steps: steps.0..steps.1,
            reversed,
            reads: &motions[0][..reads.len()],
            writes: &motions[1][..writes.len()],
        };
        let operands =
            ChainOperands { dims: extent.dims(), reads, writes, sources: &sources, targets: &mut targets };
        T::sweep(&part.chain, operands, &sweep);
        Ok(())
    }

    fn run<T: Scalar>(
        &self,
        part: &FusedChain,
        (body, products): (&Body<T>, &[LoopProduct<T>]),
        pass: &Pass<'_, T>,
        buffers: &mut Buffers<'_, T>,
        scope: Scope,
    ) -> Result<()> {
        if part.chain.steps().is_empty() {
            return Ok(());
        }
        let rows = pass.locator.rows(scope);
        let shape = with_rows(&body.metas[self.shape], rows);
        let mut sources = [Place::None; READS];
        let mut targets = [Place::None; MAX_OPERANDS];
        let mut reads = [View::default(); SOURCES];
        let mut writes = [View::default(); MAX_OPERANDS];
        let mut kernels: [&[T]; MAX_OPERANDS] = [&[]; MAX_OPERANDS];
        let mut locate = |operands: &[Operand], places: &mut [Place], views: &mut [View]| -> Result<()> {
            let (mut used, mut weights) = (0, 0);
            for (&operand, view) in operands.iter().zip(views) {
                let source = |value: usize| body.slices[value].map_or(value, |slice| slice.source);
                let place = match operand {
                    Operand::Value(value) => pass.value(source(value), scope)?,
                    Operand::Gradient(value) => pass.gradient(source(value), scope)?,
                    Operand::Kernel(dot) => {
                        kernels[weights] = products[dot].kernel(body, pass.params);
                        *view = show_row(&shape, kernels[weights].len(), 1, READS + weights);
                        weights += 1;
                        continue;
                    }
                    Operand::KernelGradient(dot) => products[dot].summed(dot, pass)?,
                };
                let buffer = places[..used].iter().position(|&known| known == place).unwrap_or(used);
                if buffer == used {
                    places[used] = place;
                    used += 1;
                }
                *view = match operand {
                    Operand::Value(value) | Operand::Gradient(value) => {
                        show(&shape, &body.metas, value, body.slices[value], buffer, rows)
                    }
                    Operand::Kernel(_) | Operand::KernelGradient(_) => {
                        show_row(&shape, shape.last(), rows, buffer)
                    }
                };
            }
            Ok(())
        };
        locate(&part.reads, &mut sources, &mut reads)?;
        locate(&part.writes, &mut targets, &mut writes)?;
        let reads = &mut reads[..part.reads.len()];
        let writes = &mut writes[..part.writes.len()];
        let extent = Extent::merged(&shape, reads, writes)?;
        let (places, mut targets) = buffers.carve(sources, targets)?;
        let mut sources: [&[T]; SOURCES] = [&[]; SOURCES];
        sources[..READS].copy_from_slice(&places);
        sources[READS..].copy_from_slice(&kernels);
        let operands =
            ChainOperands { dims: extent.dims(), reads, writes, sources: &sources, targets: &mut targets };
        T::chain(&part.chain, operands);
        Ok(())
    }
}

/// The view of a row of `width` numbers for each of the first `rows` of `whole`, or one for all.
fn show_row(whole: &Shape, width: usize, rows: usize, buffer: usize) -> View {
    let mut view = View { buffer, ..View::default() };
    view.strides[whole.rank() - 1] = usize::from(width > 1);
    if rows > 1 {
        view.strides[0] = width;
    }
    view
}

/// The view of a value, or of the slice of another one that it is, broadcast to `whole`.
fn show(
    whole: &Shape,
    metas: &[Meta],
    value: usize,
    slice: Option<SliceView>,
    buffer: usize,
    rows: usize,
) -> View {
    let shape = with_rows(&metas[value], rows);
    let mut view = View { buffer, offset: 0, strides: strides(whole, &shape) };
    if let Some(slice) = slice {
        let source = with_rows(&metas[slice.source], rows);
        let dims = source.dims();
        let offset = whole.rank() - shape.rank();
        let mut stride = 1;
        for axis in (0..dims.len()).rev() {
            if axis == slice.axis {
                view.offset = slice.start * stride;
            }
            if view.strides[offset + axis] != 0 {
                view.strides[offset + axis] = stride;
            }
            stride *= dims[axis];
        }
        debug_assert!(offset + dims.len() <= MAX_DIMS);
    }
    view
}
