//! Connectionist temporal classification (Graves et al. 2006): the probability that the alignments of a target have
//! together, and its gradient.
//!
//! An alignment gives every step a symbol and writes what is left of them without repetitions, then without blanks. All
//! alignments of `y₁ … y_L` are the paths through the states `blank, y₁, blank, …, y_L, blank`; sums over paths go
//! forward (`alpha`) and backward (`beta`). State `j` stands for two here: the label `y_j` (there is none of 0) and the
//! blank after it.
//!
//! Sums are computed with probabilities, scaled at every step, and with logarithms where those underflow. What a forward
//! sum of at most 1 has lost is less than the smallest number, and a backward sum multiplies it by at most 1; so where
//! the products of both make much more than that at every step, nothing of weight is lost.

use crate::simd::{Plain, vectorised};
use crate::{OutOfMemory, Real};
use std::marker::PhantomData;

/// One sequence: its logits, and a target that some alignment can write.
#[derive(Debug)]
pub struct CtcRow<'a, T> {
    /// `[time][symbols]`.
    pub logits: &'a [T],
    /// The softmax of the logits; it becomes the gradient by them at the steps that count.
    pub gradient: &'a mut [T],
    /// How many there are.
    pub symbols: usize,
    /// The steps that count, in order.
    pub steps: &'a [usize],
    /// Symbols other than the blank.
    pub target: &'a [i32],
    /// The symbol that writes nothing.
    pub blank: usize,
}

/// Memory that is kept from row to row.
#[derive(Debug, Default)]
pub struct CtcScratch {
    numbers: Vec<f64>,
    /// The first and the last state of each step that lie on a path.
    bands: Vec<[usize; 2]>,
}

/// The number of steps that a target needs: repeated symbols have a blank between them.
pub fn ctc_steps(target: &[i32]) -> usize {
    target.len() + target.windows(2).filter(|pair| pair[0] == pair[1]).count()
}

/// −log of the probability of a target; its gradient by the logits replaces their softmax.
///
/// # Errors
/// [`OutOfMemory`] if the sums of all steps do not fit.
///
/// # Panics
/// If steps or symbols lie outside of the logits, or the target needs more steps than there are.
pub fn ctc<T: Real>(mut row: CtcRow<'_, T>, scratch: &mut CtcScratch) -> Result<f64, OutOfMemory> {
    assert!(row.logits.len() == row.gradient.len(), "lengths of logits and gradient");
    assert!(ctc_steps(row.target) <= row.steps.len(), "steps of a target");
    if row.steps.is_empty() {
        return Ok(0.0);
    }
    prepare(&row, scratch)?;
    let scaled = vectorised(Sweep { row: &mut row, scratch, domain: PhantomData::<Scaled> });
    Ok(scaled
        .or_else(|| Sweep { row: &mut row, scratch, domain: PhantomData::<Logarithms> }.run())
        .unwrap_or(f64::NAN))
}

/// The logarithm of a sum of two numbers that are given as logarithms.
pub fn log_add(a: f64, b: f64) -> f64 {
    let (low, high) = if a < b { (a, b) } else { (b, a) };
    if low == f64::NEG_INFINITY { high } else { high + (low - high).exp().ln_1p() }
}

/// How sums of products are computed.
trait Domain {
    const ZERO: f64;
    const ONE: f64;
    fn add(a: f64, b: f64) -> f64;
    fn multiply(a: f64, b: f64) -> f64;
    fn inverse(a: f64) -> f64;
    /// A number of the domain, and its logarithm.
    fn value(a: f64) -> f64;
    fn ln(a: f64) -> f64;
    /// The sum of a slice.
    fn total(values: &[f64]) -> f64;
    /// Whether a sum of products is so large that what has underflowed makes no difference.
    fn is_sound(sum: f64, least: f64) -> bool;
    /// log Σ exp x of a step, where it is needed; `gradient` has the softmax then again.
    fn norm<T: Real>(logits: &[T], gradient: &mut [T]) -> f64;
    /// The probability of a symbol.
    fn emission<T: Real>(logit: T, probability: T, norm: f64) -> f64;
}

/// Probabilities, of which every step's are scaled.
struct Scaled;

