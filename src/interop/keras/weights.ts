import { type Tensor, tensor } from '../../data/tensor.js'
import type { Entry } from './graph.js'
import type { Origin } from './saved.js'

/** A weight of a file, before it is read. */
export interface SavedWeight {
  readonly path: string
  readonly shape: readonly number[]
  floats(): Float32Array
}

/**
 * Gives each layer its weights; `of` finds those of an entry, of which ours has `count`. Those that do not fit are noted in `origin.problems`, and none is
 * given then.
 */
export function assign(
  entries: readonly Entry[],
  of: (entry: Entry, count: number) => readonly SavedWeight[],
  origin: Origin,
): void {
  const ready: (() => void)[] = []
  for (const { layer, name, parts, owner } of entries) {
    const own = layer.getWeights()
    const saved = of({ layer, name, parts, owner }, own.length)
    if (own.length !== saved.length || !own.every((each, index) => fits(each, saved[index]?.shape ?? []))) {
      const shapes = (all: readonly { readonly shape: readonly number[] }[]) =>
        all.map(({ shape }) => `[${shape.join(', ')}]`).join(', ') || 'none'
      origin.problems.push(`the weights of '${name}' are ${shapes(own)} here, ${shapes(saved)} in the file`)
      continue
    }
    if (own.length === 0) continue
    ready.push(() => {
      const values = saved.map((weight, index) => {
        const floats = weight.floats()
        parts[Math.floor((index * parts.length) / saved.length)]?.adapt?.(floats, weight.shape)
        return tensor(floats, (own[index] as Tensor).shape)
      })
      layer.setWeights(values)
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
