//! `counts`: what precision, recall, F1 and the area under the ROC curve are made of; sums over batches, unlike
//! these, are right for all rows.

use super::loss::{Positions, Targets, check_target, check_weights, integer_targets};
use super::metric::{class_of, largest};
use super::{Backward, Entry, Forward, Op, Operation, Place, Site, made};
use crate::error::{Error, Result};
use crate::memory;
use crate::setting::{names, settings};
use crate::shape::{Meta, Shape};
use crate::values::Dtype;
use seqloom_kernels::Scalar;

/// Ranges of scores for a unit of asinh(logit), where one class is ranked and where more are; and the largest asinh
/// that has one of its own.
const FINE: f64 = 512.0;
const COARSE: f64 = 128.0;
const LARGEST: f64 = 14.0;

/// The most classes that are ranked: their counters take memory at every step.
const CLASSES: usize = 256;

names! {
    /// What is counted.
    enum CountKind {
        /// `[3 · classes]`: for each class, how many decisions were right, how many there were, and how many there
        /// should have been.
        Decisions,
        /// `[2 · classes · ranges]`: how many positions of a class, and of none, have a score in each range.
        Scores,
    }
}

names! {
    /// What targets are.
    enum Task {
        /// One class of several: labels, or the largest target.
        Classes,
        /// Yes or no for every element of the prediction.
        Elements,
    }
}

names! {
    /// What scores are: of probabilities, logits are made.
    enum ScoreForm {
        Probabilities,
        Logits,
        /// Anything else: they are compared as they are.
        Numbers,
    }
}

settings! {
    struct Attributes {
        kind: CountKind;
        task: Task;
        /// Predictions above it count as decisions.
        threshold: Option<f64> = null;
        /// Or how many of the largest predictions count as decisions.
        top: Option<usize> [AT_LEAST_ONE] = null;
        /// The one class whose scores count; all where there is none.
        class: Option<usize> = null;
        form: Option<ScoreForm> = null;
        /// The borders of the ranges of scores, rising; default those of asinh(logit).
        thresholds: Vec<f64> = [];
        /// Whether all classes have their scores in the same ranges.
        pooled: bool = false;
    }
}

/// Counts over valid positions, each times its weight. Inputs: prediction, targets, weights `[batch]` or more of the
/// prediction's dimensions but the last; positions of weight 0 may have any target.
#[derive(Debug, Clone)]
pub(crate) struct Counts {
    task: Task,
    what: What,
    thresholds: Vec<f64>,
    pooled: bool,
}

#[derive(Debug, Clone, Copy)]
enum What {
    Above(f64),
    Top(usize),
    Scores { class: Option<usize>, form: ScoreForm },
}

pub(super) const OPERATIONS: &[Entry] = &[Entry {
    inputs: 2..=3,
    settings: Attributes::SETTINGS,
    in_body: false,
    ..Entry::of("counts", |site| made(Counts::new(site)?))
}];

impl Counts {
    pub(crate) fn new(site: &Site<'_>) -> Result<Self> {
        let Attributes { kind, task, threshold, top, class, form, thresholds, pooled } =
            Attributes::read(site.attributes())?;
        let what = match (kind, task, threshold, top, form) {
            (CountKind::Decisions, _, Some(threshold), None, None) if class.is_none() => {
                What::Above(threshold)
            }
            (CountKind::Decisions, Task::Classes, None, Some(top), None) if class.is_none() => What::Top(top),
            (CountKind::Scores, _, None, None, Some(form)) => What::Scores { class, form },
            _ => {
                return Err(Error::option(
                    "decisions are made by a threshold, or by the largest among classes; scores have a form",
                ));
            }
        };
        Ok(Self { task, what, thresholds, pooled })
    }

    /// How many classes are ranked, and the ranges of each.
    fn ranges(&self, columns: usize) -> (usize, usize) {
        let classes = match self.what {
            What::Scores { class, .. } if class.is_some() || self.pooled => 1,
            _ => columns,
        };
        let bins = if self.thresholds.is_empty() { 2 * half(classes) } else { self.thresholds.len() };
        (classes, bins + 1)
    }

