//! A bound on the ids of a file: the library writes a vocabulary by counting to the largest id, so that two lines of a
//! file could ask for gigabytes.

use serde_json::Value;

use crate::error::{Code, Error};

/// The largest id that a file may have.
const LARGEST: u32 = 1 << 24;

/// What stands before an id of so many digits or more, and not within a token.
fn has_large(json: &[u8]) -> bool {
    json.windows(9).any(|part| {
        (part[0] == b':' || part[0].is_ascii_whitespace()) && part[1..].iter().all(u8::is_ascii_digit)
    })
}

/// Refuses a `tokenizer.json` with larger ids. It is parsed for that only where it has such a number.
///
/// # Errors
/// `ERR_FORMAT` naming the id.
pub(crate) fn check(json: &str) -> Result<(), Error> {
    // What cannot be parsed is told where it is read.
    let Some(file) = has_large(json.as_bytes()).then(|| serde_json::from_str::<Value>(json).ok()).flatten()
    else {
        return Ok(());
    };
    let vocabulary = file["model"]["vocab"].as_object().into_iter().flat_map(|tokens| tokens.values());
    let added = file["added_tokens"].as_array().into_iter().flatten().map(|token| &token["id"]);
    match vocabulary.chain(added).find(|id| id.as_f64().is_some_and(|id| id > f64::from(LARGEST))) {
        None => Ok(()),
        Some(id) => Err(Error::new(
            Code::Format,
            format!("tokenizer.json: the id {id} is above the largest one, {LARGEST}"),
        )),
    }
}
