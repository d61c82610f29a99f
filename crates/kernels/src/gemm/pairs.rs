//! Products of bfloat16 with sums in float32.
//!
//! A word, the size of an f32, holds two numbers that follow each other along K. Right panels are packed so: row j of a
//! panel has the rows 2j and 2j + 1 in its words. The left operand is float32 and is rounded on the way, a block of it
//! at a time, which takes a few percent of the product. An instruction adds both products of a word to a sum, in its
//! own rounding; it takes denormals as zero and gives none. Sums run in a fixed order as in [`super::Block`].

use std::mem::MaybeUninit;

use super::block::{Block, Left, Right};
use super::strips::Strips;
use super::{DEPTH, ROWS};
use crate::simd::{Pairs, Promised, RawKernel, Simd};

/// Numbers of K in a block.
const NUMBERS: usize = 2 * DEPTH;

/// Runs a block, with right panels of pairs if there is a proof that these can be multiplied.
///
/// # Safety
/// The block's promise. With pairs, its right panels have been through [`super::pair_rows`]; the left operand's columns lie side
/// by side, over all K or in segments of an even number of them that divides [`DEPTH`].
#[inline(always)]
pub(crate) unsafe fn multiply<S: Simd>(s: S, pairs: Option<Pairs>, block: Block) {
    match pairs {
        // SAFETY: by the caller's promise.
        None => s.enter(unsafe { Promised::new(block) }),
        // SAFETY: as above.
        Some(pairs) => unsafe { multiply_pairs(pairs, block) },
    }
}

/// Runs a block with right panels of pairs.
///
/// # Safety
/// As [`multiply`].
pub(super) unsafe fn multiply_pairs(pairs: Pairs, block: Block) {
    // SAFETY: by the caller's promise.
    pairs.enter(unsafe { Promised::new(PairBlock(block)) });
}

/// Runs a block of at most [`DEPTH`] whose left operand, [`super::Strips`] of float32, becomes pairs where it lies;
/// those of the right one are made panel by panel.
///
/// # Safety
/// The block's promise; nobody else uses the strips, which `strips` are.
pub(crate) unsafe fn multiply_strips(pairs: Pairs, strips: &mut Strips<'_>, block: Block) {
    strips.pair();
    // SAFETY: by the caller's promise.
    pairs.enter(unsafe { Promised::new(StripBlock(block)) });
}

/// The same for a left operand whose rows' columns lie side by side; at most [`ROWS`] rows.
///
/// # Safety
/// The block's promise.
pub(super) unsafe fn multiply_rows(pairs: Pairs, block: Block) {
    // SAFETY: by the caller's promise.
    pairs.enter(unsafe { Promised::new(RowBlock(block)) });
}

/// What [`multiply_rows`] runs.
struct RowBlock(Block);

impl RawKernel for RowBlock {
    #[inline(always)]
    unsafe fn run<S: Simd>(self, s: S) {
        const WORDS: usize = DEPTH / 2;
        let Self(block) = self;
        assert!(block.rows.len() <= ROWS && block.depth <= DEPTH);
        let mut words = [const { MaybeUninit::<f32>::uninit() }; ROWS * WORDS];
        let words = words.as_mut_ptr().cast::<f32>();
        // SAFETY: by the block's promise; the words have room for its rows.
        unsafe {
            for row in block.rows.clone() {
                round_row(s, &block.left, row, 0, block.depth, words.add(row * WORDS));
            }
            StripBlock(Block { left: Left::plain(words, WORDS, 1), ..block }).run(s);
        }
    }
}

/// What [`multiply_strips`] runs.
struct StripBlock(Block);

/// Words of a panel.
const PANEL: usize = DEPTH / 2 * 32;

