//! Where the rows of a batch lie in memory.

/// The order of the rows of an input or an output.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum RowOrder {
    /// Step by step, as they are packed.
    #[default]
    Packed,
    /// Sequence by sequence, `[batch, time, …]`, where every sequence has all steps.
    Sequences {
        /// Whether the step that is processed first comes last.
        backwards: bool,
    },
}

impl RowOrder {
    /// The first row of step `t` of packed `steps`, and how many rows on that of the next sequence is.
    pub(crate) fn step(self, steps: &[usize], t: usize) -> (usize, usize) {
        let time = steps.len() - 1;
        match self {
            Self::Packed => (steps[t], 1),
            Self::Sequences { backwards: false } => (t, time),
            Self::Sequences { backwards: true } => (time - 1 - t, time),
        }
    }

    /// # Panics
    /// If the rows are sequences that do not all have all steps.
    pub(crate) fn check(self, steps: &[usize]) {
        let (time, batch) = (steps.len() - 1, steps.get(1).copied().unwrap_or(0));
        let full = time.checked_mul(batch) == steps.last().copied();
        assert!(self == Self::Packed || full, "sequences have all steps");
    }
}
