//! Variance scaling: Glorot, He, LeCun and the general form, with Keras's fans and truncation correction.

use super::{non_negative, random};
use crate::error::Result;
use crate::rng::Key;
use crate::values::{Distribution, FanMode};

/// The standard deviation of a standard normal truncated at ±2.
const TRUNCATED_STDDEV: f64 = 0.879_625_661_034_239_8;

pub(super) fn fill(
    scale: f64,
    mode: FanMode,
    distribution: Distribution,
    shape: &[usize],
    key: Key,
    out: &mut [f32],
) -> Result<()> {
    non_negative("scale", scale)?;
    let (fan_in, fan_out) = fans(shape);
    let fan = match mode {
        FanMode::FanIn => fan_in,
        FanMode::FanOut => fan_out,
        FanMode::FanAvg => (fan_in + fan_out) / 2.0,
    };
    let variance = scale / fan.max(1.0);
    match distribution {
        Distribution::Uniform => {
            let limit = (3.0 * variance).sqrt();
            random::uniform(-limit, limit, key, out)
        }
        Distribution::UntruncatedNormal => random::normal(0.0, variance.sqrt(), key, out),
        Distribution::TruncatedNormal | Distribution::Normal => {
            random::truncated_normal(0.0, variance.sqrt() / TRUNCATED_STDDEV, key, out)
        }
    }
}

/// Fan in and fan out as Keras computes them: a vector has its size as both, leading sizes beyond two (a
/// convolution's window) multiply both.
fn fans(shape: &[usize]) -> (f64, f64) {
    match *shape {
        [] => (1.0, 1.0),
        [n] => (n as f64, n as f64),
        [ref window @ .., fan_in, fan_out] => {
            let receptive: f64 = window.iter().map(|&d| d as f64).product();
            (fan_in as f64 * receptive, fan_out as f64 * receptive)
        }
    }
}
