//! A cell's two activations, with a fast path for the usual pair.

use crate::simd::Simd;
use crate::{Activation, CellSpec, math};

/// The activations of the gates and of the state.
pub(super) trait Activations: Copy {
    fn gate<S: Simd>(self, s: S, x: S::Vector) -> S::Vector;
    fn state<S: Simd>(self, s: S, x: S::Vector) -> S::Vector;
    fn gate_slope<S: Simd>(self, s: S, y: S::Vector) -> S::Vector;
    fn state_slope<S: Simd>(self, s: S, y: S::Vector) -> S::Vector;
}

/// Sigmoid and tanh.
#[derive(Clone, Copy)]
pub(super) struct Standard;

/// Any pair, looked up for every vector.
#[derive(Clone, Copy)]
pub(super) struct General {
    gate: Activation,
    state: Activation,
}

impl General {
    pub(super) const fn new(spec: &CellSpec) -> Self {
        Self { gate: spec.recurrent_activation(), state: spec.activation() }
    }
}

/// Whether a cell has the usual pair.
pub(super) fn is_standard(spec: &CellSpec) -> bool {
    spec.activation() == Activation::Tanh && spec.recurrent_activation() == Activation::Sigmoid
}

impl Activations for Standard {
    #[inline(always)]
    fn gate<S: Simd>(self, s: S, x: S::Vector) -> S::Vector {
        math::sigmoid(s, x)
    }
    #[inline(always)]
    fn state<S: Simd>(self, s: S, x: S::Vector) -> S::Vector {
        math::tanh(s, x)
    }
    #[inline(always)]
    fn gate_slope<S: Simd>(self, s: S, y: S::Vector) -> S::Vector {
        math::slope(s, Activation::Sigmoid, y)
    }
    #[inline(always)]
    fn state_slope<S: Simd>(self, s: S, y: S::Vector) -> S::Vector {
        math::slope(s, Activation::Tanh, y)
    }
}

impl Activations for General {
    #[inline(always)]
    fn gate<S: Simd>(self, s: S, x: S::Vector) -> S::Vector {
        math::apply(s, self.gate, x)
    }
    #[inline(always)]
    fn state<S: Simd>(self, s: S, x: S::Vector) -> S::Vector {
        math::apply(s, self.state, x)
    }
    #[inline(always)]
    fn gate_slope<S: Simd>(self, s: S, y: S::Vector) -> S::Vector {
        math::slope(s, self.gate, y)
    }
    #[inline(always)]
    fn state_slope<S: Simd>(self, s: S, y: S::Vector) -> S::Vector {
        math::slope(s, self.state, y)
    }
}
