//! Losses and metrics of batches, and their means over an epoch.

use super::event::Logs;
use super::spec::{LossSpec, MetricSpec};
use crate::error::Result;
use crate::executor::Executor;

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
    /// For each loss, then each metric: the sum of mean times count, and of counts.
    pub(super) sums: Vec<(f64, f64)>,
}

impl Scores {
    /// Where gradients begin: at the mean of every loss, with its weight.
    pub(super) fn cotangents(&self) -> Vec<(usize, &[f32])> {
        self.losses.iter().map(|(weight, output)| (*output, std::slice::from_ref(weight))).collect()
    }

    pub(super) fn new(losses: &[LossSpec], metrics: &[MetricSpec]) -> Self {
        let losses: Vec<(f32, usize)> = losses.iter().map(|loss| (loss.weight as f32, loss.output)).collect();
        let means = losses.iter().map(|loss| loss.1).chain(metrics.iter().map(|metric| metric.output));
        let mut outputs: Vec<usize> = means.flat_map(|mean| [mean, mean + 1]).collect();
        outputs.sort_unstable();
        outputs.dedup();
        Self { losses, metrics: metrics.to_vec(), outputs }
    }

    /// The number of losses and metrics.
    pub(super) fn len(&self) -> usize {
        self.losses.len() + self.metrics.len()
    }

    fn means(&self) -> impl Iterator<Item = usize> {
        self.losses.iter().map(|loss| loss.1).chain(self.metrics.iter().map(|metric| metric.output))
    }

    /// Adds the batch that `executor` has just run; whether its losses are finite.
    pub(super) fn add(&self, executor: &Executor<f32>, tally: &mut Tally) -> Result<bool> {
        let scalar =
            |output| executor.value(output).map(|view| view.data.first().map_or(0.0, |&x| f64::from(x)));
        tally.sums.resize(self.len(), (0.0, 0.0));
        let mut finite = true;
        for (index, (mean_output, sum)) in self.means().zip(&mut tally.sums).enumerate() {
            let (mean, count) = (scalar(mean_output)?, scalar(mean_output + 1)?);
            finite &= index >= self.losses.len() || mean.is_finite();
            if count > 0.0 {
                sum.0 += mean * count;
                sum.1 += count;
            }
        }
        Ok(finite)
    }

    /// The weighted sum of the losses' means, then each metric's mean, or its exponential.
    pub(super) fn values(&self, tally: &Tally) -> Vec<f64> {
        let mean = |index: usize| {
            tally.sums.get(index).map_or(0.0, |&(sum, count)| if count > 0.0 { sum / count } else { 0.0 })
        };
        let loss =
            self.losses.iter().enumerate().map(|(index, (weight, _))| f64::from(*weight) * mean(index)).sum();
        let metrics = self.metrics.iter().enumerate().map(|(index, metric)| {
            let mean = mean(self.losses.len() + index);
            if metric.exponential { mean.exp() } else { mean }
        });
        std::iter::once(loss).chain(metrics).collect()
    }

    /// The same by name, each name with a prefix.
    pub(super) fn logs(&self, tally: &Tally, prefix: &str) -> Logs {
        let names = std::iter::once("loss").chain(self.metrics.iter().map(|metric| metric.name.as_str()));
        names.zip(self.values(tally)).map(|(name, value)| (format!("{prefix}{name}"), value)).collect()
    }
}
