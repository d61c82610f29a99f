//! Losses and metrics of batches, and their means over an epoch.

use super::event::Logs;
use super::spec::{LossSpec, MetricSpec};
use super::summary::Summary;
use crate::error::Result;
use crate::run::Executor;

/// Which outputs of the training graph are losses and metrics.
#[derive(Debug)]
pub(super) struct Scores {
    /// The factor of each loss and the output that is its mean; its count is the next output.
    losses: Vec<(f32, usize)>,
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

impl Scores {
    /// Where gradients begin: at the mean of every loss, with its weight.
    pub(super) fn cotangents(&self) -> Vec<(usize, &[f32])> {
        self.losses.iter().map(|(weight, output)| (*output, std::slice::from_ref(weight))).collect()
    }

    pub(super) fn new(losses: &[LossSpec], metrics: &[MetricSpec]) -> Self {
        let losses: Vec<(f32, usize)> = losses.iter().map(|loss| (loss.weight as f32, loss.output)).collect();
        let read = losses.iter().map(|loss| (loss.1, 2));
        let read = read.chain(metrics.iter().map(|metric| (metric.output, metric.summary.outputs())));
        let mut outputs: Vec<usize> = read.flat_map(|(output, outputs)| output..output + outputs).collect();
        outputs.sort_unstable();
        outputs.dedup();
        Self { losses, metrics: metrics.to_vec(), outputs }
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
        let losses = self.losses.iter().map(|loss| (loss.1, 2));
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
            losses.map(|(index, (weight, _))| f64::from(*weight) * Summary::Mean.value(sums(index))).sum();
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
