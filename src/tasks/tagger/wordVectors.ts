import { SeqloomError } from '../../errors.js'
import { readWordVectors } from '../../interop/wordVectorFile.js'
import { pathOf } from '../../path.js'
import { Vocabulary } from '../shared/vocabulary.js'

/** How many words of a file are kept even if no training row has them: files begin with the most frequent ones. */
const mostOthers = 100_000

/** Words with a vector for each, and for padding and unknown words. */
export interface PretrainedWords {
  readonly vocabulary: Vocabulary
  /** The rows of the vocabulary's ids. */
  readonly table: Float32Array
  readonly dimensions: number
}

/**
 * A vocabulary of the training rows' words and those of a file of vectors. A word that is not in the file has the vector
 * of its lower case; without that, and for unknown words, it is the mean of all. Rejects as `interop.loadWordVectors`.
 */
export async function pretrainedWords(
  where: string,
  file: string | URL,
  known: Vocabulary,
  signal: AbortSignal | undefined,
): Promise<PretrainedWords> {
  const path = pathOf(`${where}: wordVectors`, file)
  const vectors = new Map<string, Float32Array>()
  const wanted = new Set(known.tokens.flatMap((token) => [token, token.toLowerCase()]))
  let read = 0
  let mean = new Float64Array(0)
  await readWordVectors(
    path,
    (given, vector) => {
      const word = given.normalize('NFC')
      if (read++ === 0) mean = new Float64Array(vector.length)
      if (vectors.has(word) || (read > mostOthers && !wanted.has(word))) return true
      vectors.set(word, vector.slice())
      for (const [at, value] of vector.entries()) mean[at] = (mean[at] as number) + value
      return true
    },
    signal,
  )
  if (vectors.size === 0) throw new SeqloomError('ERR_DATA', `${where}: wordVectors: ${path} has no words`)
  const vocabulary = Vocabulary.parse([...new Set([...known.tokens, ...vectors.keys()])])
  const dimensions = mean.length
  const table = new Float32Array(vocabulary.size * dimensions)
  const usual = Float32Array.from(mean, (sum) => sum / vectors.size)
  table.set(usual, dimensions)
  for (const token of vocabulary.tokens) {
    const vector = vectors.get(token) ?? vectors.get(token.toLowerCase()) ?? usual
    table.set(vector, vocabulary.idOf(token) * dimensions)
  }
  return { vocabulary, table, dimensions }
}
