//! `matmul`: products of matrices that are both computed.

use super::activation::expect_float;
use super::elementwise::{broadcast, strides};
use super::{Backward, Forward, MaskRule, Op, Site};
use crate::error::{Error, Result};
use crate::shape::{MAX_RANK, Meta, Shape, fits};
use seqloom_kernels::{Matrix, MatrixMut, Scalar};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Attributes {
    #[serde(default)]
    transpose_a: bool,
    #[serde(default)]
    transpose_b: bool,
}

/// a·b over the last two axes; the axes before them broadcast.
#[derive(Debug)]
pub(super) struct Matmul {
    transpose_a: bool,
    transpose_b: bool,
    in_body: bool,
}

/// The sizes of a product.
#[derive(Debug, Clone, Copy)]
struct Product {
    rows: usize,
    depth: usize,
    columns: usize,
}

impl Matmul {
    pub(super) fn new(site: &Site<'_>) -> Result<Self> {
        site.arity(2..=2, 0..=0, 1)?;
        let Attributes { transpose_a, transpose_b } = site.attributes()?;
        Ok(Self { transpose_a, transpose_b, in_body: site.in_body() })
    }

    fn product(&self, a: &Shape, b: &Shape) -> Result<Product> {
        let mismatch = || Error::shape(format!("values of shapes {a} and {b} cannot be multiplied"));
        let (&[.., rows, depth], &[.., other, columns]) = (a.dims(), b.dims()) else {
            return Err(mismatch());
        };
        let (rows, depth) = if self.transpose_a { (depth, rows) } else { (rows, depth) };
        let (other, columns) = if self.transpose_b { (columns, other) } else { (other, columns) };
        if !fits(depth, other) {
            return Err(mismatch());
        }
        Ok(Product { rows, depth, columns })
    }
}

/// What is before the last two axes.
fn leading(meta: &Meta) -> Result<Meta> {
    let dims = meta.shape.dims();
    let shape = Shape::new(&dims[..dims.len() - 2])?;
    Ok(Meta { batched: meta.batched && shape.rank() > 0, ..Meta::float(shape) })
}

/// Calls `visit` with the numbers of the matrices of the result, of a and of b.
fn for_each_matrix(whole: &Shape, a: &Shape, b: &Shape, mut visit: impl FnMut(usize, usize, usize)) {
    let lead = |shape: &Shape| Shape::new(&shape.dims()[..shape.rank() - 2]).unwrap_or(Shape::SCALAR);
    let whole = lead(whole);
    let (of_a, of_b) = (strides(&whole, &lead(a)), strides(&whole, &lead(b)));
    let dims = whole.dims();
    let mut index = [0; MAX_RANK];
    let (mut at_a, mut at_b) = (0, 0);
    for number in 0..dims.iter().product() {
        visit(number, at_a, at_b);
        for axis in (0..dims.len()).rev() {
            index[axis] += 1;
            at_a += of_a[axis];
            at_b += of_b[axis];
            if index[axis] < dims[axis] {
                break;
            }
            at_a -= of_a[axis] * dims[axis];
            at_b -= of_b[axis] * dims[axis];
            index[axis] = 0;
        }
    }
}

/// Matrix `number` of consecutive ones, of `rows` × `columns` after transposing.
fn matrix<T>(data: &[T], number: usize, rows: usize, columns: usize, transposed: bool) -> Matrix<'_, T> {
    let data = &data[number * rows * columns..(number + 1) * rows * columns];
    if transposed { Matrix::new(data, columns, rows).transposed() } else { Matrix::new(data, rows, columns) }
}

impl<T: Scalar> Op<T> for Matmul {
    fn infer(&mut self, inputs: &[Meta], outputs: &mut [Meta]) -> Result<()> {
        inputs.iter().try_for_each(expect_float)?;
        let (a, b) = (inputs[0], inputs[1]);
        let product = self.product(&a.shape, &b.shape)?;
        // The rows of a batch are not the rows of a matrix.
        if inputs.iter().any(|meta| meta.batched && meta.shape.rank() < 3) {
            return Err(Error::shape(format!(
                "values with a batch must have shape [batch, …, rows, columns]; got {} and {}",
                a.shape, b.shape
            )));
        }
        let shape = broadcast(&[leading(&a)?, leading(&b)?])?;
        outputs[0] = Meta::float(shape.pushed(product.rows)?.pushed(product.columns)?);
        Ok(())
    }

    fn forward(&mut self, context: &mut Forward<'_, T>) -> Result<()> {
        let frame = &mut context.frame;
        let (a, b, y) = (frame.inputs[0], frame.inputs[1], frame.outputs[0]);
        let Product { rows, depth, columns } = self.product(&a.shape, &b.shape)?;
        let ([a_data, b_data], [y_data]) = frame.buffers.carve([a.place, b.place], [y.place])?;
        for_each_matrix(&y.shape, &a.shape, &b.shape, |number, at_a, at_b| {
            T::gemm(
                matrix(a_data, at_a, rows, depth, self.transpose_a),
                matrix(b_data, at_b, depth, columns, self.transpose_b),
                MatrixMut::new(
                    &mut y_data[number * rows * columns..(number + 1) * rows * columns],
                    rows,
                    columns,
                ),
                false,
            );
        });
        Ok(())
    }

    fn backward(&mut self, context: &mut Backward<'_, T>) -> Result<()> {
        let frame = &mut context.frame;
        let (a, b, y) = (frame.inputs[0], frame.inputs[1], frame.outputs[0]);
        let Product { rows, depth, columns } = self.product(&a.shape, &b.shape)?;
        // One operand at a time: they may be the same value.
        if a.gradient.is_some() {
            let ([b_data, dy], [da]) = frame.buffers.carve([b.place, y.gradient], [a.gradient])?;
            for_each_matrix(&y.shape, &a.shape, &b.shape, |number, at_a, at_b| {
                let dy = matrix(dy, number, rows, columns, false);
                let b = matrix(b_data, at_b, depth, columns, self.transpose_b).transposed();
                let da = &mut da[at_a * rows * depth..(at_a + 1) * rows * depth];
                if self.transpose_a {
                    T::gemm(b.transposed(), dy.transposed(), MatrixMut::new(da, depth, rows), true);
                } else {
                    T::gemm(dy, b, MatrixMut::new(da, rows, depth), true);
                }
            });
        }
        if b.gradient.is_some() {
            let ([a_data, dy], [db]) = frame.buffers.carve([a.place, y.gradient], [b.gradient])?;
            for_each_matrix(&y.shape, &a.shape, &b.shape, |number, at_a, at_b| {
                let dy = matrix(dy, number, rows, columns, false);
                let a = matrix(a_data, at_a, rows, depth, self.transpose_a).transposed();
                let db = &mut db[at_b * depth * columns..(at_b + 1) * depth * columns];
                if self.transpose_b {
                    T::gemm(dy.transposed(), a.transposed(), MatrixMut::new(db, columns, depth), true);
                } else {
                    T::gemm(a, dy, MatrixMut::new(db, depth, columns), true);
                }
            });
        }
        Ok(())
    }

    fn mask_rule(&self) -> MaskRule {
        if self.transpose_a && !self.in_body { MaskRule::Own } else { MaskRule::First }
    }

    fn takes_unbatched(&self) -> bool {
        true
    }

    fn keeps_input(&self, _index: usize) -> bool {
        true
    }
}
