import { createHash } from 'node:crypto'
import { types } from 'node:util'
import { allocated } from '../../data/allocated.js'
import type { Sliced } from '../../data/slices.js'
import { type ForeignTensor, isNumericArray, type NumericArray, sizeOf, type TensorLike } from '../../data/tensor.js'
import { describe, SeqloomError } from '../../errors.js'
import { isRecord } from '../../options.js'

/**
 * A picture: `width * height * channels` numbers, row by row, with the channels of each pixel together, as in a
 * canvas's `ImageData`. Arrays of integers (`Uint8Array`) hold 0 to 255 and are divided by 255; other numbers are taken
 * as they are.
 */
export interface Picture {
  readonly data: NumericArray | readonly number[]
  readonly width: number
  readonly height: number
  /** Numbers per pixel: 1 for grey, 3 for red, green and blue; by default it follows from the length of the data. */
  readonly channels?: number
}

/** An image: a picture, or a tensor `[height, width, channels]` or `[height, width]`. */
export type Image = Picture | TensorLike | ForeignTensor

/**
 * The annotation vectors of an image, such as the features of another network: a tensor or nested arrays
 * `[places, size]`.
 */
export type Annotations = TensorLike | ForeignTensor | readonly (readonly number[] | NumericArray)[]

/** `[height, width, channels]` of images, or `[places, size]` of annotations. */
export type SeenShape = readonly number[]

/** What was given for one image. */
export interface Raw {
  readonly data: ArrayLike<number>
  readonly shape: SeenShape
  /** Whether the numbers are integers from 0 to 255. */
  readonly bytes: boolean
}

/** Images or annotations that were checked; their numbers are not copied. */
export interface Seen {
  readonly shape: SeenShape
  readonly raws: readonly Raw[]
  /** Keys that tell whether two are the same. */
  readonly keys: readonly string[]
}

/**
 * Reads images or annotations of one shape: that of a trained model, or of the first one. `ERR_DATA`, naming the
 * position, for anything else, for shapes that differ, and for numbers that are not finite.
 */
export function* readSeen(
  where: string,
  kind: 'image' | 'annotations',
  given: readonly unknown[],
  expected?: SeenShape,
): Sliced<Seen> {
  const [raws, keys]: [Raw[], string[]] = [[], []]
  const shape = expected ?? rawOf(`${where} 0`, kind, given[0]).shape
  const values = allocated(where, Float32Array, sizeOf(shape))
  for (const [index, value] of given.entries()) {
    const place = `${where} ${index}`
    const raw = rawOf(place, kind, value)
    if (raw.shape.join() !== shape.join()) {
      const those = expected ? 'the model was trained on' : 'the first one has'
      const advice = kind === 'image' ? '; bring images to one size first' : ''
      const both = `${shown(raw.shape)} differs in shape from ${shown(shape)}`
      throw wrong(`${place}: the ${kind} ${both}, which ${those}${advice}`)
    }
    check(`${place}: the ${kind}`, raw)
    transfer(raw, values)
    raws.push(raw)
    keys.push(createHash('sha1').update(new Uint8Array(values.buffer)).digest('base64'))
    yield
  }
  return { shape, raws, keys }
}

/** Writes the numbers of an image or of annotations, row by row, as the model takes them. */
export function transfer({ data, bytes }: Raw, into: Float32Array): void {
  const scale = bytes ? 1 / 255 : 1
  for (let index = 0; index < into.length; index++) into[index] = (data[index] as number) * scale
}

function rawOf(place: string, kind: 'image' | 'annotations', value: unknown): Raw {
  return kind === 'image' ? rawImage(place, value) : rawAnnotations(place, value)
}

function rawImage(place: string, value: unknown): Raw {
  if (isRecord(value)) {
    const tensor = asTensor(place, value)
    if (tensor && (tensor.shape.length === 2 || tensor.shape.length === 3)) {
      const [height, width, channels = 1] = tensor.shape as [number, number, number?]
      return checked(place, 'image', { ...tensor, shape: [height, width, channels] })
    }
    const { data, width, height } = value
    const list = isNumericArray(data) || Array.isArray(data)
    if (list && isSize(width) && isSize(height)) {
      const channels = value.channels ?? data.length / (width * height)
      if (!isSize(channels)) {
        throw wrong(`${place}: an image of ${width} x ${height} points cannot have ${data.length} numbers`)
      }
      return checked(place, 'image', { data, shape: [height, width, channels], bytes: isBytes(data) })
    }
  }
  const expected = '{ data, width, height } or a tensor [height, width, channels]'
  throw wrong(`${place}: the image must be ${expected}, not ${described(value)}`)
}

function rawAnnotations(place: string, value: unknown): Raw {
  const tensor = isRecord(value) ? asTensor(place, value) : undefined
  if (tensor?.shape.length === 2) return checked(place, 'annotations', { ...tensor, bytes: false })
  if (Array.isArray(value) && value.length > 0) {
    const size = value[0]?.length
    if (isSize(size) && value.every((row) => (Array.isArray(row) || isNumericArray(row)) && row.length === size)) {
      return { data: value.flatMap((row) => Array.from(row as number[])), shape: [value.length, size], bytes: false }
    }
  }
  const expected = 'a tensor [places, size] or as many arrays of equal length'
  throw wrong(`${place}: the annotations must be ${expected}, not ${described(value)}`)
}

/** A tensor, ours or another library's. */
function asTensor(place: string, value: Record<string, unknown>): Raw | undefined {
  if (!Array.isArray(value.shape)) return undefined
  let { data } = value
  if (typeof value.dataSync === 'function') {
    try {
      data = value.dataSync()
    } catch (cause) {
      throw new SeqloomError('ERR_DATA', `${place}: dataSync() failed: ${(cause as Error).message}`, { cause })
    }
  }
  return isNumericArray(data) ? { data, shape: value.shape as number[], bytes: isBytes(data) } : undefined
}

function checked(place: string, kind: string, raw: Raw): Raw {
  const size = sizeOf(raw.shape)
  if (!raw.shape.every(isSize)) throw wrong(`${place}: ${describe(raw.shape)} is no shape of an ${kind}`)
  if (raw.data.length !== size) {
    throw wrong(`${place}: the ${kind} ${shown(raw.shape)} needs ${size} numbers, got ${raw.data.length}`)
  }
  return raw
}

function check(place: string, { data, bytes }: Raw): void {
  for (let index = 0; index < data.length; index++) {
    const value = data[index] as unknown
    if (typeof value !== 'number' || !Number.isFinite(Math.fround(value)) || (bytes && (value < 0 || value > 255))) {
      const expected = bytes ? 'an integer from 0 to 255' : 'a finite number'
      throw wrong(`${place} has ${describe(value)} at ${index}, not ${expected}`)
    }
  }
}

const isSize = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 1

const isBytes = (data: unknown): boolean =>
  !(Array.isArray(data) || types.isFloat32Array(data) || types.isFloat64Array(data))

const shown = (shape: SeenShape): string => `[${shape.join(', ')}]`

const wrong = (message: string): SeqloomError => new SeqloomError('ERR_DATA', message)

function described(value: unknown): string {
  if (!isRecord(value)) return describe(value)
  const fields = Object.entries(value).slice(0, 4)
  return `{ ${fields.map(([name, field]) => `${name}: ${describe(field)}`).join(', ')} }`
}
