import { checkPairs, ngrams, type References, referencesOf, whiteSpace } from './pairs.js'

/** How close translations come to references; see {@link bleu}. */
export interface Bleu {
  /** From 0 to 100. */
  readonly score: number
  /** The share of n-grams that occur in the references, for n = 1 to 4, from 0 to 100; smoothed where it would be 0. */
  readonly precisions: readonly number[]
  /** The factor that lowers the score of translations that are too short. */
  readonly brevityPenalty: number
  /** The number of tokens in all translations. */
  readonly length: number
  /** The number of tokens in the references that are closest in length. */
  readonly referenceLength: number
}

const longest = 4

/**
 * BLEU (Papineni et al. 2002) of a corpus as sacreBLEU computes it by default (Post 2018;
 * `nrefs:var|case:mixed|eff:no|tok:13a|smooth:exp`). Texts are tokenized as by mteval-v13a. N-grams up to 4 are counted
 * over all texts and clipped to the reference that has most of them; orders without a match count as 1/2, 1/4, … of
 * one. Translations shorter than the references that are closest in length are penalised.
 *
 * `references` has one text, or several, for each hypothesis. Errors: `ERR_DATA`.
 */
export function bleu(hypotheses: readonly string[], references: References): Bleu {
  checkPairs('text.bleu', hypotheses, references)
  const correct = new Array<number>(longest).fill(0)
  const total = new Array<number>(longest).fill(0)
  let [length, referenceLength] = [0, 0]
  hypotheses.forEach((hypothesis, index) => {
    const tokens = tokenize13a(hypothesis)
    const others = referencesOf(references, index).map(tokenize13a)
    length += tokens.length
    referenceLength += closest(tokens.length, others)
    for (let n = 1; n <= longest; n++) {
      const most = new Map<string, number>()
      for (const other of others) {
        for (const [gram, count] of ngrams(other, n)) most.set(gram, Math.max(count, most.get(gram) ?? 0))
      }
      let found = 0
      for (const [gram, count] of ngrams(tokens, n)) found += Math.min(count, most.get(gram) ?? 0)
      correct[n - 1] = (correct[n - 1] as number) + found
      total[n - 1] = (total[n - 1] as number) + Math.max(tokens.length - n + 1, 0)
    }
  })
  const brevityPenalty = length >= referenceLength ? 1 : length === 0 ? 0 : Math.exp(1 - referenceLength / length)
  const precisions = smoothed(correct, total)
  const product = precisions.reduce((all, precision) => all * precision, 1)
  return { score: brevityPenalty * product ** (1 / longest), precisions, brevityPenalty, length, referenceLength }
}

/** The tokens of mteval-v13a; white space at the end is no part of the text, and a hyphen before it no divided word. */
function tokenize13a(text: string): string[] {
  let end = text.length
  while (end > 0 && whiteSpace.test(text[end - 1] as string)) end--
  const plain = text
    .slice(0, end)
    .replaceAll('<skipped>', '')
    .replaceAll('-\n', '')
    .replaceAll('\n', ' ')
    .replaceAll('&quot;', '"')
    .replaceAll('&amp;', '&')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
  return ` ${plain} `
    .replaceAll(/([{-~[-` -&(-+:-@/])/g, ' $1 ')
    .replaceAll(/([^0-9])([.,])/gu, '$1 $2 ')
    .replaceAll(/([.,])([^0-9])/gu, ' $1 $2')
    .replaceAll(/([0-9])(-)/g, '$1 $2 ')
    .split(whiteSpace)
    .filter((token) => token !== '')
}

/** The length of the reference that is closest in length; of two, the shorter. */
function closest(length: number, references: readonly (readonly string[])[]): number {
  const lengths = references.map((reference) => reference.length)
  return lengths.reduce((best, other) => {
    const [near, far] = [Math.abs(other - length), Math.abs(best - length)]
    return near < far || (near === far && other < best) ? other : best
  }, lengths[0] as number)
}

/** Precisions in percent. Where texts are too short for any n-gram, they are 0. */
function smoothed(correct: readonly number[], total: readonly number[]): number[] {
  if (correct.every((count) => count === 0)) return correct.map(() => 0)
  let factor = 1
  return correct.map((count, index) => {
    const all = total[index] as number
    if (all === 0) return 0
    if (count > 0) return (100 * count) / all
    factor *= 2
    return 100 / (factor * all)
  })
}
