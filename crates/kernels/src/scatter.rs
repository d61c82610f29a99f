//! Elements of one array to their places in another: copied, transposed, or in any strides.

use crate::pool::each_block;
use std::array::from_fn;

/// A tile has as many rows and columns: one cache line of each.
pub(crate) const TILE: usize = 16;

/// Elements from which on sharing work costs less than it saves.
const WORTH_SHARING: usize = 1 << 15;

/// Where the elements of a box go: those that follow each other in it, row by row, to
/// `start + Σ index[axis] · strides[axis]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placement {
    pub(crate) start: usize,
    /// Sizes and strides; none of size 1, and none that could be one with the next.
    pub(crate) axes: Vec<(usize, usize)>,
    count: usize,
    /// All places are below.
    end: usize,
}

impl Placement {
    /// `None` if there are not as many strides as sizes, a stride is zero, or a place does not fit into a `usize`.
    pub fn new(start: usize, sizes: &[usize], strides: &[usize]) -> Option<Self> {
        let count = sizes.iter().try_fold(1_usize, |count, &size| count.checked_mul(size))?;
        if sizes.len() != strides.len() || strides.contains(&0) {
            return None;
        }
        let mut axes: Vec<(usize, usize)> = Vec::with_capacity(sizes.len());
        if count == 0 {
            return Some(Self { start, axes, count, end: start });
        }
        let mut last = start;
        for (&size, &stride) in sizes.iter().zip(strides) {
            last = (size - 1).checked_mul(stride).and_then(|reach| last.checked_add(reach))?;
            match axes.last_mut() {
                _ if size == 1 => {}
                Some(outer) if size.checked_mul(stride) == Some(outer.1) => *outer = (outer.0 * size, stride),
                _ => axes.push((size, stride)),
            }
        }
        Some(Self { start, axes, count, end: last.checked_add(1)? })
    }

    /// The number of elements in the box.
    pub fn count(&self) -> usize {
        self.count
    }

    /// How many elements follow each other at equal distances: pieces of whole such rows are moved best.
    pub fn row(&self) -> usize {
        self.axes.last().map_or(1, |&(size, _)| size)
    }

    /// The least length of an array that has all places.
    pub fn end(&self) -> usize {
        self.end
    }

    /// The part of an array of which the elements from `from` on are written in their order, if it is one.
    pub fn contiguous<'a, T>(&self, from: usize, count: usize, into: &'a mut [T]) -> Option<&'a mut [T]> {
        let dense = matches!(self.axes[..], [] | [(_, 1)]);
        if !dense || from.checked_add(count)? > self.count {
            return None;
        }
        let first = self.start + from;
        into.get_mut(first..first + count)
    }
}

/// Writes `values`, the elements of a box from `from` on, to their places in `into`; those outside of either are left
/// out.
pub fn scatter(values: &[f32], from: usize, placement: &Placement, into: &mut [f32]) {
    let Placement { start, axes, count, .. } = placement;
    let values = &values[..values.len().min(count.saturating_sub(from))];
    let (columns, step, outer) = match &axes[..] {
        [] => (1, 1, &axes[..]),
        [outer @ .., (columns, step)] => (*columns, *step, outer),
    };
    let mut at = 0;
    while at < values.len() {
        let (row, column) = ((from + at) / columns, (from + at) % columns);
        let rest = &values[at..];
        let first = start + place(outer, row) + column * step;
        if matches!(outer, [(_, 1)]) && column == 0 && rest.len() >= columns {
            let whole = &rest[..rest.len() / columns * columns];
            transpose(whole, columns, into.get_mut(first..).unwrap_or_default(), step);
            at += whole.len();
            continue;
        }
        let run = &rest[..rest.len().min(columns - column)];
        if step == 1 {
            if let Some(target) = into.get_mut(first..first + run.len()) {
                target.copy_from_slice(run);
            }
        } else {
            let targets = into.get_mut(first..).unwrap_or_default().iter_mut().step_by(step);
            targets.zip(run).for_each(|(target, &value)| *target = value);
        }
        at += run.len();
    }
}

/// Where row `row` begins, counted along the outer axes.
fn place(outer: &[(usize, usize)], row: usize) -> usize {
    let mut rest = row;
    let mut place = 0;
    for &(size, stride) in outer.iter().rev() {
        place += rest % size * stride;
        rest /= size;
    }
    place
}

/// Writes the rows of a matrix as the beginnings of columns that are `step` elements apart.
fn transpose(values: &[f32], columns: usize, into: &mut [f32], step: usize) {
    let rows = values.len() / columns;
    let lines = columns.div_ceil(64).next_multiple_of(TILE);
    let length = into.len().min(columns * step);
    each_block([&mut into[..length]], lines * step, values.len() >= WORTH_SHARING, |start, [part]| {
        let first = start / step;
        let here = columns.saturating_sub(first).min(lines);
        for column in (0..here).step_by(TILE) {
            let width = TILE.min(here - column);
            for row in (0..rows).step_by(TILE) {
                let height = TILE.min(rows - row);
                let lines = values.chunks_exact(columns).skip(row).take(height);
                let target = part.get_mut(column * step + row..).unwrap_or_default();
                let turned = turned(lines.map(|line| &line[first + column..][..width]));
                write_columns(&turned[..width], height, target, step);
            }
        }
    });
}

