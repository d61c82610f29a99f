//! How an operation is registered: what is known of it before a graph uses it.

use super::{Described, Site};
use crate::error::Result;
use crate::setting::Setting;
use std::ops::RangeInclusive;
use std::sync::Arc;

/// What reads the description of an operation.
type Read = fn(&Site<'_>) -> Result<Arc<dyn Described>>;

/// A registered operation.
#[derive(Debug)]
pub(crate) struct Entry {
    /// Its name on the wire.
    pub(crate) name: &'static str,
    pub(crate) read: Read,
    /// How many inputs, weights and outputs it may have.
    pub(crate) inputs: RangeInclusive<usize>,
    pub(crate) weights: RangeInclusive<usize>,
    pub(crate) outputs: RangeInclusive<usize>,
    pub(crate) settings: &'static [Setting],
    /// Whether the body of a scan may contain it, which sees one step's values alone; its stash must be
    /// proportional to the batch then.
    pub(crate) in_body: bool,
    /// The rule by which TypeScript finds its shape in traced functions, if it is one of their operations.
    #[cfg_attr(not(test), expect(dead_code, reason = "it is for the table that is written for TypeScript"))]
    pub(crate) traced: Option<&'static str>,
}

impl Entry {
    /// An operation of one input, no weights, one output and no settings, which may stand anywhere. Entries override
    /// what differs.
    pub(crate) const fn of(name: &'static str, read: Read) -> Self {
        Self {
            name,
            read,
            inputs: 1..=1,
            weights: 0..=0,
            outputs: 1..=1,
            settings: &[],
            in_body: true,
            traced: None,
        }
    }
}

/// An operation as [`Entry::read`] returns it.
pub(crate) fn made(operation: impl Described) -> Result<Arc<dyn Described>> {
    Ok(Arc::new(operation))
}
