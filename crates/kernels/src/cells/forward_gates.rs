//! From pre-activations to the new state: the gates of some rows of one block in one step.

use super::activations::Activations;
use super::each_vector::{At, for_each_vector};
use crate::simd::{RawKernel, Simd};

/// Pointers to the values of some rows of one block.
#[derive(Clone, Copy)]
pub(super) struct Gates {
    pub(super) rows: usize,
    /// Slot 0 of the planes at the first row, holding the input projection; and elements from slot to slot.
    pub(super) gates: *mut f32,
    pub(super) slot: usize,
    /// The recurrent product, gate 0 at the first row; and elements from gate to gate.
    pub(super) recurrent: *const f32,
    pub(super) gate: usize,
    /// Bias of slot 0; and elements from slot to slot.
    pub(super) bias: *const f32,
    pub(super) bias_slot: usize,
    /// The padded states before and after the step, and a third one for r·h' of the reset-before GRU.
    pub(super) before: *const f32,
    pub(super) after: *mut f32,
    pub(super) reset: *mut f32,
    pub(super) state_row: usize,
    /// The LSTM's running cell state.
    pub(super) c: *mut f32,
    /// Output at the first row and unit; elements from row to row; existing units of the block.
    pub(super) y: *mut f32,
    pub(super) y_row: usize,
    pub(super) units: usize,
    /// Whether the backward pass will need the gates.
    pub(super) keep: bool,
}

impl Gates {
    /// x·W + b of a slot.
    #[inline(always)]
    unsafe fn input_side<S: Simd>(&self, s: S, at: At, slot: usize) -> S::Vector {
        // SAFETY: inside the planes and the bias, by the promise of the maker of `self`.
        unsafe {
            let x = s.load(self.gates.add(slot * self.slot + at.plane));
            s.add(x, s.load(self.bias.add(slot * self.bias_slot + at.lane)))
        }
    }

    /// h'·U of a recurrent gate.
    #[inline(always)]
    unsafe fn recurrent_side<S: Simd>(&self, s: S, at: At, gate: usize) -> S::Vector {
        // SAFETY: inside the recurrent product, by the promise of the maker of `self`.
        unsafe { s.load(self.recurrent.add(gate * self.gate + at.plane)) }
    }

    /// The pre-activation of a slot.
    #[inline(always)]
    unsafe fn sum<S: Simd>(&self, s: S, at: At, slot: usize, gate: usize) -> S::Vector {
        // SAFETY: as both sides.
        unsafe { s.add(self.input_side(s, at, slot), self.recurrent_side(s, at, gate)) }
    }

    #[inline(always)]
    unsafe fn keep<S: Simd>(&self, s: S, at: At, slot: usize, value: S::Vector) {
        // SAFETY: inside the planes, by the promise of the maker of `self`.
        unsafe { s.store(self.gates.add(slot * self.slot + at.plane), value) }
    }

    /// Writes the new state, and its existing units to the output.
    #[inline(always)]
    unsafe fn finish<S: Simd>(&self, s: S, at: At, h: S::Vector) {
        // SAFETY: inside the state and the output, by the promise of the maker of `self`.
        unsafe {
            s.store(self.after.add(at.state), h);
            if self.units > at.lane {
                s.store_up_to(self.y.add(at.row * self.y_row + at.lane), h, self.units - at.lane);
            }
        }
    }
}

for_each_vector! {
    /// h = act(x·W + h'·U + b)
    Rnn(s, a, p, at) {
        p.finish(s, at, a.state(s, p.sum(s, at, 0, 0)));
    }
}

for_each_vector! {
    /// c = f·c' + i·g; h = o·act(c)
    Lstm(s, a, p, at) {
        let i = a.gate(s, p.sum(s, at, 0, 0));
        let f = a.gate(s, p.sum(s, at, 1, 1));
        let g = a.state(s, p.sum(s, at, 2, 2));
        let o = a.gate(s, p.sum(s, at, 3, 3));
        let c = p.c.add(at.plane);
        let new = s.mul_add(f, s.load(c), s.mul(i, g));
        s.store(c, new);
        p.finish(s, at, s.mul(o, a.state(s, new)));
        if p.keep {
            p.keep(s, at, 0, i);
            p.keep(s, at, 1, f);
            p.keep(s, at, 2, g);
            p.keep(s, at, 3, o);
            p.keep(s, at, 4, new);
        }
    }
}

/// z·h' + (1 − z)·candidate
#[inline(always)]
fn blend<S: Simd>(s: S, z: S::Vector, before: S::Vector, candidate: S::Vector) -> S::Vector {
    s.mul_add(z, before, s.mul(s.sub(s.splat(1.0), z), candidate))
}

for_each_vector! {
    /// GRU, reset after: candidate = act(x·W + b + r·(h'·U + b')).
    GruAfter(s, a, p, at) {
        let z = a.gate(s, p.sum(s, at, 1, 0));
        let r = a.gate(s, p.sum(s, at, 2, 1));
        let side = s.load(p.bias.add(3 * p.bias_slot + at.lane));
        let side = s.add(p.recurrent_side(s, at, 2), side);
        let candidate = a.state(s, s.mul_add(r, side, p.input_side(s, at, 0)));
        p.finish(s, at, blend(s, z, s.load(p.before.add(at.state)), candidate));
        if p.keep {
            p.keep(s, at, 0, candidate);
            p.keep(s, at, 1, z);
            p.keep(s, at, 2, r);
            p.keep(s, at, 3, side);
        }
    }
}

for_each_vector! {
    /// GRU, reset before, first half: z, r and r·h'.
    GruBeforeReset(s, a, p, at) {
        let z = a.gate(s, p.sum(s, at, 1, 0));
        let r = a.gate(s, p.sum(s, at, 2, 1));
        let reset = s.mul(r, s.load(p.before.add(at.state)));
        s.store(p.reset.add(at.state), reset);
        p.keep(s, at, 1, z);
        if p.keep {
            p.keep(s, at, 2, r);
            p.keep(s, at, 3, reset);
        }
    }
}

for_each_vector! {
    /// GRU, reset before, second half: candidate = act(x·W + (r·h')·U + b).
    GruBeforeBlend(s, a, p, at) {
        let candidate = a.state(s, p.sum(s, at, 0, 0));
        let z = s.load(p.gates.add(p.slot + at.plane));
        p.finish(s, at, blend(s, z, s.load(p.before.add(at.state)), candidate));
        if p.keep {
            p.keep(s, at, 0, candidate);
        }
    }
}
