//! The description of an optimizer as it comes over the wire.

use super::rule::Rule;
use super::schedule::Schedule;
use super::{ENTRIES, check};
use crate::error::{Error, Result};
use crate::setting::Settings;
use serde_json::{Map, Value};

/// How gradients are clipped before a step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Clip {
    /// Every element into `[-limit, limit]`.
    Value(f64),
    /// The norm of each weight's gradient.
    Norm(f64),
    /// The norm of all gradients together.
    GlobalNorm(f64),
}

/// A parsed and checked description.
#[derive(Debug)]
pub(super) struct Options {
    pub(super) learning_rate: Schedule,
    pub(super) clip: Option<Clip>,
    /// The share of each weight that is added to its gradient.
    pub(super) penalty: f64,
    pub(super) rule: Box<dyn Rule>,
}

impl Options {
    /// Reads `{"kind", "learningRate"?, "clipValue"?, "clipNorm"?, "globalClipNorm"?, …}`. `weightDecay` is a penalty in the gradient, unless it is a
    /// setting of the optimizer's own.
    pub(super) fn from_json(text: &str) -> Result<Self> {
        let mut fields: Settings = serde_json::from_str(text)
            .map_err(|error| Error::option(format!("the optimizer is not a JSON object: {error}")))?;
        let kind = fields.remove("kind");
        let Some(entry) = ENTRIES.iter().find(|entry| kind.as_ref().is_some_and(|kind| kind == entry.name))
        else {
            let names = ENTRIES.iter().map(|entry| entry.name).collect::<Vec<_>>().join(", ");
            return Err(Error::option(format!("an optimizer's kind must be one of {names}")));
        };
        let rate = fields.remove("learningRate").filter(|rate| !rate.is_null());
        let clip = clip(&mut fields)?;
        let own = entry.settings.iter().any(|setting| setting.name == "weight_decay");
        let penalty = if own { 0.0 } else { number(&mut fields, "weightDecay")?.unwrap_or(0.0) };
        check::non_negative("weightDecay", penalty)?;
        let mut rule = (entry.read)(&fields)
            .map_err(|error| error.within(&format!("the optimizer '{}'", entry.name)))?;
        rule.check()?;
        let learning_rate = rate.map_or(Ok(Schedule::Constant(entry.learning_rate)), Schedule::from_value)?;
        Ok(Self { learning_rate, clip, penalty, rule })
    }
}

fn number(fields: &mut Map<String, Value>, name: &str) -> Result<Option<f64>> {
    match fields.remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match value.as_f64() {
            Some(number) => Ok(Some(number)),
            None => Err(Error::option(format!("the optimizer's {name} must be a number, not {value}"))),
        },
    }
}

fn clip(fields: &mut Map<String, Value>) -> Result<Option<Clip>> {
    let mut chosen: Option<(&str, Clip)> = None;
    for name in ["clipValue", "clipNorm", "globalClipNorm"] {
        let Some(limit) = number(fields, name)? else { continue };
        check::positive(name, limit)?;
        if let Some((other, _)) = chosen {
            return Err(Error::option(format!(
                "an optimizer clips in one way, but has both {other} and {name}"
            )));
        }
        let clip = match name {
            "clipValue" => Clip::Value(limit),
            "clipNorm" => Clip::Norm(limit),
            _ => Clip::GlobalNorm(limit),
        };
        chosen = Some((name, clip));
    }
    Ok(chosen.map(|(_, clip)| clip))
}
