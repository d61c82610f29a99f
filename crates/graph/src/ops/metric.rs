//! `metric`: one number per position, averaged over the valid ones, without a gradient.

use super::counts::ranks_within;
use super::loss::{Positions, Targets, check_target, check_weights, integer_targets};
use super::{Backward, Entry, Forward, Op, Operation, Place, Site, made};
use crate::error::{Error, Result};
use crate::memory;
use crate::parallel::each_rows;
use crate::setting::{names, settings};
use crate::shape::{Meta, Shape};
use crate::values::Dtype;
use seqloom_kernels::Scalar;
use seqloom_kernels::simd::{Plain, vectorised};

names! {
    enum MetricKind {
        SparseCategoricalAccuracy,
        CategoricalAccuracy,
        BinaryAccuracy,
        TopKAccuracy,
        MeanSquaredError,
        MeanAbsoluteError,
    }
}

settings! {
    struct Attributes {
        kind: MetricKind;
        threshold: Option<f64> = null;
        k: Option<usize> [AT_LEAST_ONE] = null;
    }
}

/// The mean over valid positions, and their number or the sum of their weights. Inputs: prediction, targets, weights
/// `[batch]` or more of the prediction's dimensions but the last; positions of weight 0 may have any target.
#[derive(Debug, Clone)]
pub(crate) struct Metric {
    kind: MetricKind,
    threshold: f64,
    /// How many of the largest predictions may be the target's.
    k: usize,
    /// Whether targets are class labels.
    sparse: bool,
    /// The metric of every position.
    scores: Vec<f64>,
}

pub(super) const OPERATIONS: &[Entry] = &[Entry {
    inputs: 2..=3,
    outputs: 2..=2,
    settings: Attributes::SETTINGS,
    in_body: false,
    ..Entry::of("metric", |site| made(Metric::new(site)?))
}];

impl Metric {
    pub(crate) fn new(site: &Site<'_>) -> Result<Self> {
        let Attributes { kind, threshold, k } = Attributes::read(site.attributes())?;
        if (kind == MetricKind::BinaryAccuracy) != threshold.is_some() {
            return Err(Error::option("threshold is for binaryAccuracy, and for it alone"));
        }
        if (kind == MetricKind::TopKAccuracy) != k.is_some() {
            return Err(Error::option("k is for topKAccuracy, and for it alone"));
        }
        Ok(Self {
            kind,
            threshold: threshold.unwrap_or_default(),
            k: k.unwrap_or_default(),
            sparse: kind == MetricKind::SparseCategoricalAccuracy,
            scores: Vec::new(),
        })
    }

    /// The metric of one position, whose label (if that is its target) has been checked.
    fn score<T: Scalar>(&self, x: &[T], targets: Targets<'_, T>, position: usize, columns: usize) -> f64 {
        let span = position * columns..(position + 1) * columns;
        let row = &x[span.clone()];
        let x = |index: usize| row[index].to_f64();
        let t = |index: usize| targets.value(span.start + index);
        let mean_of = |term: &dyn Fn(usize) -> f64| (0..columns).map(term).sum::<f64>() / columns as f64;
        let hit = |hit: bool| f64::from(u8::from(hit));
        match self.kind {
            MetricKind::SparseCategoricalAccuracy => hit(largest(row) as f64 == targets.value(position)),
            MetricKind::CategoricalAccuracy => {
                hit(largest(row) == largest_target(targets.part(span.clone())))
            }
            MetricKind::TopKAccuracy => {
                let class = if self.sparse {
                    targets.value(position) as usize
                } else {
                    largest_target(targets.part(span.clone()))
                };
                hit(ranks_within(row, class, self.k))
            }
            MetricKind::BinaryAccuracy => {
                // A target that is neither 0 nor 1 is never met, as in Keras: the metric is none for regression.
                mean_of(&|index| hit(t(index) == if x(index) > self.threshold { 1.0 } else { 0.0 }))
            }
            MetricKind::MeanSquaredError => mean_of(&|index| (x(index) - t(index)).powi(2)),
            MetricKind::MeanAbsoluteError => mean_of(&|index| (x(index) - t(index)).abs()),
        }
    }
}

