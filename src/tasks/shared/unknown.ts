import { SeqloomError } from '../../errors.js'
import type { Tokenizer } from '../../text/tokenizer.js'
import { warn } from '../../warn.js'

/** Shares of unknown tokens that are told of: in texts to train on further, and in texts to measure on. */
const [telling, mostly] = [0.01, 0.5]

/** The share of tokens that the vocabulary does not hold. */
export function unknownShare({ unknownId }: Pick<Tokenizer, 'unknownId'>, rows: readonly Int32Array[]): number {
  if (unknownId === undefined) return 0
  let [unknown, all] = [0, 0]
  for (const ids of rows) {
    all += ids.length
    for (const id of ids) if (id === unknownId) unknown++
  }
  return all === 0 ? 0 : unknown / all
}

const percent = (share: number) => `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`

/** Warns if texts that a training measures on are mostly unknown tokens: what it measures says little. */
export function tellUnknown(
  where: string,
  tokenizer: Pick<Tokenizer, 'unknownId'>,
  held: readonly Int32Array[],
  what = 'the validation part',
): void {
  const share = unknownShare(tokenizer, held)
  if (share <= mostly) return
  const cure = 'more texts, or subwords or characters as tokens, tell more of them apart'
  warn('WARN_UNKNOWN_TOKENS', `${where}: ${percent(share)} of the tokens of ${what} are unknown; ${cure}`)
}

/**
 * Checks texts that a model with a vocabulary is to be trained on further: `ERR_DATA` if a larger share of their tokens
 * than `maxUnknown` is unknown, a warning if some are.
 */
export function checkUnknown(
  where: string,
  tokenizer: Pick<Tokenizer, 'unknownId'>,
  rows: readonly Int32Array[],
  maxUnknown: number,
  tokens = 'tokens',
): void {
  const share = unknownShare(tokenizer, rows)
  const what = `${where}: ${percent(share)} of the ${tokens} are not in the model's vocabulary and would all be learned as one unknown token`
  if (share > maxUnknown) {
    throw new SeqloomError(
      'ERR_DATA',
      `${what}; more than ${percent(maxUnknown)} are refused unless maxUnknown allows them; a new model learns them`,
    )
  }
  if (share > telling) warn('WARN_UNKNOWN_TOKENS', what)
}
