//! What an optimizer is to the loop that applies it.

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

/// The formula of one optimizer. Updates are element by element, so that they do not depend on how weights are cut
/// into spans.
pub(super) trait Rule: Send + Sync + std::fmt::Debug {
    /// The names of the state arenas (at most [`MAX_STATES`]) and their first value.
    fn states(&self) -> &[(&'static str, f32)];

    /// Computes the coefficients of step `step` (the first is 1). Steps are prepared in order, except after a saved
    /// state has been restored.
    fn prepare(&mut self, step: u64, learning_rate: f64);

    /// Applies the prepared step.
    fn update(&self, span: Span<'_>);

    /// Whether a gradient of zero changes neither weights nor state, so that untouched rows can be left out.
    fn rests_without_gradient(&self) -> bool;
}

/// The clipped gradient plus the L2 penalty's: `g * scale + decay * w`.
#[inline(always)]
pub(super) fn penalised(gradient: f32, scale: f32, decay: f32, weight: f32) -> f32 {
    gradient * scale + decay * weight
}
