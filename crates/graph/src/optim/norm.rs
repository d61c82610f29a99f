//! Norms of gradients, as sums over blocks of a fixed size so that threads do not change them.

use crate::error::{Error, Result};
use crate::gradients::{Gradient, Gradients};
use crate::memory;
use crate::params::Slot;
use seqloom_kernels::pool::each_block;
use seqloom_kernels::simd::{Plain, vectorised};

/// Elements of one partial sum.
const BLOCK: usize = 8192;

/// Buffers for the sums of squares of all weights' gradients.
#[derive(Debug, Default)]
pub(super) struct Norms {
    partial: Vec<f64>,
    /// The first block of each weight, and the number of blocks.
    first: Vec<usize>,
    squares: Vec<f64>,
}

/// The elements of a gradient that are not zero by construction.
fn elements(gradients: &Gradients<f32>, weight: usize) -> &[f32] {
    match gradients.get(weight) {
        None => &[],
        Some(Gradient::Dense(values)) => values,
        Some(Gradient::Rows(list)) => &list.values,
    }
}

impl Norms {
    /// What was computed last.
    pub(super) fn squares(&self) -> &[f64] {
        &self.squares
    }

    /// Computes the sum of squares of every weight's gradient.
    ///
    /// # Errors
    /// `ERR_NUMERIC` naming the first weight whose gradient is not finite.
    pub(super) fn measure(&mut self, slots: &[Slot], gradients: &Gradients<f32>) -> Result<&[f64]> {
        memory::refill(&mut self.first, slots.len() + 1, 0, "The norms of the gradients")?;
        for weight in 0..slots.len() {
            self.first[weight + 1] = self.first[weight] + elements(gradients, weight).len().div_ceil(BLOCK);
        }
        let blocks = self.first[slots.len()];
        memory::refill(&mut self.partial, blocks, 0.0, "The norms of the gradients")?;
        memory::refill(&mut self.squares, slots.len(), 0.0, "The norms of the gradients")?;
        let first = &self.first;
        each_block([&mut self.partial], 1, blocks > 2, |start, [sums]| {
            let mut weight = first.partition_point(|&block| block <= start) - 1;
            for (block, sum) in (start..).zip(sums) {
                while first[weight + 1] <= block {
                    weight += 1;
                }
                let values = elements(gradients, weight);
                let from = (block - first[weight]) * BLOCK;
                *sum = vectorised(Squares(&values[from..(from + BLOCK).min(values.len())]));
            }
        });
        for (weight, slot) in slots.iter().enumerate() {
            let square: f64 = self.partial[self.first[weight]..self.first[weight + 1]].iter().sum();
            if !square.is_finite() {
                return Err(Error::numeric(format!("the gradient of weight '{}' is not finite", slot.name)));
            }
            self.squares[weight] = square;
        }
        Ok(&self.squares)
    }
}

/// The sum of squares of a weight's elements.
pub(super) fn square(values: &[f32]) -> f64 {
    values.chunks(BLOCK).map(|block| vectorised(Squares(block))).sum()
}

struct Squares<'a>(&'a [f32]);

impl Plain for Squares<'_> {
    type Output = f64;

    #[inline(always)]
    fn run(self) -> f64 {
        sum_of_squares(self.0)
    }
}

/// In float32 lanes where that neither overflows nor vanishes, else in float64.
#[inline(always)]
fn sum_of_squares(values: &[f32]) -> f64 {
    // Enough for several vectors of sums, which hides the time that an addition takes.
    const LANES: usize = 64;
    let mut lanes = [0.0_f32; LANES];
    let chunks = values.chunks_exact(LANES);
    let tail: f32 = chunks.remainder().iter().map(|x| x * x).sum();
    for chunk in chunks {
        for (lane, x) in lanes.iter_mut().zip(chunk) {
            *lane += x * x;
        }
    }
    let sum = lanes.iter().map(|&x| f64::from(x)).sum::<f64>() + f64::from(tail);
    if (1e-20..1e30).contains(&sum) { sum } else { values.iter().map(|&x| f64::from(x) * f64::from(x)).sum() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn squares_of_any_magnitude() {
        for value in [1.0_f32, 1e-30, 1e30, 3e-12] {
            let expected = 1000.0 * f64::from(value) * f64::from(value);
            assert!((sum_of_squares(&[value; 1000]) / expected - 1.0).abs() < 1e-6, "{value}");
        }
        assert_eq!(sum_of_squares(&[0.0; 33]), 0.0);
        assert!(!sum_of_squares(&[1.0, f32::NAN]).is_finite());
        assert!(!sum_of_squares(&[f32::NEG_INFINITY; 20]).is_finite());
    }
}
