//! The description of an optimizer as it comes over the wire.

use super::adadelta::Adadelta;
use super::adagrad::Adagrad;
use super::adam::Adam;
use super::adamax::Adamax;
use super::nadam::Nadam;
use super::rmsprop::RmsProp;
use super::rule::Rule;
use super::schedule::Schedule;
use super::sgd::Sgd;
use super::{adamw, check};
use crate::error::{Error, Result};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

const KINDS: &str = "sgd, adam, adamw, nadam, adamax, rmsprop, adagrad or adadelta";

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
    pub(super) weight_decay: f64,
    pub(super) rule: Box<dyn Rule>,
}

impl Options {
    /// Reads `{"kind", "learningRate"?, "clipValue"?, "clipNorm"?, "globalClipNorm"?, …}`; what is left out has Keras's
    /// default.
    pub(super) fn from_json(text: &str) -> Result<Self> {
        let mut fields: Map<String, Value> = serde_json::from_str(text)
            .map_err(|error| Error::option(format!("the optimizer is not a JSON object: {error}")))?;
        let kind = match fields.remove("kind") {
            Some(Value::String(kind)) => kind,
            _ => return Err(Error::option(format!("the optimizer needs a kind: {KINDS}"))),
        };
        let rate = fields.remove("learningRate").filter(|rate| !rate.is_null());
        let clip = clip(&mut fields)?;
        let weight_decay = fields.get("weightDecay").and_then(Value::as_f64).unwrap_or(0.0);
        let (rule, default_rate): (Box<dyn Rule>, f64) = match kind.as_str() {
            "sgd" => (Box::new(read::<Sgd>(&kind, fields)?.checked()?), Sgd::LEARNING_RATE),
            "adam" => (Box::new(read::<Adam>(&kind, fields)?.checked()?), Adam::LEARNING_RATE),
            "adamw" => (Box::new(adamw::parse(fields)?.checked()?), Adam::LEARNING_RATE),
            "nadam" => (Box::new(read::<Nadam>(&kind, fields)?.checked()?), Nadam::LEARNING_RATE),
            "adamax" => (Box::new(read::<Adamax>(&kind, fields)?.checked()?), Adamax::LEARNING_RATE),
            "rmsprop" => (Box::new(read::<RmsProp>(&kind, fields)?.checked()?), RmsProp::LEARNING_RATE),
            "adagrad" => (Box::new(read::<Adagrad>(&kind, fields)?.checked()?), Adagrad::LEARNING_RATE),
            "adadelta" => (Box::new(read::<Adadelta>(&kind, fields)?.checked()?), Adadelta::LEARNING_RATE),
            other => {
                return Err(Error::option(format!("there is no optimizer '{other}'; there are {KINDS}")));
            }
        };
        let learning_rate = rate.map_or(Ok(Schedule::Constant(default_rate)), Schedule::from_value)?;
        Ok(Self { learning_rate, clip, weight_decay, rule })
    }
}

/// Reads an optimizer's own fields; unknown ones and wrong types are refused.
pub(super) fn read<R: DeserializeOwned>(kind: &str, fields: Map<String, Value>) -> Result<R> {
    serde_json::from_value(Value::Object(fields))
        .map_err(|error| Error::option(format!("the optimizer '{kind}' cannot be made: {error}")))
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
