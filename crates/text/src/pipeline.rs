//! A tokenizer's steps, taken one by one, so that the result of each is bounded, whatever the file says, and work can
//! be ended between any two of them.

use std::cell::{Cell, RefCell};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokenizers::models::ModelWrapper;
use tokenizers::normalizers::replace::ReplacePattern;
use tokenizers::{
    Encoding, Model, NormalizedString, Normalizer, NormalizerWrapper, OffsetReferential, OffsetType,
    PostProcessor, PostProcessorWrapper, PreTokenizedString, PreTokenizer, PreTokenizerWrapper,
    Tokenizer as Inner, TruncationDirection,
};

use crate::cut::Cut;
use crate::error::{Code, Error};
use crate::stop::Stop;

/// How many times its own size a text may grow through the steps of a file; also the least bytes that it may grow to.
const GROWTH: usize = 64;
const LEAST_LIMIT: usize = 1 << 20;

/// The most special tokens that a file may put around a text, and how often it may repeat the text.
const MOST_SPECIAL: usize = 1 << 16;
const MOST_REPEATS: usize = 64;

/// Words with more characters are unknown to a word-piece model: finding their pieces takes time that grows with the
/// cube of the length.
const LONGEST_PIECED_WORD: usize = 512;

/// A part of an encoded text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Text,
    Special(u32),
}

/// The special tokens that a tokenizer puts around texts, and where texts may be cut.
#[derive(Clone, Debug)]
pub(crate) struct Pipeline {
    with_special: Vec<Part>,
    without_special: Vec<Part>,
    pub(crate) cut: Cut,
}

impl Pipeline {
    /// Examines the parts of a tokenizer that was read from a file; says why they cannot be used.
    pub(crate) fn of(inner: &Inner) -> Result<Self, String> {
        let (with_special, without_special) = match inner.get_post_processor() {
            None => (vec![Part::Text], vec![Part::Text]),
            Some(processor) => {
                let (repeats, special) = framing(processor);
                if repeats > MOST_REPEATS || special > MOST_SPECIAL {
                    return Err(format!(
                        "its post-processor repeats a text {repeats} times and adds {special} tokens; at most \
                         {MOST_REPEATS} and {MOST_SPECIAL} are taken"
                    ));
                }
                (parts(processor, true)?, parts(processor, false)?)
            }
        };
        if let Some(decoder) = inner.get_decoder() {
            let growth = serde_json::to_value(decoder).map_or(1, |value| decoder_growth(&value));
            if growth > GROWTH {
                return Err(format!(
                    "its decoder may make a text {growth} times as long; at most {GROWTH} are taken"
                ));
            }
        }
        Ok(Self { with_special, without_special, cut: Cut::of(inner) })
    }

    /// How many ids of its own a text may have if texts are truncated to `max_length`.
    pub(crate) fn room(&self, max_length: usize, special: bool) -> usize {
        let around = self.parts(special).iter().filter(|part| matches!(part, Part::Special(_))).count();
        max_length.saturating_sub(around)
    }

    fn parts(&self, special: bool) -> &[Part] {
        if special { &self.with_special } else { &self.without_special }
    }

    /// Puts the special tokens around the ids of a text, which are given in runs.
    pub(crate) fn frame(
        &self,
        runs: &[&[i32]],
        special: bool,
        max_length: Option<usize>,
        ids: &mut Vec<i32>,
    ) {
        let start = ids.len();
        for part in self.parts(special) {
            match part {
                Part::Special(id) => ids.push(*id as i32),
                Part::Text => runs.iter().for_each(|run| ids.extend_from_slice(run)),
            }
        }
        // A file may repeat the text, which its truncation does not take into account.
        ids.truncate(max_length.map_or(ids.len(), |most| ids.len().min(start + most)));
    }
}

/// Bounds the longest word of a word-piece model.
pub(crate) fn bound_model(inner: &mut Inner) {
    if let ModelWrapper::WordPiece(model) = inner.get_model()
        && model.max_input_chars_per_word > LONGEST_PIECED_WORD
    {
        let mut bounded = model.clone();
        bounded.max_input_chars_per_word = LONGEST_PIECED_WORD;
        inner.with_model(bounded);
    }
}