impl Domain for Scaled {
    const ZERO: f64 = 0.0;
    const ONE: f64 = 1.0;
    #[inline(always)]
    fn add(a: f64, b: f64) -> f64 {
        a + b
    }
    #[inline(always)]
    fn multiply(a: f64, b: f64) -> f64 {
        a * b
    }
    #[inline(always)]
    fn inverse(a: f64) -> f64 {
        1.0 / a
    }
    #[inline(always)]
    fn value(a: f64) -> f64 {
        a
    }
    #[inline(always)]
    fn ln(a: f64) -> f64 {
        a.ln()
    }
    #[inline(always)]
    fn total(values: &[f64]) -> f64 {
        let (blocks, rest) = values.as_chunks::<8>();
        let mut sums = [0.0; 8];
        for block in blocks {
            for (sum, value) in sums.iter_mut().zip(block) {
                *sum += value;
            }
        }
        sums.iter().sum::<f64>() + rest.iter().sum::<f64>()
    }
    #[inline(always)]
    fn is_sound(sum: f64, least: f64) -> bool {
        // The least probability of single precision is 1e-38.
        sum >= if least < 1e-36 { 1e-20 } else { 1e-250 }
    }
    #[inline(always)]
    fn norm<T: Real>(_: &[T], _: &mut [T]) -> f64 {
        0.0
    }
    #[inline(always)]
    fn emission<T: Real>(_: T, probability: T, _: f64) -> f64 {
        probability.to_f64()
    }
}

/// Logarithms of probabilities.
struct Logarithms;

impl Domain for Logarithms {
    const ZERO: f64 = f64::NEG_INFINITY;
    const ONE: f64 = 0.0;
    fn add(a: f64, b: f64) -> f64 {
        log_add(a, b)
    }
    fn multiply(a: f64, b: f64) -> f64 {
        a + b
    }
    fn inverse(a: f64) -> f64 {
        -a
    }
    fn value(a: f64) -> f64 {
        a.exp()
    }
    fn ln(a: f64) -> f64 {
        a
    }
    fn total(values: &[f64]) -> f64 {
        values.iter().copied().fold(Self::ZERO, Self::add)
    }
    fn is_sound(_: f64, _: f64) -> bool {
        true
    }
    fn norm<T: Real>(logits: &[T], gradient: &mut [T]) -> f64 {
        let max = logits.iter().map(|x| x.to_f64()).fold(f64::NEG_INFINITY, f64::max);
        let norm = max + logits.iter().map(|x| (x.to_f64() - max).exp()).sum::<f64>().ln();
        for (x, p) in logits.iter().zip(gradient) {
            *p = T::from_f64((x.to_f64() - norm).exp());
        }
        norm
    }
    fn emission<T: Real>(logit: T, _: T, norm: f64) -> f64 {
        logit.to_f64() - norm
    }
}

/// Rows that a sweep needs besides the forward sums: two for the backward sums, two for those times emissions, which
/// then hold the shares of states, emissions, and what a step over a blank is multiplied by.
const EXTRA: usize = 6;

/// Places of a row: one for each state, one before the first and one after the last.
fn places(labels: usize) -> usize {
    labels + 3
}

/// Finds the bands and reserves memory.
fn prepare<T>(row: &CtcRow<'_, T>, scratch: &mut CtcScratch) -> Result<(), OutOfMemory> {
    let (steps, labels) = (row.steps.len(), row.target.len());
    let size = (steps + 1).checked_mul(2).and_then(|rows| (rows + EXTRA).checked_mul(places(labels)));
    let size = size.and_then(|size| size.checked_add(steps)).ok_or(OutOfMemory { bytes: None })?;
    let refused = |_| OutOfMemory { bytes: size.checked_mul(size_of::<f64>()) };
    scratch.numbers.clear();
    scratch.numbers.try_reserve(size).map_err(refused)?;
    scratch.bands.clear();
    scratch.bands.try_reserve(steps).map_err(refused)?;
    let repeats = |label: usize| match label.checked_sub(2).and_then(|at| row.target.get(at..at + 2)) {
        Some(pair) => usize::from(pair[0] == pair[1]),
        None => 0,
    };
    let [mut first, mut last] = [0, 0];
    // The step at which the label after `last` can come, and how many steps have to follow the blank of `first`.
    let (mut next, mut needed) = (0, ctc_steps(row.target));
    for step in 0..steps {
        while first < labels && needed > steps - 1 - step {
            first += 1;
            needed -= 1 + repeats(first + 1);
        }
        while last < labels && next <= step {
            last += 1;
            next += 1 + repeats(last + 1);
        }
        scratch.bands.push([first, last]);
    }
    Ok(())
}

/// Both passes over the steps.
struct Sweep<'a, 'r, D, T> {
    row: &'a mut CtcRow<'r, T>,
    scratch: &'a mut CtcScratch,
    domain: PhantomData<D>,
}

