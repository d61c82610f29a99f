//! Vocabularies of parts of words: byte-pair encoding over bytes (Sennrich et al. 2016, Radford et al. 2019).

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use tokenizers::models::bpe::{BPE, BpeTrainerBuilder};
use tokenizers::normalizers::Lowercase;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::{
    AddedToken, DecoderWrapper, NormalizerWrapper, PaddingParams, PostProcessorWrapper, PreTokenizerWrapper,
    Tokenizer as Inner, TokenizerImpl,
};

use crate::cut::Cut;
use crate::error::{Code, Error};
use crate::parallel::guarded;
use crate::room::Held;
use crate::tokenizer::{PADDING_TOKEN, Tokenizer, UNKNOWN_TOKEN};
use crate::train::TrainOptions;

type Untrained =
    TokenizerImpl<BPE, NormalizerWrapper, PreTokenizerWrapper, PostProcessorWrapper, DecoderWrapper>;

/// The size of a vocabulary for which no size was given.
const VOCABULARY: usize = 8192;

/// Padding, unknown and the 256 bytes.
const LEAST: usize = 258;

/// Builds a vocabulary: padding, unknown, the 256 bytes, then repeatedly the most frequent pair of tokens. No text is
/// unknown to it, and decoding restores the text.
///
/// # Errors
/// `ERR_OPTION` for a `max_vocabulary` below 258; `ERR_NATIVE` if the library fails.
pub(crate) fn train<S: AsRef<str> + Sync>(texts: &[S], options: &TrainOptions) -> Result<Tokenizer, Error> {
    let size = options.max_vocabulary.unwrap_or(VOCABULARY);
    if size < LEAST {
        let message = format!("maxVocabulary must be at least {LEAST}: padding, unknown and the 256 bytes");
        return Err(Error::new(Code::Option, message));
    }
    let failed =
        |error: tokenizers::Error| Error::new(Code::Native, format!("training the tokenizer: {error}"));
    let inner = guarded("training the tokenizer", || {
        let special = |token: &str| AddedToken::from(token, true);
        let mut trainer = BpeTrainerBuilder::new()
            .vocab_size(size)
            .min_frequency(options.min_frequency)
            .show_progress(false)
            .special_tokens(vec![special(PADDING_TOKEN), special(UNKNOWN_TOKEN)])
            .initial_alphabet(ByteLevel::alphabet().into_iter().collect::<HashSet<char>>())
            .build();
        let mut inner = Untrained::new(BPE::default());
        if options.lowercase {
            inner.with_normalizer(Some(Lowercase)).map_err(failed)?;
        }
        let bytes = ByteLevel::new(false, false, true);
        inner.with_pre_tokenizer(Some(bytes)).with_decoder(Some(bytes));
        // Long texts in parts, so that a stop is seen soon; what follows is work on different words only.
        let (held, ended) = (Held::of(options.room), Mutex::new(Ok(())));
        let parts = texts
            .iter()
            .enumerate()
            .flat_map(|(text, content)| {
                Cut::BeforeSpace.parts(content.as_ref(), 1 << 16).into_iter().map(move |part| (text, part))
            })
            .map_while(|(text, part)| {
                let go = options.stop.check().and_then(|()| held.during(text, part, || Ok(())));
                let ends = go.is_err();
                *ended.lock().unwrap_or_else(PoisonError::into_inner) = go;
                (!ends).then_some(part)
            });
        inner.train(&mut trainer, parts).map_err(failed)?;
        ended.into_inner().unwrap_or_else(PoisonError::into_inner)?;
        options.stop.check()?;
        inner.with_padding(Some(PaddingParams::default()));
        Ok(Inner::from(inner))
    })?;
    Tokenizer::wrap(inner)
}
