//! Gradients of the weights: a flat arena, and row lists for embedding tables.

use crate::buffer::Exclusive;
use crate::error::{Error, Result};
use crate::memory;
use crate::parallel::{each_rows, while_wanted};
use crate::params::{SLOT_ALIGNMENT, element_count};
use crate::values::WeightSpec;
use seqloom_kernels::{AlignedVec, Scalar};
use std::ops::Range;

/// The gradient of an embedding table: only the rows that the batch used.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RowGradient<T> {
    /// Row numbers of the table, ascending, each once.
    pub rows: Vec<usize>,
    /// Their gradients, `[rows.len(), width]`.
    pub values: Vec<T>,
    /// Elements of a row.
    pub width: usize,
    pairs: Vec<(usize, usize)>,
    merged_rows: Vec<usize>,
    merged_values: Vec<T>,
}

/// The gradient of one weight.
#[derive(Debug)]
pub enum Gradient<'a, T> {
    /// All elements, in the weight's own order.
    Dense(&'a [T]),
    /// The rows that are not zero; all others are.
    Rows(&'a RowGradient<T>),
}

/// The gradient of one weight for writing (clipping, scaling).
#[derive(Debug)]
pub enum GradientMut<'a, T> {
    /// All elements.
    Dense(&'a mut [T]),
    /// The rows that are not zero.
    Rows(&'a mut RowGradient<T>),
}

/// What [`Gradients::into_arena`] gives for one weight.
#[derive(Debug)]
pub(crate) enum OwnedGradient<T> {
    /// The weight is frozen or not used.
    None,
    /// Its elements in the arena.
    Dense(Range<usize>),
    /// Its rows that are not zero.
    Rows(RowGradient<T>),
}

#[derive(Debug)]
enum GradientPlace {
    /// The weight is frozen or not used.
    None,
    Dense(Range<usize>),
    Rows(usize),
}

/// The gradients of all trainable weights of one graph; made by [`crate::Executor::gradients`].
#[derive(Debug)]
pub struct Gradients<T: Scalar> {
    arena: AlignedVec<T>,
    places: Vec<GradientPlace>,
    rows: Vec<RowGradient<T>>,
}

impl<T: Scalar> Gradients<T> {
    /// Room for the weights of a graph; `row_lists[i]` tells whether weight `i` is a table whose gradient is a list
    /// of rows. Its elements have any values until [`Self::clear`], which takes time that grows with them.
    pub(crate) fn any(weights: &[WeightSpec], row_lists: &[bool]) -> Result<Self> {
        let mut places = Vec::with_capacity(weights.len());
        let mut rows = Vec::new();
        let mut end = 0_usize;
        for (index, weight) in weights.iter().enumerate() {
            if !weight.trainable {
                places.push(GradientPlace::None);
            } else if row_lists.get(index).copied().unwrap_or(false) {
                places.push(GradientPlace::Rows(rows.len()));
                let width = weight.shape.get(1).copied().unwrap_or(1);
                rows.push(RowGradient { width, ..RowGradient::default() });
            } else {
                let too_large =
                    || Error::memory(format!("The gradient of '{}' is too large to address", weight.name));
                let len = element_count(&weight.shape).ok_or_else(too_large)?;
                let stop = end.checked_add(len).ok_or_else(too_large)?;
                places.push(GradientPlace::Dense(end..stop));
                end = stop.checked_next_multiple_of(SLOT_ALIGNMENT).ok_or_else(too_large)?;
            }
        }
        // Those that are handed out come back soon: their memory is used again.
        let arena = memory::any(end, "The gradients")?;
        Ok(Self { arena, places, rows })
    }

    /// [`Self::any`], all zero.
    pub(crate) fn new(weights: &[WeightSpec], row_lists: &[bool]) -> Result<Self> {
        let mut gradients = Self::any(weights, row_lists)?;
        gradients.clear();
        Ok(gradients)
    }

    /// Whether the gradients have the layout that [`Self::new`] gives them for these weights.
    pub(crate) fn fits(&self, weights: &[WeightSpec], row_lists: &[bool]) -> bool {
        let kinds = weights.iter().zip(row_lists);
        self.places.len() == weights.len()
            && self.places.iter().zip(kinds).all(|(place, (weight, &rows))| match place {
                GradientPlace::None => !weight.trainable,
                GradientPlace::Dense(range) => {
                    weight.trainable && !rows && Some(range.len()) == element_count(&weight.shape)
                }
                GradientPlace::Rows(list) => {
                    weight.trainable && rows && weight.shape.get(1) == Some(&self.rows[*list].width)
                }
            })
    }

    /// Number of weights, frozen ones included.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether the graph has no weights.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// The gradient of weight `index`; `None` for frozen weights and where there is no such weight.
    pub fn get(&self, index: usize) -> Option<Gradient<'_, T>> {
        match self.places.get(index)? {
            GradientPlace::None => None,
            GradientPlace::Dense(range) => self.arena.get(range.clone()).map(Gradient::Dense),
            GradientPlace::Rows(list) => self.rows.get(*list).map(Gradient::Rows),
        }
    }

    /// Where the gradient of weight `index` is in the arena; none if it is a list of rows, or there is none.
    pub(crate) fn place(&self, index: usize) -> Option<Range<usize>> {
        match self.places.get(index)? {
            GradientPlace::Dense(range) => Some(range.clone()),
            GradientPlace::None | GradientPlace::Rows(_) => None,
        }
    }

    /// The gradient of weight `index` for writing.
    pub fn get_mut(&mut self, index: usize) -> Option<GradientMut<'_, T>> {
        match self.places.get(index)? {
            GradientPlace::None => None,
            GradientPlace::Dense(range) => self.arena.get_mut(range.clone()).map(GradientMut::Dense),
            GradientPlace::Rows(list) => self.rows.get_mut(*list).map(GradientMut::Rows),
        }
    }

    /// The arena, and for each weight where its gradient is, in the arena's order.
    pub(crate) fn into_arena(self) -> (Exclusive<T>, impl Iterator<Item = OwnedGradient<T>>) {
        let mut rows = self.rows;
        let places = self.places.into_iter().map(move |place| match place {
            GradientPlace::None => OwnedGradient::None,
            GradientPlace::Dense(range) => OwnedGradient::Dense(range),
            GradientPlace::Rows(list) => {
                OwnedGradient::Rows(rows.get_mut(list).map(std::mem::take).unwrap_or_default())
            }
        });
        (self.arena.into(), places)
    }

    /// The arena of all dense gradients, padding (always zero) included; row lists are not in it.
    pub fn arena(&self) -> &[T] {
        &self.arena
    }

    /// The arena for writing.
    pub fn arena_mut(&mut self) -> &mut [T] {
        &mut self.arena
    }

    /// All gradients that are lists of rows, in the order of their weights.
    pub(crate) fn row_lists_mut(&mut self) -> &mut [RowGradient<T>] {
        &mut self.rows
    }

    /// Sets every gradient to zero and empties the row lists.
    pub fn clear(&mut self) {
        let work = self.arena.len();
        each_rows(&mut self.arena[..], 1, work, |_, part| part.fill(T::default()));
        for list in &mut self.rows {
            list.rows.clear();
            list.values.clear();
        }
    }

    /// The dense gradients of several different weights at once; frozen or absent ones are empty.
    pub(crate) fn dense<const N: usize>(&mut self, weights: [Option<usize>; N]) -> Result<[&mut [T]; N]> {
        let ranges = weights.map(|weight| match weight.and_then(|weight| self.places.get(weight)) {
            Some(GradientPlace::Dense(range)) => range.clone(),
            _ => 0..0,
        });
        self.arena
            .get_disjoint_mut(ranges)
            .map_err(|_| Error::native("Gradients of different weights overlap or lie outside their arena"))
    }

    /// Adds row `position` of `values` to row `ids(position)` of the table that weight `index` is, for every
    /// position that has an id, in the order of positions.
    pub(crate) fn add_rows(
        &mut self,
        index: usize,
        positions: usize,
        ids: impl Fn(usize) -> Option<usize>,
        values: &[T],
    ) -> Result<()> {
        if let Some(list) = self.rows_mut(index) {
            return list.accumulate(positions, ids, values);
        }
        let [table] = self.dense([Some(index)])?;
        let width = values.len() / positions.max(1);
        for (position, values) in while_wanted(values.chunks_exact(width.max(1))).enumerate() {
            let target = ids(position).and_then(|row| table.get_mut(row * width..(row + 1) * width));
            for (sum, &value) in target.into_iter().flatten().zip(values) {
                *sum += value;
            }
        }
        Ok(())
    }

    /// The row list of weight `index`, if its gradient is one.
    fn rows_mut(&mut self, index: usize) -> Option<&mut RowGradient<T>> {
        match self.places.get(index)? {
            GradientPlace::Rows(list) => self.rows.get_mut(*list),
            _ => None,
        }
    }
}

