//! The joint network over any places of its grid, a slice at a time.

use super::super::activation::elementwise;
use super::super::{Place, Site, ValueRef, add_rows, expect_float};
use crate::error::{Error, Result};
use crate::parallel::each_rows;
use crate::shape::{Meta, fits};
use seqloom_kernels::{Activation, Matrix, MatrixMut, Precision, Scalar};

/// Elements that a slice may have, about a megabyte; and the fewest places of one, however large they are.
const ELEMENTS: usize = 1 << 18;
const LEAST: usize = 64;

/// A place of the grid: the row of the encoder's values, and that of the predictor's, `[batch · steps][width]` each.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Cell {
    pub(super) step: usize,
    pub(super) place: usize,
}

/// The sizes of the network.
#[derive(Debug, Clone, Copy)]
pub(super) struct Joint {
    /// Of what is added.
    pub(super) width: usize,
    pub(super) symbols: usize,
    activation: Activation,
    has_bias: bool,
}

/// What the network reads: the values of encoder and predictor, its kernel and its bias.
#[derive(Debug, Clone, Copy)]
pub(super) struct Read<'a, T> {
    pub(super) encoded: &'a [T],
    pub(super) predicted: &'a [T],
    pub(super) kernel: &'a [T],
    pub(super) bias: &'a [T],
}

/// Where its gradients are added; those that nobody wants are empty.
#[derive(Debug)]
pub(super) struct Gradients<'a, T> {
    pub(super) encoded: &'a mut [T],
    /// Those of the encoder, if the predictor is the same.
    pub(super) predicted: Option<&'a mut [T]>,
    pub(super) kernel: &'a mut [T],
    pub(super) bias: &'a mut [T],
}

impl Joint {
    pub(super) fn new(site: &Site<'_>, activation: &str) -> Result<Self> {
        let [width, symbols] = site.matrix(0, "kernel")?;
        let has_bias = site.weight_count() == 2;
        if has_bias {
            site.expect_weight(1, "bias", &[symbols])?;
        }
        Ok(Self { width, symbols, activation: elementwise(activation)?, has_bias })
    }

    /// Refuses values that are not those of an encoder and a predictor.
    pub(super) fn check(&self, encoded: &Meta, predicted: &Meta) -> Result<()> {
        for (name, steps, value) in [("encoder", "time", encoded), ("predictor", "labels", predicted)] {
            expect_float(value)?;
            let shape = value.shape;
            if shape.rank() != 3 || !value.batched || !fits(shape.last(), self.width) {
                let width = self.width;
                return Err(Error::shape(format!(
                    "the values of the {name} must have shape [batch, {steps}, {width}]; got {shape}"
                )));
            }
        }
        if fits(encoded.shape.batch(), predicted.shape.batch()) {
            return Ok(());
        }
        Err(Error::shape(format!(
            "the values of encoder and predictor must be of the same rows; got {} and {}",
            encoded.shape, predicted.shape
        )))
    }

    /// How many of `all` places make a slice.
    pub(super) fn places(&self, all: usize) -> usize {
        let each = self.width.saturating_mul(4).saturating_add(self.symbols.saturating_mul(2));
        (ELEMENTS / each.max(1)).max(LEAST).min(all)
    }

    /// Elements for the sums of `places` places, each of which becomes what the activation makes of it.
    pub(super) fn hidden(&self, places: usize) -> Option<usize> {
        self.width.checked_mul(places)
    }

    /// Elements for the logits of `places` places.
    pub(super) fn logits(&self, places: usize) -> Option<usize> {
        self.symbols.checked_mul(places)
    }

    fn add<T: Scalar>(&self, cells: &[Cell], read: &Read<'_, T>, sums: &mut [T]) {
        let (width, work) = (self.width, sums.len());
        each_rows(sums, width, work, |first, part| {
            for (sum, cell) in part.chunks_exact_mut(width).zip(&cells[first..]) {
                let a = &read.encoded[cell.step * width..][..width];
                let b = &read.predicted[cell.place * width..][..width];
                for ((sum, &a), &b) in sum.iter_mut().zip(a).zip(b) {
                    *sum = a + b;
                }
            }
        });
    }

