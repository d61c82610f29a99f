//! Matrices that become their transposes while they are read.

use crate::pool::{Queue, cancelled, run_queue};
use crate::scatter::{Placement, TILE, turned};
use std::sync::{Mutex, PoisonError};

/// Elements of the rows that a thread turns at once: its cache has them.
const BAND: usize = 1 << 16;

/// Has `fill` give the rows of a matrix, the elements from `from` on, and writes them as columns: each thread those that it
/// was given, while its cache has them. The error is that of the first rows that failed; `None`, and nothing of use is
/// written, for other boxes, parts of rows, rows that are too long, and where memory is lacking.
pub fn turn<E: Send>(
    placement: &Placement,
    from: usize,
    count: usize,
    into: &mut [f32],
    fill: impl Fn(usize, &mut [f32]) -> Result<(), E> + Sync,
) -> Option<Result<(), E>> {
    let &[(length, 1), (columns, step)] = &placement.axes[..] else { return None };
    // Else columns would share places.
    if step < length {
        return None;
    }
    let whole = from.is_multiple_of(columns) && count.is_multiple_of(columns);
    if !whole || columns > BAND / TILE || from.checked_add(count)? > placement.count() {
        return None;
    }
    let columns_of = Columns { first: into.get_mut(placement.start..placement.end())?.as_mut_ptr(), step };
    let height = BAND / columns / TILE * TILE;
    let (first, rows) = (from / columns, count / columns);
    let queue = Queue::new(rows, height);
    let failed = Mutex::new(None::<(usize, E)>);
    run_queue(rows.div_ceil(height), |_| {
        let mut band: Vec<f32> = Vec::new();
        // Another thread may have memory.
        if band.try_reserve_exact(height.min(rows) * columns).is_err() {
            return;
        }
        band.resize(height.min(rows) * columns, 0.0);
        while let Some(row) = queue.take().filter(|_| !cancelled()) {
            let here = height.min(rows - row);
            let band = &mut band[..here * columns];
            match fill(from + row * columns, band) {
                // SAFETY: the rows are among those of the box, whose places all lie in `into`, which is borrowed
                // exclusively. No other thread takes these rows, and no column reaches into the next one.
                Ok(()) => unsafe { columns_of.write(band, columns, first + row) },
                Err(error) => {
                    let mut failed = failed.lock().unwrap_or_else(PoisonError::into_inner);
                    if failed.as_ref().is_none_or(|&(at, _)| row < at) {
                        *failed = Some((row, error));
                    }
                }
            }
        }
    });
    if !queue.is_empty() && !cancelled() {
        return None;
    }
    let failed = failed.into_inner().unwrap_or_else(PoisonError::into_inner);
    Some(failed.map_or(Ok(()), |(_, error)| Err(error)))
}

/// Columns that several threads write parts of.
struct Columns {
    first: *mut f32,
    step: usize,
}

// SAFETY: no two threads write to the same elements, see `turn`.
unsafe impl Sync for Columns {}

impl Columns {
    /// Writes rows, those from row `row` on, as parts of columns.
    ///
    /// # Safety
    /// The columns have these places, and nobody else uses them.
    unsafe fn write(&self, rows: &[f32], columns: usize, row: usize) {
        for column in (0..columns).step_by(TILE) {
            let width = TILE.min(columns - column);
            for (index, rows) in rows.chunks(TILE * columns).enumerate() {
                let height = rows.len() / columns;
                let turned = turned(rows.chunks_exact(columns).map(|line| &line[column..][..width]));
                for (at, line) in turned[..width].iter().enumerate() {
                    let place = (column + at) * self.step + row + index * TILE;
                    // SAFETY: promised by the caller.
                    unsafe { std::ptr::copy_nonoverlapping(line.as_ptr(), self.first.add(place), height) };
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pool::set_threads;
    use crate::scatter::{scatter, tests::expected};

    #[test]
    fn matrices_are_turned_by_those_who_read_them() {
        let _serial = crate::tests::serial();
        let cases =
            [(1, 37, 53, 40), (0, 700, 300, 700), (64, 300, 200, 512), (3, 1, 5, 1), (0, 5000, 17, 5001)];
        for threads in [1, 3] {
            set_threads(threads).unwrap();
            for (start, rows, columns, step) in cases {
                let placement = Placement::new(start, &[rows, columns], &[1, step]).unwrap();
                let values: Vec<f32> = (0..rows * columns).map(|at| at as f32 + 1.0).collect();
                let mut wanted = vec![0.0; placement.end() + 9];
                expected(start, &[rows, columns], &[1, step], &mut wanted);
                let fill = |first: usize, part: &mut [f32]| {
                    part.copy_from_slice(&values[first..][..part.len()]);
                    Ok::<(), usize>(())
                };
                let mut into = vec![0.0; wanted.len()];
                let half = rows / 2 * columns;
                for (from, count) in [(0, half), (half, values.len() - half)] {
                    match turn(&placement, from, count, &mut into, fill) {
                        Some(done) => assert_eq!(done, Ok(())),
                        // A matrix of one row is a list.
                        None => scatter(&values[from..from + count], from, &placement, &mut into),
                    }
                }
                assert_eq!(into, wanted, "{rows} by {columns}, {threads} threads");
            }
            let placement = Placement::new(0, &[5000, 100], &[1, 5000]).unwrap();
            let mut into = vec![0.0; placement.end()];
            let fails = |first: usize, _: &mut [f32]| if first > 200_000 { Err(first) } else { Ok(()) };
            let error = turn(&placement, 0, 500_000, &mut into, fails).unwrap().unwrap_err();
            assert!((200_000..270_000).contains(&error), "{error}");
        }
        set_threads(1).unwrap();
        let fill = |_: usize, _: &mut [f32]| Ok::<(), ()>(());
        let mut into = [0.0; 50];
        for (sizes, strides, from, count) in [
            (&[4, 5][..], &[5, 1][..], 0, 20),
            (&[4, 5], &[1, 3], 0, 20),
            (&[4, 5], &[1, 4], 1, 5),
            (&[4, 5], &[1, 4], 0, 25),
            (&[2, 2, 3], &[6, 1, 2], 0, 12),
        ] {
            let placement = Placement::new(0, sizes, strides).unwrap();
            assert!(turn(&placement, from, count, &mut into, fill).is_none(), "{sizes:?} {strides:?}");
        }
    }
}
