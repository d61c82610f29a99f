use super::check;
use super::entry::{Entry, optimizer};
use super::norm::square;
use super::rule::{OfWhole, Tensor, Whole};
use crate::error::Result;
use crate::params::Slot;
use crate::setting::settings;

settings! {
    /// Adafactor (Shazeer and Stern 2018, Algorithms 4 and 5): the second moment of a matrix is known by the means of its rows and columns. At step t,
    /// with β = 1 − t^`beta2Decay`:
    ///
    /// v ← β v + (1 − β) (g² + ε₁), for matrices r ← the same of the means of rows, c ← of columns, and v = r cᵀ / mean(r);
    /// u = g / √v, w ← w − max(ε₂, RMS(w)) · ρ · u / max(1, RMS(u) / `clipThreshold`), where ρ = min(rate, 1 / √t)
    ///
    /// As in Keras, where ρ is the same with and without `relative_step`. Of weights of more dimensions, the last two are those of the matrices. Of a matrix it
    /// keeps the means alone: rows + columns numbers.
    pub(super) struct Adafactor {
        /// The exponent of the step, below 0.
        beta2_decay: f64 = -0.8;
        /// Added to squares of gradients.
        epsilon1: f64 [POSITIVE] = 1e-30;
        /// The least that a weight's magnitude counts for.
        epsilon2: f64 [NON_NEGATIVE] = 1e-3;
        /// The root of the mean of squares up to which a step is not made smaller.
        clip_threshold: f64 [POSITIVE] = 1.0;
    }
    and {
        rate: f64,
        beta: f64,
    }
}

pub(super) const ENTRY: Entry = optimizer!(whole "adafactor", Adafactor, 0.001);

/// The rows and columns of the matrices that a weight is, unless means of rows and columns are the elements.
fn matrix(shape: &[usize]) -> Option<[usize; 2]> {
    match shape {
        [.., rows, columns] if *rows > 1 && *columns > 1 => Some([*rows, *columns]),
        _ => None,
    }
}

/// Writes the squares of one matrix's gradient and follows the means of their rows and columns with `decay`; then squares become the second moment.
fn factor(squares: &mut [f32], means: &mut [f32], [rows, columns]: [usize; 2], decay: f64) {
    let follow = |mean: &mut f32, now: f64| *mean = (decay * f64::from(*mean) + (1.0 - decay) * now) as f32;
    let (by_row, by_column) = means.split_at_mut(rows);
    for (mean, row) in by_row.iter_mut().zip(squares.chunks_exact(columns)) {
        follow(mean, row.iter().map(|&x| f64::from(x)).sum::<f64>() / columns as f64);
    }
    for (column, mean) in by_column.iter_mut().take(columns).enumerate() {
        let sum = squares.iter().skip(column).step_by(columns).map(|&x| f64::from(x)).sum::<f64>();
        follow(mean, sum / rows as f64);
    }
    let whole = by_row.iter().map(|&x| f64::from(x)).sum::<f64>() / rows as f64;
    for (&row, squares) in by_row.iter().zip(squares.chunks_exact_mut(columns)) {
        let share = (f64::from(row) / whole) as f32;
        squares.iter_mut().zip(&*by_column).for_each(|(square, &column)| *square = share * column);
    }
}

impl Whole for Adafactor {
    fn states(&self) -> &[(&'static str, f32)] {
        &[("variance", 0.0)]
    }

    fn prepare(&mut self, step: u64, learning_rate: f64) {
        let step = step as f64;
        self.rate = learning_rate.min(1.0 / step.sqrt());
        self.beta = 1.0 - step.powf(self.beta2_decay);
    }

    fn scratch(&self, weight: &Slot) -> usize {
        weight.len
    }

    fn state_size(&self, weight: &Slot) -> usize {
        let means = |[rows, columns]: [usize; 2]| weight.len / (rows * columns) * (rows + columns);
        matrix(&weight.shape).map_or(weight.len, means)
    }

    fn shortened(&self, weight: &Slot, state: &[f32]) -> Vec<f32> {
        let Some([rows, columns]) = matrix(&weight.shape) else { return state.to_vec() };
        state.chunks_exact(rows * columns).flat_map(|matrix| &matrix[..rows + columns]).copied().collect()
    }

    fn apply(&self, tensor: Tensor<'_>) {
        let len = tensor.weights.len();
        let root_mean = |values: &[f32]| (square(values) / len.max(1) as f64).sqrt();
        let [variance, ..] = tensor.state;
        let update = &mut tensor.scratch[..len];
        let (epsilon, beta) = (self.epsilon1 as f32, self.beta as f32);
        for (u, &g) in update.iter_mut().zip(tensor.gradient) {
            *u = g * g + epsilon;
        }
        if let Some([rows, columns]) = matrix(&tensor.slot.shape) {
            let matrices =
                update.chunks_exact_mut(rows * columns).zip(variance.chunks_exact_mut(rows + columns));
            matrices.for_each(|(squares, means)| factor(squares, means, [rows, columns], self.beta));
        } else {
            for (u, v) in update.iter_mut().zip(variance) {
                *v = beta * *v + (1.0 - beta) * *u;
                *u = *v;
            }
        }
        update.iter_mut().zip(tensor.gradient).for_each(|(u, &g)| *u = g / u.sqrt());
        let rate = self.rate * root_mean(tensor.weights).max(self.epsilon2);
        let rate = (rate / (root_mean(update) / self.clip_threshold).max(1.0)) as f32;
        tensor.weights.iter_mut().zip(update).for_each(|(w, u)| *w -= rate * *u);
    }

    fn check(&mut self) -> Result<()> {
        check::positive("beta2Decay, with its sign changed,", -self.beta2_decay)
    }
}