    fn project<T: Scalar>(&self, hidden: &[T], read: &Read<'_, T>, logits: &mut [T]) {
        let rows = logits.len() / self.symbols;
        let hidden = Matrix::new(hidden, rows, self.width);
        let kernel = Matrix::new(read.kernel, self.width, self.symbols);
        let logits = MatrixMut::new(logits, rows, self.symbols);
        if self.has_bias {
            T::gemm_bias(Precision::Float32, hidden, kernel, read.bias, logits);
        } else {
            T::gemm(hidden, kernel, logits, false);
        }
    }

    /// The logits of places. `hidden` has room for their sums.
    pub(super) fn forward<T: Scalar>(
        &self,
        cells: &[Cell],
        read: &Read<'_, T>,
        hidden: &mut [T],
        logits: &mut [T],
    ) {
        self.add(cells, read, hidden);
        T::activation_in_place(self.activation, hidden);
        self.project(hidden, read, logits);
    }

    /// The same for a backward pass: `workspace` has four times the room of their sums, and keeps what that needs.
    pub(super) fn forward_again<T: Scalar>(
        &self,
        cells: &[Cell],
        read: &Read<'_, T>,
        workspace: &mut [T],
        logits: Option<&mut [T]>,
    ) {
        let (sums, rest) = workspace.split_at_mut(cells.len() * self.width);
        let hidden = &mut rest[..sums.len()];
        self.add(cells, read, sums);
        T::activation(self.activation, sums, hidden);
        if let Some(logits) = logits {
            self.project(hidden, read, logits);
        }
    }

    /// Adds the gradients that follow from those of the logits, after [`Self::forward_again`].
    pub(super) fn backward<T: Scalar>(
        &self,
        cells: &[Cell],
        read: &Read<'_, T>,
        workspace: &mut [T],
        d_logits: &[T],
        gradients: &mut Gradients<'_, T>,
    ) {
        let (rows, width, symbols) = (cells.len(), self.width, self.symbols);
        let size = rows * width;
        let (sums, rest) = workspace.split_at_mut(size);
        let (hidden, rest) = rest.split_at_mut(size);
        let (d_hidden, rest) = rest.split_at_mut(size);
        let d_sums = &mut rest[..size];
        let d_rows = Matrix::new(d_logits, rows, symbols);
        if !gradients.kernel.is_empty() {
            let into = MatrixMut::new(&mut *gradients.kernel, width, symbols);
            T::gemm(Matrix::new(hidden, rows, width).transposed(), d_rows, into, true);
        }
        if !gradients.bias.is_empty() {
            add_rows(d_logits, gradients.bias);
        }
        if gradients.encoded.is_empty() && gradients.predicted.as_deref().is_none_or(<[T]>::is_empty) {
            return;
        }
        let kernel = Matrix::new(read.kernel, width, symbols).transposed();
        T::gemm(d_rows, kernel, MatrixMut::new(&mut *d_hidden, rows, width), false);
        d_sums.fill(T::ZERO);
        T::activation_backward(self.activation, sums, hidden, d_hidden, d_sums);
        let add = |into: &mut [T], at: usize, d_sum: &[T]| {
            for (into, &d) in into.iter_mut().skip(at * width).zip(d_sum) {
                *into += d;
            }
        };
        for (d_sum, cell) in d_sums.chunks_exact(width).zip(cells) {
            add(gradients.encoded, cell.step, d_sum);
            add(gradients.predicted.as_deref_mut().unwrap_or(gradients.encoded), cell.place, d_sum);
        }
    }
}

/// The gradients of encoder and predictor; the second one is nowhere where they are the same.
pub(super) fn places_of_gradients(inputs: &[ValueRef]) -> (Place, Place) {
    let [encoded, predicted] = [inputs[0].gradient, inputs[1].gradient];
    (encoded, if predicted == encoded { Place::None } else { predicted })
}

/// Calls `body(first place, places)` for places in slices of at most `size`, with memory that is kept.
pub(super) fn in_slices(
    mut all: impl Iterator<Item = Cell>,
    size: usize,
    cells: &mut Vec<Cell>,
    mut body: impl FnMut(usize, &[Cell]) -> Result<()>,
) -> Result<()> {
    let mut first = 0;
    loop {
        cells.clear();
        cells.extend(all.by_ref().take(size));
        if cells.is_empty() {
            return Ok(());
        }
        body(first, cells)?;
        first += cells.len();
    }
}
