import { createHash } from 'node:crypto'
import { allocated } from '../../data/allocated.js'
import type { Sliced } from '../../data/slices.js'
import { type ForeignTensor, isNumericArray, type NumericArray, sizeOf, type TensorLike } from '../../data/tensor.js'
import { describe, SeqloomError } from '../../errors.js'
import { isRecord } from '../../options.js'
import { isWriting, type Writing } from '../decoding/units.js'
import { checkList, describeRow } from '../shared/rows.js'

/**
 * A sequence of frames, each with the same number of features: a tensor `[time, features]`, or an array of arrays; of a
 * single feature also an array of numbers.
 */
export type Frames = TensorLike | ForeignTensor | NumericArray | readonly (number | readonly number[] | NumericArray)[]

/** Frames, and the text that they say, which may be empty; or its tokens, such as phonemes. */
export interface TranscriptionRow {
  readonly frames: Frames
  readonly text: Writing
}

/** Frames that were checked, row by row. */
export interface ReadFrames {
  readonly features: number
  readonly rows: readonly Float32Array[]
}

/** Reads frames, all with as many features as the model was trained on, or as the first row. `ERR_DATA`, naming the row. */
export function* readFrames(where: string, given: readonly unknown[], expected?: number): Sliced<ReadFrames> {
  let features = expected
  const rows: Float32Array[] = []
  for (const [index, value] of given.entries()) {
    const place = `${where} ${index}`
    const { data, width } = framesOf(place, value)
    features ??= width
    if (width !== features) {
      const those = expected === undefined ? `those of ${where} 0` : 'those that the model was trained on'
      throw wrong(`${place}: the frames have ${width} features, ${those} have ${features}`)
    }
    const bad = data.findIndex((x) => !Number.isFinite(x))
    if (bad >= 0) {
      const at = `frame ${Math.floor(bad / width)}, feature ${bad % width}`
      throw wrong(`${place}: ${at} is ${data[bad]}, not a finite number`)
    }
    rows.push(data)
    yield
  }
  return { features: features as number, rows }
}

/** Reads rows. `ERR_DATA`, naming the row. */
export function* readRows(
  where: string,
  rows: readonly TranscriptionRow[],
  features?: number,
): Sliced<ReadFrames & { readonly texts: readonly Writing[] }> {
  checkList(where, '{ frames, text }', rows)
  rows.forEach((row: unknown, index) => {
    if (isRecord(row) && row.frames !== undefined && isWriting(row.text)) return
    throw wrong(
      `${where}: row ${index} must be { frames, text }, the text a string or an array of tokens, not ${describeRow(row)}`,
    )
  })
  const read = yield* readFrames(
    `${where}: row`,
    rows.map(({ frames }) => frames),
    features,
  )
  return { ...read, texts: rows.map(({ text }) => text) }
}

/** A text that is the same for equal frames. */
export const keyOf = (frames: Float32Array): string =>
  createHash('sha1')
    .update(new Uint8Array(frames.buffer, frames.byteOffset, frames.byteLength))
    .digest('base64')

const wrong = (message: string) => new SeqloomError('ERR_DATA', message)

function framesOf(place: string, value: unknown): { readonly data: Float32Array; readonly width: number } {
  if (isRecord(value) && Array.isArray(value.shape)) {
    const data = typeof value.dataSync === 'function' ? value.dataSync() : value.data
    const [time, width = 1] = value.shape as number[]
    if (isNumericArray(data) && value.shape.length <= 2 && sizeOf(value.shape) === data.length && time && width) {
      return { data: Float32Array.from(data), width }
    }
  }
  if (isNumericArray(value) && value.length > 0) return { data: Float32Array.from(value), width: 1 }
  if (Array.isArray(value) && value.length > 0) {
    const first: unknown = value[0]
    if (typeof first === 'number') {
      const other = value.findIndex((feature) => typeof feature !== 'number')
      if (other >= 0) throw wrong(`${place}: frame ${other} is ${describe(value[other])}, not a number`)
      return { data: Float32Array.from(value as number[]), width: 1 }
    }
    const width = (first as ArrayLike<number> | null)?.length
    const fits = (frame: unknown) => (Array.isArray(frame) || isNumericArray(frame)) && frame.length === width
    if (width) {
      const other = value.findIndex((frame) => !fits(frame))
      if (other >= 0)
        throw wrong(`${place}: frame ${other} is ${describe(value[other])}, but frame 0 has ${width} features`)
      const data = allocated(place, Float32Array, value.length * width)
      for (const [at, frame] of (value as ArrayLike<unknown>[]).entries()) {
        const odd = Array.isArray(frame) ? frame.findIndex((feature) => typeof feature !== 'number') : -1
        if (odd >= 0) throw wrong(`${place}: frame ${at}, feature ${odd} is ${describe(frame[odd])}, not a number`)
        data.set(frame as ArrayLike<number>, at * width)
      }
      return { data, width }
    }
  }
  throw wrong(
    `${place}: the frames must be a tensor [time, features] or an array of arrays of numbers, with at least one, not ${describe(value)}`,
  )
}
