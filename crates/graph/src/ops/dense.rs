//! `dense`: y = x·kernel + bias over the last axis.

use super::activation::expect_float;
use super::{
    Backward, Described, Entry, Forward, Int8Product, Op, Operands, Operation, Role, Site, Sizes, Streamed,
    TimeAxes, made, stream, suits_int8,
};
use crate::error::{Error, Result};
use crate::form::{Form, Known};
use crate::parallel::each_rows;
use crate::setting::settings;
use crate::shape::{Meta, fits};
use crate::values::Channels;
use seqloom_kernels::simd::{Plain, vectorised};
use seqloom_kernels::{Matrix, MatrixMut, Precision, Scalar};

settings! {
    struct Attributes {
        transposed: bool = false;
    }
}

/// A matrix product with the weights `kernel` `[inputs, units]`, or `transposed` `[units, inputs]`, and, if given,
/// `bias` `[units]`. The kernel of a convolution has more dimensions, of which the first ones are rows.
#[derive(Debug, Clone)]
pub(crate) struct Dense {
    inputs: usize,
    units: usize,
    transposed: bool,
    has_bias: bool,
    precision: Precision,
}

pub(super) const OPERATIONS: &[Entry] = &[Entry {
    weights: 1..=2,
    settings: Attributes::SETTINGS,
    ..Entry::of("dense", |site| {
        let dense = Dense::new(site)?;
        if site.int8(0).is_some() { made(Int8Dense(dense)) } else { made(dense) }
    })
}];

impl Dense {
    pub(crate) fn new(site: &Site<'_>) -> Result<Self> {
        let Attributes { transposed } = Attributes::read(site.attributes())?;
        let [rows, columns] = site.rows(0, "kernel")?;
        let [inputs, units] = if transposed { [columns, rows] } else { [rows, columns] };
        let has_bias = site.weight_count() == 2;
        if has_bias {
            site.expect_weight(1, "bias", &[units])?;
        }
        Ok(Self { inputs, units, transposed, has_bias, precision: Precision::default() })
    }

    /// The kernel, `[inputs, units]`.
    fn kernel<'a, T>(&self, weights: &'a [T]) -> Matrix<'a, T> {
        if self.transposed {
            Matrix::new(weights, self.units, self.inputs).transposed()
        } else {
            Matrix::new(weights, self.inputs, self.units)
        }
    }

    fn shape(&self, inputs: &[Meta], outputs: &mut [Meta]) -> Result<()> {
        expect_float(&inputs[0])?;
        let shape = inputs[0].shape;
        if shape.rank() < 2 || !fits(shape.last(), self.inputs) {
            return Err(Error::shape(format!(
                "the last dimension of the input must be {}; got shape {shape}",
                self.inputs
            )));
        }
        outputs[0] = Meta::float(shape.with_last(self.units));
        Ok(())
    }
}

impl Operation for Dense {
    fn stream(&self, inputs: &[Streamed]) -> Option<TimeAxes> {
        stream::rows(inputs)
    }

    fn int8(&self) -> Vec<(usize, Option<Channels>)> {
        // A single unit is a sum of products over rows, which takes no time.
        if self.units == 1 || !suits_int8(self.inputs) {
            return Vec::new();
        }
        vec![(0, Some(if self.transposed { Channels::Rows } else { Channels::Columns }))]
    }

    fn role(&self) -> Role {
        if self.transposed { Role::Other } else { Role::Product([self.inputs, self.units]) }
    }
}

impl<T: Scalar> Op<T> for Dense {
    fn set_precision(&mut self, precision: Precision) {
        self.precision = precision;
    }

    fn infer(&mut self, inputs: &[Meta], outputs: &mut [Meta]) -> Result<()> {
        self.shape(inputs, outputs)
    }

    fn sizes(&mut self, operands: Operands<'_>) -> Result<Sizes> {
        operands.outputs[0].shape.elements()?;
        Ok(Sizes::default())
    }

    fn forward(&mut self, context: &mut Forward<'_, T>) -> Result<()> {
        let frame = &mut context.frame;
        let (kernel, bias) = (frame.weights.get(0), frame.weights.get(1));
        let ([x], [y]) = frame.buffers.carve([frame.inputs[0].place], [frame.outputs[0].place])?;
        let rows = x.len() / self.inputs;
        let (x, kernel) = (Matrix::new(x, rows, self.inputs), self.kernel(kernel));
        let y = MatrixMut::new(y, rows, self.units);
        if self.has_bias {
            T::gemm_bias(self.precision, x, kernel, bias, y);
        } else {
            T::gemm_in(self.precision, x, kernel, y, false);
        }
        Ok(())
    }

