/** A tensor of a file: its type, its shape and its bytes, or numbers that are float32. */
export interface FileTensor {
  readonly dtype?: string
  readonly shape: readonly number[]
  readonly data: readonly number[] | Float32Array | Uint8Array
}

/** The bytes of a safetensors file, written independently of the package. */
export function torchFile(tensors: Readonly<Record<string, FileTensor>>, metadata?: unknown): Uint8Array {
  const header: Record<string, unknown> = metadata === undefined ? {} : { __metadata__: metadata }
  const parts: Uint8Array[] = []
  let end = 0
  for (const [name, { dtype = 'F32', shape, data }] of Object.entries(tensors)) {
    const bytes = data instanceof Uint8Array ? data : new Uint8Array(Float32Array.from(data).buffer)
    header[name] = { dtype, shape, data_offsets: [end, end + bytes.length] }
    end += bytes.length
    parts.push(bytes)
  }
  const text = Buffer.from(JSON.stringify(header))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(text.length))
  return new Uint8Array(Buffer.concat([length, text, ...parts]))
}

/** The tensors of a safetensors file, read independently of the package. */
export function readTorchFile(bytes: Buffer): Record<string, { shape: number[]; data: Float32Array }> {
  const length = Number(bytes.readBigUInt64LE(0))
  const { __metadata__: _, ...entries } = JSON.parse(bytes.toString('utf8', 8, 8 + length))
  return Object.fromEntries(
    Object.entries(entries as Record<string, { shape: number[]; data_offsets: [number, number] }>).map(
      ([
        name,
        {
          shape,
          data_offsets: [from, to],
        },
      ]) => {
        const copy = Uint8Array.from(bytes.subarray(8 + length + from, 8 + length + to))
        return [name, { shape, data: new Float32Array(copy.buffer) }]
      },
    ),
  )
}