/// How often a processor repeats a text, and how many tokens it puts around it.
fn framing(processor: &PostProcessorWrapper) -> (usize, usize) {
    match processor {
        PostProcessorWrapper::Sequence(steps) => {
            steps.as_ref().iter().fold((1, 0), |(repeats, special): (usize, usize), step| {
                let (more, further) = framing(step);
                (repeats.saturating_mul(more), special.saturating_mul(more).saturating_add(further))
            })
        }
        PostProcessorWrapper::Template(template) => {
            let pieces = serde_json::to_value(template).unwrap_or_default();
            let repeats = pieces["single"]
                .as_array()
                .map_or(0, |single| single.iter().filter(|piece| piece.get("Sequence").is_some()).count());
            (repeats, processor.added_tokens(false))
        }
        other => (1, other.added_tokens(false)),
    }
}

/// What a processor makes of a text of a single token.
fn parts(processor: &PostProcessorWrapper, special: bool) -> Result<Vec<Part>, String> {
    const MARK: u32 = u32::MAX;
    let text = Encoding::new(
        vec![MARK],
        vec![0],
        vec![String::new()],
        vec![None],
        vec![(0, 0)],
        vec![0],
        vec![1],
        vec![],
        Default::default(),
    );
    let framed = processor.process(text, None, special).map_err(|error| error.to_string())?;
    framed
        .get_ids()
        .iter()
        .map(|&id| match id {
            MARK => Ok(Part::Text),
            id if i32::try_from(id).is_ok() => Ok(Part::Special(id)),
            id => Err(format!("id {id} of its post-processor is above the largest id, 2147483647")),
        })
        .collect()
}

/// The most that a decoder's replacements may multiply a text by.
fn decoder_growth(decoder: &serde_json::Value) -> usize {
    match decoder["type"].as_str() {
        Some("Sequence") => decoder["decoders"]
            .as_array()
            .map_or(1, |steps| steps.iter().map(decoder_growth).fold(1, usize::saturating_mul)),
        Some("Replace") => {
            let length = decoder["content"].as_str().map_or(0, str::len);
            let least = decoder["pattern"]["String"].as_str().map_or(1, str::len).max(1);
            length.div_ceil(least).max(1)
        }
        _ => 1,
    }
}

/// A normalizer that gives up when a text grows beyond its limit. It keeps the reason, since the library drops errors.
struct Bounded<'a> {
    normalizer: Option<&'a NormalizerWrapper>,
    stop: &'a Stop,
    limit: usize,
    failure: Mutex<Option<Error>>,
}

impl Bounded<'_> {
    fn failed(&self) -> MutexGuard<'_, Option<Error>> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, normalizer: &NormalizerWrapper, text: &mut NormalizedString) -> Result<(), Error> {
        if let NormalizerWrapper::Sequence(steps) = normalizer {
            return steps.as_ref().iter().try_for_each(|step| self.run(step, text));
        }
        self.stop.check()?;
        if text.len().saturating_mul(growth(normalizer)) > self.limit && grown(normalizer, text) > self.limit
        {
            return Err(too_long(self.limit));
        }
        normalizer.normalize(text).map_err(|error| Error::new(Code::Data, error.to_string()))?;
        if text.len() > self.limit { Err(too_long(self.limit)) } else { Ok(()) }
    }
}

impl Normalizer for Bounded<'_> {
    fn normalize(&self, text: &mut NormalizedString) -> tokenizers::Result<()> {
        if self.failed().is_some() {
            return Ok(());
        }
        if let Some(normalizer) = self.normalizer
            && let Err(error) = self.run(normalizer, text)
        {
            *self.failed() = Some(error);
        }
        Ok(())
    }
}

fn too_long(limit: usize) -> Error {
    Error::new(
        Code::Data,
        format!("the tokenizer's file makes it longer than {limit} bytes, the most that is taken"),
    )
}

/// The most that one step can multiply the bytes of a text by.
fn growth(normalizer: &NormalizerWrapper) -> usize {
    match normalizer {
        NormalizerWrapper::Replace(replace) => replace.content.len() + 1,
        NormalizerWrapper::Prepend(prepend) => prepend.prepend.len() + 1,
        // A character map holds replacements of any length, none longer than itself.
        NormalizerWrapper::Precompiled(map) => serde_json::to_value(map)
            .ok()
            .and_then(|value| value["precompiled_charsmap"].as_str().map(longest_replacement))
            .unwrap_or(usize::MAX),
        _ => 11,
    }
}

