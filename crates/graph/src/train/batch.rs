//! One batch: buffers kept from batch to batch or, if its rows are contiguous, a view of the data.

use super::dataset::{Column, Dataset};
use crate::buffer::Buffer;
use crate::error::{Error, Result};
use crate::parallel::while_wanted;
use crate::tensor::{BatchData, BatchInput, BatchSequence, Sequence, TensorData};
use std::ops::Range;

/// Rows copied out of a [`super::Dataset`].
#[derive(Debug, Default)]
pub struct Batch {
    parts: Vec<Gathered>,
    /// The index of each row in the data set.
    numbers: Vec<usize>,
    /// Rows before the data set's own.
    first: usize,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum ColumnKind {
    #[default]
    Full,
    Lengths,
    Mask,
    Ragged,
}

#[derive(Debug, Default)]
struct Gathered {
    floats: Vec<f32>,
    integers: Vec<i32>,
    /// The range of the data that the rows are, instead of a copy; floating-point elements also as a buffer.
    direct: Option<Range<usize>>,
    shared: Option<Buffer<f32>>,
    shape: Vec<usize>,
    kind: ColumnKind,
    lengths: Vec<u32>,
    mask: Vec<u8>,
}

impl Batch {
    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.numbers.len()
    }

    /// Releases the data that the batch shares.
    pub(super) fn release(&mut self) {
        self.parts.iter_mut().for_each(|part| part.shared = None);
    }

    /// The index in the data set of a row of the batch.
    pub(super) fn number(&self, row: usize) -> Option<usize> {
        self.numbers.get(row).map(|number| number.saturating_add(self.first))
    }

    /// The batch as inputs of a graph; `data` are those that it was gathered from.
    pub fn inputs<'a>(&'a self, data: &'a Dataset<'_>) -> Vec<BatchInput<'a, f32>> {
        self.parts
            .iter()
            .zip(data.columns())
            .map(|(part, column)| BatchInput {
                data: part.data(&column.tensor.data),
                shape: &part.shape,
                sequence: match part.kind {
                    ColumnKind::Full => BatchSequence::Full,
                    ColumnKind::Lengths => BatchSequence::Lengths(&part.lengths),
                    ColumnKind::Mask => BatchSequence::Mask(&part.mask),
                    ColumnKind::Ragged => BatchSequence::Ragged(&part.lengths),
                },
            })
            .collect()
    }

    /// The second dimension of each tensor.
    pub(super) fn times(&self) -> impl Iterator<Item = usize> {
        self.parts.iter().map(|part| part.shape.get(1).copied().unwrap_or(1))
    }

    pub(super) fn fill(
        &mut self,
        columns: &[Column<'_>],
        available: usize,
        first: usize,
        rows: impl Iterator<Item = usize> + Clone,
    ) -> Result<()> {
        if let Some(row) = rows.clone().find(|&row| row >= available) {
            return Err(Error::native(format!("Row {row} is not among the {available} rows")));
        }
        self.first = first;
        self.numbers.clear();
        reserve(&mut self.numbers, rows.clone().count())?;
        self.numbers.extend(rows.clone());
        self.parts.resize_with(columns.len(), Gathered::default);
        for (part, column) in self.parts.iter_mut().zip(columns) {
            let time =
                if column.trims { longest(columns, column.time(), rows.clone()) } else { column.time() };
            part.fill(column, time, self.numbers.len(), rows.clone())?;
        }
        Ok(())
    }
}

/// The longest of these rows among the columns that are cut together.
fn longest(columns: &[Column<'_>], time: usize, rows: impl Iterator<Item = usize> + Clone) -> usize {
    let group = columns.iter().filter(|column| column.trims && column.time() == time);
    group
        .filter_map(Column::lengths)
        .flat_map(|lengths| rows.clone().map(|row| lengths[row] as usize))
        .max()
        .unwrap_or(time)
}

impl Gathered {
    fn data<'a>(&'a self, whole: &'a TensorData) -> BatchData<'a, f32> {
        match (whole, &self.shared, self.direct.clone()) {
            (TensorData::F32(_), Some(shared), _) => BatchData::Shared(shared),
            (TensorData::F32(_), None, _) => BatchData::Float(&self.floats),
            (TensorData::I32(data), _, Some(range)) => BatchData::Int(data.get(range).unwrap_or_default()),
            (TensorData::I32(_), _, None) => BatchData::Int(&self.integers),
        }
    }

    fn fill(
        &mut self,
        column: &Column<'_>,
        time: usize,
        count: usize,
        rows: impl Iterator<Item = usize> + Clone,
    ) -> Result<()> {
        let tensor = &*column.tensor;
        self.shape.clear();
        self.shape.push(count);
        self.shape.extend_from_slice(&tensor.shape[1..]);
        self.lengths.clear();
        self.mask.clear();
        if let Some(lengths) = column.lengths() {
            self.shape[1] = time;
            reserve(&mut self.lengths, count)?;
            self.lengths.extend(rows.clone().map(|row| lengths[row]));
        }
        let whole = column.time();
        self.kind = match &tensor.sequence {
            Sequence::Full => ColumnKind::Full,
            Sequence::Lengths(_) => ColumnKind::Lengths,
            Sequence::Ragged(_) => ColumnKind::Ragged,
            Sequence::Mask(mask) => {
                reserve(&mut self.mask, count.saturating_mul(whole))?;
                rows.clone()
                    .for_each(|row| self.mask.extend_from_slice(&mask[row * whole..(row + 1) * whole]));
                ColumnKind::Mask
            }
        };
        let width = column.width;
        let span = |row: usize| match &tensor.sequence {
            Sequence::Full | Sequence::Mask(_) => row * width..(row + 1) * width,
            Sequence::Lengths(_) => row * whole * width..(row * whole + time) * width,
            Sequence::Ragged(lengths) => {
                let start = column.starts[row];
                start * width..(start + lengths[row] as usize) * width
            }
        };
        let first = rows.clone().next().unwrap_or(0);
        let neighbours = rows.clone().enumerate().all(|(index, row)| row == first + index);
        self.direct =
            (neighbours && self.kind == ColumnKind::Full).then(|| first * width..(first + count) * width);
        self.shared = match (&tensor.data, &self.direct) {
            (TensorData::F32(data), Some(range)) => Some(data.part(range.clone())),
            _ => None,
        };
        if self.direct.is_some() {
            return Ok(());
        }
        let spans = rows.map(span);
        match &tensor.data {
            TensorData::F32(data) => copy(data, spans, &mut self.floats),
            TensorData::I32(data) => copy(data, spans, &mut self.integers),
        }
    }
}

fn copy<V: Copy>(
    data: &[V],
    spans: impl Iterator<Item = Range<usize>> + Clone,
    into: &mut Vec<V>,
) -> Result<()> {
    into.clear();
    reserve(into, spans.clone().map(|span| span.len()).sum())?;
    while_wanted(spans).for_each(|span| into.extend_from_slice(&data[span]));
    Ok(())
}

fn reserve<V>(list: &mut Vec<V>, len: usize) -> Result<()> {
    list.try_reserve(len).map_err(|_| Error::memory(format!("No memory for a batch of {len} elements")))
}
