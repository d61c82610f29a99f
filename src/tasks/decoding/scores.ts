import { type Bleu, bleu } from '../../text/bleu.js'
import type { Units, Writing } from './units.js'

/** How written texts compare with the expected ones. */
export interface WrittenScores {
  /** BLEU against all expected texts, as sacreBLEU defines it; see `text.bleu`. */
  readonly bleu: Bleu
  /** The share that equals one of the expected texts. */
  readonly exactMatch: number
  /**
   * The tokens to insert, delete or replace to get the closest expected text, as a share of its tokens: a phoneme,
   * character or word error rate.
   */
  readonly errorRate: number
  /** The number of different sources or images. */
  readonly count: number
}

/** How well a translator does on rows with known translations. */
export interface TranslationEvaluation extends WrittenScores {
  /** The mean of −log of a target token's probability, given the preceding true tokens. */
  readonly loss: number
  /** e to the loss. */
  readonly perplexity: number
}

/** The expected texts for one source. */
export interface References {
  readonly targets: readonly Writing[]
}

/** Compares texts with the expected ones, by words, characters or tokens. */
export function scores(units: Units, known: readonly References[], texts: readonly string[]): WrittenScores {
  let [exact, errors, length] = [0, 0, 0]
  const references: string[][] = []
  const hypotheses = texts.map((text, index) => {
    const tokens = units.split(text)
    const targets = (known[index] as References).targets.map((target) => units.split(target))
    const distances = targets.map((target) => editDistance(tokens, target))
    const nearest = distances.indexOf(Math.min(...distances))
    errors += distances[nearest] as number
    length += (targets[nearest] as string[]).length
    if (distances[nearest] === 0) exact++
    references.push(targets.map((target) => written(target, units)))
    return written(tokens, units)
  })
  return {
    bleu: bleu(hypotheses, references),
    exactMatch: exact / known.length,
    errorRate: errors / Math.max(length, 1),
    count: known.length,
  }
}

const written = (tokens: readonly string[], units: Units): string => tokens.join(units.separator)

/** The least number of insertions, deletions and replacements that turn one list into the other (Levenshtein 1966). */
function editDistance(a: readonly string[], b: readonly string[]): number {
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
