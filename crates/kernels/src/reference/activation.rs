//! Activation functions and their derivatives.

use crate::{Activation, Real};

const SELU_ALPHA: f64 = 1.673_263_242_354_377_2;
const SELU_SCALE: f64 = 1.050_700_987_355_480_5;

fn sigmoid<T: Real>(x: T) -> T {
    // exp of a negative number only: it never overflows.
    let e = (-x.abs()).exp();
    if x < T::ZERO { e / (T::ONE + e) } else { T::ONE / (T::ONE + e) }
}

/// The standard normal distribution function.
fn normal<T: Real>(x: T) -> T {
    T::from_f64(0.5) * (-x * T::from_f64(std::f64::consts::FRAC_1_SQRT_2)).erfc()
}

/// y = f(x), as [`Activation`] has the formulas.
pub fn activate<T: Real>(kind: Activation, x: T) -> T {
    let (zero, one, constant) = (T::ZERO, T::ONE, T::from_f64);
    match kind {
        Activation::Linear => x,
        // The comparison, unlike `max`, lets NaN through.
        Activation::Relu if x <= zero => zero,
        Activation::Relu => x,
        Activation::Sigmoid => sigmoid(x),
        Activation::Tanh => x.tanh(),
        Activation::HardSigmoid if x <= constant(-3.0) => zero,
        Activation::HardSigmoid if x >= constant(3.0) => one,
        Activation::HardSigmoid => (x + constant(3.0)) / constant(6.0),
        Activation::HardSigmoidKeras2 if x <= constant(-2.5) => zero,
        Activation::HardSigmoidKeras2 if x >= constant(2.5) => one,
        Activation::HardSigmoidKeras2 => (x + constant(2.5)) / constant(5.0),
        Activation::Softsign if x == T::INFINITY => one,
        Activation::Softsign if x == -T::INFINITY => -one,
        Activation::Softsign => x / (one + x.abs()),
        Activation::Softplus => activate(Activation::Relu, x) + (-x.abs()).exp().ln_1p(),
        Activation::Elu if x > zero => x,
        Activation::Elu => x.exp_m1(),
        Activation::Selu if x > zero => constant(SELU_SCALE) * x,
        Activation::Selu => constant(SELU_SCALE * SELU_ALPHA) * x.exp_m1(),
        Activation::Gelu | Activation::Silu | Activation::Mish if x == -T::INFINITY => zero,
        Activation::Gelu => x * normal(x),
        Activation::Silu => x * sigmoid(x),
        Activation::Exponential => x.exp(),
        Activation::Relu6 if x <= zero => zero,
        Activation::Relu6 if x >= constant(6.0) => constant(6.0),
        Activation::Relu6 => x,
        Activation::LeakyRelu if x < zero => constant(0.2) * x,
        Activation::LeakyRelu => x,
        Activation::Mish => x * activate(Activation::Softplus, x).tanh(),
    }
}

/// f'(x), given x and y = f(x).
pub fn derivative<T: Real>(kind: Activation, x: T, y: T) -> T {
    let (one, constant) = (T::ONE, T::from_f64);
    match kind {
        Activation::Softplus => sigmoid(x),
        Activation::Gelu => {
            let density = (-x * x * constant(0.5)).exp()
                * constant(0.5 * std::f64::consts::FRAC_2_SQRT_PI)
                * constant(std::f64::consts::FRAC_1_SQRT_2);
            normal(x) + x * density
        }
        Activation::Silu => {
            let s = sigmoid(x);
            s * (one + x * (one - s))
        }
        Activation::Mish => {
            let t = activate(Activation::Softplus, x).tanh();
            t + x * (one - t * t) * sigmoid(x)
        }
        _ => derivative_from_output(kind, y),
    }
}

