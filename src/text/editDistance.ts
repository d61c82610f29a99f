import { describe, reading, SeqloomError } from '../errors.js'
import { checkPairs, type References, referencesOf, whiteSpace } from './pairs.js'

/** A text, or a list of tokens or of their ids. */
export type Tokens = string | ArrayLike<number> | readonly string[]

/**
 * The least number of insertions, deletions and replacements that turn one list into the other (Levenshtein 1966): of
 * tokens or ids, or of the characters (code points) of texts. Errors: `ERR_DATA`.
 */
export function editDistance(a: Tokens, b: Tokens): number {
  const [first, second] = [a, b].map((given) => reading('ERR_DATA', 'text.editDistance', () => listed(given)))
  return distance(first as readonly unknown[], second as readonly unknown[])
}

/**
 * The words to insert, delete or replace to get the references, as a share of their words: 0 for equal texts, and above 1
 * possible. Words are what white space separates; of several references, the closest counts. Errors: `ERR_DATA`.
 */
export const wordErrorRate = (hypotheses: readonly string[], references: References): number =>
  errorRate('text.wordErrorRate', hypotheses, references, (text) =>
    text.split(whiteSpace).filter((word) => word !== ''),
  )

/** The same of characters (code points), without white space at either end. Errors: `ERR_DATA`. */
export const characterErrorRate = (hypotheses: readonly string[], references: References): number =>
  errorRate('text.characterErrorRate', hypotheses, references, (text) => Array.from(text.trim()))

function errorRate(
  where: string,
  hypotheses: readonly string[],
  references: References,
  split: (text: string) => readonly string[],
): number {
  checkPairs(where, hypotheses, references)
  let [errors, length] = [0, 0]
  hypotheses.forEach((hypothesis, index) => {
    const { distance: nearest, reference } = closest(split(hypothesis), referencesOf(references, index).map(split))
    errors += nearest
    length += reference.length
  })
  return errors / Math.max(length, 1)
}

/** The reference with the least distance, the first of equal ones. */
export function closest<T>(
  tokens: readonly T[],
  references: readonly (readonly T[])[],
): { readonly distance: number; readonly reference: readonly T[] } {
  const distances = references.map((reference) => distance(tokens, reference))
  const least = Math.min(...distances)
  return { distance: least, reference: references[distances.indexOf(least)] as readonly T[] }
}

function distance<T>(a: readonly T[], b: readonly T[]): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (const [i, token] of a.entries()) {
    const next = [i + 1]
    for (const [j, other] of b.entries()) {
      const replaced = (row[j] as number) + (token === other ? 0 : 1)
      next.push(Math.min(replaced, (row[j + 1] as number) + 1, (next[j] as number) + 1))
    }
    row = next
  }
  return row[b.length] as number
}

function listed(given: Tokens): readonly unknown[] {
  const isList = typeof given === 'string' || Array.isArray(given) || (ArrayBuffer.isView(given) && 'length' in given)
  const list: readonly unknown[] = isList ? Array.from(given as ArrayLike<unknown>) : []
  if (isList && list.every((token) => typeof token === 'string' || typeof token === 'number')) {
    return typeof given === 'string' ? Array.from(given) : list
  }
  throw new SeqloomError(
    'ERR_DATA',
    `text.editDistance: expected a text, or an array of tokens or their ids, not ${describe(given)}`,
  )
}
