//! Rows of several tensors that belong together, and batches gathered from them.

use super::batch::Batch;
use crate::error::{Error, Result};
use crate::params::element_count;
use crate::tensor::{HostTensor, Sequence};
use crate::values::InputSpec;
use std::borrow::Cow;

/// Tensors with the same rows, one for each input of a graph.
///
/// Batches of sequences with lengths are cut to the longest one of the batch, inputs of the same padded time together,
/// unless another input of that time has no lengths.
#[derive(Debug)]
pub struct Dataset<'a> {
    columns: Vec<Column<'a>>,
    rows: usize,
    /// Rows that came before these, for messages.
    first: usize,
}

/// One tensor of a data set.
#[derive(Debug)]
pub(super) struct Column<'a> {
    pub(super) tensor: Cow<'a, HostTensor>,
    /// Elements of a row, or of one step of it if there are lengths.
    pub(super) width: usize,
    /// The first step of each row of concatenated steps.
    pub(super) starts: Vec<usize>,
    /// Whether batches may be shorter than the tensor.
    pub(super) trims: bool,
}

impl Column<'_> {
    /// The lengths of the rows.
    pub(super) fn lengths(&self) -> Option<&[u32]> {
        match &self.tensor.sequence {
            Sequence::Lengths(lengths) | Sequence::Ragged(lengths) => Some(lengths),
            Sequence::Full | Sequence::Mask(_) => None,
        }
    }

    /// The size of the time axis, or of the second dimension in general.
    pub(super) fn time(&self) -> usize {
        self.tensor.shape.get(1).copied().unwrap_or(1)
    }
}

impl<'a> Dataset<'a> {
    /// Checks that there is one tensor for each of `inputs`, all with the same number of rows.
    ///
    /// # Errors
    /// `ERR_DATA` for a wrong number of tensors, no rows, or rows that differ in number or are empty; `ERR_SHAPE` if a
    /// tensor's parts contradict each other.
    pub fn new(tensors: &'a [HostTensor], inputs: &[InputSpec]) -> Result<Self> {
        Self::of(tensors.iter().map(Cow::Borrowed), inputs)
    }

    /// The same with tensors of its own.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub(super) fn owned(tensors: Vec<HostTensor>, inputs: &[InputSpec]) -> Result<Self> {
        Self::of(tensors.into_iter().map(Cow::Owned), inputs)
    }

    fn of(tensors: impl ExactSizeIterator<Item = Cow<'a, HostTensor>>, inputs: &[InputSpec]) -> Result<Self> {
        if tensors.len() != inputs.len() {
            let names: Vec<&str> = inputs.iter().map(|input| input.name.as_str()).collect();
            return Err(Error::data(format!(
                "Expected {} tensors ({}), got {}",
                inputs.len(),
                names.join(", "),
                tensors.len()
            )));
        }
        let mut columns = Vec::with_capacity(tensors.len());
        let mut rows: Option<usize> = None;
        for (tensor, input) in tensors.zip(inputs) {
            let count = tensor.shape.first().copied().unwrap_or(0);
            let column = check(tensor, &input.name)?;
            if count == 0 {
                return Err(Error::data(format!("The data of '{}' has no rows", input.name)));
            }
            if let Some(rows) = rows.filter(|&rows| rows != count) {
                return Err(Error::data(format!(
                    "'{}' has {rows} rows, but '{}' has {count}",
                    inputs.first().map_or("", |first| first.name.as_str()),
                    input.name
                )));
            }
            rows = Some(count);
            columns.push(column);
        }
        let symbolic: Vec<bool> = inputs.iter().map(|input| input.shape.get(1) == Some(&None)).collect();
        let trims: Vec<bool> = columns
            .iter()
            .zip(&symbolic)
            .map(|(column, &own)| {
                let others = columns.iter().zip(&symbolic);
                own && column.lengths().is_some()
                    && others
                        .filter(|(other, symbolic)| **symbolic && other.time() == column.time())
                        .all(|(other, _)| other.lengths().is_some())
            })
            .collect();
        columns.iter_mut().zip(trims).for_each(|(column, trims)| column.trims = trims);
        Ok(Self { columns, rows: rows.unwrap_or(0), first: 0 })
    }

    /// Lets the rows be named in messages as those after so many others.
    pub(super) fn name_after(&mut self, first: usize) {
        self.first = first;
    }

    /// The same rows, with batches that keep the whole padded time.
    #[must_use]
    pub fn untrimmed(mut self) -> Self {
        self.columns.iter_mut().for_each(|column| column.trims = false);
        self
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// How many rows there are in the first batches of a size, or in all.
    pub(super) fn first_rows(&self, batch_size: usize, batches: Option<usize>) -> usize {
        batches.map_or(self.rows, |batches| self.rows.min(batches.saturating_mul(batch_size)))
    }

    /// The rows of the batches of a size that are a rank's among so many ranks: whole batches, one after another.
    pub(super) fn rows_of_rank(
        rows: usize,
        batch_size: usize,
        (rank, size): (usize, usize),
    ) -> std::ops::Range<usize> {
        let batches = rows.div_ceil(batch_size.max(1));
        let before = |rank: usize| rows.min((batches * rank / size.max(1)).saturating_mul(batch_size));
        before(rank)..before(rank + 1)
    }

    /// The lengths of a row in the tensors that have any, the last one's (the targets') first.
    pub(super) fn lengths(&self, row: usize) -> impl Iterator<Item = u32> {
        self.columns.iter().rev().filter_map(move |column| column.lengths()?.get(row).copied())
    }

    /// The tensors.
    pub(super) fn columns(&self) -> &[Column<'a>] {
        &self.columns
    }

    /// Copies the rows with these indices, in this order, into the buffers of `batch`.
    ///
    /// # Errors
    /// `ERR_MEMORY`; `ERR_NATIVE` for an index out of range.
    pub fn gather(&self, rows: impl Iterator<Item = usize> + Clone, batch: &mut Batch) -> Result<()> {
        batch.fill(&self.columns, self.rows, self.first, rows)
    }

    /// The padded time of the tensors whose batches may be shorter, for a batch of `time` steps.
    pub(super) fn padded_time(&self, batch: &Batch, time: usize) -> usize {
        let trimmed = self.columns.iter().zip(batch.times());
        trimmed
            .filter(|(column, _)| column.trims)
            .find(|&(_, cut)| cut == time)
            .map_or(time, |(column, _)| column.time())
    }

    /// Whether any tensor says which steps are valid.
    pub(super) fn has_sequences(&self) -> bool {
        self.columns.iter().any(|column| column.tensor.sequence != Sequence::Full)
    }
}

