use std::cmp::Reverse;
use std::collections::HashMap;

use tokenizers::decoders::fuse::Fuse;
use tokenizers::models::bpe::BPE;
use tokenizers::models::wordlevel::WordLevel;
use tokenizers::normalizers::Lowercase;
use tokenizers::{
    NormalizedString, Normalizer, NormalizerWrapper, OffsetReferential, OffsetType, PaddingParams,
    PreTokenizedString, PreTokenizer, PreTokenizerWrapper, Tokenizer as Inner,
};

use crate::cut::Cut;
use crate::error::{Code, Error};
use crate::parallel::{guarded, map_blocks, thread_count};
use crate::room::{Held, Room};
use crate::stop::Stop;
use crate::subword;
use crate::tokenizer::{PADDING_TOKEN, Tokenizer, UNKNOWN_TOKEN};
use crate::words;

/// The units of a trained vocabulary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Every Unicode character, white space and line ends too; decoding gives the text back.
    Character,
    /// Words and numbers; every punctuation mark, symbol and emoji (with its modifiers) by itself, and every character
    /// of scripts without spaces: Chinese, kana, Thai, Lao, Khmer, Burmese. White space separates and control
    /// characters vanish.
    Word,
    /// Parts of words, made of bytes; decoding restores the text.
    Subword,
}

/// How [`Tokenizer::train`] chooses the vocabulary.
#[derive(Clone, Debug)]
pub struct TrainOptions {
    /// How many tokens to keep at most, the most frequent ones, including padding and unknown. `None` (default): all;
    /// for subwords 8192.
    pub max_vocabulary: Option<usize>,
    /// How often a token, or a pair of parts, must occur to be kept. Default 1; for subwords 2.
    pub min_frequency: u64,
    /// Whether text is lowercased first.
    pub lowercase: bool,
    /// Encoded texts are truncated to this many ids. `None` (default): not at all.
    pub max_length: Option<usize>,
    /// The most threads to count with; 0 (default) for as many as the process may run at once.
    pub threads: usize,
    /// Where memory is asked for; by default of the allocator.
    pub room: Room,
    /// Ends the work early.
    pub stop: Stop,
}

impl TrainOptions {
    /// The defaults for a unit: words are lowercased, characters are not.
    pub fn new(unit: Unit) -> Self {
        Self {
            max_vocabulary: None,
            min_frequency: if unit == Unit::Subword { 2 } else { 1 },
            lowercase: unit == Unit::Word,
            max_length: None,
            threads: 0,
            room: Room::default(),
            stop: Stop::default(),
        }
    }
}

impl Tokenizer {
    /// Builds a vocabulary from texts: padding at id 0, unknown at id 1, then the tokens by falling frequency (ties by
    /// code point), so one set of texts always gives one vocabulary. Parts of words begin with the 256 bytes, by rank
    /// of their merge.
    ///
    /// # Errors
    /// `ERR_OPTION` for a `max_vocabulary` below 3, a `min_frequency` or a `max_length` of 0; `ERR_DATA` if no token
    /// is left to keep.
    pub fn train<S: AsRef<str> + Sync>(
        unit: Unit,
        texts: &[S],
        options: &TrainOptions,
    ) -> Result<Self, Error> {
        if options.max_vocabulary.is_some_and(|most| most < 3) {
            return Err(Error::new(
                Code::Option,
                "maxVocabulary must be at least 3: padding, unknown and one token",
            ));
        }
        if options.min_frequency == 0 {
            return Err(Error::new(Code::Option, "minFrequency must be at least 1"));
        }
        if unit == Unit::Subword {
            let tokenizer = subword::train(texts, options)?;
            return match options.max_length {
                Some(_) => tokenizer.with_max_length(options.max_length),
                None => Ok(tokenizer),
            };
        }
        let counts = count(unit, texts, options)?;
        let mut kept: Vec<(String, u64)> =
            counts.into_iter().filter(|(_, times)| *times >= options.min_frequency).collect();
        if kept.is_empty() {
            let message = format!(
                "no vocabulary: {} texts hold no token that occurs at least {} times",
                texts.len(),
                options.min_frequency
            );
            return Err(Error::new(Code::Data, message));
        }
        kept.sort_unstable_by(|a, b| (Reverse(a.1), &a.0).cmp(&(Reverse(b.1), &b.0)));
        if let Some(most) = options.max_vocabulary {
            kept.truncate(most - 2);
        }
        let tokens = [PADDING_TOKEN, UNKNOWN_TOKEN].into_iter().map(String::from);
        let vocabulary = tokens.chain(kept.into_iter().map(|(token, _)| token)).zip(0u32..).collect();
        let tokenizer = Self::wrap(assemble(unit, vocabulary, options.lowercase)?)?;
        match options.max_length {
            Some(_) => tokenizer.with_max_length(options.max_length),
            None => Ok(tokenizer),
        }
    }
}

