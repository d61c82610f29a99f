//! What a word is, as patterns of a `tokenizer.json` that other readers of such files understand, too.

use tokenizers::normalizers::replace::ReplacePattern;
use tokenizers::normalizers::{Lowercase, NFC, Replace, Sequence};
use tokenizers::pre_tokenizers::sequence::Sequence as PreTokenizers;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::{NormalizerWrapper, PreTokenizerWrapper, Result, SplitDelimiterBehavior};

/// Control characters and marks without width, which are removed: they belong to no word.
const INVISIBLE: &str = r"[\x{0}-\x{8}\x{E}-\x{1F}\x{7F}-\x{84}\x{86}-\x{9F}\x{AD}\x{61C}\x{200E}\x{200F}\x{202A}-\x{202E}\x{2060}-\x{2069}\x{FEFF}\x{FFFD}]";

/// Letters of scripts that put no spaces between words: Chinese, kana, Bopomofo, Yi, Thai, Lao, Khmer, Burmese, Tai Le,
/// New Tai Lue, Tai Tham, Tai Viet, Javanese, Balinese.
const UNSPACED: &str = concat!(
    r"\p{Han}\p{Hiragana}\p{Katakana}\x{30FC}\x{FF70}",
    r"\x{E01}-\x{E30}\x{E32}\x{E33}\x{E40}-\x{E46}",
    r"\x{E81}-\x{EB0}\x{EB2}\x{EB3}\x{EBD}\x{EC0}-\x{EC6}\x{EDC}-\x{EDF}",
    r"\x{1780}-\x{17B3}\x{17D7}\x{17DC}",
    r"\x{1000}-\x{102A}\x{103F}\x{1050}-\x{1055}\x{105A}-\x{105D}\x{1061}\x{1065}\x{1066}\x{106E}-\x{1070}",
    r"\x{1075}-\x{1081}\x{108E}\x{A9E0}-\x{A9E4}\x{A9E6}-\x{A9EF}\x{A9FA}-\x{A9FE}\x{AA60}-\x{AA76}\x{AA7A}\x{AA7E}\x{AA7F}",
    r"\x{2EA}\x{2EB}\x{3105}-\x{312F}\x{31A0}-\x{31BF}\x{A000}-\x{A48C}",
    r"\x{1950}-\x{196D}\x{1970}-\x{1974}\x{1980}-\x{19AB}\x{19B0}-\x{19C9}\x{1A20}-\x{1A54}\x{1AA7}",
    r"\x{AA80}-\x{AAAF}\x{AAB1}\x{AAB5}\x{AAB6}\x{AAB9}-\x{AABD}\x{AAC0}\x{AAC2}\x{AADB}-\x{AADD}",
    r"\x{A984}-\x{A9B2}\x{A9CF}\x{1B05}-\x{1B33}\x{1B45}-\x{1B4C}",
);

/// Characters that change how the one before them looks: variation selectors, the keycap, skin tones, tags.
const VARIATIONS: &str = r"\x{FE00}-\x{FE0F}\x{20E3}\x{1F3FB}-\x{1F3FF}\x{E0020}-\x{E007F}";

/// A digit or sign in a box.
const KEYCAP: &str = r"[0-9#*]\x{FE0F}?\x{20E3}";

/// A token: a flag, a keycap, a letter of a script without spaces with its marks, a word or number, or one mark or symbol with
/// what changes its looks and with those joined to it.
pub(crate) fn pattern() -> String {
    let letter = format!(r"[\p{{L}}\p{{N}}&&[^{UNSPACED}]]");
    let mark = r"[\p{M}&&[^\x{FE00}-\x{FE0F}\x{20E3}\x{E0020}-\x{E007F}]]";
    let symbol = r"[^\s\p{L}\p{N}\p{M}\p{Cc}\p{Cf}]";
    [
        r"[\x{1F1E6}-\x{1F1FF}]{2}".to_owned(),
        KEYCAP.to_owned(),
        format!(r"[{UNSPACED}]{mark}*"),
        format!(r"(?:{letter}|{mark})(?:{letter}|{mark}|[\x{{200C}}\x{{200D}}])*"),
        format!(r"{symbol}(?:[{VARIATIONS}]|\x{{200D}}{symbol})*"),
    ]
    .join("|")
}

/// Removes invisible characters.
pub(crate) fn invisible() -> Result<Replace> {
    Replace::new(ReplacePattern::Regex(INVISIBLE.to_owned()), "")
}

/// Takes away what is invisible, composes letters with their marks (texts may have been written either way) and lowercases on request.
pub(crate) fn normalizer(lowercase: bool) -> Result<NormalizerWrapper> {
    let mut steps = vec![NormalizerWrapper::Replace(invisible()?), NormalizerWrapper::NFC(NFC)];
    if lowercase {
        steps.push(NormalizerWrapper::Lowercase(Lowercase));
    }
    Ok(NormalizerWrapper::Sequence(Sequence::new(steps)))
}

/// Cuts out keycaps first, since their digits would else be of the word before them.
pub(crate) fn pre_tokenizer() -> Result<PreTokenizerWrapper> {
    let steps = [keycaps()?, words()?].map(PreTokenizerWrapper::Split);
    Ok(PreTokenizerWrapper::Sequence(PreTokenizers::new(steps.into())))
}

/// Cuts before and after each keycap.
pub(crate) fn keycaps() -> Result<Split> {
    Split::new(SplitPattern::Regex(KEYCAP.to_owned()), SplitDelimiterBehavior::Isolated, false)
}

/// Keeps what the pattern finds and drops the rest, which is white space.
pub(crate) fn words() -> Result<Split> {
    Split::new(SplitPattern::Regex(pattern()), SplitDelimiterBehavior::Removed, true)
}
