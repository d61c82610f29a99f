//! Streaming.

use crate::data::view;
use ndarray::{ArrayView, ArrayViewD, CowArray, Dimension};
use seqloom_graph::{BatchData, Error, Result, decode};

/// A model that reads sequences step by step, several side by side, and remembers their states.
#[derive(Debug)]
pub struct Session {
    session: decode::Session,
    /// Of each output of a step.
    shapes: Vec<Vec<usize>>,
}

impl Session {
    pub(crate) fn new(mut session: decode::Session) -> Result<Self> {
        Ok(Self { shapes: session.output_shapes()?, session })
    }

    /// Reads the next step of every sequence, `[batch, features]`, and gives each output of the model for it,
    /// `[batch, …]`.
    ///
    /// # Errors
    /// `ERR_SHAPE` for another shape, `ERR_DATA` for numbers that are not finite or where tokens are expected;
    /// `ERR_MEMORY`. States are then as before.
    pub fn step<D: Dimension>(&mut self, x: ArrayView<'_, f32, D>) -> Result<Vec<ArrayViewD<'_, f32>>> {
        self.check(x.shape())?;
        let x = x.as_standard_layout();
        self.session.step(BatchData::Float(elements(&x)))?;
        self.outputs()
    }

    /// Reads the next token of every sequence.
    ///
    /// # Errors
    /// As [`Self::step`]; `ERR_DATA` for a token outside of the vocabulary.
    pub fn step_tokens<D: Dimension>(
        &mut self,
        tokens: ArrayView<'_, i32, D>,
    ) -> Result<Vec<ArrayViewD<'_, f32>>> {
        self.check(tokens.shape())?;
        let tokens = tokens.as_standard_layout();
        self.session.step(BatchData::Int(elements(&tokens)))?;
        self.outputs()
    }

    fn check(&self, shape: &[usize]) -> Result<()> {
        if shape.first() == Some(&self.session.batch_size()) {
            return Ok(());
        }
        Err(Error::shape(format!(
            "A step of {} sequences has a row for each; got {shape:?}",
            self.session.batch_size()
        )))
    }

    fn outputs(&self) -> Result<Vec<ArrayViewD<'_, f32>>> {
        self.shapes
            .iter()
            .enumerate()
            .map(|(output, shape)| view(shape, self.session.output(output)?))
            .collect()
    }

    /// Goes back to the beginning of the sequences.
    pub fn reset(&mut self) {
        self.session.reset();
    }

    /// Another session that goes on from here.
    ///
    /// # Errors
    /// `ERR_MEMORY`.
    pub fn duplicate(&self) -> Result<Self> {
        Ok(Self { session: self.session.duplicate()?, shapes: self.shapes.clone() })
    }
}

/// The elements of an array in standard layout.
fn elements<'a, T, D: Dimension>(x: &'a CowArray<'_, T, D>) -> &'a [T] {
    x.as_slice().unwrap_or_default()
}
