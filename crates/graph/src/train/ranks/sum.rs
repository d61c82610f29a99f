//! Sums over all ranks, in the order of ranks, and what they need.

use super::{Ranks, Share};
use crate::error::{Error, Result};
use crate::gradients::Gradients;
use crate::parallel::each_rows;
use std::ops::Range;
use std::sync::atomic::AtomicBool;

/// Up to so many numbers, every rank sends all of its own to all others: one exchange instead of two.
const DIRECT: usize = 1 << 13;

/// So many numbers are summed at once, which bounds the memory that it takes.
const BUCKET: usize = 1 << 24;

impl Ranks {
    /// Replaces numbers by their means over all ranks.
    pub(super) fn mean(&mut self, values: &mut [f32], cancel: &AtomicBool) -> Result<()> {
        values.chunks_mut(BUCKET).try_for_each(|bucket| self.combine(bucket, Self::mean_up, cancel))
    }

    /// Sends all ranks the same; theirs, of the same length, are what came in.
    pub(super) fn gather(&mut self, own: &[f32], cancel: &AtomicBool) -> Result<()> {
        let rank = self.group.rank();
        self.parcels.pack(rank, own)?;
        self.parcels.repeat(rank);
        for from in (0..self.group.size()).filter(|&from| from != rank) {
            self.parcels.expect(from, own.len())?;
        }
        self.exchange(cancel)
    }

    fn exchange(&mut self, cancel: &AtomicBool) -> Result<()> {
        self.parcels.patient = self.beside;
        self.parcels = self.group.exchange(std::mem::take(&mut self.parcels), cancel)?;
        Ok(())
    }

    /// Replaces numbers by their sums over all ranks.
    pub(super) fn sum(&mut self, values: &mut [f32], cancel: &AtomicBool) -> Result<()> {
        values.chunks_mut(BUCKET).try_for_each(|bucket| self.combine(bucket, Self::add_up, cancel))
    }

    /// Replaces numbers by what `make` makes of this rank's own and those that came in, element by element.
    fn combine(
        &mut self,
        values: &mut [f32],
        make: fn(&mut Self, &mut [f32]),
        cancel: &AtomicBool,
    ) -> Result<()> {
        let (rank, size) = (self.group.rank(), self.group.size());
        if values.is_empty() {
            return Ok(());
        }
        if values.len() <= DIRECT {
            self.gather(values, cancel)?;
            make(self, values);
            return Ok(());
        }
        // Each rank combines a part, then sends what it has made to all others.
        let each = values.len().div_ceil(size).next_multiple_of(16);
        let part = |rank: usize| (rank * each).min(values.len())..((rank + 1) * each).min(values.len());
        let own = part(rank);
        for other in (0..size).filter(|&other| other != rank) {
            self.parcels.pack(other, &values[part(other)])?;
            self.parcels.expect(other, own.len())?;
        }
        self.exchange(cancel)?;
        let parts: Vec<Range<usize>> = (0..size).map(part).collect();
        make(self, &mut values[own.clone()]);
        self.parcels.pack(rank, &values[own])?;
        self.parcels.repeat(rank);
        for (other, part) in parts.iter().enumerate().filter(|&(other, _)| other != rank) {
            self.parcels.expect(other, part.len())?;
        }
        self.exchange(cancel)?;
        for (part, received) in parts
            .into_iter()
            .zip(&self.parcels.incoming)
            .enumerate()
            .filter_map(|(other, it)| (other != rank).then_some(it))
        {
            values[part].copy_from_slice(received);
        }
        Ok(())
    }

    /// Adds what came in to this rank's own numbers, in the order of ranks.
    fn add_up(&mut self, own: &mut [f32]) {
        let rank = self.group.rank();
        let work = if self.beside { 0 } else { own.len() };
        let incoming = &mut self.parcels.incoming;
        for other in 0..self.group.size() {
            if other < rank {
                let (first, rest) = incoming.split_at_mut(1);
                if other > 0 {
                    add(&mut first[0], &rest[other - 1], work);
                }
            } else if other > rank {
                add(own, &incoming[other], work);
            }
            if other == rank && rank > 0 {
                let earlier = &incoming[0];
                each_rows(own, 1, work, |start, part| {
                    part.iter_mut().zip(&earlier[start..]).for_each(|(value, sum)| *value += sum);
                });
            }
        }
    }

    /// Makes this rank's own numbers the means of them and what came in: in float64, so that the mean of equal numbers is
    /// that number, to the bit.
    fn mean_up(&mut self, own: &mut [f32]) {
        let (rank, size) = (self.group.rank(), self.group.size());
        let incoming = &self.parcels.incoming;
        let work = own.len();
        each_rows(own, 1, work, |start, part| {
            for (at, value) in part.iter_mut().enumerate() {
                let of = |other: usize| if other == rank { *value } else { incoming[other][start + at] };
                let sum: f64 = (0..size).map(|other| f64::from(of(other))).sum();
                *value = (sum / size as f64) as f32;
            }
        });
    }

