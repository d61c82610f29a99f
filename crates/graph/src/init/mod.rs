//! First values of weights: Keras 3's formulas on keyed random streams.

mod identity;
mod lstm_bias;
mod orthogonal;
mod random;
mod scaling;

use crate::error::{Error, Result};
use crate::rng::{Key, domain};
use crate::values::{Distribution, FanMode, Initializer, InitializerKind as Kind};

/// Fills `out`, a weight of this `shape` in row-major order, with its first values. They are keyed by the model's
/// `seed` and the weight's `index`, or by the initializer's own seed alone, so that weights with the same own seed and
/// shape start equal.
///
/// # Errors
/// `ERR_SHAPE` where the formula does not suit the shape, `ERR_OPTION` for parameters that are not finite, or negative
/// where they must not be, `ERR_MEMORY`.
pub fn fill(
    initializer: &Initializer,
    shape: &[usize],
    seed: u64,
    index: usize,
    out: &mut [f32],
) -> Result<()> {
    let size = shape.iter().try_fold(1_usize, |n, &d| n.checked_mul(d));
    if size != Some(out.len()) {
        return Err(Error::shape(format!(
            "a weight of shape {shape:?} does not have {} elements",
            out.len()
        )));
    }
    fill_keyed(initializer, shape, Key { seed, step: 0, op: domain::INIT + 1 + index as u64 }, out)
}

/// Checks that [`fill`] can fill a weight of this shape.
///
/// # Errors
/// Those of [`fill`] but `ERR_MEMORY`.
pub fn check(initializer: &Initializer, shape: &[usize]) -> Result<()> {
    fill_keyed(initializer, shape, Key { seed: 0, step: 0, op: domain::INIT }, &mut [])
}

fn fill_keyed(initializer: &Initializer, shape: &[usize], default: Key, out: &mut [f32]) -> Result<()> {
    let key = initializer.seed.map_or(default, |own| Key { seed: own, step: 0, op: domain::INIT });
    let scaled = |scale, mode, distribution, out: &mut [f32]| {
        scaling::fill(scale, mode, distribution, shape, key, out)
    };
    match initializer.kind {
        Kind::Zeros {} => out.fill(0.0),
        Kind::Ones {} => out.fill(1.0),
        Kind::Constant { value } => {
            finite("value", value)?;
            out.fill(value as f32);
        }
        Kind::RandomUniform { minval, maxval } => random::uniform(minval, maxval, key, out)?,
        Kind::RandomNormal { mean, stddev } => random::normal(mean, stddev, key, out)?,
        Kind::TruncatedNormal { mean, stddev } => random::truncated_normal(mean, stddev, key, out)?,
        Kind::GlorotUniform {} => scaled(1.0, FanMode::FanAvg, Distribution::Uniform, out)?,
        Kind::GlorotNormal {} => scaled(1.0, FanMode::FanAvg, Distribution::TruncatedNormal, out)?,
        Kind::HeUniform {} => scaled(2.0, FanMode::FanIn, Distribution::Uniform, out)?,
        Kind::HeNormal {} => scaled(2.0, FanMode::FanIn, Distribution::TruncatedNormal, out)?,
        Kind::LecunUniform {} => scaled(1.0, FanMode::FanIn, Distribution::Uniform, out)?,
        Kind::LecunNormal {} => scaled(1.0, FanMode::FanIn, Distribution::TruncatedNormal, out)?,
        Kind::VarianceScaling { scale, mode, distribution } => scaled(scale, mode, distribution, out)?,
        Kind::Orthogonal { gain } => orthogonal::fill(gain, shape, key, out)?,
        Kind::Identity { gain } => identity::fill(gain, shape, out)?,
        Kind::LstmBias { ref base } => lstm_bias::fill(base.as_deref(), shape, key, out)?,
    }
    Ok(())
}

/// Parameters become float32, so that is what they must be finite in.
fn finite(name: &str, value: f64) -> Result<()> {
    if (value as f32).is_finite() {
        return Ok(());
    }
    Err(Error::option(format!("an initializer's {name} must be a finite float32 number, not {value}")))
}

fn non_negative(name: &str, value: f64) -> Result<()> {
    finite(name, value)?;
    if value >= 0.0 {
        return Ok(());
    }
    Err(Error::option(format!("an initializer's {name} must not be negative, but is {value}")))
}

#[cfg(test)]
mod tests;
