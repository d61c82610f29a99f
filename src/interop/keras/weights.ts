import { countOf, inOrder, type Pieces, renew } from '../../model/newWeights.js'
import { fromCuDNN } from './cudnn.js'
import type { Built, Entry } from './graph.js'
import type { Origin } from './saved.js'

/** A weight of a file, before it is read. */
export interface SavedWeight {
  readonly shape: readonly number[]
  floats(): Float32Array | Promise<Float32Array>
  /** The same piece by piece, where the file has them as they are. */
  readonly pieces?: Pieces | undefined
}

/** Finds the weights of an entry. */
export type Finder = (entry: Entry) => readonly SavedWeight[]

/**
 * Gives a model its weights, which `of` finds. Those that do not fit are noted in `origin.problems`, and none is given
 * then. A model that `isNew` has no weights before.
 */
export async function assign({ model, entries }: Built, of: Finder, origin: Origin, isNew: boolean): Promise<void> {
  const { engine } = model
  const found = entries
    .filter(({ parts }) => parts.length > 0)
    .map((entry) => {
      const own = engine.indicesOf(entry.layer).map((index) => ({ index, shape: engine.specs[index]?.shape ?? [] }))
      const saved = fromCuDNN(
        own.map(({ shape }) => shape),
        of(entry),
      )
      if (own.length !== saved.length || !own.every(({ shape }, at) => fits(shape, saved[at]?.shape ?? []))) {
        const shapes = (all: readonly { readonly shape: readonly number[] }[]) =>
          all.map(({ shape }) => `[${shape.join(', ')}]`).join(', ') || 'none'
        origin.problems.add(`the weights of '${entry.name}' are ${shapes(own)} here, ${shapes(saved)} in the file`)
      }
      return { own, saved }
    })
  if (!origin.problems.isEmpty) return
  if (isNew) engine.prepareToLoad()
  await renew(engine, async (fresh) => {
    for (const { own, saved } of found) {
      for (const [at, { index }] of own.entries()) {
        const { shape, pieces, floats } = saved[at] as SavedWeight
        if (pieces) await fresh.move(index, pieces, [inOrder(countOf({ sizes: shape }))])
        else await fresh.put(index, await floats())
      }
    }
  })
}

/** Heads of an attention are a dimension of their own in Keras, and a single number has none. */
function fits(shape: readonly number[], saved: readonly number[]): boolean {
  const size = (of: readonly number[]) => of.reduce((product, each) => product * each, 1)
  return (
    size(shape) === size(saved) && (shape.length !== saved.length || shape.every((each, axis) => each === saved[axis]))
  )
}
