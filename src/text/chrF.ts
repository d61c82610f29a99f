import { checkOptions, integer, positive } from '../options.js'
import { checkPairs, ngrams, type References, referencesOf, whiteSpace } from './pairs.js'

/** Options of {@link chrF}. */
export interface ChrFOptions {
  /** The longest n-grams of characters; default 6. */
  readonly charOrder?: number
  /** The longest n-grams of words; default 0, which is none, and 2 for chrF++. */
  readonly wordOrder?: number
  /** How much more recall counts than precision; default 2. */
  readonly beta?: number
}

/** Of one order: the n-grams of a text, those of its reference, and those that both have. */
type Counts = readonly [found: number, expected: number, matched: number]

/**
 * chrF (Popović 2015) of a corpus, from 0 to 100, as sacreBLEU computes it
 * (`nrefs:var|case:mixed|eff:yes|nc:6|nw:0|space:no`): precision and recall of n-grams of characters without white space,
 * averaged over the orders that occur, then F with `beta`. Of several references, the one counts that a text comes
 * closest to. With `wordOrder: 2` it is chrF++, which adds words.
 *
 * `references` has one text, or several, for each hypothesis. Errors: `ERR_DATA`, `ERR_OPTION`.
 */
export function chrF(hypotheses: readonly string[], references: References, options: ChrFOptions = {}): number {
  checkOptions('text.chrF', options, {
    accepted: { charOrder: integer(1, 100), wordOrder: integer(0, 100), beta: positive },
  })
  checkPairs('text.chrF', hypotheses, references)
  const { charOrder = 6, wordOrder = 0, beta = 2 } = options
  const grams = (text: string) => [
    ...gramsOf(charactersOf(text), charOrder, ''),
    ...gramsOf(wordsOf(text), wordOrder, ' '),
  ]
  let all: Counts[] = []
  hypotheses.forEach((hypothesis, index) => {
    const own = grams(hypothesis)
    let best: readonly Counts[] = []
    let highest = -1
    for (const reference of referencesOf(references, index)) {
      const counts = grams(reference).map((expected, order) => compared(own[order] as Map<string, number>, expected))
      const score = scoreOf(counts, beta)
      if (score > highest) [best, highest] = [counts, score]
    }
    all = best.map((counts, order): Counts => {
      const [found, expected, matched] = all[order] ?? [0, 0, 0]
      return [found + counts[0], expected + counts[1], matched + counts[2]]
    })
  })
  return scoreOf(all, beta)
}

const gramsOf = (tokens: readonly string[], longest: number, separator: string): Map<string, number>[] =>
  Array.from({ length: longest }, (_, order) => ngrams(tokens, order + 1, separator))

const partsOf = (text: string): string[] => text.split(whiteSpace).filter((part) => part !== '')

const charactersOf = (text: string): string[] => Array.from(partsOf(text).join(''))

const punctuation = /[!-/:-@[-`{-~]/

/** Words, of which one punctuation mark at the end, or else at the beginning, is a word of its own. */
function wordsOf(text: string): string[] {
  return partsOf(text).flatMap((word) => {
    const characters = Array.from(word)
    if (characters.length === 1) return [word]
    const [first, last] = [characters[0] as string, characters.at(-1) as string]
    if (punctuation.test(last)) return [characters.slice(0, -1).join(''), last]
    return punctuation.test(first) ? [first, characters.slice(1).join('')] : [word]
  })
}

function compared(own: ReadonlyMap<string, number>, expected: ReadonlyMap<string, number>): Counts {
  let [found, matched, all] = [0, 0, 0]
  for (const [gram, count] of own) {
    found += count
    matched += Math.min(count, expected.get(gram) ?? 0)
  }
  for (const count of expected.values()) all += count
  return [all > 0 ? found : 0, all, matched]
}

function scoreOf(orders: readonly Counts[], beta: number): number {
  const known = orders.filter(([found, expected]) => found > 0 && expected > 0)
  const mean = (part: (counts: Counts) => number) => known.reduce((sum, counts) => sum + part(counts), 0) / known.length
  if (known.length === 0) return 0
  const precision = mean(([found, , matched]) => matched / found)
  const recall = mean(([, expected, matched]) => matched / expected)
  if (precision + recall === 0) return 0
  const factor = beta ** 2
  return (100 * (1 + factor) * precision * recall) / (factor * precision + recall)
}
