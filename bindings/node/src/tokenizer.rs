//! Tokenizers for JavaScript.

use crate::argument;
use crate::array::room_for_results;
use crate::cancel;
use crate::error::{ErrorCode, Failure, Outcome, caught, guard};
use crate::job;
use napi::bindgen_prelude::{ClassInstance, Int32Array, Object, Uint32Array, Unknown};
use napi::{Env, Result, ValueType};
use napi_derive::napi;
use seqloom_graph::{available_bytes, room_for};
use seqloom_kernels::pool;
use seqloom_text::{EncodeOptions, Encoded, Room, Stop, Tokenizer, TrainOptions, Unit};
use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread::Builder;
use std::time::Duration;

/// Ids of many texts, ragged.
#[napi(object, object_from_js = false)]
pub struct EncodedTexts {
    /// The ids of all texts, one after the other.
    pub ids: Int32Array,
    /// The number of ids of each text.
    pub lengths: Uint32Array,
}

impl EncodedTexts {
    fn of(encoded: Encoded) -> Outcome<Self> {
        // JavaScript makes an array of each text's ids.
        room_for_results(encoded.lengths.len(), 0)?;
        Ok(Self { ids: Int32Array::new(encoded.ids), lengths: Uint32Array::new(encoded.lengths) })
    }
}

/// One token of a vocabulary.
#[napi(object, object_from_js = false)]
pub struct VocabularyEntry {
    /// The token.
    pub token: String,
    /// Its id.
    pub id: u32,
}

/// Texts on their way to a tokenizer, handed over in pieces, so that JavaScript's thread is never blocked for long;
/// used once.
#[napi]
pub struct StagedTexts {
    texts: RefCell<Vec<String>>,
}

#[napi]
impl StagedTexts {
    /// No texts yet.
    #[napi(constructor, catch_unwind)]
    #[allow(clippy::new_without_default, reason = "constructed from JavaScript only")]
    pub fn new() -> Self {
        Self { texts: RefCell::default() }
    }

    /// Adds texts.
    ///
    /// Errors: `ERR_MEMORY`.
    #[napi(catch_unwind, ts_args_type = "texts: string[]")]
    pub fn add(&self, texts: Unknown<'_>) -> Result<(), ErrorCode> {
        guard(|| {
            // Converting them ends the process if memory runs out.
            room_for(PIECE, "The texts")?;
            let more = list(&texts)?;
            self.texts.borrow_mut().extend(more);
            Ok(())
        })
    }

    /// Appends to the last text.
    ///
    /// Errors: `ERR_MEMORY`.
    #[napi(catch_unwind, ts_args_type = "piece: string")]
    pub fn extend(&self, piece: Unknown<'_>) -> Result<(), ErrorCode> {
        guard(|| {
            room_for(PIECE, "The texts")?;
            let piece = argument::string(&piece, "piece")?;
            if let Some(last) = self.texts.borrow_mut().last_mut() {
                last.try_reserve(piece.len()).map_err(|_| Failure::memory("The texts", piece.len()))?;
                last.push_str(&piece);
            }
            Ok(())
        })
    }
}

/// More bytes than a piece of texts takes.
const PIECE: usize = 4 << 20;

/// A tokenizer with its vocabulary; immutable.
#[napi]
pub struct NativeTokenizer {
    tokenizer: Tokenizer,
}

