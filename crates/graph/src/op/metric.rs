//! `metric`: one number per position, averaged over the valid ones, without a gradient.

use super::loss::{Positions, Targets, check_target, integer_targets};
use super::{Backward, Forward, Op, Site};
use crate::error::{Error, Result};
use crate::shape::{Meta, Shape};
use seqloom_kernels::Scalar;
use serde::Deserialize;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Kind {
    SparseCategoricalAccuracy,
    CategoricalAccuracy,
    BinaryAccuracy,
    MeanSquaredError,
    MeanAbsoluteError,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Attributes {
    kind: Kind,
    #[serde(default)]
    threshold: Option<f64>,
}

/// The mean over valid positions, and their number. Inputs: prediction, targets.
#[derive(Debug)]
pub(super) struct Metric {
    kind: Kind,
    threshold: f64,
}

impl Metric {
    pub(super) fn new(site: &Site<'_>) -> Result<Self> {
        site.arity(2..=2, 0..=0, 2)?;
        let Attributes { kind, threshold } = site.attributes()?;
        if threshold.is_some_and(|threshold| kind != Kind::BinaryAccuracy || !threshold.is_finite()) {
            return Err(Error::option("threshold must be a finite number and is for binaryAccuracy only"));
        }
        Ok(Self { kind, threshold: threshold.unwrap_or(0.5) })
    }
}

/// The index of the largest of `count` values, the first among equal ones.
fn largest(count: usize, value: impl Fn(usize) -> f64) -> usize {
    (1..count).fold(0, |best, index| if value(index) > value(best) { index } else { best })
}

impl<T: Scalar> Op<T> for Metric {
    fn infer(&mut self, inputs: &[Meta], outputs: &mut [Meta]) -> Result<()> {
        check_target(self.kind == Kind::SparseCategoricalAccuracy, &inputs[0], &inputs[1])?;
        outputs.fill(Meta::float(Shape::SCALAR));
        Ok(())
    }

    fn forward(&mut self, context: &mut Forward<'_, T>) -> Result<()> {
        let Forward { frame, masks } = context;
        let (prediction, target) = (frame.inputs[0], frame.inputs[1]);
        let integers = integer_targets(frame)?;
        let positions = Positions::new(masks, &prediction, &target)?;
        let columns = prediction.shape.last();
        let ([x, floats], [mean, count]) = frame
            .buffers
            .carve([prediction.place, target.place], [frame.outputs[0].place, frame.outputs[1].place])?;
        let targets = Targets::of(integers, floats);
        let mut sum = 0.0;
        for position in positions.valid() {
            let first = position * columns;
            let x = |index: usize| x[first + index].to_f64();
            let t = |index: usize| targets.value(first + index);
            let mean_of = |term: &dyn Fn(usize) -> f64| (0..columns).map(term).sum::<f64>() / columns as f64;
            let hit = |hit: bool| f64::from(u8::from(hit));
            sum += match self.kind {
                Kind::SparseCategoricalAccuracy => {
                    hit(largest(columns, x) == targets.class(position, columns, &positions)?)
                }
                Kind::CategoricalAccuracy => hit(largest(columns, x) == largest(columns, t)),
                Kind::BinaryAccuracy => {
                    mean_of(&|index| hit((x(index) > self.threshold) == (t(index) > 0.5)))
                }
                Kind::MeanSquaredError => mean_of(&|index| (x(index) - t(index)).powi(2)),
                Kind::MeanAbsoluteError => mean_of(&|index| (x(index) - t(index)).abs()),
            };
        }
        let valid = positions.count();
        if let Some(mean) = mean.first_mut() {
            *mean = T::from_f64(if valid == 0 { 0.0 } else { sum / valid as f64 });
        }
        if let Some(count) = count.first_mut() {
            *count = T::from_usize(valid);
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
