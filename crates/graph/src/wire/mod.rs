//! The wire format: what TypeScript sends to describe a graph. Everything after `registry::read` is typed.

use crate::error::{Error, Result};
use crate::values::{InputSpec, WeightSpec};
use serde::Deserialize;

/// The version of the wire format that this engine reads.
pub const VERSION: u32 = 1;

/// An operation of the graph.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NodeSpec {
    /// Name used in messages.
    pub name: String,
    /// The operation.
    pub op: String,
    /// Ids of the values it reads.
    pub inputs: Vec<usize>,
    /// Indices of the weights it uses.
    #[serde(default)]
    pub weights: Vec<usize>,
    /// Ids of the values it defines.
    pub outputs: Vec<usize>,
    /// The operation's options.
    #[serde(default)]
    pub attributes: serde_json::Map<String, serde_json::Value>,
    /// Whether training and prediction carry its states from batch to batch.
    #[serde(default)]
    pub stateful: bool,
}

/// A whole graph. Value ids count the inputs first, then the outputs of the nodes, each defined once and before its use.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GraphSpec {
    /// Version of the format: [`VERSION`].
    pub version: u32,
    /// Inputs, with the value ids `0..inputs.len()`.
    pub inputs: Vec<InputSpec>,
    /// Weights.
    pub weights: Vec<WeightSpec>,
    /// Whether weights are stored as int8 where all operations that use them can multiply or look up such. No weight is
    /// trained then.
    #[serde(default)]
    pub int8: bool,
    /// Nodes in an order in which they can run.
    pub nodes: Vec<NodeSpec>,
    /// Value ids of the results.
    pub outputs: Vec<usize>,
}

impl GraphSpec {
    /// Reads a graph from JSON.
    ///
    /// # Errors
    /// `ERR_FORMAT` when the text is not JSON of the expected fields, or of another version of the format.
    pub fn from_json(text: &str) -> Result<Self> {
        let spec: Self = serde_json::from_str(text)
            .map_err(|error| Error::format(format!("The graph cannot be read: {error}")))?;
        spec.check_version()?;
        Ok(spec)
    }
    /// Refuses other versions of the format.
    pub(crate) fn check_version(&self) -> Result<()> {
        if self.version == VERSION {
            return Ok(());
        }
        Err(Error::format(format!(
            "The graph has format version {}; this engine reads version {VERSION}",
            self.version
        )))
    }
}

impl AsRef<[WeightSpec]> for GraphSpec {
    fn as_ref(&self) -> &[WeightSpec] {
        &self.weights
    }
}
