//! Products of the loop's values with weights. The weights are packed once for all steps, and their gradients are
//! summed in one product after the loop.

use super::body::Body;
use super::layout::{Location, Region, Scope};
use super::run::Pass;
use crate::error::{Error, Result};
use crate::gradients::Gradients;
use crate::ir::Phase;
use crate::ops::{Buffers, Int8Product, Place, Role, add_rows, thin};
use crate::params::Parameters;
use seqloom_kernels::{Matrix, MatrixMut, Precision, Scalar};

/// x·kernel + bias in the loop.
pub(super) struct LoopProduct<T: Scalar> {
    pub(super) node: usize,
    inputs: usize,
    units: usize,
    precision: Precision,
    /// The kernel, and its transpose for the backward pass.
    packed: [Option<T::PackedMatrix>; 2],
    /// The version of the parameters that each was packed from.
    versions: [Option<u64>; 2],
    /// The kernel instead, if it is int8.
    int8: Int8Product<T>,
    /// Whether it is computed in the chain that makes its input; the kernel is a vector then.
    pub(super) fused: bool,
}

impl<T: Scalar> LoopProduct<T> {
    /// The product of a node, if the node is a product in the loop.
    pub(super) fn new(body: &Body<T>, node: usize) -> Option<Self> {
        let Role::Product([inputs, units]) = body.nodes[node].facts.role() else { return None };
        (body.values[body.nodes[node].inputs[0]].phase == Phase::Step).then_some(Self {
            node,
            inputs,
            units,
            precision: Precision::default(),
            packed: [None, None],
            versions: [None; 2],
            int8: Int8Product::default(),
            fused: false,
        })
    }

    /// Computes it in a precision from now on.
    pub(super) fn set_precision(&mut self, precision: Precision) {
        if precision != self.precision {
            (self.precision, self.versions) = (precision, [None; 2]);
        }
    }

    /// Whether the kernel is a vector.
    pub(super) fn is_thin(&self) -> bool {
        self.units == 1
    }

