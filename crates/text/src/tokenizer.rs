use std::str::FromStr;
use std::sync::Arc;

use tokenizers::models::ModelWrapper;
use tokenizers::{PaddingParams, PostProcessor, Tokenizer as Inner, TruncationParams};

use crate::error::{Code, Error};
use crate::expressions;
use crate::ids;
use crate::parallel::guarded;
use crate::pipeline::{Pipeline, bound_model};

/// The token at id 0 of every vocabulary trained here: padding.
pub const PADDING_TOKEN: &str = "[PAD]";
/// The token at id 1 of every vocabulary trained here: the unknown token.
pub const UNKNOWN_TOKEN: &str = "[UNK]";

/// A tokenizer with its vocabulary. Immutable and cheap to clone: clones share one vocabulary.
#[derive(Clone, Debug)]
pub struct Tokenizer {
    pub(crate) inner: Arc<Inner>,
    // Ids are ragged, so the library must never pad; the file's settings are kept for `to_json`.
    padding: Option<PaddingParams>,
    padding_id: Option<u32>,
    unknown_id: Option<u32>,
    vocabulary_size: usize,
    pub(crate) pipeline: Arc<Pipeline>,
}

impl Tokenizer {
    /// Reads a Hugging Face `tokenizer.json`: any model, normaliser, pre-tokenizer, post-processor and decoder of the
    /// `tokenizers` library. Truncation set in the file is honoured; padding is not, since ids are ragged.
    ///
    /// # Errors
    /// `ERR_FORMAT` for text that is not such a file, ids above 2²⁴, more than 64
    /// regular expressions, or a truncation that leaves no room.
    pub fn from_json(json: &str) -> Result<Self, Error> {
        let broken = |why: String| Error::new(Code::Format, format!("tokenizer.json: {why}"));
        ids::check(json)?;
        expressions::check(json)?;
        let mut inner =
            guarded("tokenizer.json", || Inner::from_str(json).map_err(|error| broken(error.to_string())))
                .map_err(|error| Error::new(Code::Format, error.message))?;
        bound_model(&mut inner);
        if let Some(truncation) = inner.get_truncation() {
            check_truncation(&inner, truncation).map_err(broken)?;
        }
        Self::wrap(inner)
    }

    pub(crate) fn wrap(mut inner: Inner) -> Result<Self, Error> {
        let padding = inner.get_padding().cloned();
        inner.with_padding(None);
        if is_own_subword(&inner) {
            // What users write is text, even if it looks like a special token.
            inner.set_encode_special_tokens(true);
        }
        let pipeline = guarded("tokenizer.json", || {
            Pipeline::of(&inner).map_err(|why| Error::new(Code::Format, format!("tokenizer.json: {why}")))
        })
        .map_err(|error| Error::new(Code::Format, error.message))?;
        let vocabulary_size = inner.get_vocab(true).values().max().map_or(0, |&largest| largest as usize + 1);
        if i32::try_from(vocabulary_size).is_err() {
            let message =
                format!("tokenizer.json: id {} is above the largest id, 2147483647", vocabulary_size - 1);
            return Err(Error::new(Code::Format, message));
        }
        let find = |names: &[&str]| names.iter().find_map(|name| inner.token_to_id(name));
        let padding_id = match &padding {
            Some(padding) => Some(padding.pad_id),
            None => find(&[PADDING_TOKEN, "<pad>", "<PAD>"]),
        };
        let unknown_id = match inner.get_model() {
            ModelWrapper::WordLevel(model) => inner.token_to_id(&model.unk_token),
            ModelWrapper::WordPiece(model) => inner.token_to_id(&model.unk_token),
            ModelWrapper::BPE(model) => model.unk_token.as_ref().and_then(|token| inner.token_to_id(token)),
            ModelWrapper::Unigram(_) => None,
        };
        let unknown_id = unknown_id.or_else(|| find(&[UNKNOWN_TOKEN, "<unk>", "<UNK>"]));
        Ok(Self {
            inner: Arc::new(inner),
            padding,
            padding_id,
            unknown_id,
            vocabulary_size,
            pipeline: Arc::new(pipeline),
        })
    }

    /// The tokenizer as a Hugging Face `tokenizer.json`, indented.
    ///
    /// # Errors
    /// `ERR_NATIVE` if the library cannot serialize it.
    pub fn to_json(&self) -> Result<String, Error> {
        let failed = |error: String| Error::new(Code::Native, format!("writing tokenizer.json: {error}"));
        guarded("writing tokenizer.json", || {
            let mut inner = Inner::clone(&self.inner);
            inner.with_padding(self.padding.clone());
            inner.to_string(true).map_err(|error| failed(error.to_string()))
        })
    }

