//! The operations that there are, and how a graph of the wire format is read into a typed one.

use crate::error::{Error, Result};
use crate::ir::{Graph, Node, int8_channels, label};
use crate::ops::{self, Entry, Site, made};
use crate::scan::{ScanSpec, entry};
use crate::values::WeightSpec;
use crate::wire::{GraphSpec, NodeSpec};

/// The one that holds a graph of its own.
const SCAN: &[Entry] = &[entry(|site| made(ScanSpec::new(site, read_nodes)?))];

/// All operations.
pub(crate) fn operations() -> impl Iterator<Item = &'static Entry> {
    ops::OPERATIONS.iter().copied().chain([SCAN]).flatten()
}

/// The names of all operations, as the wire format has them.
pub fn operation_names() -> impl Iterator<Item = &'static str> {
    operations().map(|entry| entry.name)
}

/// Reads a graph of the wire format.
///
/// # Errors
/// `ERR_FORMAT`, `ERR_OPTION`, `ERR_SHAPE` or `ERR_UNSUPPORTED` naming the layer whose description is wrong.
pub(crate) fn read(spec: GraphSpec) -> Result<Graph> {
    spec.check_version()?;
    let GraphSpec { inputs, mut weights, int8, nodes, outputs, .. } = spec;
    if int8 {
        // Operations say which of their weights may be int8; those that are, then, are made with that knowledge.
        let channels = int8_channels(&read_nodes(nodes.clone(), &weights, false)?, weights.len());
        for (weight, channels) in weights.iter_mut().zip(channels) {
            (weight.int8, weight.trainable) = (channels, false);
        }
    }
    let nodes = read_nodes(nodes, &weights, false)?;
    Ok(Graph { inputs, weights, nodes, outputs })
}

/// Reads the nodes of a graph, or of the body of a scan, that has these weights.
fn read_nodes(nodes: Vec<NodeSpec>, weights: &[WeightSpec], body: bool) -> Result<Vec<Node>> {
    nodes.into_iter().map(|node| read_node(node, weights, body)).collect()
}

fn read_node(node: NodeSpec, weights: &[WeightSpec], body: bool) -> Result<Node> {
    let explain = |error: Error| error.within(&label(body, &node.name, &node.op));
    let Some(entry) = operations().find(|entry| entry.name == node.op) else {
        let error = format!("There is no operation '{}' (node '{}')", node.op, node.name);
        return Err(explain(Error::unsupported(error)));
    };
    let kind = entry.name;
    if body && !entry.in_body {
        return Err(explain(Error::unsupported(format!("{kind} cannot be part of a cell's step"))));
    }
    let site = Site::new(&node, weights, body);
    let op = site.check(entry).and_then(|()| (entry.read)(&site)).map_err(explain)?;
    let NodeSpec { name, inputs, weights, outputs, stateful, .. } = node;
    Ok(Node { name, kind, op, inputs, weights, outputs, stateful })
}
