//! How packed rows map to the batch.

use crate::mask::Packing;
use crate::parallel::{each_rows, while_wanted};
use crate::params::dequantized;
use seqloom_kernels::{Int8Matrix, Scalar};

/// Copies the rows `indices` of `x` to consecutive rows of `packed`.
pub(crate) fn gather<T: Scalar>(x: &[T], indices: &[usize], width: usize, packed: &mut [T]) {
    let work = packed.len();
    each_rows(packed, width, work, |first, packed| {
        for (packed, &index) in packed.chunks_exact_mut(width).zip(indices.iter().skip(first)) {
            packed.copy_from_slice(&x[index * width..(index + 1) * width]);
        }
    });
}

/// Copies the rows `ids` of a table to consecutive rows of `packed`.
pub(super) fn look_up<T: Scalar>(table: &[T], ids: &[u32], width: usize, packed: &mut [T]) {
    let work = packed.len();
    each_rows(packed, width, work, |first, packed| {
        for (packed, &id) in packed.chunks_exact_mut(width).zip(&ids[first..]) {
            packed.copy_from_slice(&table[id as usize * width..][..width]);
        }
    });
}

/// The same for rows of an int8 table.
pub(super) fn look_up_int8<T: Scalar>(table: Int8Matrix<'_>, ids: &[u32], width: usize, packed: &mut [T]) {
    let work = packed.len();
    each_rows(packed, width, work, |first, packed| {
        for (packed, &id) in packed.chunks_exact_mut(width).zip(&ids[first..]) {
            let row = &table.values[id as usize * width..][..width];
            let scale = table.scales[id as usize];
            packed.iter_mut().zip(row).for_each(|(x, &integer)| *x = dequantized(integer, scale));
        }
    });
}

/// Adds consecutive rows of `packed` to the rows `indices` of `x`.
pub(crate) fn scatter_add<T: Scalar>(packed: &[T], indices: &[usize], width: usize, x: &mut [T]) {
    for (packed, &index) in while_wanted(packed.chunks_exact(width).zip(indices)) {
        for (x, &packed) in x[index * width..(index + 1) * width].iter_mut().zip(packed) {
            *x += packed;
        }
    }
}

/// Where the steps of one recurrent operation are read and written.
#[derive(Clone, Copy)]
pub(crate) struct StepOrder<'a> {
    pub(crate) packing: &'a Packing,
    pub(crate) time: usize,
    /// Whether the last step is processed first.
    pub(crate) reversed: bool,
    /// Whether the step processed first is written first, at the row's first valid step.
    pub(crate) output_reversed: bool,
}

impl<'a> StepOrder<'a> {
    /// For each packed row the index `row * time + step` of the input.
    pub(crate) fn source(&self) -> &'a [usize] {
        self.packing.source(self.reversed)
    }

    /// Whether outputs are written from the last valid step of a row to the first.
    pub(super) fn writes_backwards(&self) -> bool {
        self.reversed && !self.output_reversed
    }

    /// For each packed row the index `row * time + step` of the output. Outputs always lie at the valid steps of
    /// their own row, so that the mask of the input is theirs, and how far a batch is padded moves none of them.
    fn target(&self) -> &'a [usize] {
        self.packing.source(self.writes_backwards())
    }

    /// Writes packed rows to the output sequence; steps that are not valid become zero.
    pub(crate) fn scatter<T: Scalar>(&self, packed: &[T], width: usize, y: &mut [T]) {
        let size = self.time * width;
        self.each_sequence(size, y, |row, y| {
            if self.packing.counts()[row] < self.time {
                y.fill(T::ZERO);
            }
            for (position, index) in self.steps_of(row, self.target()) {
                let step = index % self.time;
                y[step * width..(step + 1) * width]
                    .copy_from_slice(&packed[position * width..(position + 1) * width]);
            }
        });
    }

    /// Adds packed rows to the steps of the input sequence that they come from; with `fresh` copies them, and makes
    /// all other steps zero.
    pub(crate) fn scatter_add<T: Scalar>(&self, packed: &[T], width: usize, fresh: bool, x: &mut [T]) {
        let size = self.time * width;
        self.each_sequence(size, x, |row, x| {
            if fresh {
                if self.packing.counts()[row] < self.time {
                    x.fill(T::ZERO);
                }
                for (position, index) in self.steps_of(row, self.source()) {
                    let step = index % self.time;
                    x[step * width..(step + 1) * width]
                        .copy_from_slice(&packed[position * width..(position + 1) * width]);
                }
                return;
            }
            for (position, index) in self.steps_of(row, self.source()) {
                let step = index % self.time;
                let packed = &packed[position * width..(position + 1) * width];
                for (x, &packed) in x[step * width..(step + 1) * width].iter_mut().zip(packed) {
                    *x += packed;
                }
            }
        });
    }

    /// Calls `body(row, its part of sequences)` for every batch row.
    fn each_sequence<T: Scalar>(
        &self,
        size: usize,
        sequences: &mut [T],
        body: impl Fn(usize, &mut [T]) + Sync,
    ) {
        let work = sequences.len();
        each_rows(sequences, size, work, |first, part| {
            part.chunks_exact_mut(size).enumerate().for_each(|(row, part)| body(first + row, part));
        });
    }

    /// The packed rows of a batch row, each with its index in `indices`.
    fn steps_of(&self, row: usize, indices: &[usize]) -> impl Iterator<Item = (usize, usize)> {
        let rank = self.packing.rank()[row];
        let starts = &self.packing.steps()[..self.packing.counts()[row]];
        starts.iter().map(move |start| (start + rank, indices[start + rank]))
    }

    /// The output indices of a row in the order in which they are written.
    fn writing(&self, row: usize) -> impl DoubleEndedIterator<Item = usize> + use<> {
        let (time, backwards) = (self.time, self.writes_backwards());
        (0..time).map(move |position| row * time + if backwards { time - 1 - position } else { position })
    }

    /// Repeats the last valid output at steps that are not valid (Keras).
    pub(crate) fn repeat<T: Scalar>(&self, valid: impl Fn(usize) -> bool, width: usize, y: &mut [T]) {
        for row in 0..self.packing.counts().len() {
            let mut previous = None;
            for index in self.writing(row) {
                if valid(index) {
                    previous = Some(index);
                } else if let Some(previous) = previous {
                    y.copy_within(previous * width..(previous + 1) * width, index * width);
                }
            }
        }
    }

    /// Gathers the gradients of the output sequence into packed rows; with `valid`, gradients of repeated outputs
    /// are added to the step that was repeated, `carried` being scratch for one step.
    pub(crate) fn gather_gradient<T: Scalar>(
        &self,
        dy: &[T],
        width: usize,
        packed: &mut [T],
        repeated: Option<(impl Fn(usize) -> bool, &mut [T])>,
    ) {
        let Some((valid, carried)) = repeated else {
            return gather(dy, self.target(), width, packed);
        };
        for (j, &row) in self.packing.order().iter().enumerate() {
            carried.fill(T::ZERO);
            let mut step = self.packing.counts()[row];
            for index in self.writing(row).rev() {
                let dy = &dy[index * width..(index + 1) * width];
                for (carried, &dy) in carried.iter_mut().zip(dy) {
                    *carried += dy;
                }
                if valid(index) && step > 0 {
                    step -= 1;
                    let position = self.packing.steps()[step] + j;
                    packed[position * width..(position + 1) * width].copy_from_slice(carried);
                    carried.fill(T::ZERO);
                }
            }
        }
    }
}