impl<T: Scalar> RowGradient<T> {
    /// Adds row `position` of `gradient` to row `ids(position)` of the table for every position that has an id.
    /// Sums run in the order of positions, so they do not depend on anything else.
    pub(crate) fn accumulate(
        &mut self,
        positions: usize,
        ids: impl Fn(usize) -> Option<usize>,
        gradient: &[T],
    ) -> Result<()> {
        let width = self.width;
        self.merge(positions, ids, |position| {
            gradient.get(position * width..(position + 1) * width).unwrap_or(&[])
        })
    }

    /// The same with the gradient of a position where `row` finds it.
    pub(crate) fn merge<'a>(
        &mut self,
        positions: usize,
        ids: impl Fn(usize) -> Option<usize>,
        row: impl Fn(usize) -> &'a [T],
    ) -> Result<()>
    where
        T: 'a,
    {
        let width = self.width;
        self.pairs.clear();
        self.pairs
            .try_reserve(positions)
            .map_err(|_| Error::memory("The list of used embedding rows does not fit"))?;
        let zero = T::default();
        for position in while_wanted(0..positions) {
            // Padding and masked steps have a gradient of zero; listing them would only cost time.
            if let Some(id) = ids(position)
                && row(position).iter().any(|&value| value != zero)
            {
                self.pairs.push((id, position));
            }
        }
        self.pairs.sort_unstable();
        self.merged_rows.clear();
        self.merged_values.clear();
        let count = self.rows.len() + self.pairs.len();
        self.merged_rows
            .try_reserve(count)
            .and_then(|()| self.merged_values.try_reserve(count * width))
            .map_err(|_| {
                Error::memory(format!(
                    "The gradient of {count} embedding rows of {width} values does not fit"
                ))
            })?;
        let mut old = 0;
        let mut next = 0;
        while old < self.rows.len() || next < self.pairs.len() {
            let old_id = self.rows.get(old).copied().unwrap_or(usize::MAX);
            let new_id = self.pairs.get(next).map_or(usize::MAX, |pair| pair.0);
            let id = old_id.min(new_id);
            let start = self.merged_values.len();
            self.merged_rows.push(id);
            if old_id == id {
                self.merged_values.extend_from_slice(&self.values[old * width..(old + 1) * width]);
                old += 1;
            } else {
                self.merged_values.resize(start + width, zero);
            }
            while let Some(&(same, position)) = self.pairs.get(next)
                && same == id
            {
                for (sum, &value) in self.merged_values[start..].iter_mut().zip(row(position)) {
                    *sum += value;
                }
                next += 1;
            }
        }
        std::mem::swap(&mut self.rows, &mut self.merged_rows);
        std::mem::swap(&mut self.values, &mut self.merged_values);
        Ok(())
    }
}