#[napi]
impl NativeTokenizer {
    /// Chooses a vocabulary from texts, on another thread. `unit` is `character`, `word` or `subword`.
    ///
    /// Errors: `ERR_OPTION` for an option out of range, `ERR_DATA` if no token is left to keep.
    #[napi(
        catch_unwind,
        ts_args_type = "unit: 'character' | 'word' | 'subword', texts: string[] | StagedTexts, options?: { maxVocabulary?: number, minFrequency?: number, lowercase?: boolean, maxLength?: number }, cancel?: CancelFlag",
        ts_return_type = "Promise<NativeTokenizer>"
    )]
    pub fn train<'env>(
        env: &'env Env,
        unit: Unknown<'env>,
        texts: Unknown<'env>,
        options: Unknown<'env>,
        cancel: Unknown<'env>,
    ) -> Result<Object<'env>, ErrorCode> {
        guard(|| {
            let unit = match argument::string(&unit, "unit")?.as_str() {
                "character" => Unit::Character,
                "word" => Unit::Word,
                "subword" => Unit::Subword,
                other => {
                    let message = format!("unit: expected 'character', 'word' or 'subword', got '{other}'");
                    return Err(Failure::new(ErrorCode::OPTION, message));
                }
            };
            let texts = read_texts(&texts)?;
            let mut options = read_train_options(unit, &options)?;
            let flag = cancel::read(&cancel, "cancel")?;
            options.stop = Stop::when(Arc::clone(&flag));
            job::run_until(env, Arc::clone(&flag), move |_| {
                abandonable(flag, move || Ok(Self { tokenizer: Tokenizer::train(unit, &texts, &options)? }))
            })
        })
    }

    /// Reads a Hugging Face `tokenizer.json`.
    ///
    /// Errors: `ERR_FORMAT` for text that is not such a file.
    #[napi(factory, catch_unwind, ts_args_type = "json: string")]
    pub fn from_json(json: Unknown<'_>) -> Result<Self, ErrorCode> {
        guard(|| Ok(Self { tokenizer: Tokenizer::from_json(&argument::string(&json, "json")?)? }))
    }

    /// `fromJson` of the file's bytes, on another thread.
    #[napi(
        catch_unwind,
        ts_args_type = "bytes: Uint8Array, cancel?: CancelFlag",
        ts_return_type = "Promise<NativeTokenizer>"
    )]
    pub fn read<'env>(
        env: &'env Env,
        bytes: Unknown<'env>,
        cancel: Unknown<'env>,
    ) -> Result<Object<'env>, ErrorCode> {
        guard(|| {
            let bytes = argument::elements::<u8>(&bytes, "bytes")?;
            let flag = cancel::read(&cancel, "cancel")?;
            job::run_until(env, Arc::clone(&flag), move |_| {
                abandonable(flag, move || {
                    let json = String::from_utf8(bytes).map_err(|error| {
                        Failure::new(ErrorCode::FORMAT, format!("tokenizer.json: not UTF-8: {error}"))
                    })?;
                    Ok(Self { tokenizer: Tokenizer::from_json(&json)? })
                })
            })
        })
    }

    /// `toJson` on another thread.
    #[napi(catch_unwind, ts_return_type = "Promise<string>")]
    pub fn write<'env>(&self, env: &'env Env) -> Result<Object<'env>, ErrorCode> {
        guard(|| {
            let tokenizer = self.tokenizer.clone();
            let flag = Arc::default();
            job::run_until(env, Arc::clone(&flag), move |_| {
                abandonable(flag, move || Ok(tokenizer.to_json()?))
            })
        })
    }

    /// The tokenizer as a Hugging Face `tokenizer.json`.
    #[napi(catch_unwind)]
    pub fn to_json(&self) -> Result<String, ErrorCode> {
        guard(|| Ok(self.tokenizer.to_json()?))
    }

    /// The same tokenizer, keeping at most the first `maxLength` ids of a text; without one, all.
    ///
    /// Errors: `ERR_OPTION` if it leaves no room beside the special tokens.
    #[napi(catch_unwind, ts_args_type = "maxLength?: number | null")]
    pub fn with_max_length(&self, max_length: Unknown<'_>) -> Result<NativeTokenizer, ErrorCode> {
        guard(|| {
            let most = optional_integer(&max_length, "maxLength", 1)?;
            Ok(Self { tokenizer: self.tokenizer.with_max_length(most)? })
        })
    }

    /// Encodes many texts in parallel, on other threads.
    ///
    /// Errors: `ERR_DATA` naming the first text that cannot be encoded.
    #[napi(
        catch_unwind,
        ts_args_type = "texts: string[] | StagedTexts, options?: { specialTokens?: boolean, fillEmpty?: boolean }, cancel?: CancelFlag",
        ts_return_type = "Promise<EncodedTexts>"
    )]
    pub fn encode_batch<'env>(
        &self,
        env: &'env Env,
        texts: Unknown<'env>,
        options: Unknown<'env>,
        cancel: Unknown<'env>,
    ) -> Result<Object<'env>, ErrorCode> {
        guard(|| {
            let texts = read_texts(&texts)?;
            let mut options = read_encode_options(&options)?;
            let flag = cancel::read(&cancel, "cancel")?;
            options.stop = Stop::when(Arc::clone(&flag));
            let tokenizer = self.tokenizer.clone();
            let small = texts.iter().map(String::len).sum::<usize>() < SMALL;
            job::run_until(env, Arc::clone(&flag), move |_| {
                let body = move || EncodedTexts::of(tokenizer.encode_batch(&texts, &options)?);
                if small { body() } else { abandonable(flag, body) }
            })
        })
    }

    /// `encodeBatch` on the caller's thread, for a few texts.
    #[napi(
        catch_unwind,
        ts_args_type = "texts: string[], options?: { specialTokens?: boolean, fillEmpty?: boolean }"
    )]
    pub fn encode_batch_sync(
        &self,
        texts: Unknown<'_>,
        options: Unknown<'_>,
    ) -> Result<EncodedTexts, ErrorCode> {
        guard(|| {
            let texts = read_texts(&texts)?;
            let options = EncodeOptions { threads: 1, ..read_encode_options(&options)? };
            EncodedTexts::of(self.tokenizer.encode_batch(&texts, &options)?)
        })
    }

    /// Turns ids back into text; `skipSpecial` (default true) leaves out `[CLS]` and the like.
    ///
    /// Errors: `ERR_DATA` for an id outside the vocabulary.
    #[napi(catch_unwind, ts_args_type = "ids: Int32Array, skipSpecial?: boolean")]
    pub fn decode(&self, ids: Unknown<'_>, skip_special: Unknown<'_>) -> Result<String, ErrorCode> {
        guard(|| {
            let ids = argument::elements::<i32>(&ids, "ids")?;
            let skip = optional_boolean(&skip_special, "skipSpecial")?.unwrap_or(true);
            Ok(self.tokenizer.decode(&ids, skip)?)
        })
    }

    /// One more than the largest id: the number of rows that an embedding needs.
    #[napi(catch_unwind)]
    pub fn vocabulary_size(&self) -> f64 {
        self.tokenizer.vocabulary_size() as f64
    }

    /// Every token, by id.
    #[napi(catch_unwind)]
    pub fn vocabulary(&self) -> Vec<VocabularyEntry> {
        self.tokenizer.vocabulary().into_iter().map(|(token, id)| VocabularyEntry { token, id }).collect()
    }

    /// The id of a token, `null` if the vocabulary does not hold it.
    #[napi(catch_unwind, ts_args_type = "token: string")]
    pub fn token_to_id(&self, token: Unknown<'_>) -> Result<Option<u32>, ErrorCode> {
        guard(|| Ok(self.tokenizer.token_to_id(&argument::string(&token, "token")?)))
    }

    /// The token of an id, `null` if the vocabulary does not hold it.
    #[napi(catch_unwind, ts_args_type = "id: number")]
    pub fn id_to_token(&self, id: Unknown<'_>) -> Result<Option<String>, ErrorCode> {
        guard(|| {
            let id = argument::integer(&id, "id", 0)?;
            Ok(u32::try_from(id).ok().and_then(|id| self.tokenizer.id_to_token(id)))
        })
    }

    /// The id of padding, `null` if there is none.
    #[napi(catch_unwind)]
    pub fn padding_id(&self) -> Option<u32> {
        self.tokenizer.padding_id()
    }

    /// The id of unknown tokens, `null` if there is none.
    #[napi(catch_unwind)]
    pub fn unknown_id(&self) -> Option<u32> {
        self.tokenizer.unknown_id()
    }

    /// The number of ids to which texts are truncated, `null` if they are not.
    #[napi(catch_unwind)]
    pub fn max_length(&self) -> Option<f64> {
        self.tokenizer.max_length().map(|most| most as f64)
    }
}

