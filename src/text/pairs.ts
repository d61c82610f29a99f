// What comparisons of texts with references share.
import { describe, reading, SeqloomError } from '../errors.js'

/** The expected text for each text, or several of them. */
export type References = readonly (string | readonly string[])[]

/** The references of a text that was checked. */
export function referencesOf(references: References, index: number): readonly string[] {
  const given = references[index] as string | readonly string[]
  return typeof given === 'string' ? [given] : given
}

/**
 * White space as Python's `str.split()` knows it, which differs from JavaScript's: U+001C to U+001F and U+0085 are,
 * U+FEFF is not.
 */
// biome-ignore lint/suspicious/noControlCharactersInRegex: some are white space there.
export const whiteSpace = /[\t-\r\u001c-\u0020\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+/u

/** How often sequences of `n` tokens occur. */
export function ngrams(tokens: readonly string[], n: number, separator = ' '): Map<string, number> {
  const counts = new Map<string, number>()
  for (let start = 0; start + n <= tokens.length; start++) {
    const gram = tokens.slice(start, start + n).join(separator)
    counts.set(gram, (counts.get(gram) ?? 0) + 1)
  }
  return counts
}

/** Checks that each text has a reference. `ERR_DATA` says which has not. */
export function checkPairs(where: string, hypotheses: readonly string[], references: References): void {
  reading('ERR_DATA', where, () => check(where, hypotheses, references))
}

function check(where: string, hypotheses: readonly string[], references: References): void {
  if (!Array.isArray(hypotheses) || !Array.isArray(references) || hypotheses.length !== references.length) {
    const [a, b] = [describe(hypotheses), describe(references)]
    throw new SeqloomError('ERR_DATA', `${where}: expected as many references as hypotheses, got ${a} and ${b}`)
  }
  if (hypotheses.length === 0) throw new SeqloomError('ERR_DATA', `${where}: there are no texts`)
  const isText = (value: unknown) => typeof value === 'string'
  const wrong = Array.from(hypotheses).findIndex((hypothesis, index) => {
    const given = references[index] as unknown
    return (
      !isText(hypothesis) ||
      !(isText(given) || (Array.isArray(given) && given.length > 0 && Array.from(given).every(isText)))
    )
  })
  if (wrong >= 0) {
    throw new SeqloomError(
      'ERR_DATA',
      `${where}: text ${wrong} must be a string with a string, or several, as references`,
    )
  }
}
