//! When the operations of one step of a loop run.

use super::Call;
use crate::shape::Meta;
use seqloom_kernels::Scalar;

/// When an operation runs, and so over which rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// Before everything, over one row for each sequence: it depends on constants and weights alone.
    Once,
    /// Before the loop, over the rows of all steps: it depends on the steps' inputs, but on no state.
    Early,
    /// In the loop, over the rows of a step.
    Step,
    /// After the loop, over the rows of all steps: no state depends on it.
    Late,
}

/// The earliest phase of each operation and of each value, given those of the inputs; operations from `pinned` on
/// run in the loop.
pub(crate) fn phases<T: Scalar>(
    nodes: &[Call<T>],
    metas: &[Meta],
    mut of_value: Vec<Phase>,
    pinned: usize,
) -> (Vec<Phase>, Vec<Phase>) {
    of_value.resize(metas.len(), Phase::Once);
    let mut phases = Vec::with_capacity(nodes.len());
    for (index, node) in nodes.iter().enumerate() {
        let mut inputs = node.inputs.iter().map(|&value| (of_value[value], metas[value].batched));
        let latest = inputs.clone().map(|(phase, _)| phase).max().unwrap_or(Phase::Once);
        // Rows of all steps cannot be paired with one row for each sequence.
        let mixed = latest == Phase::Early && inputs.any(|(phase, batched)| phase == Phase::Once && batched);
        let in_loop = index >= pinned || mixed || node.facts.draws();
        let phase = if in_loop { Phase::Step } else { latest };
        for &value in &node.outputs {
            of_value[value] = phase;
        }
        phases.push(phase);
    }
    (phases, of_value)
}
