//! The norms of the layers' gradients while training.

use super::event::Logs;
use crate::optim::Optimizer;

/// The norm of every layer's gradient, before clipping: of the last step, and its mean over an epoch.
#[derive(Debug, Default)]
pub(super) struct LayerNorms {
    layers: Vec<Layer>,
    steps: usize,
}

#[derive(Debug)]
struct Layer {
    path: String,
    /// Of the last step.
    square: f64,
    /// Of the norms of all steps.
    sum: f64,
}

/// The layer that a weight belongs to: its path without the weight's own name.
fn layer_of(weight: &str) -> &str {
    weight.rsplit_once('/').map_or(weight, |(layer, _)| layer)
}

impl LayerNorms {
    /// Adds the step that the optimizer has just made.
    pub(super) fn add(&mut self, optimizer: &Optimizer) {
        for layer in &mut self.layers {
            layer.square = 0.0;
        }
        for (weight, square) in optimizer.gradient_squares() {
            let path = layer_of(weight);
            match self.layers.iter_mut().find(|layer| layer.path == path) {
                Some(layer) => layer.square += square,
                None => self.layers.push(Layer { path: path.to_owned(), square, sum: 0.0 }),
            }
        }
        for layer in &mut self.layers {
            layer.sum += layer.square.sqrt();
        }
        self.steps += 1;
    }

    /// Those of the last step.
    pub(super) fn last(&self) -> Logs {
        self.logs(|layer| layer.square.sqrt())
    }

    /// The means over all steps.
    pub(super) fn means(&self) -> Logs {
        self.logs(|layer| layer.sum / self.steps.max(1) as f64)
    }

    fn logs(&self, norm: impl Fn(&Layer) -> f64) -> Logs {
        self.layers.iter().map(|layer| (format!("gradient_norm/{}", layer.path), norm(layer))).collect()
    }
}