    fn backward(&mut self, context: &mut Backward<'_, T>) -> Result<()> {
        let Backward { frame, gradients, .. } = context;
        let kernel = frame.weights.get(0);
        let fresh = frame.inputs[0].fresh;
        let [d_kernel, d_bias] = gradients.dense(frame.weights.indices([0, 1]))?;
        let ([x, dy], [dx]) = frame
            .buffers
            .carve([frame.inputs[0].place, frame.outputs[0].gradient], [frame.inputs[0].gradient])?;
        let rows = dy.len() / self.units;
        let dy_matrix = Matrix::new(dy, rows, self.units);
        if !dx.is_empty() {
            T::gemm_in(
                self.precision,
                dy_matrix,
                self.kernel(kernel).transposed(),
                MatrixMut::new(dx, rows, self.inputs),
                !fresh,
            );
        }
        if !d_kernel.is_empty() {
            let x = Matrix::new(x, rows, self.inputs);
            let (left, right) = if self.transposed { (dy_matrix, x) } else { (x, dy_matrix) };
            let d_kernel = MatrixMut::new(d_kernel, left.columns, right.columns);
            T::gemm_in(self.precision, left.transposed(), right, d_kernel, true);
        }
        if !d_bias.is_empty() {
            add_rows(dy, d_bias);
        }
        Ok(())
    }

    fn keeps_input(&self, _index: usize) -> bool {
        true
    }

    fn writes_gradient(&self, _index: usize) -> bool {
        true
    }

    fn form(&self, _known: &[Known], _output: usize) -> Form {
        Form::Real
    }
}

/// The same with an int8 kernel, as it is described.
#[derive(Debug)]
struct Int8Dense(Dense);

impl Operation for Int8Dense {
    fn stream(&self, inputs: &[Streamed]) -> Option<TimeAxes> {
        self.0.stream(inputs)
    }

    fn int8(&self) -> Vec<(usize, Option<Channels>)> {
        self.0.int8()
    }

    fn role(&self) -> Role {
        self.0.role()
    }
}

impl Described for Int8Dense {
    fn single(&self) -> Result<Box<dyn Op<f32>>> {
        Ok(Box::new(RunInt8Dense { dense: self.0.clone(), packed: Int8Product::default() }))
    }

    #[cfg(feature = "double")]
    fn double(&self) -> Result<Box<dyn Op<f64>>> {
        Ok(Box::new(RunInt8Dense { dense: self.0.clone(), packed: Int8Product::default() }))
    }
}

struct RunInt8Dense<T: Scalar> {
    dense: Dense,
    packed: Int8Product<T>,
}

impl<T: Scalar> Op<T> for RunInt8Dense<T> {
    fn infer(&mut self, inputs: &[Meta], outputs: &mut [Meta]) -> Result<()> {
        self.dense.shape(inputs, outputs)
    }

    fn forward(&mut self, context: &mut Forward<'_, T>) -> Result<()> {
        let Self { dense, packed } = self;
        let frame = &mut context.frame;
        let packed = packed.of(frame.weights.params, frame.weights.index(0))?;
        let bias = frame.weights.get(1);
        let ([x], [y]) = frame.buffers.carve([frame.inputs[0].place], [frame.outputs[0].place])?;
        let rows = x.len() / dense.inputs;
        if dense.has_bias {
            y.chunks_exact_mut(dense.units).for_each(|y| y.copy_from_slice(bias));
        }
        let (x, y) = (Matrix::new(x, rows, dense.inputs), MatrixMut::new(y, rows, dense.units));
        T::gemm_int8(x, packed, y, dense.has_bias);
        Ok(())
    }

    fn backward(&mut self, _context: &mut Backward<'_, T>) -> Result<()> {
        Err(Error::unsupported("int8 weights serve inference: they have no gradient"))
    }

    fn memory(&self) -> usize {
        self.packed.memory()
    }

    fn form(&self, _known: &[Known], _output: usize) -> Form {
        Form::Real
    }
}

/// Adds every row of `x` to `sum`, in their order.
pub(crate) fn add_rows<T: Scalar>(x: &[T], sum: &mut [T]) {
    let columns = sum.len().max(1);
    each_rows(sum, 1, x.len(), |first, sum| vectorised(AddRows { x, columns, first, sum }));
}

/// Some columns, from `first` on, of the sum of rows.
struct AddRows<'a, T> {
    x: &'a [T],
    columns: usize,
    first: usize,
    sum: &'a mut [T],
}

impl<T: Scalar> Plain for AddRows<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for row in self.x.chunks_exact(self.columns) {
            for (sum, &x) in self.sum.iter_mut().zip(&row[self.first..]) {
                *sum += x;
            }
        }
    }
}
