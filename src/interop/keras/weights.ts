import { type Tensor, tensor } from '../../data/tensor.js'
import type { Entry } from './graph.js'
import type { Part } from './layers.js'
import type { Origin } from './saved.js'

/** A weight of a file, before it is read. */
export interface SavedWeight {
  readonly path: string
  readonly shape: readonly number[]
  floats(): Float32Array
}

/** Gives each layer its weights; `of` names those of an entry's part, in order. Those that do not fit are noted in `origin.problems`. */
export function assign(
  entries: readonly Entry[],
  of: (entry: Entry, part: Part) => readonly SavedWeight[],
  origin: Origin,
): void {
  const ready: (() => void)[] = []
  for (const entry of new Set(entries)) {
    const own = entry.layer.getWeights()
    const saved = entry.parts.flatMap((part) => of(entry, part).map((weight) => ({ weight, adapt: part.adapt })))
    if (own.length !== saved.length) {
      origin.problems.push(`'${entry.name}' has ${own.length} weights here, ${saved.length} in the file`)
      continue
    }
    const wrong = own.find((each, index) => !fits(each, saved[index]?.weight.shape ?? []))
    if (wrong !== undefined) {
      const shapes = (all: readonly { readonly shape: readonly number[] }[]) =>
        all.map(({ shape }) => `[${shape}]`).join(', ')
      origin.problems.push(
        `the weights of '${entry.name}' are ${shapes(own)} here, ${shapes(saved.map(({ weight }) => weight))} in the file`,
      )
      continue
    }
    if (own.length === 0) continue
    ready.push(() => {
      const values = saved.map(({ weight, adapt }, index) => {
        const floats = weight.floats()
        adapt?.(floats, weight.shape)
        return tensor(floats, (own[index] as Tensor).shape)
      })
      entry.layer.setWeights(values)
    })
  }
  if (origin.problems.length === 0) for (const each of ready) each()
}

/** Heads of an attention are a dimension of their own in Keras, and a single number has none. */
function fits({ shape }: Tensor, saved: readonly number[]): boolean {
  const size = (of: readonly number[]) => of.reduce((product, each) => product * each, 1)
  return (
    size(shape) === size(saved) && (shape.length !== saved.length || shape.every((each, axis) => each === saved[axis]))
  )
}