/// The most bytes that a step can make of a text, counting the positions where it applies.
fn grown(normalizer: &NormalizerWrapper, text: &NormalizedString) -> usize {
    let length = text.len();
    match normalizer {
        NormalizerWrapper::Replace(replace) => {
            let value = serde_json::to_value(replace).unwrap_or_default();
            let pattern = serde_json::from_value::<ReplacePattern>(value["pattern"].clone());
            match pattern {
                Ok(ReplacePattern::String(pattern)) if !pattern.is_empty() => {
                    let places = text.get().matches(pattern.as_str()).count();
                    length.saturating_add(places.saturating_mul(replace.content.len()))
                }
                _ => length.saturating_mul(growth(normalizer)),
            }
        }
        NormalizerWrapper::Prepend(prepend) => length.saturating_add(prepend.prepend.len()),
        _ => length.saturating_mul(growth(normalizer)),
    }
}

/// The longest replacement of a precompiled character map, which is the base64 of its trie's size, the trie, and
/// zero-terminated strings.
fn longest_replacement(base64: &str) -> usize {
    let mut bytes = Vec::with_capacity(base64.len() / 4 * 3);
    let (mut bits, mut count) = (0u32, 0);
    for character in base64.bytes() {
        let value = match character {
            b'A'..=b'Z' => character - b'A',
            b'a'..=b'z' => character - b'a' + 26,
            b'0'..=b'9' => character - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => continue,
        };
        bits = (bits << 6 | u32::from(value)) & 0xff_ffff;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    let trie = bytes.first_chunk::<4>().map_or(0, |size| u32::from_le_bytes(*size) as usize);
    let strings = bytes.get(4 + trie..).unwrap_or(&bytes);
    strings.split(|&byte| byte == 0).map(<[u8]>::len).max().unwrap_or(0).max(1)
}

/// The ids of a text without special tokens; if there is a `room`, at most that many, from the beginning.
pub(crate) fn encode(inner: &Inner, text: &str, room: Option<usize>, stop: &Stop) -> Result<Vec<i32>, Error> {
    let limit = text.len().saturating_mul(GROWTH).max(LEAST_LIMIT);
    stop.check()?;
    let bounded = Bounded { normalizer: inner.get_normalizer(), stop, limit, failure: Mutex::new(None) };
    let mut split = inner.get_added_vocabulary().extract_and_normalize(Some(&bounded), text);
    if let Some(failure) = bounded.failed().take() {
        return Err(failure);
    }
    if let Some(pre_tokenizer) = inner.get_pre_tokenizer() {
        pre_tokenize(pre_tokenizer, &mut split, limit, stop)?;
    }
    let count = Cell::new(0usize);
    let enough = room.unwrap_or(usize::MAX);
    let stopped = RefCell::new(None);
    let model = inner.get_model();
    let tokenized = split.tokenize(|word| {
        if let Err(error) = stop.check() {
            stopped.replace(Some(error));
            return Err("stopped".into());
        }
        if count.get() >= enough {
            return Ok(vec![]);
        }
        let tokens = model.tokenize(word.get())?;
        count.set(count.get() + tokens.len());
        Ok(tokens)
    });
    if let Some(error) = stopped.into_inner() {
        return Err(error);
    }
    tokenized.map_err(|error| Error::new(Code::Data, error.to_string()))?;
    let mut ids = Vec::new();
    for (_, _, tokens) in split.get_splits(OffsetReferential::Normalized, OffsetType::None) {
        for token in tokens.iter().flatten() {
            if ids.len() < enough {
                ids.push(signed(token.id)?);
            }
        }
    }
    Ok(ids)
}

/// Splits a text into words, step by step.
fn pre_tokenize(
    pre_tokenizer: &PreTokenizerWrapper,
    text: &mut PreTokenizedString,
    limit: usize,
    stop: &Stop,
) -> Result<(), Error> {
    if let PreTokenizerWrapper::Sequence(steps) = pre_tokenizer {
        return steps.as_ref().iter().try_for_each(|step| pre_tokenize(step, text, limit, stop));
    }
    stop.check()?;
    pre_tokenizer.pre_tokenize(text).map_err(|error| Error::new(Code::Data, error.to_string()))?;
    let splits = text.get_splits(OffsetReferential::Normalized, OffsetType::None);
    let length = splits.iter().map(|(word, _, _)| word.len()).fold(0, usize::saturating_add);
    if length > limit { Err(too_long(limit)) } else { Ok(()) }
}

/// Whether truncation keeps the end of a text.
pub(crate) fn keeps_end(inner: &Inner) -> bool {
    inner.get_truncation().is_some_and(|truncation| truncation.direction == TruncationDirection::Left)
}

pub(crate) fn signed(id: u32) -> Result<i32, Error> {
    i32::try_from(id)
        .map_err(|_| Error::new(Code::Data, format!("id {id} is above the largest id, 2147483647")))
}
