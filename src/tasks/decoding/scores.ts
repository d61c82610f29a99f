import { type Bleu, bleu } from '../../text/bleu.js'
import { chrF } from '../../text/chrF.js'
import { closest } from '../../text/editDistance.js'
import type { Units, Writing } from './units.js'

/** How written texts compare with the expected ones. */
export interface WrittenScores {
  /** BLEU against all expected texts, as sacreBLEU defines it; see `text.bleu`. */
  readonly bleu: Bleu
  /** chrF against all expected texts, from 0 to 100, as sacreBLEU defines it; see `text.chrF`. */
  readonly chrF: number
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
    const { distance, reference } = closest(tokens, targets)
    errors += distance
    length += reference.length
    if (distance === 0) exact++
    references.push(targets.map((target) => written(target, units)))
    return written(tokens, units)
  })
  return {
    bleu: bleu(hypotheses, references),
    chrF: chrF(hypotheses, references),
    exactMatch: exact / known.length,
    errorRate: errors / Math.max(length, 1),
    count: known.length,
  }
}

const written = (tokens: readonly string[], units: Units): string => tokens.join(units.separator)
