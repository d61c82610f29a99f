import type { Piece } from '../proto/encode.js'
import type { LateBytes, ModelProto, TensorProto } from '../proto/messages.js'

/** Smaller tensors stay in the model: what reads shapes wants them there. */
const leastBytes = 1024
/** Elements begin at a page, so that runtimes can map them into memory. */
const alignment = 4096

/** A model whose large tensors are in a file beside it, called `location`, and the contents of that file. */
export function withExternalData(model: ModelProto, location: string): { model: ModelProto; data: readonly Piece[] } {
  const data: Piece[] = []
  let end = 0
  const moved = (tensor: TensorProto): TensorProto => {
    const { rawData, ...rest } = tensor
    if (rawData === undefined || rawData.length < leastBytes) return tensor
    const gap = (alignment - (end % alignment)) % alignment
    if (gap > 0) data.push(new Uint8Array(gap))
    const offset = end + gap
    // What is written makes its bytes late.
    data.push(rawData as LateBytes)
    end = offset + rawData.length
    const place = { location, offset: String(offset), length: String(rawData.length) }
    const externalData = Object.entries(place).map(([key, value]) => ({ key, value }))
    return { ...rest, dataLocation: 1, externalData }
  }
  const { graph } = model
  if (graph === undefined) return { model, data }
  return { model: { ...model, graph: { ...graph, initializer: graph.initializer.map(moved) } }, data }
}
