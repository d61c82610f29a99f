//! A left operand packed tile by tile.

use std::ops::Range;

use super::pack::pair_rows;

/// How many rows are worked on together: `count` tiles of `height` rows, the first `taller` of them one row more.
///
/// 16 rows are 6, 5 and 5 rather than 6, 6 and 4: short tiles do not fill the pipeline.
#[derive(Clone, Copy)]
pub(super) struct Tiles {
    pub(super) count: usize,
    pub(super) height: usize,
    pub(super) taller: usize,
}

impl Tiles {
    /// Even tiles of at most `max` rows.
    #[inline(always)]
    pub(super) const fn new(rows: usize, max: usize) -> Self {
        let count = rows.div_ceil(max);
        Self { count, height: rows / count, taller: rows % count }
    }
}

/// A block of a left operand, at most [`super::ROWS`] rows by [`super::DEPTH`], of which each tile's rows are a strip
/// of their own: element (m, k) of a tile of h rows that starts at row f is at f·depth + k·h + m − f.
///
/// Compared with one strip of all rows, a tile touches a third of the cache lines.
pub(crate) struct Strips<'a> {
    into: &'a mut [f32],
    rows: usize,
    depth: usize,
    tiles: Tiles,
}

impl<'a> Strips<'a> {
    /// Strips in `into`, of any contents yet, for tiles of at most `max` rows.
    pub(crate) fn new(into: &'a mut [f32], rows: usize, depth: usize, max: usize) -> Self {
        Self { into: &mut into[..rows * depth], rows, depth, tiles: Tiles::new(rows.max(1), max) }
    }

    /// Where they lie.
    pub(crate) fn as_ptr(&self) -> *const f32 {
        self.into.as_ptr()
    }

    /// Calls `body` with the tiles that some rows touch: the tile's rows, those among `rows`, and its strip.
    fn each(&mut self, rows: Range<usize>, mut body: impl FnMut(Range<usize>, Range<usize>, &mut [f32])) {
        assert!(rows.end <= self.rows);
        let mut start = 0;
        for tile in 0..self.tiles.count {
            let end = start + self.tiles.height + usize::from(tile < self.tiles.taller);
            let here = rows.start.max(start)..rows.end.min(end);
            if !here.is_empty() {
                body(start..end, here, &mut self.into[start * self.depth..end * self.depth]);
            }
            start = end;
        }
    }

    /// Copies some rows and some of the depth: element (m, k) from `source + (m − rows.start)·row +
    /// (k − k.start)·column`.
    ///
    /// # Safety
    /// The source is readable there.
    pub(crate) unsafe fn copy(
        &mut self,
        rows: Range<usize>,
        k: Range<usize>,
        source: *const f32,
        (row, column): (usize, usize),
    ) {
        let first = rows.start;
        self.each(rows, |tile, here, strip| {
            let strip = &mut strip[k.start * tile.len()..k.end * tile.len()];
            // SAFETY: rows of `here` are among `rows`.
            let source = unsafe { source.add((here.start - first) * row) };
            macro_rules! whole {
                ($($height:literal)*) => {
                    match tile.len() {
                        // SAFETY: a whole tile of that many rows, whose numbers lie side by side.
                        $($height if row == 1 && here == tile => unsafe { copy::<$height>(source, column, strip) },)*
                        height => {
                            let at = here.start - tile.start;
                            for (k, strip) in strip.chunks_exact_mut(height).enumerate() {
                                for (m, into) in strip[at..at + here.len()].iter_mut().enumerate() {
                                    // SAFETY: by the caller's promise.
                                    *into = unsafe { *source.add(m * row + k * column) };
                                }
                            }
                        }
                    }
                };
            }
            whole!(1 2 3 4 5 6 7 8 9 10 11 12)
        });
    }

    /// Makes pairs of each strip's numbers along K, in its first half.
    pub(super) fn pair(&mut self) {
        self.each(0..self.rows, |tile, _, strip| pair_rows(strip, tile.len()));
    }

    /// Sets some rows and some of the depth to a value.
    pub(crate) fn fill(&mut self, rows: Range<usize>, k: Range<usize>, value: f32) {
        self.each(rows, |tile, here, strip| {
            let at = here.start - tile.start;
            for strip in strip[k.start * tile.len()..k.end * tile.len()].chunks_exact_mut(tile.len()) {
                strip[at..at + here.len()].fill(value);
            }
        });
    }
}

/// Rows of `HEIGHT` numbers, `column` apart, side by side.
///
/// # Safety
/// The rows are readable.
#[inline(always)]
unsafe fn copy<const HEIGHT: usize>(source: *const f32, column: usize, strip: &mut [f32]) {
    for (k, into) in strip.as_chunks_mut::<HEIGHT>().0.iter_mut().enumerate() {
        // SAFETY: by the caller's promise; arrays of f32 need no more alignment than f32.
        *into = unsafe { source.add(k * column).cast::<[f32; HEIGHT]>().read() };
    }
}
