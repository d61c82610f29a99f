//! The inputs and weights of a graph, and the initializers of weights.

mod initializer;

pub use initializer::{Distribution, FanMode, Initializer, InitializerKind};

use serde::Deserialize;

/// The type of an input's elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Dtype {
    /// Floating-point values.
    Float32,
    /// Token ids and class labels.
    Int32,
}

impl Dtype {
    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Float32 => "float32",
            Self::Int32 => "int32",
        }
    }
}

/// An input of the graph.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InputSpec {
    /// Name used in messages.
    pub name: String,
    /// Element type.
    pub dtype: Dtype,
    /// Dimensions, batch first; `null` ones are resolved when a batch is bound.
    pub shape: Vec<Option<usize>>,
}

/// A weight of the graph.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WeightSpec {
    /// Unique name, such as `lstm/kernel`.
    pub name: String,
    /// Dimensions, row-major.
    pub shape: Vec<usize>,
    /// Whether gradients are computed and optimizers change it.
    pub trainable: bool,
    /// A factor on the optimizer's learning rate.
    #[serde(default = "whole")]
    pub learning_rate_multiplier: f64,
    /// First values.
    pub initializer: Initializer,
    /// How it is stored as int8, if it is: decided by the operations that use it.
    #[serde(skip)]
    pub int8: Option<Channels>,
}

/// The learning rate as it is.
fn whole() -> f64 {
    1.0
}

/// Which elements of an int8 weight, seen as a matrix of its leading dimensions by its last one, share a scale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channels {
    /// Those of a row.
    Rows,
    /// Those of a column.
    Columns,
}
