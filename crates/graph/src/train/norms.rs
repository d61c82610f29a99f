//! The norms of the layers' gradients while training.

use super::event::Logs;
use crate::optim::Optimizer;

/// The norm of every layer's gradient, before clipping: of each step, and its mean over an epoch.
#[derive(Debug, Default)]
pub(super) struct LayerNorms {
    /// The layers' paths, with the sum of the norms of all steps.
    sums: Vec<(String, f64)>,
    steps: usize,
}

/// The layer that a weight belongs to: its path without the weight's own name.
fn layer_of(weight: &str) -> &str {
    weight.rsplit_once('/').map_or(weight, |(layer, _)| layer)
}

fn named(layer: &str, norm: f64) -> (String, f64) {
    (format!("gradient_norm/{layer}"), norm)
}

impl LayerNorms {
    /// Adds the step that the optimizer has just made, and returns its norms.
    pub(super) fn add(&mut self, optimizer: &Optimizer) -> Logs {
        let mut squares: Vec<(&str, f64)> = Vec::new();
        for (weight, square) in optimizer.gradient_squares() {
            let layer = layer_of(weight);
            match squares.iter_mut().find(|(known, _)| *known == layer) {
                Some((_, sum)) => *sum += square,
                None => squares.push((layer, square)),
            }
        }
        self.steps += 1;
        if self.sums.is_empty() {
            self.sums = squares.iter().map(|&(layer, _)| (layer.to_owned(), 0.0)).collect();
        }
        for ((_, sum), &(_, square)) in self.sums.iter_mut().zip(&squares) {
            *sum += square.sqrt();
        }
        squares.into_iter().map(|(layer, square)| named(layer, square.sqrt())).collect()
    }

    /// The means over all steps.
    pub(super) fn means(&self) -> Logs {
        self.sums.iter().map(|(layer, sum)| named(layer, sum / self.steps.max(1) as f64)).collect()
    }
}