    /// The kernel's elements.
    pub(super) fn kernel<'a>(&self, body: &Body<T>, params: &'a Parameters<T>) -> &'a [T] {
        body.nodes[self.node].weights.first().and_then(|&weight| params.get(weight)).unwrap_or(&[])
    }

    /// The kernel's gradient of fused product `index` for each sequence, summed over the steps so far.
    pub(super) fn summed(&self, index: usize, pass: &Pass<'_, T>) -> Result<Place> {
        match &pass.layout.kernels[index] {
            Some(slot) => pass.locator.slot(slot, Scope::Sequences),
            None => Ok(Place::None),
        }
    }

    /// Elements of that per sequence.
    pub(super) fn summed_width(&self, body: &Body<T>) -> usize {
        let wanted = self.fused && body.visited[self.node] && body.nodes[self.node].trainable;
        if wanted { self.inputs } else { 0 }
    }

    /// Prepares the results of a step for the product: fills them with the bias or, for a thin product, with zeros.
    pub(super) fn start(
        &self,
        body: &Body<T>,
        pass: &Pass<'_, T>,
        buffers: &mut Buffers<'_, T>,
        scope: Scope,
    ) -> Result<()> {
        let node = &body.nodes[self.node];
        let ([], [y]) = buffers.carve([], [pass.value(node.outputs[0], scope)?])?;
        match node.weights.get(1).and_then(|&weight| pass.params.get(weight)) {
            Some(bias) => y.chunks_exact_mut(self.units).for_each(|y| y.copy_from_slice(bias)),
            None if self.is_thin() => y.fill(T::ZERO),
            None => {}
        }
        Ok(())
    }

    /// Packs the kernel, or its transpose, unless that has been done since it last changed.
    fn pack(&mut self, params: &Parameters<T>, kernel: &[T], transposed: bool) -> Result<()> {
        let index = usize::from(transposed);
        if self.versions[index] == Some(params.version()) {
            return Ok(());
        }
        self.versions[index] = None;
        let kernel = Matrix::new(kernel, self.inputs, self.units);
        let kernel = if transposed { kernel.transposed() } else { kernel };
        T::pack_matrix(kernel, self.precision, &mut self.packed[index])
            .map_err(|error| Error::memory(format!("the packed weights do not fit: {error}")))?;
        self.versions[index] = Some(params.version());
        Ok(())
    }

    fn packed(&self, transposed: bool) -> Result<&T::PackedMatrix> {
        self.packed[usize::from(transposed)].as_ref().ok_or_else(|| Error::native("A product is not packed"))
    }

    pub(super) fn forward(
        &mut self,
        body: &Body<T>,
        pass: &Pass<'_, T>,
        buffers: &mut Buffers<'_, T>,
        scope: Scope,
    ) -> Result<()> {
        let node = &body.nodes[self.node];
        let weight = node.weights.first().copied().filter(|&weight| pass.params.int8(weight).is_some());
        if weight.is_some() {
            self.start(body, pass, buffers, scope)?;
            let (x, y) = (pass.value(node.inputs[0], scope)?, pass.value(node.outputs[0], scope)?);
            let ([x], [y]) = buffers.carve([x], [y])?;
            let rows = y.len() / self.units;
            let (x, y) = (Matrix::new(x, rows, self.inputs), MatrixMut::new(y, rows, self.units));
            T::gemm_int8(x, self.int8.of(pass.params, weight)?, y, node.weights.len() > 1);
            return Ok(());
        }
        let kernel = self.kernel(body, pass.params);
        if !self.is_thin() {
            self.pack(pass.params, kernel, false)?;
        }
        self.start(body, pass, buffers, scope)?;
        let (x, y) = (pass.value(node.inputs[0], scope)?, pass.value(node.outputs[0], scope)?);
        let ([x], [y]) = buffers.carve([x], [y])?;
        if self.is_thin() {
            thin::dots(x, kernel, y);
            return Ok(());
        }
        let rows = y.len() / self.units;
        let (x, y) = (Matrix::new(x, rows, self.inputs), MatrixMut::new(y, rows, self.units));
        T::gemm_packed(x, self.packed(false)?, y, node.weights.len() > 1);
        Ok(())
    }

    /// The gradient of the step's input.
    pub(super) fn backward(
        &mut self,
        body: &Body<T>,
        pass: &Pass<'_, T>,
        buffers: &mut Buffers<'_, T>,
        scope: Scope,
    ) -> Result<()> {
        let node = &body.nodes[self.node];
        let input = node.inputs[0];
        if !body.visited[self.node] || !body.values[input].wants_gradient {
            return Ok(());
        }
        let kernel = self.kernel(body, pass.params);
        if !self.is_thin() {
            self.pack(pass.params, kernel, true)?;
        }
        let (dy, dx) = (pass.gradient(node.outputs[0], scope)?, pass.gradient(input, scope)?);
        let ([dy], [dx]) = buffers.carve([dy], [dx])?;
        if self.is_thin() {
            thin::outer(dy, kernel, dx);
            return Ok(());
        }
        let rows = dy.len() / self.units;
        let (dy, dx) = (Matrix::new(dy, rows, self.units), MatrixMut::new(dx, rows, self.inputs));
        T::gemm_packed(dy, self.packed(true)?, dx, true);
        Ok(())
    }

    /// The gradients of the weights of product `index`, over the rows of all steps; `copied` is the state whose rows
    /// have already been gathered.
    pub(super) fn weight_gradients(
        &self,
        index: usize,
        copied: &mut Option<usize>,
        body: &Body<T>,
        pass: &Pass<'_, T>,
        buffers: &mut Buffers<'_, T>,
        gradients: &mut Gradients<T>,
    ) -> Result<()> {
        let node = &body.nodes[self.node];
        if !body.visited[self.node] || !node.trainable {
            return Ok(());
        }
        let dy = pass.gradient(node.outputs[0], Scope::Rows)?;
        let x =
            if self.fused { self.summed(index, pass)? } else { self.rows_of(copied, body, pass, buffers)? };
        let [d_kernel, d_bias] =
            gradients.dense([node.weights.first().copied(), node.weights.get(1).copied()])?;
        let ([x, dy], []) = buffers.carve([x, dy], [])?;
        let rows = dy.len() / self.units;
        if self.fused {
            add_rows(x, d_kernel);
        } else if self.is_thin() && !d_kernel.is_empty() {
            thin::combine(dy, x, d_kernel);
        } else if !d_kernel.is_empty() {
            let x = Matrix::new(x, rows, self.inputs).transposed();
            let d_kernel = MatrixMut::new(d_kernel, self.inputs, self.units);
            T::gemm(x, Matrix::new(dy, rows, self.units), d_kernel, true);
        }
        if !d_bias.is_empty() {
            add_rows(dy, d_bias);
        }
        Ok(())
    }

    /// The input of all steps; if it is a state, its rows are gathered first, since it begins one step earlier.
    fn rows_of(
        &self,
        copied: &mut Option<usize>,
        body: &Body<T>,
        pass: &Pass<'_, T>,
        buffers: &mut Buffers<'_, T>,
    ) -> Result<Place> {
        let value = body.nodes[self.node].inputs[0];
        if !matches!(pass.layout.values[value], Location::PreviousStep { .. }) {
            return pass.value(value, Scope::Rows);
        }
        let width = body.metas[value].shape.inner(1)?;
        let steps = pass.locator.packing.steps();
        let whole =
            pass.locator.part(Region::Backward, pass.layout.rows, pass.locator.rows(Scope::Rows) * width)?;
        if copied.replace(value) == Some(value) {
            return Ok(whole);
        }
        for step in 0..steps.len() - 1 {
            let to = whole.part(steps[step] * width, (steps[step + 1] - steps[step]) * width)?;
            let ([from], [to]) = buffers.carve([pass.value(value, Scope::Step(step))?], [to])?;
            to.copy_from_slice(from);
        }
        Ok(whole)
    }

    /// Elements for the copy of a state's rows, for a number of rows.
    pub(super) fn copied(&self, body: &Body<T>, rows: usize) -> Option<usize> {
        let value = body.nodes[self.node].inputs[0];
        if body.state_of(value).is_none() {
            return Some(0);
        }
        body.metas[value].shape.inner(1).ok()?.checked_mul(rows)
    }
}

impl<T: Scalar> std::fmt::Debug for LoopProduct<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LoopProduct").field("node", &self.node).finish_non_exhaustive()
    }
}