/// Checks one tensor's sizes against each other.
fn check<'a>(tensor: Cow<'a, HostTensor>, name: &str) -> Result<Column<'a>> {
    let (width, starts) = layout(&tensor, name)?;
    Ok(Column { tensor, width, starts, trims: false })
}

/// The elements of a row, or of one step of it if there are lengths; and where rows of concatenated steps begin.
fn layout(tensor: &HostTensor, name: &str) -> Result<(usize, Vec<usize>)> {
    let shape = &tensor.shape;
    let wrong = |what: String| Err(Error::shape(format!("The data of '{name}': {what}")));
    let too_large = || Error::shape(format!("The data of '{name}' is too large to address: shape {shape:?}"));
    if shape.is_empty() {
        return wrong("a single number is not a batch; the first dimension must be the rows".into());
    }
    let rows = shape[0];
    let timed = !matches!(tensor.sequence, Sequence::Full);
    if timed && shape.len() < 2 {
        return wrong(format!("lengths or a mask need a time axis, but the shape is {shape:?}"));
    }
    let mut starts = Vec::new();
    if let Sequence::Lengths(lengths) | Sequence::Ragged(lengths) = &tensor.sequence {
        if lengths.len() != rows {
            return wrong(format!("{} lengths for {rows} rows", lengths.len()));
        }
        if let Some(row) = lengths.iter().position(|&length| length == 0) {
            return Err(Error::data(format!(
                "Row {row} of '{name}' has length 0; sequences need at least one step"
            )));
        }
        if let Some(row) = lengths.iter().position(|&length| length as usize > shape[1]) {
            return wrong(format!(
                "row {row} has length {}, but the time axis has {}",
                lengths[row], shape[1]
            ));
        }
    }
    if let Sequence::Mask(mask) = &tensor.sequence
        && Some(mask.len()) != rows.checked_mul(shape[1])
    {
        return wrong(format!("a mask of {} entries for {rows} rows of {} steps", mask.len(), shape[1]));
    }
    let per_step = matches!(tensor.sequence, Sequence::Lengths(_) | Sequence::Ragged(_));
    let width = element_count(&shape[if per_step { 2 } else { 1 }..]).ok_or_else(too_large)?;
    let expected = match &tensor.sequence {
        Sequence::Ragged(lengths) => {
            starts
                .try_reserve_exact(rows)
                .map_err(|_| Error::memory(format!("The lengths of '{name}' do not fit")))?;
            let mut end = 0_usize;
            for &length in lengths {
                starts.push(end);
                end = end.checked_add(length as usize).ok_or_else(too_large)?;
            }
            end.checked_mul(width)
        }
        _ => element_count(shape),
    };
    if expected != Some(tensor.data.len()) {
        return wrong(format!("{} elements do not make the shape {shape:?}", tensor.data.len()));
    }
    Ok((width, starts))
}
