//! Which products are worth int8 weights, and such weights packed.

use crate::error::{Error, Result};
use crate::params::Parameters;
use seqloom_kernels::{INT8_MAX_DEPTH, Scalar};

/// Whether sums of so many products may be of integers. Fewer would gain next to nothing, and are what models read from
/// the outside: features of different sizes, of which a row has one scale.
pub(crate) fn suits_int8(depth: usize) -> bool {
    (32..=INT8_MAX_DEPTH).contains(&depth)
}

/// A packed int8 weight, and the version of the parameters that it was packed from.
pub(crate) struct Int8Product<T: Scalar> {
    packed: Option<(u64, T::PackedInt8)>,
    bytes: usize,
}

impl<T: Scalar> Default for Int8Product<T> {
    fn default() -> Self {
        Self { packed: None, bytes: 0 }
    }
}

impl<T: Scalar> Int8Product<T> {
    /// Packs the weight unless that has been done since it last changed.
    pub(crate) fn of(&mut self, params: &Parameters<T>, weight: Option<usize>) -> Result<&T::PackedInt8> {
        let missing = || Error::native("A product has no int8 weight");
        let version = params.version();
        if self.packed.as_ref().is_none_or(|(packed, _)| *packed != version) {
            // The old one is freed first: both together might not fit.
            self.packed = None;
            let matrix = weight.and_then(|weight| params.int8_matrix(weight)).ok_or_else(missing)?;
            let packed = T::pack_int8(matrix)
                .map_err(|error| Error::memory(format!("the packed weights do not fit: {error}")))?;
            self.bytes = matrix.values.len();
            self.packed = Some((version, packed));
        }
        self.packed.as_ref().map(|(_, packed)| packed).ok_or_else(missing)
    }

    /// Bytes that are kept.
    pub(crate) fn memory(&self) -> usize {
        if self.packed.is_some() { self.bytes } else { 0 }
    }
}
