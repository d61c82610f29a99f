//! Activations on vectors.

use super::exponential::{exp, exp_m1, sigmoid, tanh};
use crate::Activation;
use crate::simd::Simd;

const SELU_ALPHA: f32 = 1.673_263_2;
const SELU_SCALE: f32 = 1.050_701;

/// Whether [`apply`] knows the activation.
pub(crate) const fn is_vectorised(kind: Activation) -> bool {
    !matches!(kind, Activation::Softplus | Activation::Gelu | Activation::Mish)
}

/// y = f(x). Softplus, Gelu and Mish, which have no vector code, give x.
#[inline(always)]
pub(crate) fn apply<S: Simd>(s: S, kind: Activation, x: S::Vector) -> S::Vector {
    let zero = s.splat(0.0);
    let one = s.splat(1.0);
    match kind {
        Activation::Linear | Activation::Softplus | Activation::Gelu | Activation::Mish => x,
        // Selecting by the comparison, unlike `max`, lets NaN through.
        Activation::Relu => s.select(s.less(x, zero), zero, x),
        Activation::Sigmoid => sigmoid(s, x),
        Activation::Tanh => tanh(s, x),
        Activation::HardSigmoid => between_zero_and_one(s, s.div(s.add(x, s.splat(3.0)), s.splat(6.0))),
        // Accurate near 0, too, unlike 0.2·x + 0.5.
        Activation::HardSigmoidKeras2 => between_zero_and_one(s, s.div(s.add(x, s.splat(2.5)), s.splat(5.0))),
        Activation::Softsign => {
            // Bounded so that ∞ gives 1; the quotient is 1 long before.
            let bounded = s.min(s.abs(x), s.splat(1e30));
            let y = s.copy_sign(s.div(bounded, s.add(one, bounded)), x);
            s.select(s.is_nan(x), x, y)
        }
        Activation::Elu => s.select(s.less(zero, x), x, exp_m1(s, s.min(zero, x))),
        Activation::Selu => {
            let below = s.mul(s.splat(SELU_SCALE * SELU_ALPHA), exp_m1(s, s.min(zero, x)));
            s.select(s.less(zero, x), s.mul(s.splat(SELU_SCALE), x), below)
        }
        Activation::Silu => {
            // −∞·0 would be NaN; below the bound the product is zero to working precision.
            let bounded = s.select(s.less(x, s.splat(-1e4)), s.splat(-1e4), x);
            s.mul(bounded, sigmoid(s, bounded))
        }
        Activation::Exponential => exp(s, x),
        Activation::Relu6 => {
            let six = s.splat(6.0);
            s.select(s.less(x, zero), zero, s.select(s.less(six, x), six, x))
        }
        Activation::LeakyRelu => s.select(s.less(x, zero), s.mul(s.splat(0.2), x), x),
    }
}

/// x, at least 0 and at most 1; NaN as it is.
#[inline(always)]
fn between_zero_and_one<S: Simd>(s: S, x: S::Vector) -> S::Vector {
    let (zero, one) = (s.splat(0.0), s.splat(1.0));
    s.select(s.less(x, zero), zero, s.select(s.less(one, x), one, x))
}

/// f'(x) from y = f(x), where [`Activation::derives_from_output`] holds; 1 for the others.
#[inline(always)]
pub(crate) fn slope<S: Simd>(s: S, kind: Activation, y: S::Vector) -> S::Vector {
    let zero = s.splat(0.0);
    let one = s.splat(1.0);
    match kind {
        Activation::Relu => s.select(s.less(zero, y), one, zero),
        Activation::Sigmoid => s.mul(y, s.sub(one, y)),
        Activation::Tanh => s.sub(one, s.mul(y, y)),
        Activation::HardSigmoid | Activation::HardSigmoidKeras2 => {
            let slope = if kind == Activation::HardSigmoid { 1.0 / 6.0 } else { 0.2 };
            let inside = s.select(s.less(y, one), s.splat(slope), zero);
            s.select(s.less(zero, y), inside, zero)
        }
        Activation::Softsign => {
            let d = s.sub(one, s.abs(y));
            s.mul(d, d)
        }
        Activation::Elu => s.select(s.less(zero, y), one, s.add(y, one)),
        Activation::Selu => {
            let below = s.add(y, s.splat(SELU_SCALE * SELU_ALPHA));
            s.select(s.less(zero, y), s.splat(SELU_SCALE), below)
        }
        Activation::Exponential => y,
        Activation::Relu6 => {
            let inside = s.select(s.less(y, s.splat(6.0)), one, zero);
            s.select(s.less(zero, y), inside, zero)
        }
        Activation::LeakyRelu => s.select(s.less(zero, y), one, s.splat(0.2)),
        _ => one,
    }
}
