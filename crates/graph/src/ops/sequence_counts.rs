//! `sequenceCounts`: what error rates, BLEU and chrF of sequences of tokens are made of; sums over batches, unlike
//! these, are right for all rows.

use super::loss::{Positions, Targets, check_target, check_weights, integer_targets};
use super::metric::{class_of, largest};
use super::{Backward, Entry, Forward, Op, Operation, Place, Site, made};
use crate::error::{Error, Result};
use crate::memory;
use crate::setting::settings;
use crate::shape::{Meta, Shape};
use crate::values::Dtype;
use seqloom_kernels::Scalar;

settings! {
    struct Attributes {
        /// How long n-grams are counted; errors where there is none.
        order: Option<usize> [AT_LEAST_ONE] = null;
        /// The token that ends a sequence, which it is no part of.
        end: Option<usize> = null;
        /// Tokens that are left out.
        ignored: Vec<usize> = [];
        /// Whether n-grams are found only where some of their length are expected.
        paired: bool = false;
    }
}

/// The longest n-grams: each order takes a pass over all sequences.
const ORDERS: usize = 100;

/// Counts over rows, each times its weight: of the sequences that predictions `[batch, time, tokens]` and targets have
/// at valid steps. Inputs: prediction, targets, weights; steps of weight 0 are left out, and the first other step's
/// weight is the row's.
///
/// Without `order`, `[3]`: how many tokens must be inserted, removed or replaced (Levenshtein 1966), how many are
/// expected, and the rows. With it, `[3 · order]`: of each order, how many n-grams are found, expected, and both.
#[derive(Debug, Clone)]
pub(crate) struct SequenceCounts {
    order: Option<usize>,
    end: Option<usize>,
    ignored: Vec<usize>,
    paired: bool,
}

pub(super) const OPERATIONS: &[Entry] = &[Entry {
    inputs: 2..=3,
    settings: Attributes::SETTINGS,
    in_body: false,
    ..Entry::of("sequenceCounts", |site| made(SequenceCounts::new(site)?))
}];

/// A sequence of tokens and room for what is counted of it.
#[derive(Debug, Default)]
struct Tokens {
    list: Vec<usize>,
    /// Where n-grams begin, in the order of their tokens.
    starts: Vec<usize>,
    ended: bool,
}

impl Tokens {
    fn begin(&mut self, steps: usize) -> Result<()> {
        memory::refill(&mut self.list, steps, 0, "The tokens of a metric")?;
        memory::refill(&mut self.starts, steps, 0, "The tokens of a metric")?;
        self.list.clear();
        self.ended = false;
        Ok(())
    }

    fn take(&mut self, token: usize, counts: &SequenceCounts) {
        self.ended |= counts.end == Some(token);
        if !self.ended && !counts.ignored.contains(&token) {
            self.list.push(token);
        }
    }

    /// Sorts the n-grams of a length; how many there are.
    fn sort(&mut self, length: usize) -> usize {
        let Self { list, starts, .. } = self;
        let count = (list.len() + 1).saturating_sub(length);
        starts.clear();
        starts.extend(0..count);
        starts.sort_unstable_by(|&a, &b| list[a..a + length].cmp(&list[b..b + length]));
        count
    }

    /// How many sorted n-grams both have.
    fn common(&self, other: &Self, length: usize) -> usize {
        let gram = |tokens: &'_ Self, at: usize| tokens.starts.get(at).map(|&start| start..start + length);
        let (mut mine, mut theirs, mut both) = (0, 0, 0);
        while let (Some(a), Some(b)) = (gram(self, mine), gram(other, theirs)) {
            let order = self.list[a].cmp(&other.list[b]);
            both += usize::from(order.is_eq());
            mine += usize::from(order.is_le());
            theirs += usize::from(order.is_ge());
        }
        both
    }
}

/// The least number of changes that make one list of the other; `row` is as long as `b` and one more.
fn distance(a: &[usize], b: &[usize], row: &mut [usize]) -> usize {
    row.iter_mut().enumerate().for_each(|(at, cost)| *cost = at);
    for (i, token) in a.iter().enumerate() {
        let mut before = i;
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
        for (j, other) in b.iter().enumerate() {
            let replaced = before + usize::from(token != other);
            before = row[j + 1];
            row[j + 1] = replaced.min(before + 1).min(row[j] + 1);
        }
    }
    row.last().copied().unwrap_or(0)
}

impl SequenceCounts {
    fn new(site: &Site<'_>) -> Result<Self> {
        let Attributes { order, end, ignored, paired } = Attributes::read(site.attributes())?;
        if order.is_some_and(|order| order > ORDERS) {
            return Err(Error::option(format!("n-grams have at most {ORDERS} tokens")));
        }
        Ok(Self { order, end, ignored, paired })
    }