/// Texts with fewer bytes than this in total take only a moment.
const SMALL: usize = 1 << 14;

/// Runs `body` on its own thread, which is abandoned if it does not end soon after the flag was set: the underlying
/// library cannot be stopped everywhere. What it then returns is dropped.
fn abandonable<T: Send + 'static>(
    flag: Arc<AtomicBool>,
    body: impl FnOnce() -> Outcome<T> + Send + 'static,
) -> Outcome<T> {
    const LOOK: Duration = Duration::from_millis(20);
    const GRACE: u32 = 4;
    let (sender, receiver) = channel();
    Builder::new().name("seqloom-text".to_owned()).spawn(move || sender.send(caught(body))).map_err(
        |error| {
            Failure::new(ErrorCode::NATIVE, format!("The operating system refused another thread: {error}"))
        },
    )?;
    let mut looks = 0;
    loop {
        match receiver.recv_timeout(LOOK) {
            Ok(outcome) => return outcome,
            Err(RecvTimeoutError::Disconnected) => {
                return Err(Failure::new(ErrorCode::NATIVE, "A thread of the tokenizer ended unexpectedly"));
            }
            Err(RecvTimeoutError::Timeout) if flag.load(Ordering::Acquire) => looks += 1,
            Err(RecvTimeoutError::Timeout) => {}
        }
        if looks > GRACE {
            return Err(Failure::new(
                ErrorCode(seqloom_text::Code::Aborted.as_str()),
                "the work was cancelled",
            ));
        }
    }
}

