//! Orthogonal matrices (Saxe, McClelland, Ganguli 2014).

use super::finite;
use crate::error::{Error, Result};
use crate::parallel::while_wanted;
use crate::rng::{Key, fill_normal};
use seqloom_kernels::{Matrix, MatrixMut, Scalar};

/// Vectors orthogonalised at a time: enough for the products with the vectors before to be matrix products.
const PANEL: usize = 32;

/// A vector of which this much is left after projection has lost no accuracy and needs no second pass (Kahan and
/// Parlett's criterion).
const MOSTLY: f32 = 0.5;

/// The Q of the QR decomposition of a tall normal matrix, with R's diagonal positive (Keras's sign fix), transposed
/// where the weight is wide. Blocked Gram–Schmidt, panels twice where needed, which gives orthonormality to
/// rounding (Giraud, Langou, Rozložník 2005).
pub(super) fn fill(gain: f64, shape: &[usize], key: Key, out: &mut [f32]) -> Result<()> {
    finite("gain", gain)?;
    let [leading @ .., cols] = shape else {
        return Err(orthogonal_shape(shape));
    };
    if leading.is_empty() {
        return Err(orthogonal_shape(shape));
    }
    if out.is_empty() {
        return Ok(());
    }
    let (rows, cols) = (out.len() / cols, *cols);
    let (long, count) = (rows.max(cols), rows.min(cols));
    if rows <= cols {
        fill_normal(key, 0, out);
        orthonormalise(out, long, count)?;
    } else {
        let mut vectors = Vec::new();
        vectors
            .try_reserve_exact(out.len())
            .map_err(|_| Error::memory(format!("no memory for an orthogonal matrix of shape {shape:?}")))?;
        vectors.resize(out.len(), 0.0);
        fill_normal(key, 0, &mut vectors);
        orthonormalise(&mut vectors, long, count)?;
        for (row, values) in out.chunks_exact_mut(cols).enumerate() {
            for (col, value) in values.iter_mut().enumerate() {
                *value = vectors[col * long + row];
            }
        }
    }
    if gain != 1.0 {
        out.iter_mut().for_each(|x| *x *= gain as f32);
    }
    Ok(())
}

fn orthogonal_shape(shape: &[usize]) -> Error {
    Error::shape(format!(
        "the orthogonal initializer needs at least two dimensions, but the weight has shape {shape:?}"
    ))
}

/// Makes the `count` vectors of length `long`, one after the other in `vectors`, orthonormal in order.
fn orthonormalise(vectors: &mut [f32], long: usize, count: usize) -> Result<()> {
    let mut products = Vec::new();
    products
        .try_reserve_exact(PANEL.min(count) * count)
        .map_err(|_| Error::memory("no memory for an orthogonal matrix"))?;
    for start in while_wanted((0..count).step_by(PANEL)) {
        let (done, rest) = vectors.split_at_mut(start * long);
        let height = PANEL.min(count - start);
        let panel = &mut rest[..height * long];
        for pass in 0..2 {
            let norms: [f32; PANEL] = std::array::from_fn(|vector| {
                panel.get(vector * long..(vector + 1) * long).map_or(0.0, |vector| dot(vector, vector).sqrt())
            });
            if start > 0 {
                products.clear();
                products.resize(height * start, 0.0);
                project_out(done, panel, &mut products, long);
            }
            let kept = gram_schmidt(panel, long, &norms);
            if pass == 0 && kept > MOSTLY {
                break;
            }
        }
    }
    Ok(())
}

/// `panel -= panel · doneᵀ · done`.
fn project_out(done: &[f32], panel: &mut [f32], products: &mut [f32], long: usize) {
    let (before, height) = (done.len() / long, panel.len() / long);
    let basis = Matrix::new(done, before, long);
    f32::gemm(
        Matrix::new(panel, height, long),
        basis.transposed(),
        MatrixMut::new(products, height, before),
        false,
    );
    products.iter_mut().for_each(|x| *x = -*x);
    f32::gemm(Matrix::new(products, height, before), basis, MatrixMut::new(panel, height, long), true);
}

/// Modified Gram–Schmidt within a panel; the smallest part of any vector's norm (as given) that was left.
fn gram_schmidt(panel: &mut [f32], long: usize, norms: &[f32; PANEL]) -> f32 {
    let mut kept = 1.0_f32;
    for (index, &norm_before) in norms.iter().take(panel.len() / long).enumerate() {
        let (before, rest) = panel.split_at_mut(index * long);
        let vector = &mut rest[..long];
        for other in before.chunks_exact(long) {
            let product = dot(other, vector);
            vector.iter_mut().zip(other).for_each(|(x, y)| *x -= product * y);
        }
        let norm = dot(vector, vector).sqrt();
        if norm > 0.0 {
            vector.iter_mut().for_each(|x| *x /= norm);
        }
        kept = kept.min(norm / norm_before.max(f32::MIN_POSITIVE));
    }
    kept
}

/// In lanes, so that it vectorises and the rounding error does not grow with the length.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0.0_f32; 32];
    let (a_chunks, b_chunks) = (a.chunks_exact(32), b.chunks_exact(32));
    let tail: f32 = a_chunks.remainder().iter().zip(b_chunks.remainder()).map(|(x, y)| x * y).sum();
    for (x, y) in a_chunks.zip(b_chunks) {
        for lane in 0..32 {
            lanes[lane] += x[lane] * y[lane];
        }
    }
    lanes.iter().map(|&x| f64::from(x)).sum::<f64>() as f32 + tail
}
