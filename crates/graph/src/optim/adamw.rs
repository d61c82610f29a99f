//! AdamW: Adam with decoupled weight decay (Loshchilov and Hutter 2019), by default 0.004.

use super::adam::Adam;
use super::options::read;
use crate::error::Result;
use serde_json::{Map, Value};

pub(super) fn parse(mut fields: Map<String, Value>) -> Result<Adam> {
    fields.entry("weightDecay").or_insert_with(|| Value::from(0.004));
    Ok(read::<Adam>("adamw", fields)?.with_decoupled_decay())
}
