//! Recurrences of single elements: states of which the step makes the new ones element by element. All that depends on
//! no other state then runs over all steps at once, and such a recurrence as one pass over time.

use super::spec::Counts;
use crate::ir::Call;
use crate::shape::{ANY, Meta};
use seqloom_kernels::Scalar;

/// The most values from outside that a chain reads: the buffers that it touches are borrowed all at once.
pub(super) const MAX_OPERANDS: usize = 12;
/// The most operations of a recurrence: its pass has room for others.
const MAX_NODES: usize = 16;

/// States that depend on each other, or one that depends on itself or on nothing.
#[derive(Debug, Clone)]
pub(super) struct Cycle {
    pub(super) states: Vec<usize>,
    /// What makes the new states of the old ones, in order; none for a state that shows an input of the step before.
    pub(super) nodes: Vec<usize>,
}

/// The recurrences of single elements among the states of a step.
pub(super) fn find<T: Scalar>(
    nodes: &[Call<T>],
    metas: &[Meta],
    counts: &Counts,
    outputs: &[usize],
) -> Vec<Cycle> {
    let old = |state: usize| counts.sequences + state;
    let new = |state: usize| outputs[counts.outputs + state];
    let states = 0..counts.states;
    // By state, what depends on its old value, and what its new value depends on.
    let after: Vec<Vec<bool>> = states
        .clone()
        .map(|state| {
            let mut depends = vec![false; metas.len()];
            depends[old(state)] = true;
            for node in nodes {
                let any = node.inputs.iter().any(|&value| depends[value]);
                node.outputs.iter().for_each(|&value| depends[value] |= any);
            }
            depends
        })
        .collect();
    let before: Vec<Vec<bool>> = states
        .clone()
        .map(|state| {
            let mut needed = vec![false; metas.len()];
            needed[new(state)] = true;
            for node in nodes.iter().rev() {
                let any = node.outputs.iter().any(|&value| needed[value]);
                node.inputs.iter().for_each(|&value| needed[value] |= any);
            }
            needed
        })
        .collect();
    let mut reaches: Vec<Vec<bool>> =
        after.iter().map(|after| states.clone().map(|state| after[new(state)]).collect()).collect();
    for middle in states.clone() {
        let further = reaches[middle].clone();
        for reached in reaches.iter_mut().filter(|reached| reached[middle]) {
            reached.iter_mut().zip(&further).for_each(|(reached, &further)| *reached |= further);
        }
    }
    let mut cycles = Vec::new();
    for first in states.clone() {
        let mutual = |&state: &usize| state == first || (reaches[first][state] && reaches[state][first]);
        let members: Vec<usize> = states.clone().filter(mutual).collect();
        if members[0] != first {
            continue;
        }
        let within = |value: &usize| {
            members.iter().any(|&state| after[state][*value])
                && members.iter().any(|&state| before[state][*value])
        };
        let inner: Vec<usize> =
            (0..nodes.len()).filter(|&node| nodes[node].outputs.iter().any(within)).collect();
        let shape = metas[old(first)].shape;
        let alike = |value: usize| {
            let meta = metas[value];
            meta.batched && meta.shape == shape && !shape.dims()[1..].contains(&ANY)
        };
        let by_elements = inner.iter().all(|&node| {
            let node = &nodes[node];
            node.facts.role().elementwise().is_some() && node.outputs.iter().all(|&value| alike(value))
        });
        let mut operands: Vec<usize> = inner.iter().flat_map(|&node| nodes[node].inputs.clone()).collect();
        operands.extend(members.iter().map(|&state| old(state)));
        operands.retain(|value| !inner.iter().any(|&node| nodes[node].outputs.contains(value)));
        operands.sort_unstable();
        operands.dedup();
        let room = inner.len() <= MAX_NODES && operands.len() <= MAX_OPERANDS;
        let same = members.len() == 1 || members.iter().all(|&state| alike(old(state)));
        if by_elements && room && same {
            cycles.push(Cycle { states: members, nodes: inner });
        }
    }
    cycles
}