/// The index of the largest of some values, the first among equal ones.
pub(super) fn largest<V: Copy + PartialOrd>(values: &[V]) -> usize {
    vectorised(Largest(values))
}

struct Largest<'a, V>(&'a [V]);

impl<V: Copy + PartialOrd> Plain for Largest<'_, V> {
    type Output = usize;

    #[inline(always)]
    fn run(self) -> usize {
        let larger = |a: V, b: V| if b > a { b } else { a };
        let Some(&first) = self.0.first() else { return 0 };
        let mut lanes = [first; 32];
        let (chunks, rest) = self.0.as_chunks::<32>();
        for chunk in chunks {
            for (lane, &value) in lanes.iter_mut().zip(chunk) {
                *lane = larger(*lane, value);
            }
        }
        let top = lanes.iter().chain(rest).fold(first, |top, &value| larger(top, value));
        self.0.iter().position(|&value| value == top).unwrap_or(0)
    }
}

/// The class of a position: its label, or where the largest of its targets is. A label that is no class is `ERR_DATA`.
pub(super) fn class_of<T: Scalar>(
    targets: Targets<'_, T>,
    position: usize,
    classes: usize,
    positions: &Positions<'_>,
) -> Result<usize> {
    match targets {
        Targets::Ints(_) => targets.class(position, classes, positions),
        Targets::Floats(values) => Ok(largest(&values[position * classes..][..classes])),
    }
}

/// The index of the largest of targets of either type.
fn largest_target<T: Scalar>(targets: Targets<'_, T>) -> usize {
    match targets {
        Targets::Floats(values) => largest(values),
        Targets::Ints(values) => largest(values),
    }
}

impl Operation for Metric {}

impl<T: Scalar> Op<T> for Metric {
    fn infer(&mut self, inputs: &[Meta], outputs: &mut [Meta]) -> Result<()> {
        self.sparse |= self.kind == MetricKind::TopKAccuracy && inputs[1].dtype == Dtype::Int32;
        check_target(self.sparse, &inputs[0], &inputs[1])?;
        check_weights(&inputs[0].shape, inputs.get(2))?;
        outputs.fill(Meta::float(Shape::SCALAR));
        Ok(())
    }

    fn forward(&mut self, context: &mut Forward<'_, T>) -> Result<()> {
        let Forward { frame, masks } = context;
        let (prediction, target) = (frame.inputs[0], frame.inputs[1]);
        let integers = integer_targets(frame)?;
        let positions = Positions::new(masks, &prediction, &target)?;
        let columns = prediction.shape.last();
        let weights = frame.inputs.get(2).map_or(Place::None, |weights| weights.place);
        let ([x, floats, weights], [mean, count]) = frame.buffers.carve(
            [prediction.place, target.place, weights],
            [frame.outputs[0].place, frame.outputs[1].place],
        )?;
        let targets = Targets::of(integers, floats);
        let weight = |position| positions.weight(weights, position);
        if self.sparse {
            positions
                .valid()
                .filter(|&position| weight(position) != 0.0)
                .try_for_each(|position| targets.class(position, columns, &positions).map(drop))?;
        }
        let mut scores = std::mem::take(&mut self.scores);
        memory::refill(&mut scores, x.len() / columns, 0.0, "The scores of a metric")?;
        each_rows(&mut scores, 1, x.len(), |first, scores| {
            for (position, score) in
                (first..).zip(scores).filter(|&(position, _)| positions.is_valid(position))
            {
                let weight = weight(position);
                if weight != 0.0 {
                    *score = weight * self.score(x, targets, position, columns);
                }
            }
        });
        let sum: f64 = scores.iter().sum();
        self.scores = scores;
        let valid = if weights.is_empty() {
            positions.count() as f64
        } else {
            positions.valid().map(weight).sum::<f64>()
        };
        if let Some(mean) = mean.first_mut() {
            *mean = T::from_f64(if valid == 0.0 { 0.0 } else { sum / valid });
        }
        if let Some(count) = count.first_mut() {
            *count = T::from_f64(valid);
        }
        Ok(())
    }

    fn backward(&mut self, _context: &mut Backward<'_, T>) -> Result<()> {
        Err(Error::native("A metric has no gradient"))
    }

    fn differentiable(&self, _input: usize, _output: usize) -> bool {
        false
    }
}