impl<D: Domain, T: Real> Plain for Sweep<'_, '_, D, T> {
    /// Minus the logarithm of the probability; none if too much underflows.
    type Output = Option<f64>;

    #[inline(always)]
    fn run(self) -> Option<f64> {
        let CtcRow { logits, gradient, symbols, steps, target, blank } = self.row;
        let (symbols, blank, steps, target) = (*symbols, *blank, *steps, *target);
        let CtcScratch { numbers, bands } = self.scratch;
        let width = places(target.len());
        let sums = (steps.len() + 1) * 2 * width;
        numbers.clear();
        numbers.resize(sums + EXTRA * width + steps.len(), D::ZERO);
        let (alphas, rest) = numbers.split_at_mut(sums);
        let (beta, rest) = rest.split_at_mut(2 * width);
        let (other, rest) = rest.split_at_mut(2 * width);
        let (emissions, rest) = rest.split_at_mut(width);
        let (skips, norms) = rest.split_at_mut(width);
        // State j is at place j + 1.
        for label in 2..=target.len() {
            if target[label - 1] != target[label - 2] {
                skips[label + 1] = D::ONE;
            }
        }
        let emit = |x: &[T], p: &[T], norm: f64, [first, last]: [usize; 2], emissions: &mut [f64]| {
            let first = first.max(1);
            for (emission, &symbol) in emissions[first + 1..].iter_mut().zip(&target[first - 1..last]) {
                *emission = D::emission(x[symbol as usize], p[symbol as usize], norm);
            }
            D::emission(x[blank], p[blank], norm)
        };

        alphas[1] = D::ONE;
        let (mut log_probability, mut least) = (0.0, f64::INFINITY);
        for (step, &at) in steps.iter().enumerate() {
            let (x, p) = (&logits[at * symbols..][..symbols], &mut gradient[at * symbols..][..symbols]);
            let band = bands[step];
            norms[step] = D::norm(x, p);
            let blank = emit(x, p, norms[step], band, emissions);
            let (old, new) = alphas[step * 2 * width..][..4 * width].split_at_mut(2 * width);
            advance::<D>([old, skips, emissions], blank, new, band);
            log_probability += rescale::<D>(new, band);
            let labels = &emissions[band[0].max(1) + 1..band[1] + 2];
            least = labels.iter().fold(blank.min(least), |least, &emission| least.min(emission));
        }

        beta[width - 2] = D::ONE;
        beta[2 * width - 2] = D::ONE;
        for (step, &at) in steps.iter().enumerate().rev() {
            let (x, p) = (&logits[at * symbols..][..symbols], &mut gradient[at * symbols..][..symbols]);
            let band = bands[step];
            let blank_emission = emit(x, p, norms[step], band, emissions);
            let alpha = &alphas[(step + 1) * 2 * width..][..2 * width];
            let whole = share::<D>(alpha, beta, other, band);
            if !D::is_sound(whole, least) {
                return None;
            }
            if step + 1 == steps.len() {
                log_probability += D::ln(whole);
            }
            let inverse = D::inverse(whole);
            let [first, last] = band;
            let (blanks, labels) = other.split_at(width);
            let of_blank = D::multiply(D::total(&blanks[first + 1..last + 2]), inverse);
            p[blank] -= T::from_f64(D::value(of_blank));
            let first = first.max(1);
            for (&share, &symbol) in labels[first + 1..].iter().zip(&target[first - 1..last]) {
                p[symbol as usize] -= T::from_f64(D::value(D::multiply(share, inverse)));
            }
            if let Some(before) = step.checked_sub(1) {
                weigh::<D>(beta, emissions, blank_emission, other, band);
                retreat::<D>(other, skips, beta, bands[before]);
                rescale::<D>(beta, bands[before]);
            }
        }
        Some(-log_probability)
    }
}

/// The places of a band in each half of a row of sums.
#[inline(always)]
fn halves(sums: &[f64], [first, last]: [usize; 2]) -> [&[f64]; 2] {
    let (blanks, labels) = sums.split_at(sums.len() / 2);
    [&blanks[first + 1..last + 2], &labels[first + 1..last + 2]]
}

#[inline(always)]
fn halves_mut(sums: &mut [f64], [first, last]: [usize; 2]) -> [&mut [f64]; 2] {
    let (blanks, labels) = sums.split_at_mut(sums.len() / 2);
    [&mut blanks[first + 1..last + 2], &mut labels[first + 1..last + 2]]
}