/// f'(x) as a function of y = f(x), for the activations where [`Activation::derives_from_output`] holds.
///
/// # Panics
/// For any other activation.
pub fn derivative_from_output<T: Real>(kind: Activation, y: T) -> T {
    let (zero, one) = (T::ZERO, T::ONE);
    match kind {
        Activation::Linear => one,
        Activation::Relu if y > zero => one,
        Activation::Relu => zero,
        Activation::Sigmoid => y * (one - y),
        Activation::Tanh => one - y * y,
        Activation::HardSigmoid if y > zero && y < one => one / T::from_f64(6.0),
        Activation::HardSigmoidKeras2 if y > zero && y < one => T::from_f64(0.2),
        Activation::HardSigmoid | Activation::HardSigmoidKeras2 => zero,
        Activation::Softsign => {
            let d = one - y.abs();
            d * d
        }
        Activation::Elu if y > zero => one,
        Activation::Elu => y + one,
        Activation::Selu if y > zero => T::from_f64(SELU_SCALE),
        Activation::Selu => y + T::from_f64(SELU_SCALE * SELU_ALPHA),
        Activation::Exponential => y,
        Activation::Relu6 if y > zero && y < T::from_f64(6.0) => one,
        Activation::Relu6 => zero,
        Activation::LeakyRelu if y > zero => one,
        Activation::LeakyRelu => T::from_f64(0.2),
        _ => panic!("the derivative of {kind:?} is not a function of its output"),
    }
}

/// y = f(x), element by element.
///
/// # Panics
/// If the slices differ in length.
pub fn activation<T: Real>(kind: Activation, x: &[T], y: &mut [T]) {
    y.copy_from_slice(x);
    activation_in_place(kind, y);
}

/// x = f(x), element by element.
pub fn activation_in_place<T: Real>(kind: Activation, x: &mut [T]) {
    for x in x {
        *x = activate(kind, *x);
    }
}

/// dx += dy·f'(x), where y = f(x).
///
/// # Panics
/// If the slices differ in length.
pub fn activation_backward<T: Real>(kind: Activation, x: &[T], y: &[T], dy: &[T], dx: &mut [T]) {
    assert!(x.len() == y.len() && y.len() == dy.len() && dy.len() == dx.len(), "lengths of an activation");
    for (i, dx) in dx.iter_mut().enumerate() {
        *dx += dy[i] * derivative(kind, x[i], y[i]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derivatives_match_finite_differences() {
        for kind in Activation::ALL {
            for i in -50..50 {
                let x = f64::from(i) * 0.13 + 0.0171;
                let h = 1e-6;
                let numeric = (activate(kind, x + h) - activate(kind, x - h)) / (2.0 * h);
                let exact = derivative(kind, x, activate(kind, x));
                assert!(
                    (numeric - exact).abs() < 1e-8 * (1.0 + exact.abs()),
                    "{kind:?} at {x}: {numeric} {exact}"
                );
            }
        }
    }

    #[test]
    fn limits_and_nan() {
        use Activation::*;
        for (kind, low, high) in [
            (Linear, f64::NEG_INFINITY, f64::INFINITY),
            (Relu, 0.0, f64::INFINITY),
            (Sigmoid, 0.0, 1.0),
            (Tanh, -1.0, 1.0),
            (HardSigmoid, 0.0, 1.0),
            (HardSigmoidKeras2, 0.0, 1.0),
            (Softsign, -1.0, 1.0),
            (Softplus, 0.0, f64::INFINITY),
            (Elu, -1.0, f64::INFINITY),
            (Selu, -SELU_ALPHA * SELU_SCALE, f64::INFINITY),
            (Gelu, 0.0, f64::INFINITY),
            (Silu, 0.0, f64::INFINITY),
            (Exponential, 0.0, f64::INFINITY),
            (Relu6, 0.0, 6.0),
            (LeakyRelu, f64::NEG_INFINITY, f64::INFINITY),
            (Mish, 0.0, f64::INFINITY),
        ] {
            assert_eq!(activate(kind, f64::NEG_INFINITY), low, "{kind:?}");
            assert_eq!(activate(kind, f64::INFINITY), high, "{kind:?}");
            assert!(activate(kind, f64::NAN).is_nan(), "{kind:?}");
        }
    }
}
