import { given } from '../../options.js'
import { charTokenizer, subwordTokenizer, wordTokenizer } from '../../text/index.js'
import type { Tokenizer } from '../../text/tokenizer.js'
import type { TokenSettings } from './readingOptions.js'

/** The default size of the vocabulary, and how often a token must occur by default. */
const limits = {
  word: { maxVocabulary: 20_000, minFrequency: 1 },
  character: { maxVocabulary: 20_000, minFrequency: 1 },
  subword: { maxVocabulary: 8192, minFrequency: 2 },
}

const makers = { word: wordTokenizer, character: charTokenizer, subword: subwordTokenizer }

/** The given tokenizer, or one whose vocabulary is that of these texts. */
export async function textTokenizer(
  texts: readonly string[],
  settings: TokenSettings,
  signal: AbortSignal | undefined,
): Promise<Tokenizer> {
  const { tokenizer, tokens } = settings
  const { maxVocabulary, minFrequency } = { ...limits[tokens], ...given(settings) }
  const maxLength = settings.maxLength ?? tokenizer?.maxLength ?? 300
  if (tokenizer) return tokenizer.withMaxLength(maxLength)
  return await makers[tokens](texts, { maxVocabulary, minFrequency, maxLength, ...(signal && { signal }) })
}
