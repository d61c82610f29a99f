//! What an operation is built from: its node of the wire format, with checks that name the place.

use super::Entry;
use crate::error::{Error, Result};
use crate::setting::{Reader, Settings};
use crate::shape::product;
use crate::values::{Channels, WeightSpec};
use crate::wire::NodeSpec;
use std::ops::RangeInclusive;

/// A node of the wire format together with the weights it names.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Site<'a> {
    node: &'a NodeSpec,
    weights: &'a [WeightSpec],
    body: bool,
}

impl<'a> Site<'a> {
    /// A node whose weight indices have been checked against `weights`, in the body of a scan or not.
    pub(crate) fn new(node: &'a NodeSpec, weights: &'a [WeightSpec], body: bool) -> Self {
        Self { node, weights, body }
    }

    /// Whether it is one step's: its values have no time axis then.
    pub(crate) fn in_body(&self) -> bool {
        self.body
    }

    /// Its settings.
    pub(crate) fn attributes(&self) -> &'a Settings {
        &self.node.attributes
    }

    /// Checks how many inputs, weights and outputs the node has.
    pub(crate) fn check(&self, entry: &Entry) -> Result<()> {
        if entry.settings.is_empty() {
            Reader::new(&[], &self.node.attributes)?;
        }
        expect("inputs", &entry.inputs, self.node.inputs.len())?;
        expect("weights", &entry.weights, self.node.weights.len())?;
        expect("outputs", &entry.outputs, self.node.outputs.len())
    }

    /// Checks the number of inputs where it depends on settings.
    pub(crate) fn expect_inputs(&self, count: usize) -> Result<()> {
        expect("inputs", &(count..=count), self.node.inputs.len())
    }

    /// Checks the number of weights where it depends on settings.
    pub(crate) fn expect_weights(&self, count: usize) -> Result<()> {
        expect("weights", &(count..=count), self.node.weights.len())
    }

    /// Checks the number of outputs where it depends on settings.
    pub(crate) fn expect_outputs(&self, count: usize) -> Result<()> {
        expect("outputs", &(count..=count), self.node.outputs.len())
    }

    pub(crate) fn input_count(&self) -> usize {
        self.node.inputs.len()
    }

    /// The number in the model of weight `index`.
    pub(crate) fn weight_index(&self, index: usize) -> Result<usize> {
        let weight = self.node.weights.get(index).copied();
        weight.ok_or_else(|| Error::native("An operation has fewer weights than it says"))
    }

    /// The description of weight `index`.
    pub(crate) fn weight(&self, index: usize) -> Option<&'a WeightSpec> {
        self.node.weights.get(index).and_then(|&weight| self.weights.get(weight))
    }

    /// How weight `index` is stored as int8, if it is.
    pub(crate) fn int8(&self, index: usize) -> Option<Channels> {
        self.weight(index)?.int8
    }

    pub(crate) fn weight_count(&self) -> usize {
        self.node.weights.len()
    }

    /// The dimensions of weight `index`.
    pub(crate) fn weight_shape(&self, index: usize) -> &'a [usize] {
        self.weight(index).map_or(&[], |spec| &spec.shape)
    }

    /// Checks the shape of weight `index`, which messages call `role`.
    pub(crate) fn expect_weight(&self, index: usize, role: &str, expected: &[usize]) -> Result<()> {
        let got = self.weight_shape(index);
        if got == expected {
            return Ok(());
        }
        Err(Error::shape(format!("the {role} must have shape {expected:?}; got {got:?}")))
    }

    /// The dimensions of weight `index`, whose leading dimensions are taken together as the rows of a matrix.
    pub(crate) fn rows(&self, index: usize, role: &str) -> Result<[usize; 2]> {
        match *self.weight_shape(index) {
            [ref window @ .., inputs, columns] if !window.is_empty() => {
                let rows = product(window).and_then(|window| product(&[window, inputs]));
                match rows.filter(|&rows| rows > 0 && columns > 0 && product(&[rows, columns]).is_some()) {
                    Some(rows) => Ok([rows, columns]),
                    None => Err(Error::shape(format!("the {role} must not have empty dimensions"))),
                }
            }
            _ => self.matrix(index, role),
        }
    }

    /// The dimensions of weight `index`, a matrix that messages call `role`.
    pub(crate) fn matrix(&self, index: usize, role: &str) -> Result<[usize; 2]> {
        match *self.weight_shape(index) {
            [rows, columns] if rows > 0 && columns > 0 && product(&[rows, columns]).is_some() => {
                Ok([rows, columns])
            }
            ref got => Err(Error::shape(format!(
                "the {role} must be a matrix without empty dimensions; got shape {got:?}"
            ))),
        }
    }
}

fn expect(what: &str, range: &RangeInclusive<usize>, got: usize) -> Result<()> {
    if range.contains(&got) {
        return Ok(());
    }
    let expected = match (*range.start(), *range.end()) {
        (from, to) if from == to => from.to_string(),
        (from, usize::MAX) => format!("at least {from}"),
        (from, to) => format!("{from} to {to}"),
    };
    Err(Error::format(format!("expected {expected} {what}, got {got}")))
}
