//! How a chain is shared among threads: by the first dimension, by the columns, or not at all, so that no element is
//! written by two threads and sums keep their order.

use std::ops::Range;

use super::View;

/// The elements that one thread computes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rectangle {
    /// Indices of the first dimension.
    pub(crate) rows: Range<usize>,
    /// Indices of the last dimension.
    pub(crate) columns: Range<usize>,
}

/// How work may be shared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Split {
    Rows,
    Columns,
    Nothing,
}

/// How threads may share the writing of these views.
pub(crate) fn split(dims: &[usize], writes: &[View]) -> Split {
    let last = dims.len() - 1;
    if last > 0 && dims[0] > 1 && rows_are_apart(dims, writes) {
        return Split::Rows;
    }
    let same_or_other = |(index, view): (usize, &View)| {
        writes[..index].iter().all(|other| other.buffer != view.buffer || other == view)
    };
    let apart = writes.iter().all(|view| columns_are_apart(dims, view));
    if apart && writes.iter().enumerate().all(same_or_other) { Split::Columns } else { Split::Nothing }
}

/// Whether different indices of the last dimension reach different elements, whatever the other indices are.
fn columns_are_apart(dims: &[usize], view: &View) -> bool {
    let last = dims.len() - 1;
    // The starts of rows differ by multiples of this: by nothing, or by at least a row.
    let unit = dims[..last]
        .iter()
        .zip(&view.strides)
        .filter(|&(&dim, _)| dim > 1)
        .fold(0, |unit, (_, &stride)| greatest_common_divisor(unit, stride));
    view.strides[last] == 1 && (unit == 0 || unit >= dims[last])
}

fn greatest_common_divisor(a: usize, b: usize) -> usize {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

/// Whether different indices of the first dimension reach different elements of every buffer.
fn rows_are_apart(dims: &[usize], writes: &[View]) -> bool {
    let span = |view: &View| {
        let rest = dims.iter().zip(&view.strides).skip(1);
        view.offset..view.offset + rest.map(|(&dim, &stride)| (dim - 1) * stride).sum::<usize>() + 1
    };
    writes.iter().enumerate().all(|(index, view)| {
        let row = view.strides[0];
        let of_buffer = || writes[..=index].iter().filter(|other| other.buffer == view.buffer);
        let start = of_buffer().map(|other| span(other).start).min().unwrap_or(0);
        let end = of_buffer().map(|other| span(other).end).max().unwrap_or(0);
        of_buffer().all(|other| other.strides[0] == row) && end - start <= row
    })
}
