//! Rewrites of the graph that change how a result is computed, not what it is.

use super::Node;
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