    fn size(&self) -> usize {
        3 * self.order.unwrap_or(1)
    }

    /// Adds what a row comes to.
    fn count(&self, found: &mut Tokens, expected: &mut Tokens, weight: f64, counts: &mut [f64]) {
        let mut add = |at: usize, count: usize| counts[at] += weight * count as f64;
        let Some(order) = self.order else {
            let row = &mut expected.starts[..];
            let length = expected.list.len();
            add(0, distance(&found.list, &expected.list, &mut row[..=length]));
            add(1, length);
            add(2, 1);
            return;
        };
        for length in 1..=order {
            let all = [found.sort(length), expected.sort(length)];
            let at = 3 * (length - 1);
            add(at, if self.paired && all[1] == 0 { 0 } else { all[0] });
            add(at + 1, all[1]);
            add(at + 2, found.common(expected, length));
        }
    }
}

impl Operation for SequenceCounts {}

impl<T: Scalar> Op<T> for SequenceCounts {
    fn infer(&mut self, inputs: &[Meta], outputs: &mut [Meta]) -> Result<()> {
        if inputs[0].shape.rank() != 3 {
            let got = &inputs[0].shape;
            return Err(Error::shape(format!("expected a prediction [batch, time, tokens], got {got}")));
        }
        check_target(inputs[1].dtype == Dtype::Int32, &inputs[0], &inputs[1])?;
        check_weights(&inputs[0].shape, inputs.get(2))?;
        outputs.fill(Meta::float(Shape::new(&[self.size()])?));
        Ok(())
    }

    fn forward(&mut self, context: &mut Forward<'_, T>) -> Result<()> {
        let Forward { frame, masks } = context;
        let (prediction, target) = (frame.inputs[0], frame.inputs[1]);
        let integers = integer_targets(frame)?;
        let positions = Positions::new(masks, &prediction, &target)?;
        let (columns, steps) = (prediction.shape.last(), prediction.shape.time());
        let weights = frame.inputs.get(2).map_or(Place::None, |weights| weights.place);
        let ([x, floats, weights], [output]) =
            frame.buffers.carve([prediction.place, target.place, weights], [frame.outputs[0].place])?;
        let targets = Targets::of(integers, floats);
        let mut counts = Vec::new();
        memory::refill(&mut counts, output.len(), 0.0, "The counts of a metric")?;
        let (mut found, mut expected) = (Tokens::default(), Tokens::default());
        let mut valid = positions.valid().filter(|&at| positions.weight(weights, at) != 0.0).peekable();
        while let Some(&first) = valid.peek() {
            let row = positions.row(first);
            found.begin(steps + 1)?;
            expected.begin(steps + 1)?;
            while let Some(position) = valid.next_if(|&position| positions.row(position) == row) {
                let span = position * columns..(position + 1) * columns;
                found.take(largest(&x[span]), self);
                expected.take(class_of(targets, position, columns, &positions)?, self);
            }
            self.count(&mut found, &mut expected, positions.weight(weights, first), &mut counts);
        }
        for (output, &count) in output.iter_mut().zip(&counts) {
            *output = T::from_f64(count);
        }
        Ok(())
    }

    fn backward(&mut self, _context: &mut Backward<'_, T>) -> Result<()> {
        Err(Error::native("Counts have no gradient"))
    }

    fn differentiable(&self, _input: usize, _output: usize) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        let of = |a: &str, b: &str| {
            let [a, b] = [a, b].map(|text| text.bytes().map(usize::from).collect::<Vec<_>>());
            distance(&a, &b, &mut vec![9; b.len() + 1])
        };
        assert_eq!(of("kitten", "sitting"), 3);
        assert_eq!(of("", "abc"), 3);
        assert_eq!(of("abc", ""), 3);
        assert_eq!(of("", ""), 0);
        assert_eq!(of("flaw", "lawn"), 2);
    }

    #[test]
    fn common_n_grams() {
        let tokens = |list: &[usize]| Tokens { list: list.to_vec(), ..Tokens::default() };
        let (mut a, mut b) = (tokens(&[1, 2, 1, 2, 3]), tokens(&[1, 2, 1, 4]));
        assert_eq!([a.sort(2), b.sort(2)], [4, 3]);
        assert_eq!(a.common(&b, 2), 2);
        assert_eq!([a.sort(1), b.sort(1)], [5, 4]);
        assert_eq!(a.common(&b, 1), 3);
        assert_eq!([a.sort(5), b.sort(5)], [1, 0]);
        assert_eq!(a.common(&b, 5), 0);
    }
}