impl RawKernel for StripBlock {
    #[inline(always)]
    unsafe fn run<S: Simd>(self, s: S) {
        let Self(block) = self;
        let width = 2 * S::LANES;
        let depth = block.depth.div_ceil(2);
        assert!(depth * width <= PANEL);
        let mut words = [const { MaybeUninit::<f32>::uninit() }; PANEL];
        let words = words.as_mut_ptr().cast::<f32>();
        for panel in block.panels.clone() {
            // SAFETY: by the block's promise; the words have room for a panel of this depth.
            unsafe {
                let from = block.right.pointer.add(panel * block.right.panel);
                for pair in 0..depth {
                    let row = from.add(2 * pair * block.right.row);
                    for lane in [0, S::LANES] {
                        let first = s.load(row.add(lane));
                        let second = if 2 * pair + 1 < block.depth {
                            s.load(row.add(block.right.row + lane))
                        } else {
                            s.splat(0.0)
                        };
                        s.store(words.add(pair * width + lane), s.zip_pairs(first, second));
                    }
                }
                let mut out = block.out;
                out.pointer = out.pointer.add(panel * out.panel);
                out.columns = out.columns.saturating_sub(panel * width);
                let slab = Block {
                    left: block.left,
                    right: Right { pointer: words, panel: 0, row: width },
                    out,
                    rows: block.rows.clone(),
                    panels: 0..1,
                    depth,
                    accumulate: block.accumulate,
                };
                slab.slab::<S, true>(s, block.rows.clone(), 0, depth);
            }
        }
    }
}

/// A [`Block`] over panels of pairs; its depth counts numbers.
struct PairBlock(Block);

impl RawKernel for PairBlock {
    #[inline(always)]
    unsafe fn run<S: Simd>(self, s: S) {
        let Self(block) = self;
        let mut words = [const { MaybeUninit::<f32>::uninit() }; ROWS * DEPTH];
        let words = words.as_mut_ptr().cast::<f32>();
        let mut first = block.rows.start;
        while first < block.rows.end {
            let rows = (block.rows.end - first).min(ROWS);
            let mut k = 0;
            // Once even if the depth is zero, which clears the output.
            loop {
                let depth = (block.depth - k).min(NUMBERS);
                // SAFETY: by the block's promise; the words have room for so many rows and so much depth.
                unsafe {
                    for row in 0..rows {
                        round_row(s, &block.left, first + row, k, depth, words.add(row * DEPTH));
                    }
                    let Right { pointer, panel, row } = block.right;
                    let right = Right { pointer: pointer.add(k / 2 * row), panel, row };
                    let mut out = block.out;
                    out.pointer = out.pointer.add(first * out.row);
                    let slab = Block {
                        left: Left::plain(words, DEPTH, 1),
                        right,
                        out,
                        rows: 0..rows,
                        panels: block.panels.clone(),
                        depth: depth.div_ceil(2),
                        accumulate: block.accumulate || k > 0,
                    };
                    slab.slab::<S, true>(s, 0..rows, 0, depth.div_ceil(2));
                }
                k += NUMBERS;
                if k >= block.depth {
                    break;
                }
            }
            first += rows;
        }
    }
}

/// Rounds `depth` numbers of a row from `k` on into words; an odd last one is paired with zero.
///
/// # Safety
/// The numbers are readable, and the words writable; the columns are as [`multiply`] says.
#[inline(always)]
unsafe fn round_row<S: Simd>(s: S, left: &Left, row: usize, k: usize, depth: usize, into: *mut f32) {
    let segment = left.segment.min(depth);
    let mut done = 0;
    while done < depth {
        let here = segment.min(depth - done);
        let segments = if left.segment == usize::MAX { 0 } else { (k + done) / left.segment };
        // SAFETY: by the caller's promise.
        unsafe {
            let within = if left.segment == usize::MAX { k + done } else { 0 };
            let from = left.pointer.add(row * left.row + segments * left.segment_stride + within);
            let mut i = 0;
            while i < here {
                let first = s.load_up_to(from.add(i), here - i);
                let second = match (here - i).saturating_sub(S::LANES) {
                    0 => s.splat(0.0),
                    rest => s.load_up_to(from.add(i + S::LANES), rest),
                };
                let words = (here - i).div_ceil(2);
                s.store_up_to(into.add((done + i) / 2), s.to_pairs(first, second), words);
                i += 2 * S::LANES;
            }
        }
        done += here;
    }
}
