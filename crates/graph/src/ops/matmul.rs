//! `matmul`: products of matrices that are both computed.

use super::activation::expect_float;
use super::elementwise::{broadcast, repeated};
use super::{Backward, Entry, Forward, MaskRule, Op, Operation, Role, Site, Streamed, TimeAxes, made, thin};
use crate::error::{Error, Result};
use crate::form::{Form, Known};
use crate::parallel::each_rows;
use crate::setting::settings;
use crate::shape::{Meta, Shape, fits};
use seqloom_kernels::{Matrix, MatrixMut, Scalar};

settings! {
    struct Attributes {
        transpose_a: bool = false;
        transpose_b: bool = false;
    }
}

/// a·b over the last two axes; the axes before them broadcast.
#[derive(Debug, Clone)]
pub(crate) struct Matmul {
    transpose_a: bool,
    transpose_b: bool,
    in_body: bool,
}

/// The sizes of a product.
#[derive(Debug, Clone, Copy)]
struct MatmulSizes {
    rows: usize,
    depth: usize,
    columns: usize,
}

/// A product in which one operand is a vector.
#[derive(Debug, Clone, Copy)]
struct Thin {
    /// Whether a is the vector.
    vector_first: bool,
    /// Whether the result is a sum of the matrix's rows as they lie in memory, else products with them.
    combines: bool,
}

impl Thin {
    /// y += the product.
    fn multiply<T: Scalar>(self, vector: &[T], matrix: &[T], y: &mut [T]) {
        if self.combines { thin::combine(vector, matrix, y) } else { thin::dots(matrix, vector, y) }
    }

    /// The vector's gradient.
    fn add_to_vector<T: Scalar>(self, matrix: &[T], dy: &[T], dx: &mut [T]) {
        if self.combines { thin::dots(matrix, dy, dx) } else { thin::combine(dy, matrix, dx) }
    }

    /// The matrix's gradient.
    fn add_to_matrix<T: Scalar>(self, vector: &[T], dy: &[T], dx: &mut [T]) {
        if self.combines { thin::outer(vector, dy, dx) } else { thin::outer(dy, vector, dx) }
    }
}

pub(super) const OPERATIONS: &[Entry] = &[Entry {
    inputs: 2..=2,
    settings: Attributes::SETTINGS,
    traced: Some("matmul"),
    ..Entry::of("matmul", |site| made(Matmul::new(site)?))
}];

impl Matmul {
    pub(crate) fn new(site: &Site<'_>) -> Result<Self> {
        let Attributes { transpose_a, transpose_b } = Attributes::read(site.attributes())?;
        Ok(Self { transpose_a, transpose_b, in_body: site.in_body() })
    }

    fn product(&self, a: &Shape, b: &Shape) -> Result<MatmulSizes> {
        let mismatch = || Error::shape(format!("values of shapes {a} and {b} cannot be multiplied"));
        let (&[.., rows, depth], &[.., other, columns]) = (a.dims(), b.dims()) else {
            return Err(mismatch());
        };
        let (rows, depth) = if self.transpose_a { (depth, rows) } else { (rows, depth) };
        let (other, columns) = if self.transpose_b { (columns, other) } else { (other, columns) };
        if !fits(depth, other) {
            return Err(mismatch());
        }
        Ok(MatmulSizes { rows, depth, columns })
    }

    fn thin(&self, product: MatmulSizes) -> Option<Thin> {
        match product {
            MatmulSizes { rows: 1, .. } => Some(Thin { vector_first: true, combines: !self.transpose_b }),
            MatmulSizes { columns: 1, .. } => Some(Thin { vector_first: false, combines: self.transpose_a }),
            _ => None,
        }
    }
}

/// What is before the last two axes.
fn leading(meta: &Meta) -> Result<Meta> {
    let dims = meta.shape.dims();
    let shape = Shape::new(&dims[..dims.len() - 2])?;
    Ok(Meta { batched: meta.batched && shape.rank() > 0, ..Meta::float(shape) })
}

/// For each matrix of a result of shape `whole`, which of an operand's matrices it is made of.
fn matrix_of(whole: &Shape, operand: &Shape) -> impl Fn(usize) -> usize + use<> {
    let lead = |shape: &Shape| Shape::new(&shape.dims()[..shape.rank() - 2]).unwrap_or(Shape::SCALAR);
    repeated(&lead(whole), &lead(operand))
}

/// Calls `body(number of the product, its matrix)` for the matrices of `size` elements in `target`, those that `at`
/// gives for `count` products; on all threads where there are many and each is of one product.
fn for_each_matrix<T: Scalar>(
    target: &mut [T],
    (size, count): (usize, usize),
    at: impl Fn(usize) -> usize,
    work: usize,
    body: impl Fn(usize, &mut [T]) + Sync,
) {
    if target.len() != count * size {
        (0..count).for_each(|number| body(number, &mut target[at(number) * size..][..size]));
        return;
    }
    // A few large products are better shared by each of them.
    let work = if count < MANY { 0 } else { work };
    each_rows(target, size, work, |first, target| {
        target.chunks_exact_mut(size).enumerate().for_each(|(index, target)| body(first + index, target));
    });
}

/// From this many products on, threads share the products and not the work within each one.
const MANY: usize = 8;

/// Part `number` of parts of `size` elements each.
fn part<T>(data: &[T], number: usize, size: usize) -> &[T] {
    &data[number * size..(number + 1) * size]
}

