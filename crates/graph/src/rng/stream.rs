//! Keyed streams of uniform and normal numbers over [`philox4x32`].

use super::philox::{philox4x32, philox4x32_lanes};
use crate::parallel::each_rows;
use std::f64::consts::TAU;

/// What a stream of random numbers belongs to; different keys give independent streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    /// The seed that the user chose.
    pub seed: u64,
    /// The training step (or the epoch of a shuffle, or the attempt of a rejection).
    pub step: u64,
    /// The operation, in one of the ranges of [`super::domain`].
    pub op: u64,
}

/// The random numbers of one [`Key`], addressed by element.
#[derive(Clone, Copy, Debug)]
pub struct Stream {
    key: [u32; 2],
    high: [u32; 2],
}

impl Stream {
    /// The stream of a key: one Philox block maps (step, op) under the seed to the 128 bits that select the stream.
    #[inline]
    pub fn new(key: Key) -> Self {
        let split = |x: u64| [x as u32, (x >> 32) as u32];
        let ([s0, s1], [o0, o1]) = (split(key.step), split(key.op));
        let [a, b, c, d] = philox4x32([s0, s1, o0, o1], split(key.seed));
        Self { key: [a, b], high: [c, d] }
    }

    /// The block with elements `4 * index ..= 4 * index + 3`: 32 random bits each.
    #[inline]
    pub fn block(&self, index: u64) -> [u32; 4] {
        philox4x32([index as u32, (index >> 32) as u32, self.high[0], self.high[1]], self.key)
    }

    /// `N` blocks from `first` on, word by word: the first words of all of them, then the second ones, and so on.
    #[inline(always)]
    pub fn blocks<const N: usize>(&self, first: u64) -> [[u32; N]; 4] {
        let index: [u64; N] = std::array::from_fn(|lane| first.wrapping_add(lane as u64));
        let [high, higher] = self.high.map(|word| [word; N]);
        philox4x32_lanes(
            [index.map(|index| index as u32), index.map(|index| (index >> 32) as u32), high, higher],
            self.key,
        )
    }

    /// 64 random bits for `element` (elements of this kind and 32-bit elements overlap: use one kind per stream).
    #[inline]
    pub fn bits64(&self, element: u64) -> u64 {
        let block = self.block(element / 2);
        let at = (element % 2) as usize * 2;
        u64::from(block[at]) | u64::from(block[at + 1]) << 32
    }

    /// A uniform number in [0, 1) with 24 bits.
    #[inline]
    pub fn uniform(&self, element: u64) -> f32 {
        unit(self.block(element / 4)[(element % 4) as usize])
    }

    /// A standard normal number.
    #[inline]
    pub fn normal(&self, element: u64) -> f32 {
        normals(self.block(element / 4))[(element % 4) as usize]
    }
}

/// Uniform in [0, 1) at one element of a key's stream. For many elements make the [`Stream`] once, or use
/// [`fill_uniform`].
#[inline]
pub fn uniform(key: Key, element: u64) -> f32 {
    Stream::new(key).uniform(element)
}

/// Elements `start..start + out.len()` of the uniform stream of `key`.
pub fn fill_uniform(key: Key, start: u64, out: &mut [f32]) {
    fill_parts(key, start, out, |block| block.map(unit));
}

/// Elements `start..start + out.len()` of the standard normal stream of `key`.
pub fn fill_normal(key: Key, start: u64, out: &mut [f32]) {
    fill_parts(key, start, out, normals);
}

fn fill_parts(key: Key, start: u64, out: &mut [f32], map: impl Fn([u32; 4]) -> [f32; 4] + Sync) {
    let stream = Stream::new(key);
    let work = out.len();
    each_rows(out, 1, work, |first, part| fill(&stream, start + first as u64, part, &map));
}

