import { SeqloomError } from '../../errors.js'
import type { Tokenizer } from '../../text/tokenizer.js'
import { warn } from '../../warn.js'
import type { TaskParts } from './served.js'

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

/** What a training is, as to the tokens that a vocabulary lacks. */
export interface UnknownTokens {
  readonly parts: TaskParts
  /** Whether the model was trained before. */
  readonly further: boolean
  readonly maxUnknown: number
  /** Whose tokens they are, of a task with several vocabularies; default none. */
  readonly of?: string
}

/**
 * Notes what a vocabulary lacks in the texts of a first training, where a small one, or an encoder's, may lack much. Of a
 * further training, `ERR_DATA` if that share is by more than `maxUnknown` larger, a warning if it is larger.
 */
export function checkUnknown(
  where: string,
  tokenizer: Pick<Tokenizer, 'unknownId'>,
  rows: readonly Int32Array[],
  { parts, further, maxUnknown, of }: UnknownTokens,
): void {
  const share = unknownShare(tokenizer, rows)
  const key = of ?? 'all'
  if (!further) {
    parts.unknown = { ...parts.unknown, [key]: share }
    return
  }
  const first = parts.unknown?.[key] ?? 0
  const tokens = of === undefined ? 'tokens' : `tokens of ${of}`
  const before = first > 0 ? ` (${percent(first)} in its first training)` : ''
  const what = `${where}: ${percent(share)} of the ${tokens} are not in the model's vocabulary${before} and would all be learned as one unknown token`
  if (share - first > maxUnknown) {
    throw new SeqloomError(
      'ERR_DATA',
      `${what}; more than ${percent(Math.min(1, first + maxUnknown))} are refused unless maxUnknown allows them; a new model learns them`,
    )
  }
  if (share - first > telling) warn('WARN_UNKNOWN_TOKENS', what)
}