/// Forward sums from those of the step before.
#[inline(always)]
fn advance<D: Domain>([old, skips, emissions]: [&[f64]; 3], blank: f64, new: &mut [f64], band: [usize; 2]) {
    let [stay_blanks, stay_labels] = halves(old, band);
    let (blanks, labels) = old.split_at(old.len() / 2);
    let [new_blanks, new_labels] = halves_mut(new, band);
    let count = new_blanks.len();
    let (from_blanks, from_labels) = (&blanks[band[0]..][..count], &labels[band[0]..][..count]);
    let (skips, emissions) = (&skips[band[0] + 1..][..count], &emissions[band[0] + 1..][..count]);
    for at in 0..count {
        new_blanks[at] = D::multiply(D::add(stay_blanks[at], stay_labels[at]), blank);
        let moved = D::add(from_blanks[at], D::multiply(skips[at], from_labels[at]));
        new_labels[at] = D::multiply(D::add(stay_labels[at], moved), emissions[at]);
    }
}

/// Divides sums by their total, of which it gives the logarithm.
#[inline(always)]
fn rescale<D: Domain>(sums: &mut [f64], band: [usize; 2]) -> f64 {
    let [blanks, labels] = halves_mut(sums, band);
    let total = D::add(D::total(blanks), D::total(labels));
    let inverse = D::inverse(total);
    for sum in blanks.iter_mut().chain(labels) {
        *sum = D::multiply(*sum, inverse);
    }
    D::ln(total)
}

/// The products of forward and backward sums, and their total.
#[inline(always)]
fn share<D: Domain>(alpha: &[f64], beta: &[f64], products: &mut [f64], band: [usize; 2]) -> f64 {
    let both = halves(alpha, band).into_iter().zip(halves(beta, band)).zip(halves_mut(products, band));
    let totals = both.map(|((alpha, beta), products)| {
        for ((product, &alpha), &beta) in products.iter_mut().zip(alpha).zip(beta) {
            *product = D::multiply(alpha, beta);
        }
        D::total(products)
    });
    totals.fold(D::ZERO, D::add)
}

/// The products of backward sums and emissions; zero outside of the band.
#[inline(always)]
fn weigh<D: Domain>(beta: &[f64], emissions: &[f64], blank: f64, weighed: &mut [f64], band: [usize; 2]) {
    weighed.fill(D::ZERO);
    let [blanks, labels] = halves(beta, band);
    let [new_blanks, new_labels] = halves_mut(weighed, band);
    let emissions = &emissions[band[0] + 1..];
    for (((new, &blanks), (new_label, &label)), &emission) in
        new_blanks.iter_mut().zip(blanks).zip(new_labels.iter_mut().zip(labels)).zip(emissions)
    {
        *new = D::multiply(blanks, blank);
        *new_label = D::multiply(label, emission);
    }
}

