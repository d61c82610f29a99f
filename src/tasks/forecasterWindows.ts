import type { Sliced } from '../data/slices.js'
import { type TensorLike, tensor } from '../data/tensor.js'
import type { Features, Table } from './forecasterFeatures.js'
import { quantileCount } from './forecasterModel.js'

/** Rows of steps with what follows each of them, for training. */
export interface Windows {
  readonly x: TensorLike
  readonly y: TensorLike
  readonly count: number
}

/** Steps to read of a table, and which of the values that follow them count. */
export interface Span {
  readonly table: Table
  readonly start: number
  readonly steps: number
  /** The first value that counts, and the one behind the last. */
  readonly from: number
  readonly to: number
}

/** As many numbers as training sequences may be: with more, they overlap less. */
const mostNumbers = 2 ** 26

/** Windows over the first `ends` steps of some tables, each an eighth of its length after the one before, or more where there are very many. */
export function trainingSpans(
  tables: readonly Table[],
  ends: readonly number[],
  window: number,
  width: number,
): Span[] {
  // After the last step nothing follows that could be learned.
  const lengths = ends.map((end) => end - 1)
  const longest = Math.min(
    window,
    lengths.reduce((a, b) => Math.max(a, b)),
  )
  const numbers = 8 * width * lengths.reduce((a, b) => a + b)
  const overlap = Math.min(1, Math.max(1 / 8, (numbers / mostNumbers) * (1 / 8)))
  const stride = Math.ceil(longest * overlap)
  return tables.flatMap((table, index) => {
    const [end, length] = [ends[index] as number, lengths[index] as number]
    const steps = Math.min(longest, length)
    if (steps < 1) return []
    const count = Math.floor((length - steps) / stride) + 1
    return Array.from(
      { length: count },
      (_, i): Span => ({ table, start: length - steps - i * stride, steps, from: 0, to: end }),
    )
  })
}

/** What is held out behind the first `ends` steps of some tables, read on from at most `context` steps before. */
export function validationSpans(tables: readonly Table[], ends: readonly number[], context: number): Span[] {
  return tables.flatMap((table, index) => {
    const [from, to] = [ends[index] as number, table.steps.length]
    const start = Math.max(0, from - context)
    return from === to ? [] : [{ table, start, steps: to - 1 - start, from, to }]
  })
}

/**
 * Lays spans out as inputs `[count, time, features]` and targets for the quantile loss: differences between what follows and its linear forecast, then
 * how much each counts, on average 1. Short spans are filled up with steps that do not count.
 */
export function* windows(spans: readonly Span[], features: Features): Sliced<Windows> {
  const { horizon, variables } = features.settings
  const time = spans.reduce((most, { steps }) => Math.max(most, steps), 0)
  const [width, block] = [features.inputWidth, horizon * variables.length]
  const outputs = quantileCount * block
  const count = spans.length
  const x = new Float32Array(count * time * width)
  const y = new Float32Array(count * time * outputs)
  let counted = 0
  for (const [index, { table, start, steps, from, to }] of spans.entries()) {
    for (let step = 0; step < steps; step++) {
      const [now, place] = [start + step, index * time + step]
      const read = table.steps[now] as Table['steps'][number]
      const bases = table.bases[now] as Float32Array
      features.write(read, (ahead) => table.ahead[now + ahead], bases, x, place * width)
      for (let ahead = Math.max(1, from - now); ahead <= horizon && now + ahead < to; ahead++) {
        const later = table.scaled[now + ahead] as Float32Array
        for (const [variable, value] of later.entries()) {
          if (Number.isNaN(value) || now < features.firstLearned(variable, to)) continue
          const output = place * outputs + (ahead - 1) * later.length + variable
          const base = bases[(ahead - 1) * later.length + variable] as number
          y[output] = (value - base) / features.spread(variable, ahead)
          y[output + block] = 1
          counted++
        }
      }
    }
    yield
  }
  const share = counted === 0 ? 1 : (count * time * block) / counted
  if (share !== 1) {
    for (let place = 0; place < count * time; place++) {
      for (let output = block; output < 2 * block; output++) {
        y[place * outputs + output] = (y[place * outputs + output] as number) * share
      }
      if (place % 1024 === 0) yield
    }
  }
  return { x: tensor(x, [count, time, width]), y: tensor(y, [count, time, outputs]), count }
}
