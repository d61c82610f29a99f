//! The bias of an LSTM whose forget gate starts open (Jozefowicz, Zaremba, Sutskever 2015).

use super::fill_keyed;
use crate::error::{Error, Result};
use crate::rng::Key;
use crate::values::Initializer;

pub(super) fn fill(base: Option<&Initializer>, shape: &[usize], key: Key, out: &mut [f32]) -> Result<()> {
    if shape.len() != 1 || !shape[0].is_multiple_of(4) {
        return Err(Error::shape(format!(
            "an LSTM's bias has shape [4 * units], but the weight has shape {shape:?}"
        )));
    }
    match base {
        None => out.fill(0.0),
        Some(base) => fill_keyed(base, shape, key, out)?,
    }
    let units = out.len() / 4;
    out[units..2 * units].fill(1.0);
    Ok(())
}
