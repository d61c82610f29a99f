//! A bound on the regular expressions of a file: each is compiled when the file is read, and a large one takes as long
//! as thousands of tokens.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::error::{Code, Error};

/// The most regular expressions that a file may have: ten times what any that is published has.
const MOST: usize = 64;

/// How many regular expressions JSON has, however often a key is repeated.
struct Count(usize);

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Counting)
    }
}

struct Counting;

impl<'de> Visitor<'de> for Counting {
    type Value = Count;

    fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Count, A::Error> {
        let mut count = 0;
        while let Some(key) = map.next_key::<String>()? {
            count += map.next_value::<Count>()?.0 + usize::from(key == "Regex");
        }
        Ok(Count(count))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Count, A::Error> {
        let mut count = 0;
        while let Some(Count(more)) = list.next_element()? {
            count += more;
        }
        Ok(Count(count))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Count, E> {
        Ok(Count(0))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Count, E> {
        Ok(Count(0))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Count, E> {
        Ok(Count(0))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Count, E> {
        Ok(Count(0))
    }

    fn visit_str<E>(self, _: &str) -> Result<Count, E> {
        Ok(Count(0))
    }

    fn visit_unit<E>(self) -> Result<Count, E> {
        Ok(Count(0))
    }
}

/// Refuses a `tokenizer.json` with more regular expressions.
///
/// # Errors
/// `ERR_FORMAT` with their number.
pub(crate) fn check(json: &str) -> Result<(), Error> {
    match serde_json::from_str::<Count>(json) {
        Ok(Count(count)) if count > MOST => Err(Error::new(
            Code::Format,
            format!("tokenizer.json: it has {count} regular expressions; at most {MOST} are taken"),
        )),
        // What cannot be parsed is told where it is read.
        _ => Ok(()),
    }
}
