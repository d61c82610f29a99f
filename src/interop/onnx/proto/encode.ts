import type { PbfWriter } from 'pbf'
import type { LateBytes, MessageSchema, ModelProto } from './messages.js'
import { modelSchema } from './messages.js'

/** A part of a file, in order. */
export type Piece = Uint8Array | LateBytes

/**
 * The bytes of an ONNX file in pieces: the elements of tensors are pieces of their own, made when they are written, so that no more than one tensor is held
 * besides the model.
 */
export async function encodeModel(model: ModelProto): Promise<readonly Piece[]> {
  const { PbfWriter } = await import('pbf')
  return encode(modelSchema, model, () => new PbfWriter())
}

function encode(schema: MessageSchema, message: object, newWriter: () => PbfWriter): Piece[] {
  const pieces: Piece[] = []
  let writer = newWriter()
  const flush = () => {
    if (writer.pos > 0) pieces.push(writer.finish())
    writer = newWriter()
  }
  const writeLate = (number: number, parts: readonly Piece[]) => {
    writer.writeTag(number, 2)
    writer.writeVarint(parts.reduce((sum, { length }) => sum + length, 0))
    flush()
    for (const part of parts) pieces.push(part)
  }
  for (const [number, { name, kind, repeated }] of schema) {
    const given = (message as Record<string, unknown>)[name]
    for (const value of repeated ? (given as readonly unknown[]) : [given]) {
      if (value === undefined) continue
      if (typeof kind === 'function') {
        const inner = encode(kind(), value as object, newWriter)
        const [only] = inner
        if (inner.length === 0) writer.writeBytesField(number, new Uint8Array(0))
        else if (inner.length === 1 && only instanceof Uint8Array) writer.writeBytesField(number, only)
        else writeLate(number, inner)
      } else if (kind === 'int') writer.writeVarintField(number, value as number)
      else if (kind === 'float') writer.writeFloatField(number, value as number)
      else if (kind === 'string') writer.writeStringField(number, value as string)
      else writeLate(number, [value as LateBytes])
    }
  }
  flush()
  return pieces
}
