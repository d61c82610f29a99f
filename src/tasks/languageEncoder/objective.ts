import { type Blocks, shuffled as mixed } from '../../data/blocks.js'
import { Dataset, type Start } from '../../data/dataset.js'
import { type Random, randomOf } from '../../data/random.js'
import { from } from '../../data/sources.js'
import type { LanguageEncoderSettings } from './options.js'

/** What a model reads of a text and what it is to predict. */
export interface Example {
  readonly x: {
    readonly tokens: Int32Array
    /**
     * The steps whose states predict, each in an array; if directions predict on their own, followed by 1 for the
     * forward one's and 0 for the backward one's.
     */
    readonly positions: readonly (readonly number[])[]
  }
  /** The token that each of them is to predict. */
  readonly y: Int32Array
}

/** What examples are made for. */
export type Goal = Pick<LanguageEncoderSettings, 'objective' | 'bidirectional'> & {
  /** The number of tokens, without the one that hides others, which is the next one. */
  readonly size: number
}

/** Whether the directions predict on their own. */
export const apart = ({ objective, bidirectional }: Goal): boolean => objective === 'nextToken' && bidirectional

/** The least tokens that there is something to learn from. */
export const leastTokens = ({ objective }: Pick<Goal, 'objective'>): number => (objective === 'masked' ? 1 : 2)

/** The share of tokens that are predicted; of these, the shares that are hidden and that are replaced by another one. */
const [predicted, hidden, replaced] = [0.15, 0.8, 0.1]

/** Padding and the unknown token, which replace no other. */
const reserved = 2

/** The texts in a random order that is another one in each pass, with other tokens hidden. */
export const examples = (rows: readonly Int32Array[], goal: Goal, seed: number): Dataset<Example> =>
  from(({ pass }) => examplesOf(shuffled(rows, randomOf(seed, 2 * pass)), goal, randomOf(seed, 2 * pass + 1)))

/** The same of texts that each pass goes through, of which so many are shuffled together. */
export function streamedExamples(
  texts: Dataset<Int32Array>,
  buffer: number,
  goal: Goal,
  seed: number,
): Dataset<Example> {
  const all = async function* (start: Start): Blocks<Example> {
    const { pass } = start
    const random = randomOf(seed, 2 * pass + 1)
    for await (const rows of mixed(texts.open(start), buffer, randomOf(seed, 2 * pass))) {
      yield [...examplesOf(rows, goal, random)]
    }
  }
  return new Dataset<Example>({ name: texts.name, all })
}

function shuffled(rows: readonly Int32Array[], random: Random): Int32Array[] {
  const order = [...rows]
  for (let last = order.length - 1; last > 0; last--) {
    const at = random(last + 1)
    const taken = order[at] as Int32Array
    order[at] = order[last] as Int32Array
    order[last] = taken
  }
  return order
}

/** An example of each text. */
export function* examplesOf(rows: Iterable<Int32Array>, goal: Goal, random: Random): Generator<Example> {
  for (const row of rows) {
    if (goal.objective === 'masked') yield masked(row, goal.size, random)
    else yield next(row, apart(goal))
  }
}

/** Hides tokens as BERT does (arXiv 1810.04805, 3.1): of those that are predicted, some stay as they are. */
function masked(row: Int32Array, size: number, random: Random): Example {
  const count = Math.max(1, Math.round(predicted * row.length))
  const steps = [...row.keys()]
  for (let at = 0; at < count; at++) {
    const other = at + random(steps.length - at)
    const taken = steps[other] as number
    steps[other] = steps[at] as number
    steps[at] = taken
  }
  const chosen = steps.slice(0, count).sort((a, b) => a - b)
  const tokens = row.slice()
  for (const step of chosen) {
    const drawn = random(2 ** 24) / 2 ** 24
    if (drawn < hidden) tokens[step] = size
    else if (drawn < hidden + replaced && size > reserved) tokens[step] = reserved + random(size - reserved)
  }
  return {
    x: { tokens, positions: chosen.map((step) => [step]) },
    y: Int32Array.from(chosen, (step) => row[step] as number),
  }
}

/** Each token but the last predicts the one after it, and in the other direction each but the first the one before it. */
function next(row: Int32Array, both: boolean): Example {
  const steps = Array.from({ length: row.length - 1 }, (_, step) => step)
  if (!both) return { x: { tokens: row, positions: steps.map((step) => [step]) }, y: row.slice(1) }
  return {
    x: { tokens: row, positions: [...steps.map((step) => [step, 1]), ...steps.map((step) => [step + 1, 0])] },
    y: Int32Array.of(...row.subarray(1), ...row.subarray(0, -1)),
  }
}