/// A matrix of `rows` × `columns` after transposing.
fn matrix<T>(data: &[T], rows: usize, columns: usize, transposed: bool) -> Matrix<'_, T> {
    if transposed { Matrix::new(data, columns, rows).transposed() } else { Matrix::new(data, rows, columns) }
}

impl Operation for Matmul {
    fn stream(&self, inputs: &[Streamed]) -> Option<TimeAxes> {
        let &[a, b] = inputs else { return None };
        let rows = a.rank().checked_sub(if self.transpose_a { 1 } else { 2 })?;
        let columns = b.rank().checked_sub(if self.transpose_b { 2 } else { 1 })?;
        let rank = a.rank().max(b.rank());
        Some(vec![match (a.time, b.time) {
            (None, None) => None,
            (Some(axis), None) if axis == rows => Some(rank - 2),
            (None, Some(axis)) if axis == columns => Some(rank - 1),
            // Matrices side by side, one for each step.
            (Some(axis), None) if axis + 2 < a.rank() => {
                let once = a.rank() == b.rank() && b.meta.shape.dims().get(axis) == Some(&1);
                (once || !b.meta.batched).then_some(Some(axis))?
            }
            (Some(axis), Some(other)) if axis == other && axis + 2 < rank => Some(axis),
            _ => return None,
        }])
    }

    fn role(&self) -> Role {
        Role::Matmul([self.transpose_a, self.transpose_b])
    }
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
        let product = self.product(&a.shape, &b.shape)?;
        let MatmulSizes { rows, depth, columns } = product;
        let (of_a, of_b) = (matrix_of(&y.shape, &a.shape), matrix_of(&y.shape, &b.shape));
        let ([a, b], [y]) = frame.buffers.carve([a.place, b.place], [y.place])?;
        let (thin, size) = (self.thin(product), rows * columns);
        let count = y.len() / size.max(1);
        for_each_matrix(
            y,
            (size, count),
            |number| number,
            count * size * depth,
            |number, y| {
                let (a, b) = (part(a, of_a(number), rows * depth), part(b, of_b(number), depth * columns));
                if let Some(thin) = thin {
                    let (vector, matrix) = if thin.vector_first { (a, b) } else { (b, a) };
                    y.fill(T::ZERO);
                    thin.multiply(vector, matrix, y);
                    return;
                }
                let a = matrix(a, rows, depth, self.transpose_a);
                let b = matrix(b, depth, columns, self.transpose_b);
                T::gemm(a, b, MatrixMut::new(y, rows, columns), false);
            },
        );
        Ok(())
    }

    fn backward(&mut self, context: &mut Backward<'_, T>) -> Result<()> {
        let frame = &mut context.frame;
        let (a, b, y) = (frame.inputs[0], frame.inputs[1], frame.outputs[0]);
        let product = self.product(&a.shape, &b.shape)?;
        let MatmulSizes { rows, depth, columns } = product;
        let (of_a, of_b) = (matrix_of(&y.shape, &a.shape), matrix_of(&y.shape, &b.shape));
        let (thin, size) = (self.thin(product), rows * columns);
        // One operand at a time: they may be the same value.
        if a.gradient.is_some() {
            let ([b, dy], [da]) = frame.buffers.carve([b.place, y.gradient], [a.gradient])?;
            let (count, work) = (dy.len() / size.max(1), dy.len() * depth);
            for_each_matrix(da, (rows * depth, count), &of_a, work, |number, da| {
                let (b, dy) = (part(b, of_b(number), depth * columns), part(dy, number, size));
                match thin {
                    Some(thin) if thin.vector_first => thin.add_to_vector(b, dy, da),
                    Some(thin) => thin.add_to_matrix(b, dy, da),
                    None => {
                        let dy = matrix(dy, rows, columns, false);
                        let b = matrix(b, depth, columns, self.transpose_b).transposed();
                        if self.transpose_a {
                            T::gemm(b.transposed(), dy.transposed(), MatrixMut::new(da, depth, rows), true);
                        } else {
                            T::gemm(dy, b, MatrixMut::new(da, rows, depth), true);
                        }
                    }
                }
            });
        }
        if b.gradient.is_some() {
            let ([a, dy], [db]) = frame.buffers.carve([a.place, y.gradient], [b.gradient])?;
            let (count, work) = (dy.len() / size.max(1), dy.len() * depth);
            for_each_matrix(db, (depth * columns, count), &of_b, work, |number, db| {
                let (a, dy) = (part(a, of_a(number), rows * depth), part(dy, number, size));
                match thin {
                    Some(thin) if thin.vector_first => thin.add_to_matrix(a, dy, db),
                    Some(thin) => thin.add_to_vector(a, dy, db),
                    None => {
                        let dy = matrix(dy, rows, columns, false);
                        let a = matrix(a, rows, depth, self.transpose_a).transposed();
                        if self.transpose_b {
                            T::gemm(
                                dy.transposed(),
                                a.transposed(),
                                MatrixMut::new(db, columns, depth),
                                true,
                            );
                        } else {
                            T::gemm(a, dy, MatrixMut::new(db, depth, columns), true);
                        }
                    }
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

    fn form(&self, known: &[Known], _output: usize) -> Form {
        let [a, b] = [known[0].form, known[1].form];
        let plain = !self.transpose_a && !self.transpose_b;
        match (a, b) {
            // Rows that mix rows.
            (Form::Distribution, Form::Distribution) if plain => Form::Distribution,
            _ if a == Form::Real || b == Form::Real => Form::Real,
            _ => Form::product(&[a, b]).max(Form::NonNegative),
        }
    }
}
