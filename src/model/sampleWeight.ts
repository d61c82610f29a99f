import type { Converted } from '../data/elements.js'
import { convertOne, looksLikeTensor, rankOf, type Sliced, type Slot } from '../data/index.js'
import type { Staged } from '../data/stage.js'
import type { Data } from '../data/tensor.js'
import { describe, reading, SeqloomError } from '../errors.js'
import { isUnaligned } from '../losses/loss.js'
import { isRecord } from '../options.js'
import { type TrainedOutput, weightSlots } from './compile.js'

/**
 * @inline Factors of the losses: for each row `[rows]`, or for each step of sequences `[rows, time]`. A model with several trained
 * outputs takes one for all, or one for each: in order (null for ones), or by the output's name.
 */
export type SampleWeight = Data | readonly (Data | null)[] | { readonly [output: string]: Data }

/** What was given for each trained output, or for all: undefined stands for ones. */
function each(trained: readonly TrainedOutput[], given: unknown): unknown[] {
  if (given === undefined) return []
  if (isRecord(given) && !looksLikeTensor(given) && !ArrayBuffer.isView(given)) {
    const names = trained.map(({ name }) => name)
    const unknown = Object.keys(given).find((name) => !names.includes(name))
    if (unknown !== undefined) {
      throw new SeqloomError(
        'ERR_DATA',
        `sampleWeight: there is no trained output ${describe(unknown)}; they are ${names.join(', ')}`,
      )
    }
    return trained.length === 1 ? Object.values(given) : names.map((name) => given[name])
  }
  if (trained.length === 1 || !Array.isArray(given) || given.every((value) => typeof value === 'number')) return [given]
  if (given.length !== trained.length) {
    throw new SeqloomError(
      'ERR_DATA',
      `sampleWeight: expected one for all outputs or ${trained.length} (${trained.map(({ name }) => name).join(', ')}), got ${given.length}`,
    )
  }
  return given.map((value: unknown) => value ?? undefined)
}

/** The ranks of the inputs that sample weights need; none without any. */
export function weightRanks(trained: readonly TrainedOutput[], given: unknown): number[] {
  return reading('ERR_DATA', 'sampleWeight', () => {
    const values = each(trained, given)
    return values.map((value, at) => {
      const outputs = values.length === 1 ? trained : trained.slice(at, at + 1)
      const most = Math.max(1, ...outputs.map(mostRank))
      return value === undefined ? 1 : Math.max(1, Math.min(most, rankOf(value)))
    })
  })
}

/** The most dimensions of an output's weights: rows, or rows and steps. */
const mostRank = ({ shape, loss }: TrainedOutput): number => (isUnaligned(loss) ? 1 : Math.min(2, shape.length - 1))

/** The ranks that factors of the classes of each output need. */
export const classRanks = (trained: readonly TrainedOutput[]): number[] => trained.map(mostRank)

/** Ranks that suffice for both. */
export function joinRanks(a: readonly number[], b: readonly number[]): readonly number[] {
  if (a.length === 0 || b.length === 0) return a.length === 0 ? b : a
  const count = Math.max(a.length, b.length)
  return Array.from({ length: count }, (_, at) => Math.max(a[at] ?? (a[0] as number), b[at] ?? (b[0] as number)))
}

/** Converts sample weights for inputs of some ranks; rows' weights stand for all of their steps. */
export function* convertWeights(
  trained: readonly TrainedOutput[],
  targets: readonly Pick<Staged, 'shape' | 'lengths' | 'mask'>[],
  ranks: readonly number[],
  given: unknown,
  factors: readonly (Float32Array | undefined)[],
): Sliced<{ readonly slots: Slot[]; readonly converted: Converted[] }> {
  const values = ranks.length === 0 ? [] : each(trained, given)
  const slots = weightSlots(trained, ranks).map((input): Slot => ({ ...input, where: input.name, looseLast: true }))
  const converted: Converted[] = []
  for (const [at, slot] of slots.entries()) {
    const target = targets[at] as (typeof targets)[number]
    const value = values.length === 1 ? values[0] : values[at]
    const [rows, time = 1] = target.shape as [number, number?]
    const rank = slot.shape.length
    const narrow = value === undefined || rankOf(value) < rank
    const own: Converted =
      value === undefined
        ? { data: new Float32Array(rows).fill(1), shape: [rows] }
        : yield* convertOne(narrow ? { ...slot, shape: [null] } : slot, value)
    const wide = rank === 2 && narrow ? repeated(own, time) : own
    const { lengths, mask } = target
    if (rank === 2 && !wide.lengths && !wide.mask && wide.shape[1] === time) {
      if (lengths) wide.lengths = lengths
      else if (mask) wide.mask = mask
    }
    converted.push(times(wide, factors[at]))
  }
  return { slots, converted }
}

/** The weights of rows for each of their steps. */
function repeated({ data, shape }: Converted, time: number): Converted {
  const rows = shape[0] as number
  return {
    data: Float32Array.from({ length: rows * time }, (_, at) => data[Math.floor(at / time)] as number),
    shape: [rows, time],
  }
}

function times(weights: Converted, factors: Float32Array | undefined): Converted {
  if (!factors) return weights
  return { ...weights, data: factors.map((factor, at) => factor * (weights.data[at] ?? 1)) }
}
