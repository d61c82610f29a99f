//! `crf` and `crfLoss`: a linear-chain conditional random field (Lafferty et al. 2001) over the tags of a sequence.
//!
//! The score of a path of tags y over the valid steps of a row is
//! `start[y₁] + Σ emission[t, yₜ] + Σ transition[yₜ₋₁, yₜ] + end[yₙ]`; its probability is exp(score) by the sum of that over all paths. Masked steps are left out: what comes
//! before is followed by what comes after. Everything is computed in double precision.

mod best;
mod chain;
mod decode;
mod lattice;
mod loss;

use super::context::mask_of;
use super::{Entry, Site, ValueRef, expect_float};
use crate::error::{Error, Result};
use crate::mask::SequenceMask;
use crate::memory;
use crate::shape::{Meta, fits, product};
use seqloom_kernels::Scalar;
use seqloom_kernels::pool::each_block;
use std::ops::Range;

pub(super) const OPERATIONS: &[Entry] = &[decode::ENTRY, loss::ENTRY];

/// Rows that one thread works through with the same memory, whose sums are added up in their order.
const ROWS: usize = 4;

/// Multiplications from which on sharing work costs less than it saves.
const WORTH_SHARING: usize = 1 << 15;

/// Checks the weights, start scores `[tags]`, end scores `[tags]` and transition scores `[from, to]`; returns the number of
/// tags.
fn tags_of(site: &Site<'_>) -> Result<usize> {
    let [tags, _] = site.matrix(2, "transition scores")?;
    site.expect_weight(0, "start scores", &[tags])?;
    site.expect_weight(1, "end scores", &[tags])?;
    site.expect_weight(2, "transition scores", &[tags, tags])?;
    Ok(tags)
}

fn check_emissions(emissions: &Meta, tags: usize) -> Result<()> {
    expect_float(emissions)?;
    let shape = emissions.shape;
    if shape.rank() == 3 && emissions.batched && fits(shape.last(), tags) {
        return Ok(());
    }
    Err(Error::shape(format!("the scores of tags must have shape [batch, time, {tags}]; got {shape}")))
}

/// The scores `[batch, time, tags]` that the network gives each tag, and which steps are valid.
#[derive(Debug, Clone, Copy)]
struct Emissions<'a, T> {
    values: &'a [T],
    mask: Option<&'a SequenceMask>,
    rows: usize,
    time: usize,
    tags: usize,
}

impl<'a, T: Scalar> Emissions<'a, T> {
    fn new(values: &'a [T], value: &ValueRef, masks: &'a [SequenceMask]) -> Self {
        let shape = &value.shape;
        Self {
            values,
            mask: mask_of(masks, value),
            rows: shape.batch(),
            time: shape.time(),
            tags: shape.last(),
        }
    }

    /// The valid steps of a row.
    fn steps(&self, row: usize) -> impl Iterator<Item = usize> + use<'a, T> {
        let mask = self.mask;
        (0..self.time).filter(move |&step| mask.is_none_or(|mask| mask.is_valid(row, step)))
    }

    /// `[batch, time, tags]`
    fn dims(&self) -> [usize; 3] {
        [self.rows, self.time, self.tags]
    }

    fn at(&self, row: usize, step: usize) -> &'a [T] {
        let start = (row * self.time + step) * self.tags;
        &self.values[start..start + self.tags]
    }
}

/// Memory for the rows of a batch, of which each part is for [`ROWS`] of them.
#[derive(Debug, Clone, Default)]
struct Parts<V>(Vec<V>);

impl<V: Default + Send> Parts<V> {
    /// Makes the parts ready for a number of rows.
    fn prepare(&mut self, rows: usize, mut ready: impl FnMut(&mut V) -> Result<()>) -> Result<()> {
        let parts = rows.div_ceil(ROWS);
        if self.0.len() < parts {
            memory::room_for((parts - self.0.len()).saturating_mul(size_of::<V>()), "The paths of tags")?;
            self.0.resize_with(parts, V::default);
        }
        self.first(rows).iter_mut().try_for_each(&mut ready)
    }

    /// The parts of this many rows.
    fn first(&mut self, rows: usize) -> &mut [V] {
        &mut self.0[..rows.div_ceil(ROWS)]
    }

    /// Calls `body` with each part and its rows; on all threads if there is much to do for a batch of these dimensions.
    fn each(&mut self, [rows, time, tags]: [usize; 3], body: impl Fn(&mut V, Range<usize>) + Sync) {
        let work = rows.saturating_mul(time).saturating_mul(tags * tags);
        each_block([self.first(rows)], 1, work >= WORTH_SHARING, |at, [parts]| {
            for part in parts {
                body(part, at * ROWS..rows.min((at + 1) * ROWS));
            }
        });
    }
}

/// The product of sizes.
fn size(sizes: &[usize]) -> Result<usize> {
    product(sizes).ok_or_else(|| Error::memory("the paths of tags are too many to address"))
}
