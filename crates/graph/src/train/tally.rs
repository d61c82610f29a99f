//! Losses and metrics of batches, and their means over an epoch.

use super::event::Logs;
use super::spec::{LossSpec, MetricSpec};
use super::summary::Summary;
use crate::error::Result;
use crate::run::Executor;

/// One loss.
#[derive(Debug, Clone, Copy)]
pub(super) struct Term {
    /// Its factor in the sum of losses.
    pub(super) weight: f32,
    /// The output that is its mean; its count is the next one.
    output: usize,
    /// Whether it is a sum over the batch instead.
    pub(super) summed: bool,
}

/// Which outputs of the training graph are losses and metrics.
#[derive(Debug)]
pub(super) struct Scores {
    pub(super) losses: Vec<Term>,
    metrics: Vec<MetricSpec>,
    /// All outputs that scores are read from.
    pub(super) outputs: Vec<usize>,
}

/// Sums of scores over batches.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally {
    /// For each loss, then each metric: the sum of mean times count, and of counts; or the sums of what is counted.
    pub(super) sums: Vec<Vec<f64>>,
}

impl Tally {
    /// Adds the sums of other batches.
    pub(super) fn add(&mut self, other: &Self) {
        self.sums.resize(other.sums.len().max(self.sums.len()), Vec::new());
        for (sums, more) in self.sums.iter_mut().zip(&other.sums) {
            sums.resize(more.len().max(sums.len()), 0.0);
            sums.iter_mut().zip(more).for_each(|(sum, value)| *sum += value);
        }
    }
}

impl Scores {
    /// Where gradients begin: at the mean of every loss, with its weight or what is `given` instead.
    pub(super) fn cotangents<'a>(&'a self, given: Option<&'a [f32]>) -> Vec<(usize, &'a [f32])> {
        let own = |(at, loss): (usize, &'a Term)| {
            let weight = given.and_then(|given| given.get(at)).unwrap_or(&loss.weight);
            (loss.output, std::slice::from_ref(weight))
        };
        self.losses.iter().enumerate().map(own).collect()
    }

    pub(super) fn new(losses: &[LossSpec], metrics: &[MetricSpec]) -> Self {
        let term =
            |loss: &LossSpec| Term { weight: loss.weight as f32, output: loss.output, summed: loss.summed };
        let losses: Vec<Term> = losses.iter().map(term).collect();
        let read = losses.iter().map(|loss| (loss.output, 2));
        let read = read.chain(metrics.iter().map(|metric| (metric.output, metric.summary.outputs())));
        let mut outputs: Vec<usize> = read.flat_map(|(output, outputs)| output..output + outputs).collect();
        outputs.sort_unstable();
        outputs.dedup();
        Self { losses, metrics: metrics.to_vec(), outputs }
    }

    /// Whether a loss, or the metric that is one's value, is a sum over the batch.
    pub(super) fn is_summed(&self, index: usize) -> bool {
        let of = |output| self.losses.iter().any(|loss| loss.summed && loss.output == output);
        match index.checked_sub(self.losses.len()) {
            None => self.losses[index].summed,
            Some(metric) => self.metrics.get(metric).is_some_and(|metric| of(metric.output)),
        }
    }

    /// The number of losses and metrics.
    pub(super) fn len(&self) -> usize {
        self.losses.len() + self.metrics.len()
    }

    /// Adds the batch that `executor` has just run; whether its losses are finite.
    pub(super) fn add(&self, executor: &Executor<f32>, tally: &mut Tally) -> Result<bool> {
        let scalar =
            |output| executor.value(output).map(|view| view.data.first().map_or(0.0, |&x| f64::from(x)));
        tally.sums.resize(self.len(), Vec::new());
        let losses = self.losses.iter().map(|loss| (loss.output, 2));
        let scores =
            losses.chain(self.metrics.iter().map(|metric| (metric.output, metric.summary.outputs())));
        let mut finite = true;
        for (index, ((output, outputs), sums)) in scores.zip(&mut tally.sums).enumerate() {
            if outputs == 1 {
                let counts = executor.value(output)?.data;
                sums.resize(counts.len(), 0.0);
                sums.iter_mut().zip(counts).for_each(|(sum, &count)| *sum += f64::from(count));
                continue;
            }
            sums.resize(outputs, 0.0);
            for (output, sums) in (output..).step_by(2).zip(sums.as_chunks_mut::<2>().0) {
                let (mean, count) = (scalar(output)?, scalar(output + 1)?);
                finite &= index >= self.losses.len() || mean.is_finite();
                if count > 0.0 {
                    sums[0] += mean * count;
                    sums[1] += count;
                }
            }
        }
        Ok(finite)
    }

    /// The weighted sum of the losses' means, then what each metric reports.
    pub(super) fn values(&self, tally: &Tally) -> Vec<f64> {
        let sums = |index: usize| tally.sums.get(index).map_or(&[][..], Vec::as_slice);
        let losses = self.losses.iter().enumerate();
        let loss =
            losses.map(|(index, loss)| f64::from(loss.weight) * Summary::Mean.value(sums(index))).sum();
        let metrics = self.metrics.iter().enumerate();
        let metrics = metrics.map(|(index, metric)| metric.summary.value(sums(self.losses.len() + index)));
        std::iter::once(loss).chain(metrics).collect()
    }

    /// The same by name, each name with a prefix.
    pub(super) fn logs(&self, tally: &Tally, prefix: &str) -> Logs {
        let names = std::iter::once("loss").chain(self.metrics.iter().map(|metric| metric.name.as_str()));
        names.zip(self.values(tally)).map(|(name, value)| (format!("{prefix}{name}"), value)).collect()
    }
}