/// How long a text is cut for the threads that count, in bytes.
const PART: usize = 1 << 14;

fn count<S: AsRef<str> + Sync>(
    unit: Unit,
    texts: &[S],
    options: &TrainOptions,
) -> Result<HashMap<String, u64>, Error> {
    let failed =
        |text: usize, error: tokenizers::Error| Error::new(Code::Data, format!("text {text}: {error}"));
    let cut = if unit == Unit::Character { Cut::Anywhere } else { Cut::BeforeSpace };
    let parts: Vec<(usize, &str)> = texts
        .iter()
        .enumerate()
        .flat_map(|(text, content)| {
            cut.parts(content.as_ref(), PART).into_iter().map(move |part| (text, part))
        })
        .collect();
    let splitter = WordSplitter::new(options.lowercase).map_err(|error| failed(0, error))?;
    let block = parts.len().div_ceil(thread_count(options.threads)).max(1);
    let held = Held::of(options.room);
    let counts = map_blocks(&parts, block, options.threads, |_, block| {
        let mut counts = HashMap::new();
        for &(text, part) in block {
            options.stop.check()?;
            held.during(text, part, || {
                match unit {
                    Unit::Character => count_characters(part, options.lowercase, &mut counts),
                    Unit::Word | Unit::Subword => splitter.count(part, &mut counts),
                }
                .map_err(|error| failed(text, error))
            })?;
        }
        Ok(counts)
    })?;
    Ok(counts
        .into_iter()
        .reduce(|mut all, part| {
            for (token, times) in part {
                *all.entry(token).or_insert(0) += times;
            }
            all
        })
        .unwrap_or_default())
}

fn count_characters(
    text: &str,
    lowercase: bool,
    counts: &mut HashMap<String, u64>,
) -> tokenizers::Result<()> {
    let mut normalized = NormalizedString::from(text);
    if lowercase {
        Lowercase.normalize(&mut normalized)?;
    }
    let mut buffer = [0; 4];
    for character in normalized.get().chars() {
        add(character.encode_utf8(&mut buffer), counts);
    }
    Ok(())
}

/// Splits texts into words as the finished tokenizer will.
struct WordSplitter {
    normalizer: NormalizerWrapper,
    split: PreTokenizerWrapper,
}

impl WordSplitter {
    fn new(lowercase: bool) -> tokenizers::Result<Self> {
        Ok(Self { normalizer: words::normalizer(lowercase)?, split: words::pre_tokenizer()? })
    }

    fn count(&self, text: &str, counts: &mut HashMap<String, u64>) -> tokenizers::Result<()> {
        let mut normalized = NormalizedString::from(text);
        self.normalizer.normalize(&mut normalized)?;
        let mut split = PreTokenizedString::from(normalized);
        self.split.pre_tokenize(&mut split)?;
        for (word, _, _) in split.get_splits(OffsetReferential::Normalized, OffsetType::None) {
            add(word, counts);
        }
        Ok(())
    }
}

fn add(token: &str, counts: &mut HashMap<String, u64>) {
    match counts.get_mut(token) {
        Some(times) => *times += 1,
        None => {
            counts.insert(token.to_owned(), 1);
        }
    }
}

/// The tokenizer for a finished vocabulary, made of parts that every reader of `tokenizer.json` knows.
fn assemble(unit: Unit, vocabulary: HashMap<String, u32>, lowercase: bool) -> Result<Inner, Error> {
    let failed =
        |error: tokenizers::Error| Error::new(Code::Native, format!("assembling the tokenizer: {error}"));
    guarded("assembling the tokenizer", || {
        let mut inner = match unit {
            Unit::Character => {
                // Byte-pair encoding without a single merge: every character is its own token.
                let model = BPE::builder()
                    .vocab_and_merges(
                        vocabulary.into_iter().collect::<tokenizers::models::bpe::Vocab>(),
                        vec![],
                    )
                    .unk_token(UNKNOWN_TOKEN.into())
                    .build()
                    .map_err(failed)?;
                let mut inner = Inner::new(model);
                if lowercase {
                    inner.with_normalizer(Some(Lowercase)).map_err(failed)?;
                }
                inner.with_decoder(Some(Fuse::new()));
                inner
            }
            Unit::Word | Unit::Subword => {
                let model = WordLevel::builder()
                    .vocab(vocabulary.into_iter().collect())
                    .unk_token(UNKNOWN_TOKEN.into())
                    .build()
                    .map_err(failed)?;
                let mut inner = Inner::new(model);
                inner.with_normalizer(Some(words::normalizer(lowercase).map_err(failed)?)).map_err(failed)?;
                inner.with_pre_tokenizer(Some(words::pre_tokenizer().map_err(failed)?));
                inner
            }
        };
        inner.with_padding(Some(PaddingParams::default()));
        Ok(inner)
    })
}
