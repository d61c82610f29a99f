import type { ModelArtifacts, ModelArtifactsInfo, WeightData } from './types.js'

/** All bytes of weights in one buffer. */
export function joinedBuffer(data: WeightData | undefined): ArrayBuffer {
  const parts = data === undefined ? [] : Array.isArray(data) ? data : [data]
  if (parts.length === 1) return parts[0] as ArrayBuffer
  const joined = new Uint8Array(parts.reduce((sum, { byteLength }) => sum + byteLength, 0))
  let at = 0
  for (const part of parts) {
    joined.set(new Uint8Array(part), at)
    at += part.byteLength
  }
  return joined.buffer
}

/** Buffers that are read as if they were one. */
export class CompositeArrayBuffer {
  readonly byteLength: number
  readonly #whole: ArrayBuffer

  constructor(buffers?: WeightData | ArrayBufferView | ArrayBufferView[]) {
    const parts = buffers === undefined ? [] : Array.isArray(buffers) ? buffers : [buffers]
    this.#whole = joinedBuffer(parts.map((part) => (ArrayBuffer.isView(part) ? bytesOf(part) : part)))
    this.byteLength = this.#whole.byteLength
  }

  /** All bytes in one buffer. */
  static join(buffers?: WeightData): ArrayBuffer {
    return joinedBuffer(buffers)
  }

  slice(start = 0, end = this.byteLength): ArrayBuffer {
    return this.#whole.slice(start, end)
  }
}

const bytesOf = ({ buffer, byteOffset, byteLength }: ArrayBufferView): ArrayBuffer =>
  buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer

const bytesOfJson = (value: unknown): number => (value === undefined ? 0 : Buffer.byteLength(JSON.stringify(value)))

/** What is said of a model that is saved now. */
export function infoOf({ modelTopology, weightSpecs, weightData }: ModelArtifacts): ModelArtifactsInfo {
  return {
    dateSaved: new Date(),
    modelTopologyType: 'JSON',
    modelTopologyBytes: bytesOfJson(modelTopology),
    weightSpecsBytes: bytesOfJson(weightSpecs),
    weightDataBytes: joinedBuffer(weightData).byteLength,
  }
}
