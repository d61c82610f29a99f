//! Ranges of options.

use crate::error::{Error, Result};

fn require(holds: bool, name: &str, range: &str, value: f64) -> Result<()> {
    if holds {
        return Ok(());
    }
    Err(Error::option(format!("the optimizer's {name} must be {range}, not {value}")))
}

/// What float32 arithmetic can use: finite and not below 0.
pub(super) fn non_negative(name: &str, value: f64) -> Result<()> {
    require((value as f32).is_finite() && value >= 0.0, name, "a finite number of at least 0", value)
}

/// Finite and above 0, also as a float32 that is not flushed to 0.
pub(super) fn positive(name: &str, value: f64) -> Result<()> {
    require((value as f32).is_normal() && value > 0.0, name, "a finite number above 0", value)
}

/// In `[0, 1]`.
pub(super) fn fraction(name: &str, value: f64) -> Result<()> {
    require((0.0..=1.0).contains(&value), name, "between 0 and 1", value)
}

/// Finite and at least 1.
pub(super) fn at_least_one(name: &str, value: f64) -> Result<()> {
    require((value as f32).is_finite() && value >= 1.0, name, "a finite number of at least 1", value)
}
