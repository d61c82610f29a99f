/** Letters of scripts that put no spaces between words, as the native word tokenizer knows them (`crates/text/src/words.rs`). */
const unspaced =
  '\\p{Script=Han}\\p{Script=Hiragana}\\p{Script=Katakana}\\u30FC\\uFF70\\u0E01-\\u0E30\\u0E32\\u0E33\\u0E40-\\u0E46' +
  '\\u0E81-\\u0EB0\\u0EB2\\u0EB3\\u0EBD\\u0EC0-\\u0EC6\\u0EDC-\\u0EDF\\u1780-\\u17B3\\u17D7\\u17DC\\u1000-\\u102A\\u103F\\u1050-\\u1055' +
  '\\u105A-\\u105D\\u1061\\u1065\\u1066\\u106E-\\u1070\\u1075-\\u1081\\u108E\\uA9E0-\\uA9E4\\uA9E6-\\uA9EF\\uA9FA-\\uA9FE\\uAA60-\\uAA76' +
  '\\uAA7A\\uAA7E\\uAA7F'

const variations = '\\uFE00-\\uFE0F\\u20E3\\u{1F3FB}-\\u{1F3FF}\\u{E0020}-\\u{E007F}'
const letter = `(?![${unspaced}])[\\p{L}\\p{N}]`
const mark = '(?![\\uFE00-\\uFE0F\\u20E3\\u{E0020}-\\u{E007F}])\\p{M}'
const symbol = '[^\\s\\p{L}\\p{N}\\p{M}\\p{Cc}\\p{Cf}]'

/** Words and numbers of scripts with spaces. */
const word = `(?:${letter}|${mark})(?:${letter}|${mark}|[\\u200C\\u200D])*`
/** A flag, a keycap, or a letter of a script without spaces with its marks. */
const single = `[\\u{1F1E6}-\\u{1F1FF}]{2}|[0-9#*]\\uFE0F?\\u20E3|[${unspaced}](?:${mark})*`
/** A mark or symbol with what changes its looks and with those joined to it. */
const joined = `${symbol}(?:[${variations}]|\\u200D${symbol})*`

/** What a word is: the pattern of the native word tokenizer. */
export const wordPattern = new RegExp(`${single}|${word}|${joined}`, 'gu')

/** {@link wordPattern}, with contractions and compounds as one word. */
export const compoundPattern = new RegExp(`${single}|${word}(?:['’-]${word})*|${joined}`, 'gu')

const isLetter = /^[\p{L}\p{N}\p{M}]/u
const isUnspaced = new RegExp(`^[${unspaced}]`, 'u')

/** Whether a token is a word or number, not a mark. */
export const isWord = (token: string): boolean => isLetter.test(token)

/** Whether a token is of a script without spaces. */
export const isOfUnspacedScript = (token: string): boolean => isUnspaced.test(token)
