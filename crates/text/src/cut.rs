//! Where a long text may be cut so that its parts give the same ids as the whole.

use tokenizers::models::ModelWrapper;
use tokenizers::{NormalizerWrapper, PreTokenizerWrapper, Tokenizer as Inner};

use crate::words;

/// Where texts may be cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// Between any two characters, but before a mark that may be composed with the letter before it.
    Anywhere,
    /// Before white space that follows something else.
    BeforeSpace,
    /// Nowhere: parts might depend on distant text.
    Never,
}

impl Cut {
    /// What a tokenizer allows. Its parts decide; only those are trusted that look at single characters or words.
    pub(crate) fn of(inner: &Inner) -> Self {
        let added = inner.get_added_tokens_decoder();
        let separate = added.values().all(|token| {
            !token.lstrip
                && !token.rstrip
                && !token.single_word
                && !token.content.contains(char::is_whitespace)
        });
        if !separate || !inner.get_normalizer().is_none_or(local) {
            return Self::Never;
        }
        match inner.get_pre_tokenizer() {
            None => match inner.get_model() {
                ModelWrapper::BPE(model) if added.is_empty() && no_merges(model) => Self::Anywhere,
                _ => Self::Never,
            },
            Some(pre_tokenizer) if by_words(pre_tokenizer) => Self::BeforeSpace,
            Some(_) => Self::Never,
        }
    }

    /// Cuts a text into parts of about `size` bytes, none if it is empty.
    pub(crate) fn parts(self, text: &str, size: usize) -> Vec<&str> {
        let mut parts = Vec::with_capacity(text.len() / size.max(1) + 1);
        let mut rest = text;
        while self != Self::Never && rest.len() > size {
            let Some(at) = self.place(rest, size) else { break };
            let (part, others) = rest.split_at(at);
            parts.push(part);
            rest = others;
        }
        if !rest.is_empty() {
            parts.push(rest);
        }
        parts
    }

    /// The first place to cut at, from `size` bytes on.
    fn place(self, text: &str, size: usize) -> Option<usize> {
        let from = (size..text.len()).find(|&at| text.is_char_boundary(at))?;
        if self == Self::Anywhere {
            let apart = text[from..].char_indices().find(|&(_, character)| stands_apart(character));
            return apart.map(|(at, _)| from + at);
        }
        let mut space = true;
        for (at, character) in text[from..].char_indices() {
            let is_space = character == ' ' || character == '\n';
            if is_space && !space {
                return Some(from + at);
            }
            space = character.is_whitespace();
        }
        None
    }
}

/// Whether a character is surely never composed with the one before it.
fn stands_apart(character: char) -> bool {
    character.is_ascii()
        || matches!(character, '\u{3041}'..='\u{3096}' | '\u{30a1}'..='\u{30fa}' | '\u{3400}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}')
}

fn no_merges(model: &tokenizers::models::bpe::BPE) -> bool {
    // The field is private, but its serialized form is not.
    serde_json::to_value(model).is_ok_and(|value| {
        value["merges"].as_array().is_some_and(Vec::is_empty)
            && value["byte_fallback"] != true
            && value["fuse_unk"] != true
    })
}

fn local(normalizer: &NormalizerWrapper) -> bool {
    match normalizer {
        NormalizerWrapper::BertNormalizer(_)
        | NormalizerWrapper::Lowercase(_)
        | NormalizerWrapper::StripAccents(_)
        | NormalizerWrapper::NFC(_)
        | NormalizerWrapper::NFD(_)
        | NormalizerWrapper::NFKC(_)
        | NormalizerWrapper::NFKD(_) => true,
        NormalizerWrapper::Sequence(steps) => steps.as_ref().iter().all(local),
        NormalizerWrapper::Replace(replace) => words::invisible().is_ok_and(|own| own == *replace),
        _ => false,
    }
}

fn by_words(pre_tokenizer: &PreTokenizerWrapper) -> bool {
    match pre_tokenizer {
        PreTokenizerWrapper::BertPreTokenizer(_)
        | PreTokenizerWrapper::Whitespace(_)
        | PreTokenizerWrapper::WhitespaceSplit(_) => true,
        PreTokenizerWrapper::ByteLevel(bytes) => !bytes.add_prefix_space && bytes.use_regex,
        PreTokenizerWrapper::Split(split) => {
            [words::keycaps(), words::words()].into_iter().flatten().any(|own| own == *split)
        }
        PreTokenizerWrapper::Sequence(steps) => steps.as_ref().iter().all(by_words),
        _ => false,
    }
}
