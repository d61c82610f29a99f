/** One dimension: a size, or null where it is known only per call (batch and, mostly, time). */
export type Dim = number | null

/** A shape with the batch dimension first. */
export type Shape = readonly Dim[]

/** The element types of values. */
export type DType = 'float32' | 'int32'

/** @inline The element types of symbolic values: those of the graph, and texts, which are read before it. */
export type ValueType = DType | 'string'

/** A shape as messages show it: `[null, null, 5]`. */
export function showShape(shape: readonly Dim[]): string {
  return `[${shape.map((dim) => (dim === null ? 'null' : String(dim))).join(', ')}]`
}

/** The dimension that both can be, or undefined when they contradict each other. */
export function unifyDim(a: Dim, b: Dim): Dim | undefined {
  if (a === null) return b
  return b === null || a === b ? a : undefined
}

/** The shape that both can be, or undefined when they contradict each other. */
export function unifyShapes(a: Shape, b: Shape): Shape | undefined {
  if (a.length !== b.length) return undefined
  const result: Dim[] = []
  for (let i = 0; i < a.length; i++) {
    const dim = unifyDim(a[i] as Dim, b[i] as Dim)
    if (dim === undefined) return undefined
    result.push(dim)
  }
  return result
}
