//! How operations run when what they read comes one step at a time, and where their results have the time axis.

use crate::shape::Meta;

/// A value that an operation reads while the graph runs step by step.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Streamed {
    pub(crate) meta: Meta,
    /// Whether it differs from step to step.
    pub(crate) moves: bool,
    /// Its time axis, if it has one.
    pub(crate) time: Option<usize>,
}

impl Streamed {
    pub(super) fn rank(&self) -> usize {
        self.meta.shape.rank()
    }

    /// Whether it is the same at every step, when others have their steps along `axis`.
    fn is_constant_along(&self, axis: usize) -> bool {
        !self.meta.batched || self.meta.shape.dims().get(axis) == Some(&1)
    }
}

/// The time axis of each output.
pub(crate) type TimeAxes = Vec<Option<usize>>;

/// The time axis that inputs share, if any has one; nothing if they contradict each other, or if one stands still
/// that is not the same at every step.
pub(super) fn common_time(inputs: &[Streamed]) -> Option<Option<usize>> {
    let mut times = inputs.iter().filter_map(|input| input.time);
    let Some(time) = times.next() else { return Some(None) };
    let fits = |input: &Streamed| match input.time {
        Some(other) => other == time,
        None => input.is_constant_along(time),
    };
    inputs.iter().all(fits).then_some(Some(time))
}

/// An operation that treats all elements alike, but for broadcasting.
pub(super) fn elements(inputs: &[Streamed]) -> Option<TimeAxes> {
    Some(vec![common_time(inputs)?])
}

/// An operation that sees the last axis as a whole.
pub(super) fn rows(inputs: &[Streamed]) -> Option<TimeAxes> {
    let time = common_time(inputs)?;
    time.is_none_or(|time| time + 1 < inputs[0].rank()).then(|| vec![time])
}

/// An operation that sees some axes as a whole and keeps them.
pub(super) fn along(inputs: &[Streamed], axes: &[usize]) -> Option<TimeAxes> {
    let time = common_time(inputs)?;
    time.is_none_or(|time| !axes.contains(&time)).then(|| vec![time])
}

/// The same for one that leaves them out of its result.
pub(super) fn without(inputs: &[Streamed], axes: &[usize]) -> Option<TimeAxes> {
    let before = |time: usize| axes.iter().filter(|&&axis| axis < time).count();
    let kept = along(inputs, axes)?;
    Some(kept.into_iter().map(|time| time.map(|time| time - before(time))).collect())
}

/// A recurrence: its outputs of every step have the time axis, its last states have none.
pub(crate) fn recurrent(outputs: usize, states: usize) -> TimeAxes {
    (0..outputs + states).map(|output| (output < outputs).then_some(1)).collect()
}
