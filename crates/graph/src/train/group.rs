//! What ranks, the processes that train one model together, send each other.

use crate::error::{Error, Result};
use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// What one rank sends to the others and receives from them at the same time. Its own entries are not read.
#[derive(Debug, Default)]
pub struct Parcels {
    /// By rank, what it is sent; the same numbers for several ranks may be one list.
    pub outgoing: Vec<Arc<Vec<f32>>>,
    /// By rank, room for exactly what it sends.
    pub incoming: Vec<Vec<f32>>,
    /// Whether this process computes meanwhile, so that who waits should leave it the cores.
    pub patient: bool,
}

impl Parcels {
    /// Empty parcels from and to so many ranks.
    #[must_use]
    pub fn new(size: usize) -> Self {
        Self { outgoing: vec![Arc::default(); size], incoming: vec![Vec::new(); size], patient: false }
    }

    /// Puts a copy of some numbers into the parcel to a rank, in memory that was used before where that is possible.
    pub(super) fn pack(&mut self, to: usize, values: &[f32]) -> Result<()> {
        let Some(parcel) = self.outgoing.get_mut(to) else {
            return Err(Error::native(format!("There is no rank {to}")));
        };
        if Arc::get_mut(parcel).is_none() {
            *parcel = Arc::default();
        }
        let Some(list) = Arc::get_mut(parcel) else { return Err(Error::native("A parcel is in use")) };
        list.clear();
        list.try_reserve(values.len()).map_err(|_| no_memory(values.len()))?;
        list.extend_from_slice(values);
        Ok(())
    }

    /// Sends every rank what rank `from` is sent.
    pub(super) fn repeat(&mut self, from: usize) {
        let Some(parcel) = self.outgoing.get(from).cloned() else { return };
        self.outgoing.iter_mut().for_each(|other| *other = Arc::clone(&parcel));
    }

    /// Makes room for `len` numbers from a rank.
    pub(super) fn expect(&mut self, from: usize, len: usize) -> Result<()> {
        let Some(room) = self.incoming.get_mut(from) else {
            return Err(Error::native(format!("There is no rank {from}")));
        };
        room.truncate(len);
        room.try_reserve(len - room.len()).map_err(|_| no_memory(len))?;
        room.resize(len, 0.0);
        Ok(())
    }
}

fn no_memory(len: usize) -> Error {
    Error::memory(format!("No memory for {len} numbers that ranks send each other"))
}

/// All ranks. Every one of them must make the same calls in the same order.
pub trait Group: Debug + Send + Sync {
    /// The number of this rank, from 0.
    fn rank(&self) -> usize;

    /// How many ranks there are.
    fn size(&self) -> usize;

    /// Sends and receives.
    ///
    /// # Errors
    /// `ABORTED` once `cancel` is set, `ERR_STATE` if another rank has ended or failed; nothing more can be exchanged then.
    fn exchange(&self, parcels: Parcels, cancel: &AtomicBool) -> Result<Parcels>;
}
