//! How the elements of weights and of their gradients are distributed.

use super::fit::check_cancelled;
use super::trainer::Trainer;
use crate::error::Result;
use crate::gradients::Gradient;
use seqloom_kernels::simd::{Plain, vectorised};
use std::sync::atomic::AtomicBool;

/// How many ranges a histogram has.
pub const RANGES: usize = 40;

/// The distribution of the elements of a tensor.
#[derive(Debug, Clone, PartialEq)]
pub struct Histogram {
    /// The least finite element; 0 if there is none, like the three that follow.
    pub least: f32,
    /// The largest finite element.
    pub most: f32,
    /// The mean of the finite elements.
    pub mean: f64,
    /// Their standard deviation.
    pub deviation: f64,
    /// How many elements are in each of [`RANGES`] equally wide ranges from the least to the largest; of elements that
    /// are all alike in one range, and none if none is finite.
    pub counts: Vec<u64>,
    /// How many elements are not finite.
    pub not_finite: u64,
}

/// Sums over some elements.
#[derive(Debug, Clone, Copy)]
struct Moments {
    least: f32,
    most: f32,
    sum: f64,
    squares: f64,
    finite: u64,
}

/// How many sums there are side by side.
const LANES: usize = 16;

struct Measure<'a>(&'a [f32]);

impl Plain for Measure<'_> {
    type Output = Moments;

    #[inline(always)]
    fn run(self) -> Moments {
        let mut lanes = [Moments::NONE; LANES];
        let chunks = self.0.chunks_exact(LANES);
        let rest = chunks.remainder();
        for chunk in chunks {
            for (lane, &value) in lanes.iter_mut().zip(chunk) {
                lane.add(value);
            }
        }
        for (lane, &value) in lanes.iter_mut().zip(rest) {
            lane.add(value);
        }
        lanes.into_iter().fold(Moments::NONE, Moments::joined)
    }
}

impl Moments {
    const NONE: Self =
        Self { least: f32::INFINITY, most: f32::NEG_INFINITY, sum: 0.0, squares: 0.0, finite: 0 };

    #[inline(always)]
    fn add(&mut self, value: f32) {
        let is_finite = value.is_finite();
        let known = if is_finite { f64::from(value) } else { 0.0 };
        self.least = self.least.min(if is_finite { value } else { f32::INFINITY });
        self.most = self.most.max(if is_finite { value } else { f32::NEG_INFINITY });
        self.sum += known;
        self.squares += known * known;
        self.finite += u64::from(is_finite);
    }

    #[inline(always)]
    fn joined(self, other: Self) -> Self {
        Self {
            least: self.least.min(other.least),
            most: self.most.max(other.most),
            sum: self.sum + other.sum,
            squares: self.squares + other.squares,
            finite: self.finite + other.finite,
        }
    }
}

/// Counts elements by range, in several lists at once: next to each other, elements often are of the same range.
struct Count<'a> {
    values: &'a [f32],
    least: f64,
    scale: f64,
    counts: &'a mut [[u64; RANGES]; 4],
}

impl Plain for Count<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for chunk in self.values.chunks(LANES) {
            let mut ranges = [RANGES; LANES];
            for (range, &value) in ranges.iter_mut().zip(chunk) {
                let within = (((f64::from(value) - self.least) * self.scale) as usize).min(RANGES - 1);
                *range = if value.is_finite() { within } else { RANGES };
            }
            for (at, &range) in ranges.iter().enumerate() {
                if let Some(count) = self.counts[at % 4].get_mut(range) {
                    *count += 1;
                }
            }
        }
    }
}

impl Histogram {
    /// The distribution of these elements and of so many zeros.
    pub fn of(values: &[f32], zeros: u64) -> Self {
        let mut all = vectorised(Measure(values));
        let not_finite = values.len() as u64 - all.finite;
        if zeros > 0 {
            all = all.joined(Moments { least: 0.0, most: 0.0, sum: 0.0, squares: 0.0, finite: zeros });
        }
        if all.finite == 0 {
            return Self { least: 0.0, most: 0.0, mean: 0.0, deviation: 0.0, counts: Vec::new(), not_finite };
        }
        let number = all.finite as f64;
        let mean = all.sum / number;
        Self {
            least: all.least,
            most: all.most,
            mean,
            deviation: (all.squares / number - mean * mean).max(0.0).sqrt(),
            counts: counts(values, zeros, &all),
            not_finite,
        }
    }
}

