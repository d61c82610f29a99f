//! What describes an optimizer.

use super::rule::Rule;
use crate::error::Result;
use crate::setting::{Setting, Settings, names};

/// An optimizer that there is.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) name: &'static str,
    /// By default.
    pub(crate) learning_rate: f64,
    pub(crate) settings: &'static [Setting],
    pub(super) read: fn(&Settings) -> Result<Box<dyn Rule>>,
    /// The name of its type, and what it is.
    #[cfg(test)]
    pub(crate) described: (&'static str, &'static str),
}

/// An [`Entry`]: the name on the wire, the type, the learning rate by default; `whole` for a rule for whole weights.
macro_rules! optimizer {
    (whole $name:literal, $rule:ident, $learning_rate:literal) => {
        optimizer!(@ $name, $rule, $learning_rate, |settings| {
            Ok(Box::new(OfWhole(Box::new($rule::read(settings)?))))
        })
    };
    ($name:literal, $rule:ident, $learning_rate:literal) => {
        optimizer!(@ $name, $rule, $learning_rate, |settings| Ok(Box::new($rule::read(settings)?)))
    };
    (@ $name:literal, $rule:ident, $learning_rate:literal, $read:expr) => {
        Entry {
            name: $name,
            learning_rate: $learning_rate,
            settings: $rule::SETTINGS,
            read: $read,
            #[cfg(test)]
            described: (stringify!($rule), $rule::ABOUT),
        }
    };
}
pub(super) use optimizer;

names! {
    /// Whose formula an optimizer has that the makers of frameworks write differently.
    pub(crate) enum Formula {
        Keras,
        Pytorch,
    }
}
