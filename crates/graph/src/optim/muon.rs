use super::adam::Coefficients;
use super::entry::{Entry, Formula, optimizer};
use super::norm::square;
use super::rule::{OfWhole, Span, Tensor, Whole};
use crate::error::{Error, Result};
use crate::params::Slot;
use crate::setting::settings;
use seqloom_kernels::{Matrix, MatrixMut, Scalar};

settings! {
    /// Muon (Jordan et al. 2024; Liu et al. 2025): momentum whose directions are made equally long.
    ///
    /// For matrices, with their momentum b ← μ b + g and u = g + μ b (without `nesterov`, b): w ← w − rate · `rmsRate` · √max(rows, columns) · O(u), where O
    /// brings all singular values near 1, by `nsSteps` times x ← a x + (b y + c y²) x with y = x xᵀ, from x = u / ‖u‖. All other weights have the step of
    /// `adam` with Keras's formula, at `adamLrRatio` times the rate.
    ///
    /// As in Keras. It is for the matrices between a network's first and last layer: tables of embeddings are left to Adam unless `excludeEmbeddings` is
    /// false, and the last layer is to be named in `excludeLayers`. Each step multiplies matrices a few times, which pays for large ones.
    pub(super) struct Muon {
        /// How much of the last step is repeated.
        momentum: f64 [SHARE] = 0.95;
        /// Whether to look ahead (Nesterov 1983).
        nesterov: bool = true;
        /// How often the iteration is repeated that brings singular values near 1.
        ns_steps: usize = 5;
        /// The root mean square of a step, as a share of the rate; 0 for that of O alone.
        rms_rate: f64 [NON_NEGATIVE] = 0.2;
        /// The coefficient of x in the iteration.
        muon_a: f64 = 3.4445;
        /// The coefficient of y x.
        muon_b: f64 = -4.775;
        /// The coefficient of y² x.
        muon_c: f64 = 2.0315;
        /// Parts of the names of weights that are left to Adam.
        exclude_layers: Vec<String> = [];
        /// Whether weights with `embedding` in their name are left to Adam.
        exclude_embeddings: bool = true;
        /// The share by which matrices shrink, times the learning rate.
        weight_decay: f64 [NON_NEGATIVE] = 0.004;
        /// Adam's rate, as a share of the learning rate.
        adam_lr_ratio: f64 [NON_NEGATIVE] = 1.0;
        /// Adam's decay of the first moment.
        adam_beta1: f64 [SHARE] = 0.9;
        /// Adam's decay of the second moment.
        adam_beta2: f64 [SHARE] = 0.999;
        /// The share by which Adam's weights shrink, times the learning rate.
        adam_weight_decay: f64 [NON_NEGATIVE] = 0.004;
        /// Added to the root of Adam's second moment.
        epsilon: f64 [POSITIVE] = 1e-7;
    }
    and {
        rate: f64,
        adam: Coefficients,
    }
}

pub(super) const ENTRY: Entry = optimizer!(whole "muon", Muon, 0.001);

/// More would not end.
const MAX_ITERATIONS: usize = 100;

impl Muon {
    /// The rows and columns of a weight that is not left to Adam.
    fn matrix(&self, weight: &Slot) -> Option<[usize; 2]> {
        let name = weight.name.to_lowercase();
        let excluded = (self.exclude_embeddings && name.contains("embedding"))
            || self.exclude_layers.iter().any(|part| weight.name.contains(part.as_str()));
        match weight.shape[..] {
            [rows, columns] if !excluded => Some([rows, columns]),
            _ => None,
        }
    }

    /// Brings the singular values of `x`, which has at most as many rows as columns, near 1.
    fn orthogonalize(&self, x: &mut [f32], [rows, columns]: [usize; 2], scratch: &mut [f32]) {
        let [a, b, c] = [self.muon_a, self.muon_b, self.muon_c].map(|factor| factor as f32);
        let (product, scratch) = scratch.split_at_mut(rows * columns);
        let (y, scratch) = scratch.split_at_mut(rows * rows);
        let factors = &mut scratch[..rows * rows];
        let norm = (square(x).sqrt() + 1e-7) as f32;
        x.iter_mut().for_each(|x| *x /= norm);
        for _ in 0..self.ns_steps {
            let all = Matrix::new(&*x, rows, columns);
            f32::gemm(all, all.transposed(), MatrixMut::new(y, rows, rows), false);
            let squared = Matrix::new(&*y, rows, rows);
            f32::gemm(squared, squared, MatrixMut::new(factors, rows, rows), false);
            factors.iter_mut().zip(&*y).for_each(|(factor, y)| *factor = b * y + c * *factor);
            let factors = Matrix::new(&*factors, rows, rows);
            f32::gemm(factors, all, MatrixMut::new(product, rows, columns), false);
            x.iter_mut().zip(&*product).for_each(|(x, product)| *x = a * *x + product);
        }
    }
}

impl Whole for Muon {
    fn states(&self) -> &[(&'static str, f32)] {
        &[("momentum", 0.0), ("variance", 0.0)]
    }

    fn prepare(&mut self, step: u64, learning_rate: f64) {
        let (rate, betas) = (learning_rate * self.adam_lr_ratio, [self.adam_beta1, self.adam_beta2]);
        self.adam = Coefficients::new(step, rate, betas, self.epsilon, Formula::Keras);
        self.rate = learning_rate;
    }

    fn scratch(&self, weight: &Slot) -> usize {
        let of = |[rows, columns]: [usize; 2]| {
            let least = rows.min(columns);
            weight.len.saturating_add(least.saturating_mul(least)).saturating_mul(2)
        };
        self.matrix(weight).map_or(0, of)
    }

    fn apply(&self, tensor: Tensor<'_>) {
        let Tensor { slot, weights, gradient, state, scratch } = tensor;
        let Some([rows, columns]) = self.matrix(slot) else {
            self.adam.apply(Span { weights, gradient, scale: 1.0, state });
            return;
        };
        let momentum = self.momentum as f32;
        let [average, ..] = state;
        let (x, scratch) = scratch.split_at_mut(weights.len());
        let turns = rows > columns;
        // Where element `index` of the weight is in x.
        let place = |index: usize| if turns { index % columns * rows + index / columns } else { index };
        for ((index, &g), b) in gradient.iter().enumerate().zip(average) {
            *b = momentum * *b + g;
            x[place(index)] = if self.nesterov { g + momentum * *b } else { *b };
        }
        self.orthogonalize(x, [rows.min(columns), rows.max(columns)], scratch);
        let adjusted =
            if self.rms_rate > 0.0 { self.rms_rate * (rows.max(columns) as f64).sqrt() } else { 1.0 };
        let rate = (self.rate * adjusted) as f32;
        weights.iter_mut().enumerate().for_each(|(index, w)| *w -= rate * x[place(index)]);
    }

    fn check(&mut self) -> Result<()> {
        if self.ns_steps <= MAX_ITERATIONS {
            return Ok(());
        }
        Err(Error::option(format!("nsSteps must be at most {MAX_ITERATIONS}, not {}", self.ns_steps)))
    }

    fn weight_decay(&self, weight: &Slot) -> f64 {
        if self.matrix(weight).is_some() { self.weight_decay } else { self.adam_weight_decay }
    }
}
