import { describe, SeqloomError } from '../../errors.js'
import { type Check, custom, isRecord } from '../../options.js'

/**
 * Factors of the loss by label, such as `{ spam: 5 }`, 1 for labels that are left out. Or `'balanced'`: for each label,
 * the number of training examples divided by the number of its own and by the number of labels, so that all labels have
 * the same weight.
 */
export type LabelWeights = 'balanced' | Readonly<Record<string, number>>

/** Whether a value is a factor of a loss. */
export const isFactor = (value: unknown) => typeof value === 'number' && Number.isFinite(value) && value >= 0

/** The check of {@link LabelWeights}. */
export const labelWeights: Check = custom(
  "'balanced' or an object of finite factors of at least 0 by label",
  (value) => value === 'balanced' || (isRecord(value) && Object.values(value).every(isFactor)),
)

/**
 * The factors of labels, in order, of which there are so many examples each; undefined if all are 1. `ERR_OPTION`,
 * naming it, for a label that does not exist.
 */
export function weightsOf(
  where: string,
  given: LabelWeights | undefined,
  labels: readonly string[],
  counts: readonly number[],
): number[] | undefined {
  if (given === undefined) return undefined
  if (given === 'balanced') return balanced(counts)
  const weights = labels.map(() => 1)
  for (const [label, factor] of Object.entries(given)) {
    const index = labels.indexOf(label)
    if (index < 0) {
      const known = labels.slice(0, 20).map(describe).join(', ')
      throw new SeqloomError('ERR_OPTION', `${where}: classWeight has ${describe(label)}, which is not one of ${known}`)
    }
    weights[index] = factor
  }
  return weights
}

/** How many of the targets are of each of so many classes. */
export function countsOf(labels: number, targets: Iterable<number>): number[] {
  const counts = new Array<number>(labels).fill(0)
  for (const target of targets) counts[target] = (counts[target] as number) + 1
  return counts
}

function balanced(counts: readonly number[]): number[] {
  const total = counts.reduce((sum, count) => sum + count, 0)
  const present = counts.filter((count) => count > 0).length
  return counts.map((count) => (count > 0 ? total / (present * count) : 1))
}