fn counts(values: &[f32], zeros: u64, all: &Moments) -> Vec<u64> {
    let least = f64::from(all.least);
    let width = f64::from(all.most) - least;
    if width == 0.0 {
        return vec![all.finite];
    }
    let scale = RANGES as f64 / width;
    let mut counts = [[0; RANGES]; 4];
    vectorised(Count { values, least, scale, counts: &mut counts });
    if zeros > 0 {
        counts[0][((-least * scale) as usize).min(RANGES - 1)] += zeros;
    }
    (0..RANGES).map(|range| counts.iter().map(|some| some[range]).sum()).collect()
}

impl Trainer {
    /// The distributions of the first `most` weights, by name.
    ///
    /// # Errors
    /// `ERR_MEMORY`; `ABORTED` once `cancel` is set.
    pub fn weight_histograms(&self, most: usize, cancel: &AtomicBool) -> Result<Vec<(String, Histogram)>> {
        let parameters = self.parameters();
        let slots = parameters.slots().iter().take(most).enumerate();
        slots
            .map(|(index, slot)| {
                check_cancelled(cancel)?;
                let values = parameters.values(index)?.unwrap_or_default();
                Ok((slot.name.clone(), Histogram::of(&values, 0)))
            })
            .collect()
    }

    /// The distributions of the gradients of the last step of training, of the first `most` weights that are trained,
    /// by name: as the optimizer took them, that is, after clipping by value and before clipping by norm. None before the first step.
    ///
    /// # Errors
    /// `ABORTED` once `cancel` is set.
    pub fn gradient_histograms(&self, most: usize, cancel: &AtomicBool) -> Result<Vec<(String, Histogram)>> {
        let Some(compiled) = self.compiled.as_ref().filter(|compiled| compiled.optimizer.has_measured())
        else {
            return Ok(Vec::new());
        };
        let slots = self.parameters().slots().iter().enumerate();
        let known = slots.filter_map(|(index, slot)| Some((slot, compiled.gradients.get(index)?)));
        known
            .take(most)
            .map(|(slot, gradient)| {
                check_cancelled(cancel)?;
                let values = match &gradient {
                    Gradient::Dense(values) => *values,
                    Gradient::Rows(list) => &list.values[..],
                };
                // The rows of a table that no token named.
                let zeros = slot.len.saturating_sub(values.len()) as u64;
                Ok((slot.name.clone(), Histogram::of(values, zeros)))
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_every_element_in_its_range() {
        for len in [1_usize, 7, 17, 33, 65, 1000] {
            let values: Vec<f32> = (0..len).map(|at| ((at * 37) % 101) as f32 / 10.0 - 3.0).collect();
            let found = Histogram::of(&values, 0);
            let sorted = |f: fn(f32, f32) -> f32| values.iter().copied().reduce(f).unwrap();
            assert_eq!((found.least, found.most), (sorted(f32::min), sorted(f32::max)));
            let mean = values.iter().map(|&v| f64::from(v)).sum::<f64>() / len as f64;
            let variance = values.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum::<f64>() / len as f64;
            assert!((found.mean - mean).abs() < 1e-9 && (found.deviation - variance.sqrt()).abs() < 1e-6);
            if len == 1 {
                assert_eq!(found.counts, [1]);
                continue;
            }
            let mut expected = vec![0; RANGES];
            let width = f64::from(found.most) - f64::from(found.least);
            for &value in &values {
                let at = (f64::from(value) - f64::from(found.least)) * (RANGES as f64 / width);
                expected[(at as usize).min(RANGES - 1)] += 1;
            }
            assert_eq!(found.counts, expected, "{len} elements");
        }
    }

    #[test]
    fn knows_zeros_that_are_not_stored_and_elements_that_are_not_finite() {
        let found = Histogram::of(&[-1.0, 3.0, f32::NAN, f32::INFINITY], 5);
        assert_eq!((found.least, found.most, found.not_finite), (-1.0, 3.0, 2));
        assert_eq!((found.counts[0], found.counts[10], found.counts[39]), (1, 5, 1));
        assert_eq!(found.counts.iter().sum::<u64>(), 7);
        let none = Histogram::of(&[f32::NAN; 3], 0);
        assert_eq!((none.counts.len(), none.not_finite, none.mean), (0, 3, 0.0));
        assert_eq!(Histogram::of(&[], 0).counts.len(), 0);
        assert_eq!(Histogram::of(&[], 4).counts, [4]);
        let widest = Histogram::of(&[f32::MIN, f32::MAX], 0);
        assert_eq!((widest.counts[0], widest.counts[39]), (1, 1));
        assert!(widest.deviation.is_finite());
    }
}
