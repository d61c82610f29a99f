//! How the members of a team go through the steps of a pass, forward or backward.

use std::sync::atomic::{AtomicBool, Ordering};

use super::activations::{Activations, General, Standard, is_standard};
use super::layout::PanelLayout;
use super::row_groups::RowGroups;
use super::share::{Share, buffer_len};
use crate::CellSpec;
use crate::gemm::with_buffer;
use crate::pool::{self, Team, Turn};
use crate::simd::{Detected, Kernel, RawKernel, Simd, dispatch};

/// Ends a pass early.
pub(super) struct Stop<'a> {
    cancel: Option<&'a AtomicBool>,
    /// What a member read from `cancel`; if members meet, the first one, so that all leave together.
    read: AtomicBool,
}

impl<'a> Stop<'a> {
    pub(super) const fn new(cancel: Option<&'a AtomicBool>) -> Self {
        Self { cancel, read: AtomicBool::new(false) }
    }

    /// Whether the work is cancelled, now or before.
    pub(super) fn poll(&self) -> bool {
        if self.cancel.is_some_and(|cancel| cancel.load(Ordering::Relaxed)) {
            self.read.store(true, Ordering::Relaxed);
        }
        self.is_set()
    }

    /// Whether a poll has found the work cancelled.
    pub(super) fn is_set(&self) -> bool {
        self.read.load(Ordering::Relaxed)
    }
}

/// A pass over all steps.
pub(super) trait Pass: Sync {
    /// Where a step is.
    type Place;

    fn layout(&self) -> &PanelLayout;
    fn batch(&self) -> usize;
    fn groups(&self) -> Option<&RowGroups>;
    fn stop(&self) -> &Stop<'_>;

    /// Numbers of the buffer besides [`buffer_len`].
    fn more_buffer(&self) -> usize {
        0
    }

    /// A group of rows through a chunk of time, counted from where the pass begins.
    ///
    /// # Safety
    /// The turn is the calling member's, and the buffer has [`buffer_len`] and [`Pass::more_buffer`].
    unsafe fn take_turn<S: Simd, A: Activations>(
        &self,
        s: S,
        a: A,
        groups: &RowGroups,
        turn: Turn,
        buffer: &mut [f32],
    );

    /// All steps of a share of the units.
    ///
    /// # Safety
    /// The share is the calling member's, and the buffer has [`buffer_len`] and [`Pass::more_buffer`].
    unsafe fn run_units<S: Simd, A: Activations>(
        &self,
        s: S,
        a: A,
        share: &Share<'_>,
        team: &Team<'_>,
        buffer: &mut [f32],
    );

    /// One step of a share.
    ///
    /// # Safety
    /// The share is the calling member's, the step exists, what it needs is there, and the buffer has [`buffer_len`] and [`Pass::more_buffer`].
    unsafe fn step<S: Simd, A: Activations>(
        &self,
        s: S,
        a: A,
        share: &Share<'_>,
        place: Self::Place,
        buffer: &mut [f32],
    );
}

/// Goes through all steps, or until the work is cancelled.
pub(super) fn run<P: Pass>(pass: &P, spec: &CellSpec, level: Detected) {
    let member = |team: &Team<'_>| {
        if is_standard(spec) {
            dispatch(level, Member { pass, team, activations: Standard });
        } else {
            dispatch(level, Member { pass, team, activations: General::new(spec) });
        }
    };
    match pass.groups() {
        Some(groups) => pool::run_queue(groups.count(), member),
        None => pool::run_up_to(spec.worth_threads(pass.batch()).min(pass.layout().blocks), member),
    }
}

struct Member<'a, P, A> {
    pass: &'a P,
    team: &'a Team<'a>,
    activations: A,
}

impl<P: Pass, A: Activations> Kernel for Member<'_, P, A> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { pass, team, activations } = self;
        let length = buffer_len(pass.layout().width) + pass.more_buffer();
        with_buffer(length, |buffer| match pass.groups() {
            Some(groups) if team.size() > 1 => groups.chains.work(
                || pass.stop().poll(),
                // SAFETY: nobody else has the group's rows during the turn.
                |turn| unsafe { pass.take_turn(s, activations, groups, turn, buffer) },
            ),
            _ => {
                let share = Share::of_units(pass.layout(), pass.batch(), team);
                // SAFETY: the share is this member's.
                unsafe { pass.run_units(s, activations, &share, team, buffer) };
            }
        });
    }
}

/// [`Pass::step`] as a function of its own, which is compiled once for groups of rows and for shares of the units. It
/// promises what [`Pass::step`] asks for.
pub(super) struct Step<'a, P: Pass, A> {
    pub(super) pass: &'a P,
    pub(super) activations: A,
    pub(super) share: &'a Share<'a>,
    pub(super) place: P::Place,
    pub(super) buffer: &'a mut [f32],
}

impl<P: Pass, A: Activations> RawKernel for Step<'_, P, A> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self, s: S) {
        let Self { pass, activations, share, place, buffer } = self;
        // SAFETY: promised.
        unsafe { pass.step(s, activations, share, place, buffer) };
    }
}
