//! The operations that there are, and how a graph of the wire format is read into a typed one.

use crate::error::{Error, Result};
use crate::ir::{Graph, Node, label};
use crate::ops::{self, Described, Site};
use crate::scan::ScanSpec;
use crate::values::WeightSpec;
use crate::wire::{GraphSpec, NodeSpec};
use std::sync::Arc;

/// Where an operation may stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// In a model's graph only.
    Model,
    /// In the body of a scan too: it sees one step's values alone.
    Anywhere,
}

/// An operation's name on the wire, where it may stand, and what reads its description.
type Entry = (&'static str, Place, fn(&Site<'_>) -> Result<Arc<dyn Described>>);

macro_rules! entry {
    ($name:literal, $place:ident, $operation:ty) => {
        ($name, Place::$place, |site| Ok(Arc::new(<$operation>::new(site)?)))
    };
}

/// All operations by name.
const OPERATIONS: &[Entry] = &[
    entry!("activation", Anywhere, ops::activation::ActivationOp),
    entry!("add", Anywhere, ops::merge::Merge),
    entry!("argmax", Anywhere, ops::argmax::Argmax),
    entry!("average", Anywhere, ops::merge::Merge),
    entry!("cast", Model, ops::cast::Cast),
    entry!("concatenate", Anywhere, ops::concatenate::Concatenate),
    entry!("counts", Model, ops::counts::Counts),
    entry!("dense", Anywhere, ops::dense::Dense),
    entry!("dropout", Anywhere, ops::dropout::Dropout),
    entry!("elementwise", Anywhere, ops::elementwise::Elementwise),
    entry!("embedding", Model, ops::embedding::Embedding),
    entry!("gather", Anywhere, ops::gather::Gather),
    entry!("gru", Model, ops::recurrent::Description),
    entry!("lastStep", Model, ops::last_step::LastStep),
    entry!("layerNorm", Anywhere, ops::layer_norm::LayerNorm),
    entry!("loss", Model, ops::loss::Loss),
    entry!("lstm", Model, ops::recurrent::Description),
    entry!("masking", Model, ops::masking::Masking),
    entry!("matmul", Anywhere, ops::matmul::Matmul),
    entry!("maximum", Anywhere, ops::merge::Merge),
    entry!("meanOverSteps", Model, ops::mean_over_steps::MeanOverSteps),
    entry!("metric", Model, ops::metric::Metric),
    entry!("minimum", Anywhere, ops::merge::Merge),
    entry!("multiply", Anywhere, ops::merge::Merge),
    entry!("normalize", Anywhere, ops::normalize::Normalize),
    entry!("parameter", Anywhere, ops::parameter::Parameter),
    entry!("poolAverage", Model, ops::pool::Pool),
    entry!("poolMax", Model, ops::pool::Pool),
    entry!("reduce", Anywhere, ops::reduce::Reduce),
    entry!("repeatVector", Model, ops::repeat_vector::RepeatVector),
    entry!("reshape", Anywhere, ops::reshape::Reshape),
    entry!("sample", Anywhere, ops::sample::Sample),
    entry!("scalar", Anywhere, ops::scalar::ScalarOp),
    ("scan", Place::Model, |site| Ok(Arc::new(ScanSpec::new(site, read_nodes)?))),
    entry!("sequenceMask", Model, ops::cast::Cast),
    entry!("simpleRnn", Model, ops::recurrent::Description),
    entry!("slice", Anywhere, ops::slice::Slice),
    entry!("softmax", Anywhere, ops::softmax::Softmax),
    entry!("stopGradient", Anywhere, ops::cast::Cast),
    entry!("subtract", Anywhere, ops::merge::Merge),
    entry!("transpose", Anywhere, ops::transpose::Transpose),
];

/// Reads a graph of the wire format.
///
/// # Errors
/// `ERR_FORMAT`, `ERR_OPTION`, `ERR_SHAPE` or `ERR_UNSUPPORTED` naming the layer whose description is wrong.
pub(crate) fn read(spec: GraphSpec) -> Result<Graph> {
    spec.check_version()?;
    let nodes = read_nodes(spec.nodes, &spec.weights, false)?;
    Ok(Graph { inputs: spec.inputs, weights: spec.weights, nodes, outputs: spec.outputs })
}

/// Reads the nodes of a graph, or of the body of a scan, that has these weights.
fn read_nodes(nodes: Vec<NodeSpec>, weights: &[WeightSpec], body: bool) -> Result<Vec<Node>> {
    nodes.into_iter().map(|node| read_node(node, weights, body)).collect()
}

fn read_node(node: NodeSpec, weights: &[WeightSpec], body: bool) -> Result<Node> {
    let explain = |error: Error| error.within(&label(body, &node.name, &node.op));
    let Some(&(kind, place, read)) = OPERATIONS.iter().find(|(name, ..)| *name == node.op) else {
        let error = format!("There is no operation '{}' (node '{}')", node.op, node.name);
        return Err(explain(Error::unsupported(error)));
    };
    if body && place == Place::Model {
        return Err(explain(Error::unsupported(format!("{kind} cannot be part of a cell's step"))));
    }
    let op = read(&Site::new(&node, weights, body)).map_err(explain)?;
    let NodeSpec { name, inputs, weights, outputs, stateful, .. } = node;
    Ok(Node { name, kind, op, inputs, weights, outputs, stateful })
}
