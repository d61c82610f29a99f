//! The identity matrix.

use super::finite;
use crate::error::{Error, Result};

pub(super) fn fill(gain: f64, shape: &[usize], out: &mut [f32]) -> Result<()> {
    finite("gain", gain)?;
    let &[_, cols] = shape else {
        return Err(Error::shape(format!(
            "the identity initializer makes matrices, but the weight has shape {shape:?}"
        )));
    };
    out.fill(0.0);
    for (row, values) in out.chunks_exact_mut(cols.max(1)).enumerate() {
        if let Some(diagonal) = values.get_mut(row) {
            *diagonal = gain as f32;
        }
    }
    Ok(())
}
