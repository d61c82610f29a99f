//! What an operation is built from: its node of the wire format, with checks that name the place.

use crate::error::{Error, Result};
use crate::shape::product;
use crate::values::WeightSpec;
use crate::wire::NodeSpec;
use serde::de::DeserializeOwned;
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

    pub(crate) fn op(&self) -> &'a str {
        &self.node.op
    }

    /// The options, all of them and no others.
    pub(crate) fn attributes<A: DeserializeOwned>(&self) -> Result<A> {
        serde_json::from_value(serde_json::Value::Object(self.node.attributes.clone()))
            .map_err(|error| Error::option(format!("wrong attributes: {error}")))
    }

    /// Checks how many inputs, weights and outputs the node has.
    pub(crate) fn arity(
        &self,
        inputs: RangeInclusive<usize>,
        weights: RangeInclusive<usize>,
        outputs: usize,
    ) -> Result<()> {
        let check = |what: &str, range: RangeInclusive<usize>, got: usize| {
            if range.contains(&got) {
                return Ok(());
            }
            let expected = match (*range.start(), *range.end()) {
                (from, to) if from == to => from.to_string(),
                (from, usize::MAX) => format!("at least {from}"),
                (from, to) => format!("{from} to {to}"),
            };
            Err(Error::format(format!("expected {expected} {what}, got {got}")))
        };
        check("inputs", inputs, self.node.inputs.len())?;
        check("weights", weights, self.node.weights.len())?;
        check("outputs", outputs..=outputs, self.node.outputs.len())
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
