//! Rewrites of the graph that change how a result is computed, not what it is.

use super::Node;
use crate::op::Lookup;
use crate::spec::GraphSpec;
use seqloom_kernels::Scalar;

/// A cross-entropy of softmax or sigmoid probabilities reads the logits behind them instead: exact where probabilities round to
/// 0 or 1, and no step back through the activation. The activation itself stays for whoever else reads it.
pub(super) fn fuse_activations<T: Scalar>(nodes: &mut [Node<T>], owners: &[Option<usize>]) {
    for index in 0..nodes.len() {
        let Some(&prediction) = nodes[index].inputs.first() else { continue };
        let Some(owner) = owners.get(prediction).copied().flatten() else { continue };
        let (Some(activation), Some(&logits)) = (nodes[owner].op.activation(), nodes[owner].inputs.first())
        else {
            continue;
        };
        if nodes[index].op.fuse_activation(activation) {
            nodes[index].inputs[0] = logits;
        }
    }
}

/// Recurrent layers that alone read an embedding look its rows up themselves: straight into their own order, or, where tokens are
/// many and the vocabulary small, after multiplying the whole table with the kernel. Returns which values then do not exist.
pub(super) fn fuse_lookups<T: Scalar>(nodes: &mut [Node<T>], spec: &GraphSpec, values: usize) -> Vec<bool> {
    let mut absent = vec![false; values];
    for index in 0..nodes.len() {
        let (&[tokens], &[output], &[weight]) =
            (&*nodes[index].inputs, &*nodes[index].outputs, &*nodes[index].weights)
        else {
            continue;
        };
        if !nodes[index].op.has_row_gradient()
            || tokens >= spec.inputs.len()
            || spec.outputs.contains(&output)
        {
            continue;
        }
        let reads = |node: &Node<T>| node.inputs.contains(&output);
        let all = nodes.iter_mut().filter(|node| reads(node)).all(|node| {
            node.inputs[0] == output && !node.inputs[1..].contains(&output) && node.op.lookup_slot().is_some()
        });
        let (true, Some(&vocabulary)) = (all, spec.weights[weight].shape.first()) else { continue };
        for node in nodes.iter_mut().filter(|node| reads(node)) {
            if let Some(slot) = node.op.lookup_slot() {
                *slot = Some(Lookup { tokens, weight, vocabulary });
                absent[output] = true;
            }
        }
        if absent[output] {
            nodes[index].op.leave_lookup();
        }
    }
    absent
}
