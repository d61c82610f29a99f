//! Uniform, normal and truncated normal values with given parameters.

use super::{finite, non_negative};
use crate::error::{Error, Result};
use crate::parallel::each_rows;
use crate::rng::{Key, Stream, fill_normal, fill_uniform};

pub(super) fn uniform(minval: f64, maxval: f64, key: Key, out: &mut [f32]) -> Result<()> {
    finite("minval", minval)?;
    finite("maxval", maxval)?;
    if minval > maxval {
        return Err(Error::option(format!(
            "an initializer's minval ({minval}) must not be above its maxval ({maxval})"
        )));
    }
    finite("maxval - minval", maxval - minval)?;
    fill_uniform(key, 0, out);
    let (low, width) = (minval as f32, (maxval - minval) as f32);
    map(out, |_, x| low + width * x);
    Ok(())
}

pub(super) fn normal(mean: f64, stddev: f64, key: Key, out: &mut [f32]) -> Result<()> {
    finite("mean", mean)?;
    non_negative("stddev", stddev)?;
    fill_normal(key, 0, out);
    let (mean, stddev) = (mean as f32, stddev as f32);
    map(out, |_, x| mean + stddev * x);
    Ok(())
}

/// A deviate beyond ±2 is drawn again from the element's place in the stream of the next attempt, so an element's
/// value depends on its own place only.
pub(super) fn truncated_normal(mean: f64, stddev: f64, key: Key, out: &mut [f32]) -> Result<()> {
    finite("mean", mean)?;
    non_negative("stddev", stddev)?;
    fill_normal(key, 0, out);
    let (mean, stddev) = (mean as f32, stddev as f32);
    // One in 22 is redrawn, so after 64 attempts 1e-86 remain; the clamp makes the bound hold without exception.
    let retries: [Stream; 64] = std::array::from_fn(|n| Stream::new(Key { step: n as u64 + 1, ..key }));
    map(out, |element, mut x| {
        let mut attempts = retries.iter();
        while x.abs() > 2.0 {
            x = attempts.next().map_or(x.clamp(-2.0, 2.0), |stream| stream.normal(element as u64));
        }
        mean + stddev * x
    });
    Ok(())
}

/// Replaces every element by a function of its place and itself.
fn map(out: &mut [f32], of: impl Fn(usize, f32) -> f32 + Sync) {
    let work = out.len();
    each_rows(out, 1, work, |first, part| {
        part.iter_mut().enumerate().for_each(|(index, x)| *x = of(first + index, *x));
    });
}