    /// Counts a position whose target has been checked.
    fn count<T: Scalar>(
        &self,
        row: &[T],
        due: impl Fn(usize) -> bool,
        weight: f64,
        logit: &mut [f64],
        counts: &mut [f64],
    ) {
        let columns = row.len();
        let mut decide = |class: usize, decided: bool| {
            let due = due(class);
            let mut add = |at: usize, holds: bool| {
                if holds {
                    counts[at * columns + class] += weight;
                }
            };
            add(0, decided && due);
            add(1, decided);
            add(2, due);
        };
        match self.what {
            What::Above(threshold) => {
                (0..columns).for_each(|class| decide(class, row[class].to_f64() > threshold));
            }
            What::Top(1) => {
                let top = largest(row);
                (0..columns).for_each(|class| decide(class, class == top));
            }
            What::Top(top) => (0..columns).for_each(|class| decide(class, ranks_within(row, class, top))),
            What::Scores { class, form } => {
                self.logits(row, form, logit);
                let (classes, ranges) = self.ranges(columns);
                let middle = half(classes) as f64;
                let step = if classes == 1 { FINE } else { COARSE };
                let all = if self.pooled && class.is_none() { columns } else { classes };
                for index in 0..all {
                    let class = class.unwrap_or(index);
                    let range = if self.thresholds.is_empty() {
                        ((logit[class].asinh() * step).round().clamp(-middle, middle) + middle) as usize
                    } else {
                        self.thresholds.partition_point(|&threshold| threshold < logit[class])
                    };
                    let kind = if due(class) { 0 } else { classes };
                    counts[(kind + index.min(classes - 1)) * ranges + range] += weight;
                }
            }
        }
    }

    /// What a position's classes are ranked by.
    fn logits<T: Scalar>(&self, row: &[T], form: ScoreForm, logits: &mut [f64]) {
        for (logit, &x) in logits.iter_mut().zip(row) {
            let x = x.to_f64();
            *logit = if form == ScoreForm::Probabilities { (x / (1.0 - x).max(0.0)).ln() } else { x };
            if logit.is_nan() {
                *logit = f64::NEG_INFINITY;
            }
        }
        if form != ScoreForm::Logits || self.task == Task::Elements {
            return;
        }
        // Of one class against all others: what its softmax is the sigmoid of.
        let x = |class: usize| row[class].to_f64();
        let top = largest(row);
        let sum = |but: usize| {
            (0..row.len()).filter(|&class| class != but).map(|class| (x(class) - x(top)).exp()).sum::<f64>()
        };
        let others = sum(top);
        for (class, logit) in logits.iter_mut().enumerate() {
            let rest = if class == top { others } else { 1.0 + others - (x(class) - x(top)).exp() };
            *logit = x(class) - x(top) - rest.max(0.0).ln();
        }
    }
}

/// Ranges on either side of a logit of 0.
fn half(classes: usize) -> usize {
    (LARGEST * if classes == 1 { FINE } else { COARSE }) as usize
}

/// Whether fewer than `top` values of a row are greater than one.
pub(super) fn ranks_within<T: Scalar>(row: &[T], class: usize, top: usize) -> bool {
    row[class].to_f64().is_finite() && row.iter().filter(|&&x| x > row[class]).count() < top
}

impl Operation for Counts {}

impl<T: Scalar> Op<T> for Counts {
    fn infer(&mut self, inputs: &[Meta], outputs: &mut [Meta]) -> Result<()> {
        let sparse = self.task == Task::Classes && inputs[1].dtype == Dtype::Int32;
        check_target(sparse, &inputs[0], &inputs[1])?;
        check_weights(&inputs[0].shape, inputs.get(2))?;
        let columns = inputs[0].shape.last();
        let (classes, ranges) = self.ranges(columns);
        let size = match self.what {
            What::Scores { class, .. } => {
                if class.is_some_and(|class| class >= columns) {
                    return Err(Error::option(format!("there is no class {class:?} among {columns}")));
                }
                if classes > CLASSES {
                    return Err(Error::option(format!(
                        "at most {CLASSES} classes are ranked, not {classes}; name one with classId"
                    )));
                }
                2 * classes * ranges
            }
            _ => columns.checked_mul(3).ok_or_else(|| Error::memory("there are too many classes"))?,
        };
        outputs.fill(Meta::float(Shape::new(&[size])?));
        Ok(())
    }

    fn forward(&mut self, context: &mut Forward<'_, T>) -> Result<()> {
        let Forward { frame, masks } = context;
        let (prediction, target) = (frame.inputs[0], frame.inputs[1]);
        let integers = integer_targets(frame)?;
        let positions = Positions::new(masks, &prediction, &target)?;
        let columns = prediction.shape.last();
        let weights = frame.inputs.get(2).map_or(Place::None, |weights| weights.place);
        let ([x, floats, weights], [output]) =
            frame.buffers.carve([prediction.place, target.place, weights], [frame.outputs[0].place])?;
        let targets = Targets::of(integers, floats);
        let (mut counts, mut logits) = (Vec::new(), Vec::new());
        memory::refill(&mut counts, output.len(), 0.0, "The counts of a metric")?;
        memory::refill(&mut logits, columns, 0.0, "The scores of a metric")?;
        for position in positions.valid() {
            let weight = positions.weight(weights, position);
            if weight == 0.0 {
                continue;
            }
            let span = position * columns..(position + 1) * columns;
            let row = &x[span.clone()];
            if self.task == Task::Elements {
                let due = |class: usize| targets.value(span.start + class) > 0.5;
                self.count(row, due, weight, &mut logits, &mut counts);
                continue;
            }
            let class = class_of(targets, position, columns, &positions)?;
            self.count(row, |other| other == class, weight, &mut logits, &mut counts);
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
