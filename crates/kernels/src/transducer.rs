//! The RNN transducer (Graves 2012, arXiv 1211.3711): the probability that the alignments of a target have together, and
//! how probable each part of them is.
//!
//! An alignment is a path through a grid of `steps` × (`labels` + 1) places. At place (t, u), where u labels have been
//! written, it writes the next label and goes to (t, u + 1), or a blank and goes to (t + 1, u); it ends with the blank of
//! the last step after the last label. Sums are those of logarithms, in float64.

use crate::{OutOfMemory, Real, log_add};

/// One sequence: the logarithms of what it writes at each place, `[steps][labels + 1]`. They become the probabilities
/// that an alignment of the target writes it there.
#[derive(Debug)]
pub struct TransducerRow<'a, T> {
    /// Of the blank.
    pub blanks: &'a mut [T],
    /// Of the next label; after the last one there is none, and its number is not read.
    pub labels: &'a mut [T],
    /// At least one.
    pub steps: usize,
}

/// −log of the probability of a target. Where it is not finite, all parts become 0. `sums` is memory that is kept from
/// row to row.
///
/// # Errors
/// [`OutOfMemory`] if the sums of all places do not fit.
///
/// # Panics
/// If the row has no steps, or another number of places.
pub fn transducer<T: Real>(row: TransducerRow<'_, T>, sums: &mut Vec<f64>) -> Result<f64, OutOfMemory> {
    let TransducerRow { blanks, labels, steps } = row;
    let width = blanks.len().checked_div(steps).unwrap_or(0);
    assert!(width > 0 && blanks.len() == width * steps && labels.len() == blanks.len(), "places of a target");
    // Sums backward from every place, and forward to those of a step.
    let size = blanks.len().checked_add(width).ok_or(OutOfMemory { bytes: None })?;
    sums.clear();
    sums.try_reserve(size).map_err(|_| OutOfMemory { bytes: size.checked_mul(size_of::<f64>()) })?;
    sums.resize(size, f64::NEG_INFINITY);
    let (beta, alpha) = sums.split_at_mut(blanks.len());
    for step in (0..steps).rev() {
        let (now, after) = beta[step * width..].split_at_mut(width);
        let at = step * width..(step + 1) * width;
        let (blanks, labels) = (&blanks[at.clone()], &labels[at]);
        for place in (0..width).rev() {
            let last = place + 1 == width;
            let stay = match after.get(place) {
                Some(&after) => after + blanks[place].to_f64(),
                None if last => blanks[place].to_f64(),
                None => f64::NEG_INFINITY,
            };
            let write = if last { f64::NEG_INFINITY } else { now[place + 1] + labels[place].to_f64() };
            now[place] = log_add(stay, write);
        }
    }
    let all = beta[0];
    if !all.is_finite() {
        blanks.fill(T::ZERO);
        labels.fill(T::ZERO);
        return Ok(-all);
    }
    alpha[0] = 0.0;
    for step in 0..steps {
        let (now, after) = beta[step * width..].split_at(width);
        let at = step * width..(step + 1) * width;
        let (blanks, labels) = (&mut blanks[at.clone()], &mut labels[at]);
        // What has written a label of this step before the place.
        let mut written = f64::NEG_INFINITY;
        for place in 0..width {
            let last = place + 1 == width;
            let before = log_add(alpha[place], written);
            let stay = before + blanks[place].to_f64();
            written = if last { f64::NEG_INFINITY } else { before + labels[place].to_f64() };
            alpha[place] = stay;
            let rest = match after.get(place) {
                Some(&after) => after,
                None if last => 0.0,
                None => f64::NEG_INFINITY,
            };
            blanks[place] = T::from_f64((stay + rest - all).exp());
            labels[place] = if last { T::ZERO } else { T::from_f64((written + now[place + 1] - all).exp()) };
        }
    }
    Ok(-all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::noise;

    /// Follows every alignment from a place on: adds its probability to those of the places where it writes something,
    /// and to the sum.
    fn follow(
        p: [&[f64]; 2],
        steps: usize,
        at: [usize; 2],
        path: &mut Vec<(usize, usize)>,
        product: f64,
        sums: &mut [Vec<f64>; 3],
    ) {
        let [step, place] = at;
        let width = p[0].len() / steps;
        if step == steps {
            if place + 1 == width {
                sums[2][0] += product;
                path.iter().for_each(|&(kind, at)| sums[kind][at] += product);
            }
            return;
        }
        let cell = step * width + place;
        for (kind, next) in [(0, [step + 1, place]), (1, [step, place + 1])] {
            if next[1] < width {
                path.push((kind, cell));
                follow(p, steps, next, path, product * p[kind][cell], sums);
                path.pop();
            }
        }
    }

    fn close<T: Real>(got: &[T], expected: &[f64], all: f64, bound: f64) {
        for (got, expected) in got.iter().zip(expected) {
            assert!((got.to_f64() - expected / all).abs() < bound, "{got} {}", expected / all);
        }
    }

    #[test]
    fn it_is_the_sum_over_all_alignments() {
        let mut scratch = Vec::new();
        for (seed, (steps, labels)) in
            [(1, 0), (1, 1), (1, 4), (2, 0), (5, 0), (3, 2), (4, 4), (6, 3), (2, 5)].into_iter().enumerate()
        {
            for scale in [1.0, 9.0] {
                let size = steps * (labels + 1);
                let logs = |seed| -> Vec<f64> {
                    noise(seed, size).into_iter().map(|x| scale * (f64::from(x) - 1.0)).collect()
                };
                let given = [logs(2 * seed as u64), logs(2 * seed as u64 + 1)];
                let p = given.each_ref().map(|logs| logs.iter().map(|x| x.exp()).collect::<Vec<f64>>());
                let mut sums = [vec![0.0; size], vec![0.0; size], vec![0.0]];
                follow([&p[0], &p[1]], steps, [0, 0], &mut Vec::new(), 1.0, &mut sums);
                let all = sums[2][0];

                let [mut blanks, mut written] = given.clone();
                let row = TransducerRow { blanks: &mut blanks, labels: &mut written, steps };
                let loss = transducer(row, &mut scratch).unwrap();
                assert!((loss + all.ln()).abs() < 1e-9 * all.ln().abs().max(1.0), "{loss} {}", -all.ln());
                close(&blanks, &sums[0], all, 1e-9);
                close(&written, &sums[1], all, 1e-9);

                let [mut blanks, mut written] =
                    given.map(|logs| logs.into_iter().map(|x| x as f32).collect::<Vec<f32>>());
                let row = TransducerRow { blanks: &mut blanks, labels: &mut written, steps };
                let single = transducer(row, &mut scratch).unwrap();
                assert!((single - loss).abs() < 1e-6 * loss.abs().max(1.0), "{single} {loss}");
                close(&blanks, &sums[0], all, 2e-5);
                close(&written, &sums[1], all, 2e-5);
            }
        }
    }

    #[test]
    fn what_is_impossible_has_no_parts() {
        let [mut blanks, mut labels] = [[-1.0, f32::NEG_INFINITY, -1.0, f32::NEG_INFINITY], [-0.5; 4]];
        let row = TransducerRow { blanks: &mut blanks, labels: &mut labels, steps: 2 };
        assert_eq!(transducer(row, &mut Vec::new()).unwrap(), f64::INFINITY);
        assert_eq!([blanks, labels], [[0.0; 4]; 2]);
    }

    #[test]
    fn probabilities_that_underflow_make_no_difference() {
        // 600 steps of e^-20 each.
        let (steps, width) = (600, 3);
        let mut blanks = vec![-20.0_f64; steps * width];
        let mut labels = vec![-20.0_f64; steps * width];
        let row = TransducerRow { blanks: &mut blanks, labels: &mut labels, steps };
        let loss = transducer(row, &mut Vec::new()).unwrap();
        // All alignments are as probable as each other: one of 601 · 600 / 2 places for both labels.
        let alignments = (600.0 * 601.0 / 2.0_f64).ln();
        assert!((loss - (20.0 * 602.0 - alignments)).abs() < 1e-8, "{loss}");
        let sum: f64 = blanks.iter().sum();
        assert!((sum - 600.0).abs() < 1e-7 && (labels.iter().sum::<f64>() - 2.0).abs() < 1e-8);
    }
}
