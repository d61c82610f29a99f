//! What an optimizer is to the loop that applies it.

use seqloom_kernels::simd::{Plain, vectorised};

/// The most state arenas that a rule may have.
pub(super) const MAX_STATES: usize = 3;

/// A run of consecutive elements of one weight with everything that belongs to them; all slices have the same
/// length, except the states that the rule does not have, which are empty.
pub(super) struct Span<'a> {
    /// Values to change.
    pub(super) weights: &'a mut [f32],
    /// Their gradient before clipping by norm.
    pub(super) gradient: &'a [f32],
    /// Factor on the gradient that clips it by norm; 1 where it does not.
    pub(super) scale: f32,
    /// The rule's states in the order of [`Rule::states`].
    pub(super) state: [&'a mut [f32]; MAX_STATES],
}

/// Which elements a gradient of zero changes nothing of, neither the weight nor its states.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rest {
    /// None: weights decay.
    None,
    /// Those whose states all have their first value still.
    Untouched,
    /// All.
    All,
}

/// The formula of one optimizer. Updates are element by element, so that they do not depend on how weights are cut
/// into spans.
pub(super) trait Rule: Send + Sync + std::fmt::Debug {
    /// The names of the state arenas (at most [`MAX_STATES`]) and their first value.
    fn states(&self) -> &[(&'static str, f32)];

    /// Computes the coefficients of step `step` (the first is 1). Steps are prepared in order, except after a saved
    /// state has been restored.
    fn prepare(&mut self, step: u64, learning_rate: f64);

    /// Applies the prepared step: a loop that can be vectorised. Mark it `#[inline(always)]`.
    fn formula(&self, span: Span<'_>);

    /// What can be left out where there is no gradient.
    fn rest(&self) -> Rest;

    /// [`Self::formula`], compiled for the instruction set of the machine.
    fn update(&self, span: Span<'_>) {
        vectorised(Update { rule: self, span });
    }
}

struct Update<'a, R: ?Sized> {
    rule: &'a R,
    span: Span<'a>,
}

impl<R: Rule + ?Sized> Plain for Update<'_, R> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        self.rule.formula(self.span);
    }
}

/// What rests under a rule that does so, unless weights decay, at least until the first gradient.
pub(super) fn rest_unless(weight_decay: f64) -> Rest {
    if weight_decay == 0.0 { Rest::Untouched } else { Rest::None }
}

/// The clipped gradient plus the L2 penalty's: `g * scale + decay * w`.
#[inline(always)]
pub(super) fn penalised(gradient: f32, scale: f32, decay: f32, weight: f32) -> f32 {
    gradient * scale + decay * weight
}
