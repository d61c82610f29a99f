//! Which steps of a batch are valid, and the order in which recurrent operations visit them.

mod packing;

pub(crate) use packing::Packing;

use crate::error::{Error, Result};
use crate::memory::refill;
use crate::tensor::Sequence;

/// The valid steps of a `[batch, time]` grid.
#[derive(Debug, Default)]
pub struct SequenceMask {
    batch: usize,
    time: usize,
    /// One byte per step, 0 or 1; empty when all steps are valid.
    valid: Vec<u8>,
    full: bool,
    packing: Packing,
    packed: bool,
}

impl SequenceMask {
    /// Number of rows.
    pub fn batch(&self) -> usize {
        self.batch
    }

    /// Number of steps of the padded batch.
    pub fn time(&self) -> usize {
        self.time
    }

    /// Whether every step of every row is valid.
    pub fn is_full(&self) -> bool {
        self.full
    }

    /// Whether `step` of `row` is valid; false outside the grid.
    pub fn is_valid(&self, row: usize, step: usize) -> bool {
        row < self.batch && step < self.time && (self.full || self.valid[row * self.time + step] != 0)
    }

    /// Number of valid steps in the whole batch.
    pub fn valid_steps(&self) -> usize {
        if self.full {
            self.batch * self.time
        } else {
            self.valid.iter().map(|&byte| usize::from(byte)).sum()
        }
    }

    /// The length of each row, `None` when some row has an invalid step before a valid one.
    pub fn lengths(&self) -> Option<Vec<u32>> {
        (0..self.batch)
            .map(|row| {
                let end = self.end(row);
                (0..end).all(|step| self.is_valid(row, step)).then_some(end as u32)
            })
            .collect()
    }

    /// The same as it goes out with a tensor.
    pub(crate) fn sequence(&self) -> Sequence {
        if self.full {
            return Sequence::Full;
        }
        self.lengths().map_or_else(|| Sequence::Mask(self.to_bytes()), Sequence::Lengths)
    }

    /// One byte per step, 1 where it is valid.
    pub fn to_bytes(&self) -> Vec<u8> {
        if self.full { vec![1; self.batch * self.time] } else { self.valid.clone() }
    }

    /// One past the last valid step of `row`; 0 when it has none.
    pub(crate) fn end(&self, row: usize) -> usize {
        (0..self.time).rev().find(|&step| self.is_valid(row, step)).map_or(0, |step| step + 1)
    }

    /// Makes every step valid.
    pub(crate) fn reset(&mut self, batch: usize, time: usize) {
        // The packing of a full grid depends only on its size and survives.
        self.packed &= self.full && self.batch == batch && self.time == time;
        self.batch = batch;
        self.time = time;
        self.full = true;
        self.valid.clear();
    }

    /// Makes exactly the steps valid for which `valid(row, step)` holds.
    pub(crate) fn set(
        &mut self,
        batch: usize,
        time: usize,
        valid: impl Fn(usize, usize) -> bool,
    ) -> Result<()> {
        let count = batch.checked_mul(time).ok_or_else(|| Error::memory("A mask is too large to address"))?;
        refill(&mut self.valid, count, 1, "The masks")?;
        let mut full = true;
        for (row, bytes) in self.valid.chunks_mut(time.max(1)).enumerate() {
            for (step, byte) in bytes.iter_mut().enumerate() {
                *byte = u8::from(valid(row, step));
                full &= *byte == 1;
            }
        }
        if full {
            self.reset(batch, time);
        } else {
            self.batch = batch;
            self.time = time;
            self.full = false;
            self.packed = false;
        }
        Ok(())
    }

    /// Keeps a step valid only where `other`, of the same size, is valid too.
    pub(crate) fn intersect(&mut self, other: &Self) -> Result<()> {
        if other.full {
            return Ok(());
        }
        if self.full {
            return self.set(other.batch, other.time, |row, step| other.is_valid(row, step));
        }
        for (byte, &kept) in self.valid.iter_mut().zip(&other.valid) {
            *byte &= kept;
        }
        self.packed = false;
        Ok(())
    }

    /// Computes the packing unless it is current.
    pub(crate) fn pack(&mut self) -> Result<()> {
        if !self.packed {
            let (full, time, valid) = (self.full, self.time, &self.valid);
            self.packing.build(self.batch, time, |row, step| full || valid[row * time + step] != 0)?;
            self.packed = true;
        }
        Ok(())
    }

    /// The order of valid steps; [`Self::pack`] must have run since the last change.
    pub(crate) fn packing(&self) -> Result<&Packing> {
        if self.packed {
            Ok(&self.packing)
        } else {
            Err(Error::native("A mask was used before it was packed"))
        }
    }
}
