//! The description of a model: inputs, weights, operations.

use seqloom_graph::values::{Dtype, Initializer, InitializerKind, InputSpec, WeightSpec};
use seqloom_graph::wire::{NodeSpec, VERSION};
use seqloom_graph::{Error, Executor, GraphSpec, Result};
use serde_json::Value as Json;

/// A value of a network: an input, or what an operation gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Value(Source);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    Input(usize),
    /// Counted over the outputs of all nodes.
    Output(usize),
}

/// More values than any operation gives.
const MOST_OUTPUTS: usize = 1 << 10;

/// A weight of a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Weight(usize);

#[derive(Debug, Clone)]
struct Node {
    name: String,
    op: String,
    inputs: Vec<Value>,
    weights: Vec<Weight>,
    outputs: Vec<Value>,
    attributes: Json,
}

/// A graph of operations under construction.
///
/// The first dimension of every value is the batch. An operation is checked when it is added, so that an error
/// stands where it was made; the network is then as before.
#[derive(Debug, Clone, Default)]
pub struct Network {
    inputs: Vec<InputSpec>,
    weights: Vec<WeightSpec>,
    nodes: Vec<Node>,
    outputs: usize,
}

impl Network {
    /// A network of nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// An input of `f32` values; `shape` is that of a row, `[time, features]` for sequences. `None` stands for any
    /// size.
    pub fn input(&mut self, name: &str, shape: &[Option<usize>]) -> Value {
        self.add_input(name, Dtype::Float32, [&[None], shape].concat())
    }

    /// An input of `i32` tokens or labels.
    pub fn tokens(&mut self, name: &str, shape: &[Option<usize>]) -> Value {
        self.add_input(name, Dtype::Int32, [&[None], shape].concat())
    }

    pub(crate) fn add_input(&mut self, name: &str, dtype: Dtype, shape: Vec<Option<usize>>) -> Value {
        self.inputs.push(InputSpec { name: name.into(), dtype, shape });
        Value(Source::Input(self.inputs.len() - 1))
    }

    /// A weight that is trained; `name` is what [`Model::weights`](crate::Model::weights) calls it.
    pub fn weight(&mut self, name: &str, shape: &[usize], initializer: InitializerKind) -> Weight {
        let initializer = Initializer { kind: initializer, seed: None };
        self.weights.push(WeightSpec {
            name: name.into(),
            shape: shape.to_vec(),
            trainable: true,
            learning_rate_multiplier: 1.0,
            initializer,
            int8: None,
        });
        Weight(self.weights.len() - 1)
    }

    /// Any operation of the engine, by its name, with its attributes. It gives `outputs` values.
    ///
    /// # Errors
    /// `ERR_UNSUPPORTED` for an unknown name, `ERR_FORMAT`, `ERR_OPTION` or `ERR_SHAPE` where attributes, inputs or
    /// weights do not suit the operation.
    pub fn node(
        &mut self,
        op: &str,
        inputs: &[Value],
        weights: &[Weight],
        outputs: usize,
        attributes: Json,
    ) -> Result<Vec<Value>> {
        if outputs > MOST_OUTPUTS {
            return Err(Error::option(format!(
                "An operation gives at most {MOST_OUTPUTS} values, not {outputs}"
            )));
        }
        let name = self.name(op);
        let outputs: Vec<Value> = (0..outputs).map(|at| Value(Source::Output(self.outputs + at))).collect();
        let node = Node {
            name,
            op: op.into(),
            inputs: inputs.to_vec(),
            weights: weights.to_vec(),
            outputs: outputs.clone(),
            attributes,
        };
        self.undone_on_error(|network| {
            network.outputs += outputs.len();
            network.nodes.push(node);
            Executor::<f32>::new(network.graph(&[])?)
        })?;
        Ok(outputs)
    }

    /// The shape of a value; `None` for sizes that a batch decides.
    ///
    /// # Errors
    /// `ERR_FORMAT` for a value of another network.
    pub fn shape(&self, value: Value) -> Result<Vec<Option<usize>>> {
        let foreign = || Error::format("The value is of another network");
        Executor::<f32>::new(self.graph(&[])?)?.value_shape(self.number(value)).ok_or_else(foreign)
    }

    /// A name for a new operation.
    pub(crate) fn name(&self, op: &str) -> String {
        match self.nodes.iter().filter(|node| node.op == op).count() {
            0 => op.into(),
            count => format!("{op}_{count}"),
        }
    }

    /// Runs `build`, whose additions stay only if it succeeds.
    pub(crate) fn undone_on_error<V>(&mut self, build: impl FnOnce(&mut Self) -> Result<V>) -> Result<V> {
        let (weights, nodes, outputs) = (self.weights.len(), self.nodes.len(), self.outputs);
        let result = build(self);
        if result.is_err() {
            self.weights.truncate(weights);
            self.nodes.truncate(nodes);
            self.outputs = outputs;
        }
        result
    }

    /// Which input a value is.
    pub(crate) fn input_index(value: Value) -> Result<usize> {
        match value.0 {
            Source::Input(input) => Ok(input),
            Source::Output(_) => {
                Err(Error::option("An input of the network is needed, not a computed value"))
            }
        }
    }

    /// The id of a value in the graph.
    fn number(&self, value: Value) -> usize {
        match value.0 {
            Source::Input(input) => input,
            Source::Output(output) => self.inputs.len() + output,
        }
    }

    /// The graph that computes these values.
    pub(crate) fn graph(&self, outputs: &[Value]) -> Result<GraphSpec> {
        let numbers = |values: &[Value]| values.iter().map(|&value| self.number(value)).collect::<Vec<_>>();
        let node = |node: &Node| {
            let Json::Object(attributes) = node.attributes.clone() else {
                return Err(Error::format(format!("The attributes of '{}' must be an object", node.name)));
            };
            Ok(NodeSpec {
                name: node.name.clone(),
                op: node.op.clone(),
                inputs: numbers(&node.inputs),
                weights: node.weights.iter().map(|weight| weight.0).collect(),
                outputs: numbers(&node.outputs),
                attributes,
                stateful: false,
            })
        };
        Ok(GraphSpec {
            version: VERSION,
            inputs: self.inputs.clone(),
            weights: self.weights.clone(),
            int8: false,
            nodes: self.nodes.iter().map(node).collect::<Result<_>>()?,
            outputs: numbers(outputs),
        })
    }
}
