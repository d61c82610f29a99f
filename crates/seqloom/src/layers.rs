//! Layers: operations with their weights, initialised as Keras 3 does.

use crate::network::{Network, Value};
use seqloom_graph::values::InitializerKind as Start;
use seqloom_graph::{Error, Result};
use serde_json::{Value as Json, json};

/// A recurrence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cell {
    /// h' = tanh(x·W + h·U + b) (Elman 1990).
    SimpleRnn,
    /// Long short-term memory (Hochreiter and Schmidhuber 1997; Gers et al. 2000); the bias of the forget gate
    /// starts at one.
    Lstm,
    /// Gated recurrent unit (Cho et al. 2014), its reset gate applied after the product, as cuDNN does.
    Gru,
}

/// The order in which a recurrence reads its steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// The first step first.
    Forward,
    /// The last step first. What is given is in the order of the input all the same.
    Backward,
}

/// What a recurrent layer gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recurrent {
    /// The state after every step, `[batch, time, units]`.
    pub steps: Value,
    /// The state after the last step, `[batch, units]`.
    pub last: Value,
}

/// Layers fail with `ERR_SHAPE` or `ERR_OPTION` where a value or a size does not suit them.
#[allow(clippy::missing_errors_doc, reason = "said once for all of them")]
impl Network {
    /// A vector of `units` for each of `vocabulary` tokens.
    pub fn embedding(&mut self, tokens: Value, vocabulary: usize, units: usize) -> Result<Value> {
        let table = Start::RandomUniform { minval: -0.05, maxval: 0.05 };
        let weights = [("embeddings", vec![vocabulary, units], table)];
        self.layer("embedding", &[tokens], weights, 1, json!({ "maskZero": false })).map(|values| values[0])
    }

    /// A simple recurrent network, forward.
    pub fn simple_rnn(&mut self, x: Value, units: usize) -> Result<Recurrent> {
        self.recurrent(Cell::SimpleRnn, Direction::Forward, x, units)
    }

    /// A long short-term memory, forward.
    pub fn lstm(&mut self, x: Value, units: usize) -> Result<Recurrent> {
        self.recurrent(Cell::Lstm, Direction::Forward, x, units)
    }

    /// A gated recurrent unit, forward.
    pub fn gru(&mut self, x: Value, units: usize) -> Result<Recurrent> {
        self.recurrent(Cell::Gru, Direction::Forward, x, units)
    }

    /// A recurrent layer over `[batch, time, features]`.
    pub fn recurrent(
        &mut self,
        cell: Cell,
        direction: Direction,
        x: Value,
        units: usize,
    ) -> Result<Recurrent> {
        let order = if direction == Direction::Forward { "forward" } else { "backward" };
        let mut attributes = json!({
            "units": units, "activation": "tanh", "order": order, "outputOrder": "time", "zeroOutputForMask": true
        });
        if cell != Cell::SimpleRnn {
            attributes["recurrentActivation"] = json!("sigmoid");
        }
        let columns = |gates: usize| units.saturating_mul(gates);
        let (op, width, bias, start, outputs) = match cell {
            Cell::SimpleRnn => ("simpleRnn", units, vec![units], Start::Zeros {}, 2),
            Cell::Lstm => ("lstm", columns(4), vec![columns(4)], Start::LstmBias { base: None }, 3),
            Cell::Gru => {
                attributes["resetAfter"] = json!(true);
                ("gru", columns(3), vec![2, columns(3)], Start::Zeros {}, 2)
            }
        };
        let weights = [
            ("kernel", vec![self.features(x)?, width], Start::GlorotUniform {}),
            ("recurrent_kernel", vec![units, width], Start::Orthogonal { gain: 1.0 }),
            ("bias", bias, start),
        ];
        let values = self.layer(op, &[x], weights, outputs, attributes)?;
        Ok(Recurrent { steps: values[0], last: values[1] })
    }

    /// x·W + b over the last axis.
    pub fn dense(&mut self, x: Value, units: usize) -> Result<Value> {
        let weights = [
            ("kernel", vec![self.features(x)?, units], Start::GlorotUniform {}),
            ("bias", vec![units], Start::Zeros {}),
        ];
        self.layer("dense", &[x], weights, 1, json!({})).map(|values| values[0])
    }

    /// An activation by its name, such as `relu`, or `softmax` over the last axis.
    pub fn activation(&mut self, x: Value, kind: &str) -> Result<Value> {
        self.one("activation", &[x], json!({ "kind": kind }))
    }

    /// Drops elements at `rate` in training.
    pub fn dropout(&mut self, x: Value, rate: f64) -> Result<Value> {
        self.one("dropout", &[x], json!({ "rate": rate, "shareSteps": false }))
    }

    /// Values side by side along their last axis.
    pub fn concatenate(&mut self, values: &[Value]) -> Result<Value> {
        self.one("concatenate", values, json!({ "axis": -1 }))
    }

    /// An element-wise function of one to three values by its name, such as `add` or `multiply`; they are broadcast.
    pub fn elementwise(&mut self, kind: &str, values: &[Value]) -> Result<Value> {
        self.one("elementwise", values, json!({ "kind": kind }))
    }

    fn one(&mut self, op: &str, inputs: &[Value], attributes: Json) -> Result<Value> {
        self.node(op, inputs, &[], 1, attributes).map(|values| values[0])
    }

    fn layer<const N: usize>(
        &mut self,
        op: &str,
        inputs: &[Value],
        weights: [(&str, Vec<usize>, Start); N],
        outputs: usize,
        attributes: Json,
    ) -> Result<Vec<Value>> {
        let layer = self.name(op);
        self.undone_on_error(|network| {
            let weights =
                weights.map(|(name, shape, start)| network.weight(&format!("{layer}/{name}"), &shape, start));
            network.node(op, inputs, &weights, outputs, attributes)
        })
    }

    /// The size of a value's last axis.
    fn features(&self, x: Value) -> Result<usize> {
        let shape = self.shape(x)?;
        shape.last().copied().flatten().ok_or_else(|| {
            Error::shape(format!(
                "The last dimension of a layer's input must be known; its shape is {shape:?}"
            ))
        })
    }
}
