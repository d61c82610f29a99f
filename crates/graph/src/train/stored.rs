//! Elements of a file that become weights.

use crate::error::{Error, Result};
use seqloom_kernels::pool::each_block;
use seqloom_kernels::{Half, bytes_of_mut};
use std::sync::{Mutex, PoisonError};

/// Types of elements, little-endian.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stored {
    /// As they are.
    Float32,
    /// Of two bytes.
    Half(Half),
}

impl Stored {
    /// Bytes of an element.
    pub fn bytes(self) -> usize {
        match self {
            Self::Float32 => 4,
            Self::Half(_) => 2,
        }
    }

    /// Reads elements, those from `from` on; `read` gives bytes from a place on.
    pub(super) fn read(
        self,
        into: &mut [f32],
        from: usize,
        read: impl Fn(usize, &mut [u8]) -> Result<()>,
    ) -> Result<()> {
        match self {
            Self::Float32 => read(4 * from, bytes_of_mut(into)),
            Self::Half(half) => {
                let second = 2 * into.len();
                read(2 * from, &mut bytes_of_mut(into)[second..])?;
                half.widen(into);
                Ok(())
            }
        }
    }
}

/// Elements that a thread reads at once: they are looked at while they are in its cache.
const PART: usize = 1 << 16;

/// Runs `body(first element, part)` on parts, on all threads. The error is that of the first part that failed.
pub(super) fn each_part(
    values: &mut [f32],
    body: impl Fn(usize, &mut [f32]) -> Result<()> + Sync,
) -> Result<()> {
    let failed = Mutex::new(None::<(usize, Error)>);
    each_block([values], PART, true, |start, [part]| {
        if let Err(error) = body(start, part) {
            let mut failed = failed.lock().unwrap_or_else(PoisonError::into_inner);
            if failed.as_ref().is_none_or(|&(first, _)| start < first) {
                *failed = Some((start, error));
            }
        }
    });
    failed.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(Ok(()), |(_, error)| Err(error))
}