/// Backward sums from the weighed ones of the step after.
#[inline(always)]
fn retreat<D: Domain>(weighed: &[f64], skips: &[f64], beta: &mut [f64], band: [usize; 2]) {
    let [stay_blanks, stay_labels] = halves(weighed, band);
    let [new_blanks, new_labels] = halves_mut(beta, band);
    let count = new_blanks.len();
    let to_labels = &weighed[weighed.len() / 2 + band[0] + 2..][..count];
    let skips = &skips[band[0] + 2..][..count];
    for at in 0..count {
        new_blanks[at] = D::add(stay_blanks[at], to_labels[at]);
        let moved = D::add(stay_blanks[at], D::multiply(skips[at], to_labels[at]));
        new_labels[at] = D::add(stay_labels[at], moved);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::noise;

    /// Sums over all alignments: the probability of the target, and of each symbol at each step with it.
    fn enumerate(p: &[f64], symbols: usize, target: &[i32]) -> (f64, Vec<f64>) {
        let steps = p.len() / symbols;
        let mut with = vec![0.0; p.len()];
        let mut all = 0.0;
        for code in 0..symbols.pow(steps as u32) {
            let path: Vec<usize> = (0..steps as u32).map(|step| code / symbols.pow(step) % symbols).collect();
            let mut written = path.clone();
            written.dedup();
            if !written
                .iter()
                .filter(|&&symbol| symbol != 0)
                .map(|&symbol| symbol as i32)
                .eq(target.iter().copied())
            {
                continue;
            }
            let probability: f64 =
                path.iter().enumerate().map(|(step, symbol)| p[step * symbols + symbol]).product();
            all += probability;
            for (step, symbol) in path.iter().enumerate() {
                with[step * symbols + symbol] += probability;
            }
        }
        (all, with)
    }

    fn softmax(x: &[f64], symbols: usize) -> Vec<f64> {
        x.chunks(symbols)
            .flat_map(|x| {
                let max = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let sum: f64 = x.iter().map(|x| (x - max).exp()).sum();
                x.iter().map(move |x| (x - max).exp() / sum)
            })
            .collect()
    }

    fn run<T: Real>(x: &[f64], symbols: usize, target: &[i32], scratch: &mut CtcScratch) -> (f64, Vec<f64>) {
        let logits: Vec<T> = x.iter().map(|&x| T::from_f64(x)).collect();
        let mut gradient: Vec<T> = softmax(x, symbols).into_iter().map(T::from_f64).collect();
        let steps: Vec<usize> = (0..x.len() / symbols).collect();
        let row =
            CtcRow { logits: &logits, gradient: &mut gradient, symbols, steps: &steps, target, blank: 0 };
        let loss = ctc(row, scratch).unwrap();
        (loss, gradient.into_iter().map(Real::to_f64).collect())
    }

    #[test]
    fn it_is_the_sum_over_all_alignments() {
        let mut scratch = CtcScratch::default();
        let targets: [&[i32]; 9] = [
            &[],
            &[1],
            &[2, 1],
            &[1, 1],
            &[1, 2, 1],
            &[1, 1, 2],
            &[2, 2, 2],
            &[1, 2, 1, 2],
            &[1, 2, 1, 2, 1, 2],
        ];
        for (seed, target) in targets.into_iter().enumerate() {
            for steps in ctc_steps(target).max(1)..=7 {
                // The widest numbers underflow as probabilities.
                for scale in [1.0, 8.0, 400.0] {
                    let x: Vec<f64> =
                        noise(seed as u64, steps * 3).into_iter().map(|x| f64::from(x) * scale).collect();
                    let p = softmax(&x, 3);
                    let (all, with) = enumerate(&p, 3, target);
                    let (loss, gradient) = run::<f64>(&x, 3, target, &mut scratch);
                    let close = |a: f64, b: f64| (a - b).abs() <= 1e-9 * b.abs().max(1.0);
                    if all > 1e-290 {
                        assert!(close(loss, -all.ln()), "{target:?} {steps} {scale}: {loss} {}", -all.ln());
                        for (at, gradient) in gradient.iter().enumerate() {
                            let expected = p[at] - with[at] / all;
                            assert!(
                                close(*gradient, expected),
                                "{target:?} {steps} {scale}: {gradient} {expected}"
                            );
                        }
                    }
                    let (single, gradients) = run::<f32>(&x, 3, target, &mut scratch);
                    assert!(
                        (single - loss).abs() <= 2e-6 * loss.max(1.0),
                        "{target:?} {steps} {scale}: {single} {loss}"
                    );
                    for (single, gradient) in gradients.iter().zip(&gradient) {
                        assert!(
                            (single - gradient).abs() < 2e-5,
                            "{target:?} {steps} {scale}: {single} {gradient}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn scaled_sums_agree_with_logarithms() {
        let mut scratch = CtcScratch::default();
        for (seed, (steps, labels, scale)) in
            [(40, 3, 1.0), (200, 30, 2.0), (90, 45, 5.0), (300, 150, 1.0), (60, 30, 30.0)]
                .into_iter()
                .enumerate()
        {
            let symbols = 9;
            let x: Vec<f64> =
                noise(seed as u64, steps * symbols).into_iter().map(|x| f64::from(x) * scale).collect();
            let target: Vec<i32> = (0..labels).map(|at| 1 + (at * 7 / 3) % 8).collect();
            assert!(ctc_steps(&target) <= steps);
            let (loss, gradient) = run::<f64>(&x, symbols, &target, &mut scratch);
            let mut expected = vec![0.0; x.len()];
            let all: Vec<usize> = (0..steps).collect();
            let mut row = CtcRow {
                logits: &x,
                gradient: &mut expected,
                symbols,
                steps: &all,
                target: &target,
                blank: 0,
            };
            prepare(&row, &mut scratch).unwrap();
            let log = Sweep { row: &mut row, scratch: &mut scratch, domain: PhantomData::<Logarithms> }
                .run()
                .unwrap();
            assert!((loss - log).abs() < 1e-9 * log.max(1.0), "{steps} {labels}: {loss} {log}");
            assert!(gradient.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-9), "{steps} {labels}");
        }
    }
}
