//! From the gradient of the state to the gradients of the gates: some rows of one block in one step.

use super::activations::Activations;
use super::each_vector::{At, for_each_vector};
use crate::simd::{RawKernel, Simd};

/// Pointers to the values of some rows of one block.
#[derive(Clone, Copy)]
pub(super) struct Gates {
    pub(super) rows: usize,
    /// Slot 0 of the planes at the first row: gates, overwritten with their gradients; and elements from slot to
    /// slot.
    pub(super) gates: *mut f32,
    pub(super) slot: usize,
    /// What comes from the next step: the gradient of h, or of r·h' in the second half of reset-before.
    pub(super) product: *const f32,
    /// Gradient of the output; and elements from row to row of this and of other unpadded states.
    pub(super) dy: *const f32,
    /// Output of this step.
    pub(super) y: *const f32,
    /// State before the step, or null for zeros.
    pub(super) h_before: *const f32,
    pub(super) state_row: usize,
    pub(super) units: usize,
    /// Cell state before the step, with elements from row to row and units that exist; null for zeros.
    pub(super) c_before: *const f32,
    pub(super) c_row: usize,
    pub(super) c_units: usize,
    /// What goes to the previous step without passing through the gates: dc of the LSTM, part of dh of the GRU.
    pub(super) carry: *mut f32,
}

impl Gates {
    #[inline(always)]
    unsafe fn slot<S: Simd>(&self, s: S, at: At, slot: usize) -> S::Vector {
        // SAFETY: inside the planes, by the promise of the maker of `self`.
        unsafe { s.load(self.gates.add(slot * self.slot + at.plane)) }
    }

    #[inline(always)]
    unsafe fn set<S: Simd>(&self, s: S, at: At, slot: usize, value: S::Vector) {
        // SAFETY: inside the planes, by the promise of the maker of `self`.
        unsafe { s.store(self.gates.add(slot * self.slot + at.plane), value) }
    }

    /// The existing units of a row of an unpadded state; zero for a null pointer.
    #[inline(always)]
    unsafe fn unpadded<S: Simd>(&self, s: S, at: At, state: *const f32) -> S::Vector {
        if state.is_null() || self.units <= at.lane {
            return s.splat(0.0);
        }
        // SAFETY: that many units are readable, by the promise of the maker of `self`.
        unsafe { s.load_up_to(state.add(at.state), self.units - at.lane) }
    }

    #[inline(always)]
    unsafe fn c_before<S: Simd>(&self, s: S, at: At) -> S::Vector {
        if self.c_before.is_null() || self.c_units <= at.lane {
            return s.splat(0.0);
        }
        // SAFETY: that many units are readable, by the promise of the maker of `self`.
        unsafe { s.load_up_to(self.c_before.add(at.row * self.c_row + at.lane), self.c_units - at.lane) }
    }

    /// dy plus what came from the next step.
    #[inline(always)]
    unsafe fn dh<S: Simd>(&self, s: S, at: At) -> S::Vector {
        // SAFETY: inside the output's gradient and the product, by the promise of the maker of `self`.
        unsafe { s.add(self.unpadded(s, at, self.dy), s.load(self.product.add(at.plane))) }
    }
}

for_each_vector! {
    /// d = dh·act'(h)
    Rnn(s, a, p, at) {
        let y = p.unpadded(s, at, p.y);
        p.set(s, at, 0, s.mul(p.dh(s, at), a.state_slope(s, y)));
    }
}

for_each_vector! {
    /// dc = dc' + dh·o·act'(act(c)); the gates follow from dc and dh.
    Lstm(s, a, p, at) {
        let (i, f, g, o) = (p.slot(s, at, 0), p.slot(s, at, 1), p.slot(s, at, 2), p.slot(s, at, 3));
        let dh = p.dh(s, at);
        let out = a.state(s, p.slot(s, at, 4));
        let carry = p.carry.add(at.plane);
        let dc = s.mul_add(s.mul(dh, o), a.state_slope(s, out), s.load(carry));
        p.set(s, at, 0, s.mul(s.mul(dc, g), a.gate_slope(s, i)));
        p.set(s, at, 1, s.mul(s.mul(dc, p.c_before(s, at)), a.gate_slope(s, f)));
        p.set(s, at, 2, s.mul(s.mul(dc, i), a.state_slope(s, g)));
        p.set(s, at, 3, s.mul(s.mul(dh, out), a.gate_slope(s, o)));
        s.store(carry, s.mul(dc, f));
    }
}

/// Gradients of the candidate and of z, and z·dh, which goes to the previous state.
#[inline(always)]
unsafe fn blend<S: Simd, A: Activations>(s: S, a: A, p: &Gates, at: At) -> S::Vector {
    // SAFETY: inside the planes, states and carry, by the promise of the maker of `p`.
    unsafe {
        let (candidate, z) = (p.slot(s, at, 0), p.slot(s, at, 1));
        let carry = p.carry.add(at.plane);
        let dh = s.add(p.dh(s, at), s.load(carry));
        let before = p.unpadded(s, at, p.h_before);
        let d = s.mul(s.mul(dh, s.sub(s.splat(1.0), z)), a.state_slope(s, candidate));
        p.set(s, at, 0, d);
        p.set(s, at, 1, s.mul(s.mul(dh, s.sub(before, candidate)), a.gate_slope(s, z)));
        s.store(carry, s.mul(dh, z));
        d
    }
}

for_each_vector! {
    /// GRU, reset after.
    GruAfter(s, a, p, at) {
        let (r, side) = (p.slot(s, at, 2), p.slot(s, at, 3));
        let d = blend(s, a, &p, at);
        p.set(s, at, 2, s.mul(s.mul(d, side), a.gate_slope(s, r)));
        p.set(s, at, 3, s.mul(d, r));
    }
}

for_each_vector! {
    /// GRU, reset before, first half: the candidate and z.
    GruBeforeBlend(s, a, p, at) {
        blend(s, a, &p, at);
    }
}

for_each_vector! {
    /// GRU, reset before, second half: r from the gradient of r·h'.
    GruBeforeReset(s, a, p, at) {
        let r = p.slot(s, at, 2);
        let d = s.load(p.product.add(at.plane));
        let before = p.unpadded(s, at, p.h_before);
        p.set(s, at, 2, s.mul(s.mul(d, before), a.gate_slope(s, r)));
        let carry = p.carry.add(at.plane);
        s.store(carry, s.mul_add(d, r, s.load(carry)));
    }
}
