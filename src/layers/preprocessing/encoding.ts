import type { Dim, Shape } from '../../graph/shape.js'
import type { Items } from './items.js'

/** @inline How ids are given: as they are, or as vectors with a place for each id. */
export type OutputMode = 'int' | 'oneHot' | 'multiHot' | 'count' | 'tfIdf'

/**
 * The shape of encoded ids. One-hot vectors stand for each id, in place of a last dimension of 1; the others for the
 * ids of the last dimension together.
 */
export function encodedShape(shape: Shape, mode: OutputMode, depth: number): Dim[] {
  if (mode === 'int') return [...shape]
  const joins = mode !== 'oneHot' || (shape.length > 1 && shape.at(-1) === 1)
  return [...(joins ? shape.slice(0, -1) : shape), depth]
}

/**
 * Ids as vectors. Those outside of the depth have no place. With lengths, only the ids of a row's own length count.
 * `weights` are factors for each id.
 */
export function encoded(
  ids: Items & { readonly values: Int32Array },
  mode: OutputMode,
  depth: number,
  weights?: Float32Array,
): Items {
  if (mode === 'int') return ids
  const { values, shape, lengths } = ids
  const given = shape.length === 0 ? [1] : shape
  const width = mode === 'oneHot' ? 1 : (given.at(-1) as number)
  const made = encodedShape(given, mode, depth) as number[]
  const result = new Float32Array(made.reduce((product, size) => product * size, 1))
  for (let sample = 0; sample * width < values.length || sample === 0; sample++) {
    const own = Math.min(width, lengths?.[sample] ?? width)
    for (let index = 0; index < own; index++) {
      const id = values[sample * width + index] as number
      if (!(id >= 0 && id < depth)) continue
      const at = sample * depth + id
      if (mode === 'count' || mode === 'tfIdf') result[at] = (result[at] as number) + 1
      else result[at] = 1
    }
    if (width === 0) break
  }
  if (weights)
    for (let at = 0; at < result.length; at++) result[at] = (result[at] as number) * (weights[at % depth] as number)
  return { values: result, shape: made }
}
