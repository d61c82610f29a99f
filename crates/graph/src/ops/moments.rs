//! Mean and variance, for normalizations.

use seqloom_kernels::Scalar;

/// The mean of `count` values and 1 / √(variance + epsilon). Where squares are too large for the scalar, as those of
/// 1e20 are for float32, both are computed in float64. If the deviation has no finite inverse, the result is NaN,
/// never zeros that look like a result.
pub(super) fn moments<T: Scalar>(
    values: impl Iterator<Item = T> + Clone,
    count: usize,
    epsilon: f64,
) -> (T, T) {
    let size = T::from_usize(count);
    let mean = values.clone().sum::<T>() / size;
    let variance = values.clone().map(|x| (x - mean) * (x - mean)).sum::<T>() / size;
    if variance.is_finite() {
        return (mean, T::ONE / (variance + T::from_f64(epsilon)).sqrt());
    }
    let mean = values.clone().map(T::to_f64).sum::<f64>() / count as f64;
    let variance = values.map(|x| (x.to_f64() - mean).powi(2)).sum::<f64>() / count as f64;
    let inverse = 1.0 / (variance + epsilon).sqrt();
    let usable = (inverse as f32).is_normal();
    (T::from_f64(mean), T::from_f64(if usable { inverse } else { f64::NAN }))
}
