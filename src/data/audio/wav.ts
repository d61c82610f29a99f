import { SeqloomError } from '../../errors.js'
import { allocated } from '../allocated.js'
import type { Sliced } from '../slices.js'

/** A recording. */
export interface Sound {
  /** How many samples make a second. */
  readonly sampleRate: number
  /** The samples of each channel, from -1 to 1. */
  readonly channels: readonly Float32Array[]
  /** The mean of the channels, sample by sample: the channel itself, if there is one. */
  readonly samples: Float32Array
}

interface Format {
  readonly kind: 'integer' | 'float'
  readonly channels: number
  readonly sampleRate: number
  /** The bytes of a sample. */
  readonly bytes: number
}

/** Codes of formats (RFC 2361). */
const [pcm, float, extensible] = [1, 3, 0xfffe]
const others: Readonly<Record<number, string>> = { 2: 'ADPCM', 6: 'A-law', 7: 'µ-law', 17: 'IMA ADPCM', 85: 'MP3' }

/** What follows a format's code in the identifier of WAVE_FORMAT_EXTENSIBLE. */
const identifier = [0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xaa, 0, 0x38, 0x9b, 0x71]

/** How many samples are read between two chances for the event loop. */
const sliceSize = 1 << 14

/** Sizes from here on say that whoever wrote to a pipe did not know the size. */
const unknownSize = 0x7ffff000

/**
 * Reads the bytes of a WAV file. `ERR_FORMAT`, `ERR_UNSUPPORTED`, and `ERR_DATA` for samples that are not finite, as
 * those of floats may be; `where` names it in messages.
 */
export function* parseWav(where: string, bytes: Uint8Array): Sliced<Sound> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const name = (at: number) => String.fromCharCode(...bytes.subarray(at, at + 4))
  const no = (why: string) => new SeqloomError('ERR_FORMAT', `${where} is no WAV file that can be read: ${why}`)
  if (bytes.length < 12 || name(0) !== 'RIFF' || name(8) !== 'WAVE') {
    if (name(0) === 'RF64' || name(0) === 'RIFX') {
      throw new SeqloomError('ERR_UNSUPPORTED', `${where}: ${name(0)} is not read; convert it to a plain WAV file`)
    }
    throw no("it does not begin with 'RIFF', a size and 'WAVE'")
  }
  let format: Format | undefined
  for (let at = 12; at + 8 <= bytes.length; ) {
    const [chunk, size] = [name(at), view.getUint32(at + 4, true)]
    const left = bytes.length - at - 8
    if (chunk === 'fmt ') {
      if (size < 16 || size > left) throw no(`its format has ${Math.min(size, left)} bytes, fewer than it needs`)
      format = formatOf(where, new DataView(bytes.buffer, bytes.byteOffset + at + 8, size), no)
    } else if (chunk === 'data') {
      if (!format) throw no('its samples come before their format')
      const open =
        size >= unknownSize || (size === 0 && [0, unknownSize].includes(Math.min(view.getUint32(4, true), unknownSize)))
      if (!open && size > left) throw no(`it ends ${size - left} bytes before its samples do`)
      return yield* soundOf(where, format, new DataView(bytes.buffer, bytes.byteOffset + at + 8, open ? left : size))
    }
    at += 8 + size + (size % 2)
  }
  throw no(format ? 'it has no samples' : 'it has no format')
}

function formatOf(where: string, view: DataView, no: (why: string) => Error): Format {
  const [given, channels, sampleRate, align, bits] = [0, 2, 4, 12, 14].map((at) =>
    at === 4 ? view.getUint32(at, true) : view.getUint16(at, true),
  ) as [number, number, number, number, number]
  const own = given === extensible && view.byteLength >= 40
  if (given === extensible && !(own && identifier.every((byte, at) => view.getUint8(26 + at) === byte))) {
    throw no('its format is of no known kind')
  }
  const code = own ? view.getUint16(24, true) : given
  const sizes = code === pcm ? [8, 16, 24, 32] : code === float ? [32, 64] : []
  if (sizes.length === 0 || !sizes.includes(bits)) {
    const kind =
      code === pcm
        ? `integers of ${bits} bits`
        : code === float
          ? `floats of ${bits} bits`
          : (others[code] ?? `format ${code}`)
    throw new SeqloomError(
      'ERR_UNSUPPORTED',
      `${where}: its samples are ${kind}; integers of 8, 16, 24 and 32 bits and floats of 32 and 64 are read`,
    )
  }
  if (channels === 0 || sampleRate === 0) throw no(`it has ${channels} channels and ${sampleRate} samples a second`)
  if (align !== (channels * bits) / 8) throw no(`${channels} samples of ${bits} bits do not have ${align} bytes`)
  return { kind: code === pcm ? 'integer' : 'float', channels, sampleRate, bytes: bits / 8 }
}

function* soundOf(where: string, { kind, channels: count, sampleRate, bytes }: Format, view: DataView): Sliced<Sound> {
  const length = Math.floor(view.byteLength / (count * bytes))
  const channels = Array.from({ length: count }, () => allocated(where, Float32Array, length))
  const read = readers[`${kind}${8 * bytes}`] as (view: DataView, at: number) => number
  for (const [channel, samples] of channels.entries()) {
    for (let step = 0; step < length; step++) {
      const sample = read(view, (step * count + channel) * bytes)
      samples[step] = sample
      // Doubles may be finite and too large for a float.
      if (!Number.isFinite(samples[step])) throw notFinite(where, step, channel, sample)
      if (step % sliceSize === 0) yield
    }
  }
  return { sampleRate, channels, samples: yield* mixed(where, channels) }
}

const notFinite = (where: string, step: number, channel: number, sample: number): SeqloomError =>
  new SeqloomError(
    'ERR_DATA',
    `${where}: sample ${step} of channel ${channel} is ${sample}, not a finite number from -1 to 1`,
  )

/** How samples of each kind are read, from -1 to 1. Those of 8 bits have no sign. */
const readers: Readonly<Record<string, (view: DataView, at: number) => number>> = {
  integer8: (view, at) => (view.getUint8(at) - 128) / 2 ** 7,
  integer16: (view, at) => view.getInt16(at, true) / 2 ** 15,
  integer24: (view, at) => (view.getUint16(at, true) + 2 ** 16 * view.getInt8(at + 2)) / 2 ** 23,
  integer32: (view, at) => view.getInt32(at, true) / 2 ** 31,
  float32: (view, at) => view.getFloat32(at, true),
  float64: (view, at) => view.getFloat64(at, true),
}

/** The mean of channels. */
export function* mixed(where: string, channels: readonly Float32Array[]): Sliced<Float32Array> {
  const [first] = channels
  if (first && channels.length === 1) return first
  const mean = allocated(where, Float32Array, first?.length ?? 0)
  for (let step = 0; step < mean.length; step++) {
    let sum = 0
    for (const channel of channels) sum += channel[step] as number
    mean[step] = sum / channels.length
    if (step % sliceSize === 0) yield
  }
  return mean
}
