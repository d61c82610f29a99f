//! Rewrites of the graph that change how a result is computed, not what it is.

use crate::ir::{Call, Checked};
use crate::ops::{Absorbed, Lookup, Role};
use seqloom_kernels::Scalar;

/// Applies all of them.
pub(crate) fn fuse<T: Scalar>(checked: &mut Checked<T>) {
    fuse_activations(checked);
    fuse_lookups(checked);
}

/// A cross-entropy of softmax or sigmoid probabilities reads the logits before the activation instead. That is exact
/// even where probabilities round to 0 or 1, and saves the backward pass through the activation, which stays for its
/// other readers.
fn fuse_activations<T: Scalar>(Checked { nodes, values, .. }: &mut Checked<T>) {
    let mut owners = vec![None; values.len()];
    for index in 0..nodes.len() {
        nodes[index].outputs.iter().for_each(|&value| owners[value] = Some(index));
        let Some(owner) = nodes[index].inputs.first().and_then(|&prediction| owners[prediction]) else {
            continue;
        };
        let (Role::Activation(activation), Some(&logits)) =
            (nodes[owner].facts.role(), nodes[owner].inputs.first())
        else {
            continue;
        };
        if nodes[index].op.absorb(Absorbed::Activation(activation)) {
            nodes[index].inputs[0] = logits;
        }
    }
}

/// If only recurrent layers read an embedding, they look its rows up themselves: straight into their own order or, if
/// there are many tokens and the vocabulary is small, after multiplying the whole table with the kernel. The
/// embedding's values then do not exist.
fn fuse_lookups<T: Scalar>(Checked { graph, nodes, absent, .. }: &mut Checked<T>) {
    for index in 0..nodes.len() {
        let (&[tokens], &[output], &[weight]) =
            (&*nodes[index].inputs, &*nodes[index].outputs, &*nodes[index].weights)
        else {
            continue;
        };
        let lookup = nodes[index].facts.role() == Role::Lookup;
        if !lookup || tokens >= graph.inputs.len() || graph.outputs.contains(&output) {
            continue;
        }
        let reads = |node: &&mut Call<T>| node.inputs.contains(&output);
        let able = |node: &mut Call<T>| {
            let alone = node.inputs[0] == output && !node.inputs[1..].contains(&output);
            alone && node.facts.role() == Role::Cell
        };
        let all = nodes.iter_mut().filter(reads).all(able);
        let (true, Some(&vocabulary)) = (all, graph.weights[weight].shape.first()) else { continue };
        let int8 = graph.weights[weight].int8.is_some();
        for node in nodes.iter_mut().filter(reads) {
            absent[output] |= node.op.absorb(Absorbed::Lookup(Lookup { tokens, weight, vocabulary, int8 }));
        }
        if absent[output] {
            nodes[index].op.absorb(Absorbed::LeftToReaders);
        }
    }
}
