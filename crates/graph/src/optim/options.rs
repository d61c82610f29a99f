//! The description of an optimizer as it comes over the wire.

use super::check;
use super::entries::ENTRIES;
use super::means::{Average, Lookahead};
use super::rule::Rule;
use super::schedule::Schedule;
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
    /// The share by which weights shrink before a step, times the learning rate, unless the rule has its own.
    pub(super) decay: f64,
    /// Parts of the names of the weights that do not.
    pub(super) exclude: Vec<String>,
    pub(super) average: Option<Average>,
    pub(super) lookahead: Option<Lookahead>,
    /// How many batches make up a step.
    pub(super) batches: u64,
    /// Whether rows of tables without a gradient stay as they are.
    pub(super) sparse: bool,
    /// Whether the states of the rule are kept in bfloat16.
    pub(super) bfloat16: bool,
    pub(super) rule: Box<dyn Rule>,
}

impl Options {
    /// Reads `{"kind", "learningRate"?, "clipValue"?, "clipNorm"?, "globalClipNorm"?, …}`.
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
        let decay = if own { 0.0 } else { number(&mut fields, "weightDecay")?.unwrap_or(0.0) };
        check::non_negative("weightDecay", decay)?;
        let exclude = fields.remove("excludeFromWeightDecay").map(serde_json::from_value).transpose();
        let exclude = exclude
            .map_err(|error| Error::option(format!("the optimizer's excludeFromWeightDecay: {error}")))?;
        let average = average(&mut fields)?;
        let lookahead = lookahead(&mut fields)?;
        let batches = count(&mut fields, "gradientAccumulationSteps")?.unwrap_or(1);
        let sparse = flag(&mut fields, "sparse")?;
        let bfloat16 = is_bfloat16(&mut fields)?;
        let mut rule = (entry.read)(&fields)
            .map_err(|error| error.within(&format!("the optimizer '{}'", entry.name)))?;
        rule.check()?;
        if sparse {
            check_sparse(entry.name, &*rule, average.is_some(), lookahead.is_some())?;
        }
        if bfloat16 {
            check_bfloat16(entry.name, &*rule)?;
        }
        let learning_rate = rate.map_or(Ok(Schedule::Constant(entry.learning_rate)), Schedule::from_value)?;
        let exclude = exclude.unwrap_or_default();
        Ok(Self { learning_rate, clip, decay, exclude, average, lookahead, batches, sparse, bfloat16, rule })
    }
}

/// An integer of at least 1.
fn count(fields: &mut Map<String, Value>, name: &str) -> Result<Option<u64>> {
    let Some(number) = number(fields, name)? else { return Ok(None) };
    check::at_least_one(name, number)?;
    Ok(Some(number as u64))
}

/// Refuses what every step does to all rows of a table.
fn check_sparse(name: &str, rule: &dyn Rule, average: bool, lookahead: bool) -> Result<()> {
    let reason = match (rule.whole(), average, lookahead) {
        (Some(_), ..) => "it updates weights as a whole",
        (None, true, _) => "useEma changes the mean of every row at every step",
        (None, false, true) => "lookahead moves every row",
        (None, false, false) => return Ok(()),
    };
    Err(Error::unsupported(format!("the optimizer '{name}' cannot be sparse here: {reason}")))
}

/// Refuses what has no states of single elements.
fn check_bfloat16(name: &str, rule: &dyn Rule) -> Result<()> {
    let reason = match rule.whole() {
        Some(_) => "it updates weights as a whole",
        None if rule.states().is_empty() => "it keeps none without a momentum",
        None => return Ok(()),
    };
    Err(Error::unsupported(format!(
        "the optimizer '{name}' cannot keep its states in bfloat16 here: {reason}"
    )))
}

/// Whether `stateDtype` says so.
fn is_bfloat16(fields: &mut Map<String, Value>) -> Result<bool> {
    match fields.remove("stateDtype").unwrap_or_default() {
        Value::Null => Ok(false),
        Value::String(name) if name == "float32" => Ok(false),
        Value::String(name) if name == "bfloat16" => Ok(true),
        other => Err(Error::option(format!(
            "the optimizer's stateDtype must be \"float32\" or \"bfloat16\", not {other}"
        ))),
    }
}

fn flag(fields: &mut Map<String, Value>, name: &str) -> Result<bool> {
    match fields.remove(name) {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(value)) => Ok(value),
        Some(other) => {
            Err(Error::option(format!("the optimizer's {name} must be true or false, not {other}")))
        }
    }
}

fn average(fields: &mut Map<String, Value>) -> Result<Option<Average>> {
    let used = fields.remove("useEma").is_some_and(|used| used == true);
    let momentum = number(fields, "emaMomentum")?.unwrap_or(0.99);
    check::fraction("emaMomentum", momentum)?;
    let overwrite = count(fields, "emaOverwriteFrequency")?;
    Ok(used.then_some(Average { momentum, overwrite }))
}

fn lookahead(fields: &mut Map<String, Value>) -> Result<Option<Lookahead>> {
    let mut given = match fields.remove("lookahead") {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Object(given)) => given,
        Some(other) => {
            return Err(Error::option(format!("the optimizer's lookahead must be an object, not {other}")));
        }
    };
    let period = count(&mut given, "syncPeriod")?.unwrap_or(6);
    let share = number(&mut given, "slowStepSize")?.unwrap_or(0.5);
    check::fraction("slowStepSize", share)?;
    match given.keys().next() {
        Some(name) => Err(Error::option(format!("the optimizer's lookahead has no '{name}'"))),
        None => Ok(Some(Lookahead { period, share })),
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
