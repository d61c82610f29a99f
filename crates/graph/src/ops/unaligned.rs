//! Targets of losses whose symbols have no step: rows `[batch, length]`, of which each ends before its first negative
//! number or is followed by blanks alone.

use super::loss::check_weights;
use crate::error::{Error, Result};
use crate::shape::{ANY, Meta, Shape};
use crate::values::Dtype;
use seqloom_kernels::Scalar;

/// Refuses a blank that is none of the symbols.
pub(super) fn check_blank(blank: usize, symbols: usize) -> Result<()> {
    if symbols == ANY || blank < symbols {
        return Ok(());
    }
    Err(Error::option(format!(
        "blank is {blank}, but the prediction has {symbols} symbols: it must be 0 to {}",
        symbols - 1
    )))
}

/// Refuses targets, and weights of rows, that do not fit a batch of this shape.
pub(super) fn check_targets(batch: &Shape, target: &Meta, weights: Option<&Meta>) -> Result<()> {
    let expected = Shape::new(&[batch.dims()[0], ANY])?;
    if target.dtype != Dtype::Int32 || expected.unify(&target.shape).is_none() {
        return Err(Error::shape(format!(
            "the targets must be int32 of shape {expected}; got {} of shape {}",
            target.dtype.as_str(),
            target.shape
        )));
    }
    if weights.is_some_and(|weights| weights.shape.rank() != 1) {
        return Err(Error::shape("the sample weights must be one for each row"));
    }
    check_weights(batch, weights)
}

/// The symbols of a row's target, without what fills it up.
pub(super) fn target_of(row: usize, given: &[i32], symbols: usize, blank: usize) -> Result<&[i32]> {
    let is_blank = |symbol: i32| usize::try_from(symbol) == Ok(blank);
    let length = given.iter().position(|&symbol| symbol < 0).unwrap_or(given.len());
    let length = given[..length].iter().rposition(|&symbol| !is_blank(symbol)).map_or(0, |last| last + 1);
    let (target, rest) = given.split_at(length);
    if let Some(at) = target.iter().position(|&symbol| is_blank(symbol) || symbol as usize >= symbols) {
        let message = format!(
            "the target of row {row} has {} at position {at}: it must have symbols from 0 to {} other than the blank, {blank}",
            target[at],
            symbols - 1,
        );
        return Err(Error::data(message).at_row(row));
    }
    if let Some(at) = rest.iter().position(|&symbol| symbol >= 0 && !is_blank(symbol)) {
        let message = format!(
            "the target of row {row} goes on with {} at position {} after its end at {length}, where a negative number is",
            rest[at],
            length + at
        );
        return Err(Error::data(message).at_row(row));
    }
    Ok(target)
}

/// The factor of a row's loss.
pub(super) fn weight_of<T: Scalar>(weights: &[T], row: usize) -> f64 {
    weights.get(row).map_or(1.0, |weight| weight.to_f64())
}