/// Writes the first `height` elements of columns that are `step` elements apart.
fn write_columns(columns: &[[f32; TILE]], height: usize, into: &mut [f32], step: usize) {
    for (line, target) in columns.iter().zip(into.chunks_mut(step.max(1))) {
        match target.first_chunk_mut::<TILE>() {
            Some(whole) if height == TILE => *whole = *line,
            _ => {
                let height = height.min(target.len());
                target[..height].copy_from_slice(&line[..height]);
            }
        }
    }
}

/// The columns of at most [`TILE`] rows of at most as many elements, through the registers or the nearest cache.
#[inline(always)]
pub(crate) fn turned<'a>(rows: impl Iterator<Item = &'a [f32]>) -> [[f32; TILE]; TILE] {
    let mut tile = [[0.0_f32; TILE]; TILE];
    for (line, row) in tile.iter_mut().zip(rows) {
        // Lengths that are known are copied without a call.
        match row.first_chunk::<TILE>() {
            Some(whole) => *line = *whole,
            None => line[..row.len()].copy_from_slice(row),
        }
    }
    from_fn(|column| from_fn(|row| tile[row][column]))
}

/// The index of the first value that is not finite.
pub fn first_not_finite(values: &[f32]) -> Option<usize> {
    const BLOCK: usize = 1024;
    // The largest bits of a block, without the sign, say of all of them; in vectors.
    let suspect = |block: &[f32]| {
        block.iter().map(|value| value.to_bits() & 0x7fff_ffff).fold(0, u32::max) >= f32::INFINITY.to_bits()
    };
    let block = values.chunks(BLOCK).position(suspect)?;
    values[block * BLOCK..].iter().position(|value| !value.is_finite()).map(|at| block * BLOCK + at)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::pool::set_threads;

    /// What `scatter` shall do, one element after the other.
    pub(crate) fn expected(start: usize, sizes: &[usize], strides: &[usize], into: &mut [f32]) {
        let count: usize = sizes.iter().product();
        for at in 0..count {
            let (mut rest, mut to) = (at, start);
            for (size, stride) in sizes.iter().zip(strides).rev() {
                to += rest % size * stride;
                rest /= size;
            }
            into[to] = at as f32 + 1.0;
        }
    }

    #[test]
    fn boxes_in_pieces() {
        let _serial = crate::tests::serial();
        let cases: &[(usize, &[usize], &[usize])] = &[
            (0, &[], &[]),
            (3, &[7], &[1]),
            (3, &[7], &[2]),
            (0, &[5, 4], &[4, 1]),
            (2, &[5, 4], &[6, 1]),
            (0, &[5, 4], &[1, 5]),
            (1, &[37, 53], &[1, 40]),
            (64, &[300, 200], &[1, 512]),
            (0, &[3, 4, 5], &[1, 3, 12]),
            (0, &[3, 1, 4, 5], &[4, 9, 1, 12]),
            (0, &[2, 3, 4], &[12, 4, 1]),
            (0, &[0, 3], &[1, 1]),
        ];
        for threads in [1, 3] {
            set_threads(threads).unwrap();
            for &(start, sizes, strides) in cases {
                let placement = Placement::new(start, sizes, strides).unwrap();
                let values: Vec<f32> = (0..placement.count()).map(|at| at as f32 + 1.0).collect();
                let mut wanted = vec![0.0; placement.end() + 9];
                expected(start, sizes, strides, &mut wanted);
                for piece in [1, 3, 50, 1000, values.len().max(1)] {
                    let mut into = vec![0.0; wanted.len()];
                    for (index, part) in values.chunks(piece).enumerate() {
                        scatter(part, index * piece, &placement, &mut into);
                    }
                    assert_eq!(into, wanted, "{sizes:?} {strides:?} in pieces of {piece}");
                    // An array that just has all places.
                    let mut exact = vec![0.0; placement.end()];
                    scatter(&values, 0, &placement, &mut exact);
                    assert_eq!(exact, wanted[..exact.len()], "{sizes:?} {strides:?}");
                }
            }
        }
        set_threads(1).unwrap();
    }

    #[test]
    fn places_that_do_not_exist() {
        assert_eq!(Placement::new(0, &[2], &[]), None);
        assert_eq!(Placement::new(0, &[usize::MAX, 2], &[1, 1]), None);
        assert_eq!(Placement::new(0, &[3], &[usize::MAX]), None);
        assert_eq!(Placement::new(usize::MAX, &[1], &[1]), None);
        assert_eq!(Placement::new(0, &[2], &[0]), None);
        let placement = Placement::new(2, &[3, 2], &[1, 3]).unwrap();
        let mut into = [0.0; 4];
        scatter(&[1.0; 9], 0, &placement, &mut into);
        assert_eq!(into, [0.0, 0.0, 1.0, 1.0]);
    }

    #[test]
    fn order_is_told() {
        let mut into = [0.0; 10];
        let dense = Placement::new(2, &[2, 3], &[3, 1]).unwrap();
        assert_eq!(dense.contiguous(1, 4, &mut into).map(|part| part.len()), Some(4));
        assert!(dense.contiguous(6, 4, &mut into).is_none());
        let turned = Placement::new(2, &[2, 3], &[1, 2]).unwrap();
        assert!(turned.contiguous(0, 4, &mut into).is_none());
    }

    #[test]
    fn values_that_are_not_finite() {
        let mut values = vec![f32::MAX; 5000];
        assert_eq!(first_not_finite(&values), None);
        for (at, value) in [(4999, f32::NAN), (3000, f32::NEG_INFINITY), (1, -f32::NAN)] {
            values[at] = value;
            assert_eq!(first_not_finite(&values), Some(at));
        }
        assert_eq!(first_not_finite(&[]), None);
    }
}
