//! Products with a value that is the same at all steps, such as a memory: the value's gradient is one product per
//! sequence after the loop, over all of its steps, instead of a small one in each step.

use super::body::Body;
use super::layout::{Region, Scope};
use super::run::Pass;
use crate::error::{Error, Result};
use crate::ir::Phase;
use crate::ops::{Buffers, Place, Role};
use crate::parallel::each_rows;
use seqloom_kernels::{Matrix, MatrixMut, Scalar};

/// The gradient of the second factor of a product in the loop.
#[derive(Debug)]
pub(super) struct DeferredGradient {
    pub(super) node: usize,
    /// Whether the factor is transposed.
    transposed: bool,
}

impl DeferredGradient {
    /// The gradient for a node, if the node is such a product and the gradient is wanted.
    pub(super) fn new<T: Scalar>(body: &Body<T>, index: usize) -> Option<Self> {
        let node = &body.nodes[index];
        let Role::Matmul([false, transposed]) = node.facts.role() else { return None };
        let (first, second) = (node.inputs[0], node.inputs[1]);
        let matrices = |value: usize| body.metas[value].batched && body.metas[value].shape.rank() == 3;
        let constant = body.values[second].phase == Phase::Once && body.values[first].phase != Phase::Once;
        let wanted = body.visited[index] && body.values[second].wants_gradient;
        let fits = body.phases[index] == Phase::Step && matrices(first) && matrices(second);
        (fits && constant && wanted).then_some(Self { node: index, transposed })
    }

    /// Elements of a row of the first factor and of the product.
    fn widths<T: Scalar>(&self, body: &Body<T>) -> Result<[usize; 2]> {
        let node = &body.nodes[self.node];
        let width = |value: usize| body.metas[value].shape.inner(1);
        Ok([width(node.inputs[0])?, width(node.outputs[0])?])
    }

    /// Elements for copies of both, for a number of rows.
    pub(super) fn copied<T: Scalar>(&self, body: &Body<T>, rows: usize) -> Option<usize> {
        let [first, product] = self.widths(body).ok()?;
        first.checked_add(product)?.checked_mul(rows)
    }

    /// Adds the gradient of all steps.
    pub(super) fn run<T: Scalar>(
        &self,
        body: &Body<T>,
        pass: &Pass<'_, T>,
        buffers: &mut Buffers<'_, T>,
    ) -> Result<()> {
        let node = &body.nodes[self.node];
        let (first, second, product) = (node.inputs[0], node.inputs[1], node.outputs[0]);
        let &[.., rows, _] = body.metas[product].shape.dims() else {
            return Err(Error::native("A product of matrices is none"));
        };
        let widths = self.widths(body)?;
        let packing = pass.locator.packing;
        let (batch, steps) = (packing.order().len(), packing.steps().len() - 1);
        let lengths = widths.map(|width| batch * steps * width);
        let copies = pass.locator.part(Region::Backward, pass.layout.rows, lengths[0] + lengths[1])?;
        let copies = [copies.part(0, lengths[0])?, copies.part(lengths[0], lengths[1])?];
        for step in 0..steps {
            let scope = Scope::Step(step);
            let places = [pass.value(first, scope)?, pass.gradient(product, scope)?];
            for ((place, copy), width) in places.into_iter().zip(copies).zip(widths) {
                gather_step(buffers, (place, copy), width, (step, steps))?;
            }
        }
        let ([a, dy], [db]) = buffers.carve(copies, [pass.gradient(second, Scope::Sequences)?])?;
        let [depth, columns] = widths.map(|width| width / rows.max(1));
        let work = dy.len() * depth;
        each_rows(db, depth * columns, work, |start, db| {
            for (index, db) in db.chunks_exact_mut(depth * columns).enumerate() {
                let row = start + index;
                let count = rows * packing.counts()[packing.order()[row]];
                let a = Matrix::new(&a[row * steps * widths[0]..][..count * depth], count, depth);
                let dy = Matrix::new(&dy[row * steps * widths[1]..][..count * columns], count, columns);
                if self.transposed {
                    T::gemm(dy.transposed(), a, MatrixMut::new(db, columns, depth), true);
                } else {
                    T::gemm(a.transposed(), dy, MatrixMut::new(db, depth, columns), true);
                }
            }
        });
        Ok(())
    }
}

/// Copies a step's rows to where each sequence's `steps` rows lie side by side.
fn gather_step<T: Scalar>(
    buffers: &mut Buffers<'_, T>,
    (from, to): (Place, Place),
    width: usize,
    (step, steps): (usize, usize),
) -> Result<()> {
    let ([from], [to]) = buffers.carve([from], [to])?;
    for (row, from) in from.chunks_exact(width).enumerate() {
        to[(row * steps + step) * width..][..width].copy_from_slice(from);
    }
    Ok(())
}
