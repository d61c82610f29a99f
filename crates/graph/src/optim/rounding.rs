//! States in bfloat16 on their way through a step: widened, changed in float32, and rounded.
//!
//! Rounding is stochastic (Gupta et al. 2015, "Deep Learning with Limited Numerical Precision"; for optimizers Zamirai et al. 2021,
//! "Revisiting BFloat16 Training"): up or down with probabilities by which the expected value is the exact one. To the nearest,
//! a state would not change at all by less than half of the 256th part of itself: with β₂ = 0.999 a second moment moves by a thousandth
//! of its distance. What is drawn comes from Philox (Salmon et al. 2011) by step, state and element alone, hence the same bits for any
//! number of threads, and after a training goes on from a file.

use super::arena::{Wide, widen};
use super::rule::{MAX_STATES, ZEROS};
use crate::rng::{Key, Stream, domain};
use seqloom_kernels::simd::{Plain, vectorised};

/// Blocks of random bits that are drawn together.
const LANES: usize = 16;

/// Elements that those round, 16 bits each.
const GROUP: usize = 8 * LANES;

/// How the states of a step are rounded.
pub(super) struct Rounding([Stream; MAX_STATES]);

impl Rounding {
    pub(super) fn new(step: u64) -> Self {
        Self(std::array::from_fn(|state| {
            Stream::new(Key { seed: 0, step, op: domain::ROUND + state as u64 })
        }))
    }

    /// Calls `body` with states in float32, at most [`ZEROS`]' length of each: with `bits` widened, which are rounded afterwards, and
    /// otherwise with `floats`. The first is element `start` of its arena.
    #[inline]
    pub(super) fn with(
        &self,
        start: usize,
        floats: [&mut [f32]; MAX_STATES],
        bits: [&mut [u16]; MAX_STATES],
        body: impl FnOnce([&mut [f32]; MAX_STATES]),
    ) {
        if bits.iter().all(|bits| bits.is_empty()) {
            return body(floats);
        }
        let mut wide: Wide = [[0.0; ZEROS.len()]; MAX_STATES];
        let mut used = wide.each_mut().map(|wide| &mut wide[..]);
        for (wide, bits) in used.iter_mut().zip(&bits) {
            *wide = &mut std::mem::take(wide)[..bits.len()];
            vectorised(Widen { bits, into: wide });
        }
        body(used.each_mut().map(|wide| &mut **wide));
        for ((stream, values), bits) in self.0.iter().zip(used).zip(bits) {
            vectorised(Round { stream, start, values, bits });
        }
    }
}

struct Widen<'a> {
    bits: &'a [u16],
    into: &'a mut [f32],
}

impl Plain for Widen<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        widen(self.bits, self.into);
    }
}

struct Round<'a> {
    stream: &'a Stream,
    /// The number in the arena of the first element.
    start: usize,
    values: &'a [f32],
    bits: &'a mut [u16],
}

impl Plain for Round<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { stream, start, values, bits } = self;
        let skip = start % GROUP;
        let lead = ((GROUP - skip) % GROUP).min(values.len());
        let ((head, values), (head_bits, bits)) = (values.split_at(lead), bits.split_at_mut(lead));
        if lead > 0 {
            let noise = noise(stream, start / GROUP);
            round_all(&noise[skip..], head, head_bits);
        }
        let first = start.div_ceil(GROUP);
        let ((groups, rest), (into, rest_bits)) =
            (values.as_chunks::<GROUP>(), bits.as_chunks_mut::<GROUP>());
        for (index, (values, bits)) in groups.iter().zip(into).enumerate() {
            round_all(&noise(stream, first + index), values, bits);
        }
        if !rest.is_empty() {
            round_all(&noise(stream, first + groups.len()), rest, rest_bits);
        }
    }
}

/// 16 random bits for each element of a group.
#[inline(always)]
fn noise(stream: &Stream, group: usize) -> [u32; GROUP] {
    let words = stream.blocks::<LANES>((group * LANES) as u64);
    let mut noise = [0; GROUP];
    for (halves, words) in noise.chunks_exact_mut(2 * LANES).zip(words) {
        let (lower, upper) = halves.split_at_mut(LANES);
        for ((lower, upper), word) in lower.iter_mut().zip(upper).zip(words) {
            (*lower, *upper) = (word & 0xffff, word >> 16);
        }
    }
    noise
}

#[inline(always)]
fn round_all(noise: &[u32], values: &[f32], into: &mut [u16]) {
    for ((bits, &value), &noise) in into.iter_mut().zip(values).zip(noise) {
        *bits = round(value, noise);
    }
}

/// Adds 16 random bits to the lower half, which carries into the upper one as often as that is near to the next; a NaN stays one.
#[inline(always)]
fn round(value: f32, noise: u32) -> u16 {
    let bits = value.to_bits();
    (if value.is_nan() { bits | 0x0040_0000 } else { bits.wrapping_add(noise) } >> 16) as u16
}

#[cfg(test)]
mod tests {
    use super::super::arena::widened;
    use super::*;

    #[test]
    fn rounding_has_no_bias_and_keeps_what_bfloat16_has() {
        for value in [1.001_f32, -0.3, 1e-20, 5e30, 1.0 + 1.0 / 512.0] {
            let mut bits = vec![0; 20_000];
            let values = vec![value; bits.len()];
            vectorised(Round { stream: &Rounding::new(3).0[1], start: 5, values: &values, bits: &mut bits });
            let mean = bits.iter().map(|&bits| f64::from(widened(bits))).sum::<f64>() / bits.len() as f64;
            // One standard deviation of the mean is at most a 256th part of the value, over 2 √20,000.
            let bound = f64::from(value).abs() / 256.0 / (2.0 * (bits.len() as f64).sqrt()) * 4.0;
            assert!((mean - f64::from(value)).abs() < bound, "{value}: {mean}");
        }
        for value in [0.0, -0.0, 1.5, -2.0_f32.powi(-120), f32::INFINITY, f32::NEG_INFINITY] {
            for noise in [0, 1, 0xffff] {
                assert_eq!(widened(round(value, noise)).to_bits(), value.to_bits());
            }
        }
        assert!(widened(round(f32::from_bits(0x7fff_ffff), 0xffff)).is_nan());
    }

    #[test]
    fn rounding_does_not_depend_on_where_it_is_cut() {
        let values: Vec<f32> = (0..401).map(|at| (at as f32).sin()).collect();
        let stream = &Rounding::new(9).0[0];
        let mut whole = vec![0; values.len()];
        vectorised(Round { stream, start: 40, values: &values, bits: &mut whole });
        for cut in (0..values.len()).step_by(7) {
            let mut bits = vec![0; values.len()];
            let (first, second) = bits.split_at_mut(cut);
            vectorised(Round { stream, start: 40, values: &values[..cut], bits: first });
            vectorised(Round { stream, start: 40 + cut, values: &values[cut..], bits: second });
            assert_eq!(bits, whole, "{cut}");
        }
    }
}