/// The texts of an array, or of a `StagedTexts`, which is empty afterwards.
fn read_texts(value: &Unknown<'_>) -> Outcome<Vec<String>> {
    if value.get_type()? == ValueType::Object {
        // SAFETY: the conversion checks the class and its type tag.
        if let Ok(staged) = unsafe { value.cast::<ClassInstance<'_, StagedTexts>>() } {
            return Ok(staged.texts.take());
        }
    }
    list(value)
}

fn list(value: &Unknown<'_>) -> Outcome<Vec<String>> {
    argument::list(value, "texts", |item, what| argument::string(&item, what))
}

fn optional_integer(value: &Unknown<'_>, what: &str, least: usize) -> Outcome<Option<usize>> {
    if argument::is_missing(value) { Ok(None) } else { argument::integer(value, what, least).map(Some) }
}

fn optional_boolean(value: &Unknown<'_>, what: &str) -> Outcome<Option<bool>> {
    if argument::is_missing(value) { Ok(None) } else { argument::boolean(value, what).map(Some) }
}

/// The number of threads of the process, since texts are counted and encoded in parallel; 0 lets the text crate choose.
fn threads() -> usize {
    pool::threads().unwrap_or(0)
}

/// Memory that the process may still use.
fn room() -> Room {
    Room::asked_of(|bytes| available_bytes().is_none_or(|left| bytes as u64 <= left))
}

fn read_train_options(unit: Unit, value: &Unknown<'_>) -> Outcome<TrainOptions> {
    let mut options = TrainOptions { threads: threads(), room: room(), ..TrainOptions::new(unit) };
    if argument::is_missing(value) {
        return Ok(options);
    }
    let object = argument::object(value, "options")?;
    let read = |name: &str| argument::field(&object, name);
    options.max_vocabulary = optional_integer(&read("maxVocabulary")?, "maxVocabulary", 0)?;
    if let Some(least) = optional_integer(&read("minFrequency")?, "minFrequency", 0)? {
        options.min_frequency = least as u64;
    }
    if let Some(lowercase) = optional_boolean(&read("lowercase")?, "lowercase")? {
        options.lowercase = lowercase;
    }
    options.max_length = optional_integer(&read("maxLength")?, "maxLength", 0)?;
    Ok(options)
}

fn read_encode_options(value: &Unknown<'_>) -> Outcome<EncodeOptions> {
    let mut options = EncodeOptions { threads: threads(), room: room(), ..EncodeOptions::default() };
    if argument::is_missing(value) {
        return Ok(options);
    }
    let object = argument::object(value, "options")?;
    if let Some(special) = optional_boolean(&argument::field(&object, "specialTokens")?, "specialTokens")? {
        options.special_tokens = special;
    }
    if let Some(fill) = optional_boolean(&argument::field(&object, "fillEmpty")?, "fillEmpty")? {
        options.fill_empty = fill;
    }
    Ok(options)
}
