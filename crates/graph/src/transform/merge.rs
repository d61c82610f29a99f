//! Makes one input of several that come step by step.

use crate::error::{Error, Result};
use crate::ir::{Graph, Node};
use crate::ops::Described;
use crate::ops::reshape::Reshape;
use crate::ops::slice::Slice;
use crate::values::{Dtype, InputSpec};
use std::sync::Arc;

/// The graph with one input in place of several, the first one: their features side by side, in the order of `steps`.
///
/// # Errors
/// `ERR_OPTION` if there is no such input; `ERR_UNSUPPORTED` for one that is no sequence of numbers.
pub(crate) fn merge(graph: &Graph, steps: &[usize]) -> Result<Graph> {
    let merged = graph.inputs.len() + graph.nodes.iter().map(|node| node.outputs.len()).sum::<usize>();
    let mut nodes = Vec::new();
    let (mut start, mut next) = (0, merged + 1);
    let mut names = Vec::new();
    for &step in steps {
        let input =
            graph.inputs.get(step).ok_or_else(|| Error::option(format!("There is no input {step}")))?;
        let (name, number) = (&input.name, input.dtype == Dtype::Float32);
        let (width, part) = match input.shape[..] {
            [_, _, Some(width)] if number => (width, step),
            [_, _] if number => (1, next),
            _ => {
                return Err(Error::unsupported(format!(
                    "A session cannot take the input '{name}' step by step beside others: it must be [batch, time, \
                     features] of numbers, or [batch, time]"
                )));
            }
        };
        let mut add = |op: Arc<dyn Described>, kind, from, to| {
            let (inputs, outputs) = (vec![from], vec![to]);
            nodes.push(Node {
                name: name.clone(),
                kind,
                op,
                inputs,
                weights: Vec::new(),
                outputs,
                stateful: false,
            });
        };
        add(Arc::new(Slice::of_features(start, start + width)), "slice", merged, part);
        if part != step {
            add(Arc::new(Reshape::to(&[None])?), "reshape", part, step);
            next += 1;
        }
        start += width;
        names.push(name.as_str());
    }
    if start == 0 {
        return Err(Error::option("No input comes step by step"));
    }
    let shape = vec![None, None, Some(start)];
    let mut inputs = vec![(merged, InputSpec { name: names.join(", "), dtype: Dtype::Float32, shape })];
    inputs.extend(graph.inputs.iter().cloned().enumerate().filter(|(input, _)| !steps.contains(input)));
    nodes.extend(graph.nodes.iter().cloned());
    Ok(graph.assemble(inputs, nodes, &graph.outputs))
}
