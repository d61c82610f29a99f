//! Matrix products.
//!
//! The right matrix comes in *panels* of two vectors' width, the left one is read element by element and broadcast.
//! A tile of a few rows by one panel keeps its sums in registers. K is cut in blocks of [`DEPTH`], a block's sum is
//! taken strictly in order and added to the output: an output element therefore depends on its row, its column and
//! K alone, not on tiles, threads or other rows.

mod block;
mod general;
mod pack;
mod pairs;
mod prepacked;
mod stream;
mod strips;
#[cfg(test)]
mod tests;
mod tile;

pub(crate) use block::{Block, Left, Out, Right};
pub(crate) use general::{gemm, gemm_bias};
pub(crate) use pack::{pair_rows, with_buffer};
pub(crate) use pairs::{multiply, multiply_strips};
pub use prepacked::PackedMatrix;
pub(crate) use prepacked::{gemm_packed, pack_matrix};
pub(crate) use stream::{FEW_ROWS, Stream};
pub(crate) use strips::Strips;

/// Depth of a block of K; a multiple of every panel's width.
pub(crate) const DEPTH: usize = 256;
/// Rows of the left matrix that are worked on while the panels stream by; a multiple of every tile's rows.
pub(crate) const ROWS: usize = 96;
