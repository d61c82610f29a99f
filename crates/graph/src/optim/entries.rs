//! Which optimizers there are.

use super::entry::Entry;
use super::{
    adadelta, adafactor, adagrad, adam, adamax, adamw, ftrl, lamb, lion, muon, nadam, radam, rmsprop, sgd,
};

/// All optimizers.
pub(crate) const ENTRIES: &[Entry] = &[
    sgd::ENTRY,
    adam::ENTRY,
    adamw::ENTRY,
    nadam::ENTRY,
    adamax::ENTRY,
    rmsprop::ENTRY,
    adagrad::ENTRY,
    adadelta::ENTRY,
    lion::ENTRY,
    radam::ENTRY,
    adafactor::ENTRY,
    ftrl::ENTRY,
    lamb::ENTRY,
    muon::ENTRY,
];