fn fill(stream: &Stream, start: u64, out: &mut [f32], map: impl Fn([u32; 4]) -> [f32; 4]) {
    let lead = (((4 - start % 4) % 4) as usize).min(out.len());
    let (head, rest) = out.split_at_mut(lead);
    if lead > 0 {
        let at = (start % 4) as usize;
        head.copy_from_slice(&map(stream.block(start / 4))[at..at + lead]);
    }
    for (index, chunk) in (start.div_ceil(4)..).zip(rest.chunks_mut(4)) {
        chunk.copy_from_slice(&map(stream.block(index))[..chunk.len()]);
    }
}

#[inline]
fn unit(bits: u32) -> f32 {
    (bits >> 8) as f32 * (1.0 / (1 << 24) as f32)
}

/// Box and Muller, "A note on the generation of random normal deviates" (1958): two pairs from four uniforms.
#[inline]
fn normals(block: [u32; 4]) -> [f32; 4] {
    let pair = |a: u32, b: u32| {
        // The half keeps the logarithm finite.
        let radius = (-2.0 * ((f64::from(a) + 0.5) * (1.0 / 4_294_967_296.0)).ln()).sqrt();
        let (sin, cos) = (f64::from(b) * (TAU / 4_294_967_296.0)).sin_cos();
        [(radius * cos) as f32, (radius * sin) as f32]
    };
    let ([a, b], [c, d]) = (pair(block[0], block[1]), pair(block[2], block[3]));
    [a, b, c, d]
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: Key = Key { seed: 7, step: 3, op: 11 };

    #[test]
    fn fills_do_not_depend_on_chunks() {
        let mut whole = vec![0.0; 101];
        fill_uniform(KEY, 0, &mut whole);
        for (i, &x) in whole.iter().enumerate() {
            assert_eq!(x, uniform(KEY, i as u64));
            assert!((0.0..1.0).contains(&x));
        }
        let mut normal = vec![0.0; 101];
        fill_normal(KEY, 0, &mut normal);
        for start in 0..9 {
            for len in [0, 1, 2, 3, 4, 5, 50] {
                let mut part = vec![0.0; len];
                fill_uniform(KEY, start as u64, &mut part);
                assert_eq!(part, whole[start..start + len]);
                fill_normal(KEY, start as u64, &mut part);
                assert_eq!(part, normal[start..start + len]);
            }
        }
        assert_eq!(Stream::new(KEY).normal(17), normal[17]);
        let (stream, first) = (Stream::new(KEY), u64::from(u32::MAX) - 3);
        let blocks = stream.blocks::<8>(first);
        for lane in 0..8 {
            assert_eq!(blocks.map(|words| words[lane]), stream.block(first + lane as u64));
        }
    }

    #[test]
    fn every_part_of_the_key_counts() {
        let draw = |key| Stream::new(key).block(0);
        let base = draw(KEY);
        for key in [Key { seed: 8, ..KEY }, Key { step: 4, ..KEY }, Key { op: 12, ..KEY }] {
            assert_ne!(base, draw(key));
        }
        assert_ne!(base, draw(Key { step: KEY.op, op: KEY.step, ..KEY }));
        assert_ne!(base, draw(Key { seed: KEY.seed | 1 << 40, ..KEY }));
    }

    #[test]
    fn moments() {
        const N: usize = 400_000;
        let mut x = vec![0.0; N];
        let moments = |x: &[f32]| {
            let mean = x.iter().map(|&v| f64::from(v)).sum::<f64>() / N as f64;
            let power = |p| x.iter().map(|&v| (f64::from(v) - mean).powi(p)).sum::<f64>() / N as f64;
            (mean, power(2), power(3), power(4))
        };
        fill_uniform(KEY, 0, &mut x);
        let (mean, variance, ..) = moments(&x);
        assert!((mean - 0.5).abs() < 2e-3 && (variance - 1.0 / 12.0).abs() < 1e-3);
        fill_normal(KEY, 0, &mut x);
        let (mean, variance, skew, kurtosis) = moments(&x);
        assert!(mean.abs() < 6e-3 && (variance - 1.0).abs() < 1e-2 && skew.abs() < 2e-2);
        assert!((kurtosis - 3.0).abs() < 6e-2);
    }
}
