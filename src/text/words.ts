/**
 * Letters of scripts that put no spaces between words, as the native word tokenizer knows them
 * (`crates/text/src/words.rs`).
 */
const unspaced =
  '\\p{Script=Han}\\p{Script=Hiragana}\\p{Script=Katakana}\\u30FC\\uFF70\\u0E01-\\u0E30\\u0E32\\u0E33\\u0E40-\\u0E46' +
  '\\u0E81-\\u0EB0\\u0EB2\\u0EB3\\u0EBD\\u0EC0-\\u0EC6\\u0EDC-\\u0EDF\\u1780-\\u17B3\\u17D7\\u17DC\\u1000-\\u102A\\u103F\\u1050-\\u1055' +
  '\\u105A-\\u105D\\u1061\\u1065\\u1066\\u106E-\\u1070\\u1075-\\u1081\\u108E\\uA9E0-\\uA9E4\\uA9E6-\\uA9EF\\uA9FA-\\uA9FE\\uAA60-\\uAA76' +
  '\\uAA7A\\uAA7E\\uAA7F\\u02EA\\u02EB\\u3105-\\u312F\\u31A0-\\u31BF\\uA000-\\uA48C\\u1950-\\u196D\\u1970-\\u1974\\u1980-\\u19AB' +
  '\\u19B0-\\u19C9\\u1A20-\\u1A54\\u1AA7\\uAA80-\\uAAAF\\uAAB1\\uAAB5\\uAAB6\\uAAB9-\\uAABD\\uAAC0\\uAAC2\\uAADB-\\uAADD' +
  '\\uA984-\\uA9B2\\uA9CF\\u1B05-\\u1B33\\u1B45-\\u1B4C'

const variations = '\\uFE00-\\uFE0F\\u20E3\\u{1F3FB}-\\u{1F3FF}\\u{E0020}-\\u{E007F}'
const keycap = '[0-9#*]\\uFE0F?\\u20E3'
const letter = `(?!${keycap}|[${unspaced}])[\\p{L}\\p{N}]`
const mark = '(?![\\uFE00-\\uFE0F\\u20E3\\u{E0020}-\\u{E007F}])\\p{M}'
const symbol = '[^\\s\\p{L}\\p{N}\\p{M}\\p{Cc}\\p{Cf}]'

/** Words and numbers of scripts with spaces. */
const word = `(?:${letter}|${mark})(?:${letter}|${mark}|[\\u200C\\u200D])*`
/** A flag, a keycap, or a letter of a script without spaces with its marks. */
const single = `[\\u{1F1E6}-\\u{1F1FF}]{2}|${keycap}|[${unspaced}](?:${mark})*`
/** A mark or symbol with what changes its looks and with those joined to it. */
const joined = `${symbol}(?:[${variations}]|\\u200D${symbol})*`

const wordPattern = new RegExp(`${single}|${word}|${joined}`, 'gu')
const compoundPattern = new RegExp(`${single}|${word}(?:['’-]${word})*|${joined}`, 'gu')

/**
 * Characters that belong to no word: control characters, unpaired surrogates, and marks without width (soft hyphens,
 * direction marks, word joiners).
 */
const invisible =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what it finds.
  /[\0-\x08\x0E-\x1F\x7F-\x84\x86-\x9F\xAD\u061C\u200E\u200F\u202A-\u202E\u2060-\u2069\uFEFF\uFFFD\uD800-\uDFFF]/gu

/** A text as its words are read: without what is invisible, and its letters composed with their marks. */
export const legible = (text: string): string => text.replace(invisible, '').normalize('NFC')

/**
 * A text in lower case, letter by letter as in the native tokenizer: a capital sigma at the end of a word is no
 * exception.
 */
export const lowercased = (text: string): string => Array.from(text, (character) => character.toLowerCase()).join('')

/** The words and marks of a text, split as by the native word tokenizer, but in their original case. */
export const words = (text: string): string[] => legible(text).match(wordPattern) ?? []

/** The {@link words} of a {@link legible} text with their positions. */
export const placedWords = (text: string): IterableIterator<RegExpExecArray> => text.matchAll(wordPattern)

/** The {@link words} of a text, with contractions and compounds as one word. */
export const compoundWords = (text: string): string[] => legible(text).match(compoundPattern) ?? []

const isLetter = /^[\p{L}\p{N}\p{M}]/u
const isUnspaced = new RegExp(`^[${unspaced}]`, 'u')

/** Whether a token is a word or number, not a mark. */
export const isWord = (token: string): boolean => isLetter.test(token)

/** Whether a token is of a script without spaces. */
export const isOfUnspacedScript = (token: string): boolean => isUnspaced.test(token)