    /// Replaces the gradients that are lists of rows by their sums over all ranks.
    pub(super) fn sum_rows(&mut self, gradients: &mut Gradients<f32>, cancel: &AtomicBool) -> Result<()> {
        let lists = gradients.row_lists_mut();
        if lists.is_empty() {
            return Ok(());
        }
        let (rank, size) = (self.group.rank(), self.group.size());
        let word = |number: usize| {
            let number = u32::try_from(number);
            number
                .map(f32::from_bits)
                .map_err(|_| Error::unsupported("A table has too many rows for several ranks"))
        };
        let counts = lists.iter().map(|list| word(list.rows.len())).collect::<Result<Vec<f32>>>()?;
        self.gather(&counts, cancel)?;
        let number = |word: &f32| word.to_bits() as usize;
        let mut all = vec![Vec::new(); size];
        for (other, counts_of) in all.iter_mut().enumerate() {
            let given = if other == rank { &counts } else { &self.parcels.incoming[other] };
            counts_of.extend(given.iter().map(number));
        }
        let mut own = Vec::new();
        for list in lists.iter() {
            own.try_reserve(list.rows.len() + list.values.len())
                .map_err(|_| Error::memory("The gradients of tables do not fit"))?;
            for &row in &list.rows {
                own.push(word(row)?);
            }
            own.extend_from_slice(&list.values);
        }
        self.parcels.pack(rank, &own)?;
        self.parcels.repeat(rank);
        let widths: Vec<usize> = lists.iter().map(|list| list.width).collect();
        for other in (0..size).filter(|&other| other != rank) {
            let len = all[other].iter().zip(&widths).map(|(count, width)| count * (width + 1)).sum();
            self.parcels.expect(other, len)?;
        }
        self.exchange(cancel)?;
        for list in lists.iter_mut() {
            list.rows.clear();
            list.values.clear();
        }
        for (other, counts) in all.iter().enumerate() {
            let mut rest = if other == rank { &own[..] } else { &self.parcels.incoming[other][..] };
            for (list, &count) in lists.iter_mut().zip(counts) {
                let short = || Error::native("What a rank sent is too short");
                let (rows, after) = rest.split_at_checked(count).ok_or_else(short)?;
                let (values, after) = after.split_at_checked(count * list.width).ok_or_else(short)?;
                list.accumulate(count, |position| rows.get(position).map(number), values)?;
                rest = after;
            }
        }
        Ok(())
    }

    /// Replaces lists of values for this rank's rows of a batch by those for all of its rows.
    pub(super) fn join_rows(
        &mut self,
        lists: &mut [Vec<f32>],
        share: &Share,
        cancel: &AtomicBool,
    ) -> Result<()> {
        let (rank, size) = (self.group.rank(), self.group.size());
        let widths: Vec<usize> = lists.iter().map(|list| list.len() / share.rows.len().max(1)).collect();
        let width: usize = widths.iter().sum();
        let counts: Vec<usize> = (0..size).map(|rank| self.rows_of(rank, share.of).len()).collect();
        let no_memory = || Error::memory("The carried states do not fit");
        let mut own = Vec::new();
        own.try_reserve(counts[rank] * width).map_err(|_| no_memory())?;
        // A rank that works on another one's row has none of its own.
        for (list, width) in lists.iter().zip(&widths) {
            own.extend_from_slice(&list[..counts[rank] * width]);
        }
        self.parcels.pack(rank, &own)?;
        self.parcels.repeat(rank);
        for other in (0..size).filter(|&other| other != rank) {
            self.parcels.expect(other, counts[other] * width)?;
        }
        self.exchange(cancel)?;
        let mut before = 0;
        for (list, width) in lists.iter_mut().zip(&widths) {
            list.clear();
            list.try_reserve(share.of * width).map_err(|_| no_memory())?;
            for (other, &count) in counts.iter().enumerate() {
                let from = if other == rank { &own } else { &self.parcels.incoming[other] };
                list.extend_from_slice(&from[count * before..count * (before + width)]);
            }
            before += width;
        }
        Ok(())
    }

    /// Replaces numbers by those of rank 0.
    pub(super) fn broadcast(&mut self, values: &mut [f32], cancel: &AtomicBool) -> Result<()> {
        let (rank, size) = (self.group.rank(), self.group.size());
        for bucket in values.chunks_mut(BUCKET) {
            self.parcels.pack(rank, if rank == 0 { bucket } else { &[] })?;
            self.parcels.repeat(rank);
            for other in 0..size {
                self.parcels.expect(other, if other == 0 && rank > 0 { bucket.len() } else { 0 })?;
            }
            self.exchange(cancel)?;
            if rank > 0 {
                bucket.copy_from_slice(&self.parcels.incoming[0]);
            }
        }
        Ok(())
    }
}

fn add(sums: &mut [f32], values: &[f32], work: usize) {
    each_rows(sums, 1, work, |start, part| {
        part.iter_mut().zip(&values[start..]).for_each(|(sum, value)| *sum += value);
    });
}