    /// The same tokenizer, keeping at most the first `max_length` ids of a text, special tokens included (`None`: all).
    ///
    /// # Errors
    /// `ERR_OPTION` if `max_length` leaves no room beside the special tokens.
    pub fn with_max_length(&self, max_length: Option<usize>) -> Result<Self, Error> {
        let mut inner = Inner::clone(&self.inner);
        let truncation = max_length.map(|max_length| TruncationParams { max_length, ..Default::default() });
        if let Some(truncation) = &truncation {
            check_truncation(&inner, truncation)
                .map_err(|why| Error::new(Code::Option, format!("maxLength: {why}")))?;
        }
        inner.with_truncation(truncation).map_err(|error| Error::new(Code::Option, error.to_string()))?;
        Ok(Self { inner: Arc::new(inner), ..self.clone() })
    }

    /// The number of ids to which texts are truncated, special tokens included; `None` if they are not.
    pub fn max_length(&self) -> Option<usize> {
        self.inner.get_truncation().map(|truncation| truncation.max_length)
    }

    /// One more than the largest id: the number of rows that an embedding needs.
    pub fn vocabulary_size(&self) -> usize {
        self.vocabulary_size
    }

    /// Every token with its id, by id.
    pub fn vocabulary(&self) -> Vec<(String, u32)> {
        let mut tokens: Vec<_> = self.inner.get_vocab(true).into_iter().collect();
        tokens.sort_unstable_by(|a, b| (a.1, &a.0).cmp(&(b.1, &b.0)));
        tokens
    }

    /// The id of a token, if the vocabulary holds it.
    pub fn token_to_id(&self, token: &str) -> Option<u32> {
        self.inner.token_to_id(token)
    }

    /// The token of an id, if the vocabulary holds it.
    pub fn id_to_token(&self, id: u32) -> Option<String> {
        self.inner.id_to_token(id)
    }

    /// The id of padding (0 in vocabularies trained here), if there is one.
    pub fn padding_id(&self) -> Option<u32> {
        self.padding_id
    }

    /// The id of unknown tokens (1 in vocabularies trained here), if there is one.
    pub fn unknown_id(&self) -> Option<u32> {
        self.unknown_id
    }

    /// Turns ids back into text. Padding is left out; `skip_special` also leaves out `[CLS]` and the like.
    ///
    /// # Errors
    /// `ERR_DATA` for an id outside the vocabulary, naming its position.
    pub fn decode(&self, ids: &[i32], skip_special: bool) -> Result<String, Error> {
        let mut known = Vec::with_capacity(ids.len());
        for (position, &id) in ids.iter().enumerate() {
            match u32::try_from(id) {
                Ok(id) if Some(id) == self.padding_id => {}
                Ok(id) if self.inner.id_to_token(id).is_some() => known.push(id),
                _ => {
                    let size = self.vocabulary_size;
                    let message =
                        format!("id {id} at position {position} is not in the vocabulary of {size} tokens");
                    return Err(Error::new(Code::Data, message));
                }
            }
        }
        guarded("decoding", || {
            self.inner
                .decode(&known, skip_special)
                .map_err(|error| Error::new(Code::Data, format!("decoding: {error}")))
        })
    }
}

/// Whether a tokenizer is a subword tokenizer that was trained here: its only added tokens are padding and unknown.
fn is_own_subword(inner: &Inner) -> bool {
    let added = inner.get_added_tokens_decoder();
    matches!(inner.get_model(), ModelWrapper::BPE(_))
        && added.len() == 2
        && [(0, PADDING_TOKEN), (1, UNKNOWN_TOKEN)]
            .iter()
            .all(|(id, token)| added.get(id).is_some_and(|known| known.content == *token && known.special))
}

/// Says why a truncation cannot be used: the library subtracts and asserts instead of refusing it.
fn check_truncation(inner: &Inner, truncation: &TruncationParams) -> Result<(), String> {
    let special = inner.get_post_processor().map_or(0, |processor| processor.added_tokens(false));
    let length = truncation.max_length;
    match length.checked_sub(special) {
        Some(room) if room > truncation.stride => Ok(()),
        _ => Err(format!(
            "a length of {length} leaves no room for text beside {special} special tokens and a stride of {}",
            truncation.stride
        )),
    }
}
