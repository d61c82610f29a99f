import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { data } from 'seqloom'
import { afterAll, describe, expect, it } from 'vitest'
import { coded } from '../helpers/coded.js'

const expected = JSON.parse(readFileSync(new URL('../fixtures/audio/expected.json', import.meta.url), 'utf8'))
const folder = mkdtempSync(join(tmpdir(), 'seqloom-audio-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** The recording of `make.py`. */
const soundAt = (n: number) => 0.5 * Math.sin((2 * Math.PI * (100 + 0.2 * n) * n) / 16000) + 0.1 * Math.sin(0.9 * n)
const chirp = Float32Array.from({ length: 8000 }, (_, n) => soundAt(n))

type Kind = 'integer' | 'float'

interface Written {
  readonly kind?: Kind
  readonly bits?: number
  readonly channels?: readonly ArrayLike<number>[]
  readonly sampleRate?: number
  readonly extensible?: boolean
  /** What the file says of the size of its samples. */
  readonly size?: number
  readonly code?: number
}

function chunk(name: string, content: Buffer, size = content.length): Buffer {
  const head = Buffer.alloc(8)
  head.write(name, 'latin1')
  head.writeUInt32LE(size, 4)
  return Buffer.concat([head, content, Buffer.alloc(content.length % 2)])
}

/** A WAV file with chunks that nobody knows. */
function wav(given: Written): Buffer {
  const { kind = 'integer', bits = 16, channels = [chirp], sampleRate = 16_000, extensible = false } = given
  const [count, bytes, length] = [channels.length, bits / 8, channels[0]?.length ?? 0]
  const format = Buffer.alloc(extensible ? 40 : 16)
  const code = given.code ?? (kind === 'float' ? 3 : 1)
  format.writeUInt16LE(extensible ? 0xfffe : code, 0)
  format.writeUInt16LE(count, 2)
  format.writeUInt32LE(sampleRate, 4)
  format.writeUInt32LE(sampleRate * count * bytes, 8)
  format.writeUInt16LE(count * bytes, 12)
  format.writeUInt16LE(bits, 14)
  if (extensible) {
    format.writeUInt16LE(22, 16)
    format.writeUInt16LE(code, 24)
    Buffer.from([0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xaa, 0, 0x38, 0x9b, 0x71]).copy(format, 26)
  }
  const content = Buffer.alloc(length * count * bytes)
  for (let step = 0; step < length; step++) {
    for (const [channel, samples] of channels.entries()) {
      const at = (step * count + channel) * bytes
      const value = samples[step] as number
      const whole = Math.round(value * 2 ** (bits - 1))
      if (kind === 'float') bits === 64 ? content.writeDoubleLE(value, at) : content.writeFloatLE(value, at)
      else if (bits === 8) content.writeUInt8(whole + 128, at)
      else content.writeIntLE(whole, at, bytes)
    }
  }
  const chunks = [chunk('LIST', Buffer.from('odd')), chunk('fmt ', format), chunk('bext', Buffer.alloc(7))]
  const all = Buffer.concat([
    Buffer.from('WAVE'),
    ...chunks,
    chunk('data', content, given.size),
    chunk('id3 ', Buffer.alloc(5)),
  ])
  return chunk('RIFF', all)
}

const largest = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Array.from(a, (value, at) => Math.abs(value - (b[at] as number))).reduce((most, each) => Math.max(most, each), 0)

describe('data.readWav', () => {
  it.each([
    ['integer', 8, 2 ** -8],
    ['integer', 16, 2 ** -16],
    ['integer', 24, 2 ** -24],
    ['integer', 32, 2 ** -24],
    ['float', 32, 0],
    ['float', 64, 0],
  ] as const)('reads %s of %i bits, from files and bytes', async (kind, bits, bound) => {
    for (const extensible of [false, true]) {
      const bytes = wav({ kind, bits, extensible })
      const file = join(folder, 'sound.wav')
      writeFileSync(file, bytes)
      const { samples, sampleRate, channels } = await data.readWav(file)
      expect({ sampleRate, count: channels.length, length: samples.length }).toEqual({
        sampleRate: 16_000,
        count: 1,
        length: 8000,
      })
      expect(largest(samples, chirp)).toBeLessThanOrEqual(bound)
      expect((await data.readWav(new Uint8Array(bytes))).samples).toEqual(samples)
    }
  })

  it('gives each channel and their mean', async () => {
    const { samples, channels } = await data.readWav(
      wav({
        kind: 'float',
        bits: 32,
        channels: [
          [0.5, -1, 0],
          [0.25, 1, 0.5],
          [0, 0, 0.25],
        ],
      }),
    )
    expect(channels.map((each) => Array.from(each))).toEqual([
      [0.5, -1, 0],
      [0.25, 1, 0.5],
      [0, 0, 0.25],
    ])
    expect(Array.from(samples)).toEqual([0.25, 0, 0.25])
    expect((await data.readWav(wav({ channels: [[]] }))).samples).toHaveLength(0)
  })

  it('reads what was written to a pipe to its end', async () => {
    for (const size of [0xffffffff, 0x7ffff024]) {
      const bytes = wav({ size })
      expect((await data.readWav(bytes)).samples.length).toBeGreaterThanOrEqual(8000)
    }
  })

  it.each(expected.resampled as { rate: number; length: number; samples: number[] }[])(
    'interpolates to $rate samples a second as torchaudio',
    async ({ rate, length, samples }) => {
      const sound = await data.readWav(wav({ kind: 'float', bits: 32 }), { sampleRate: rate })
      expect({ rate: sound.sampleRate, length: sound.samples.length }).toEqual({ rate, length })
      const every = Math.max(1, Math.floor(length / 200))
      expect(
        largest(
          samples,
          samples.map((_, at) => sound.samples[at * every] as number),
        ),
      ).toBeLessThan(1e-5)
    },
  )

  it('refuses other files, and none of its errors lacks a code', async () => {
    const refused = async (bytes: Uint8Array, code: string, words: RegExp) =>
      await expect(data.readWav(bytes)).rejects.toEqual(coded(code, words))
    const whole = wav({})
    await refused(new Uint8Array(0), 'ERR_FORMAT', /RIFF/)
    await refused(Buffer.from('ID3 is no WAV file'), 'ERR_FORMAT', /RIFF/)
    await refused(whole.subarray(0, 1000), 'ERR_FORMAT', /ends \d+ bytes before/)
    await refused(whole.subarray(0, 50), 'ERR_FORMAT', /no samples/)
    await refused(wav({ code: 7 }), 'ERR_UNSUPPORTED', /µ-law/)
    await refused(wav({ bits: 16, kind: 'float' as Kind, channels: [[]] }), 'ERR_UNSUPPORTED', /floats of 16 bits/)
    await refused(wav({ channels: [] }), 'ERR_FORMAT', /0 channels/)
    await refused(Buffer.concat([Buffer.from('RF64'), whole.subarray(4)]), 'ERR_UNSUPPORTED', /RF64/)
    await expect(data.readWav(join(folder, 'none.wav'))).rejects.toEqual(coded('ERR_IO', /none\.wav/))
    await expect(data.readWav(7 as never)).rejects.toEqual(coded('ERR_OPTION'))
    await expect(data.readWav(whole, { sampleRate: 0 })).rejects.toEqual(coded('ERR_OPTION', /sampleRate/))
    for (let at = 0; at < 90; at++) {
      const changed = Buffer.from(whole)
      changed[at] = (changed[at] as number) ^ (1 << (at % 8))
      await data.readWav(changed).catch((error) => expect(error).toEqual(coded(error.code)))
    }
  })
})

describe('data.logMel', () => {
  const named = {
    n_fft: 'nFft',
    win_length: 'winLength',
    hop_length: 'hopLength',
    n_mels: 'nMels',
    mel_scale: 'melScale',
    f_min: 'fMin',
    f_max: 'fMax',
  }
  const renamed = (options: object) =>
    Object.fromEntries(
      Object.entries(options).map(([name, value]) => [named[name as keyof typeof named] ?? name, value]),
    )

  it.each(expected.logMel as { options: object; shape: number[]; frames: number[][] }[])(
    'gives what torchaudio gives with $options',
    ({ options, shape, frames }) => {
      const found = data.logMel(
        Float64Array.from({ length: 8000 }, (_, n) => soundAt(n)),
        renamed(options),
      )
      expect(found.shape).toEqual(shape)
      const width = shape[1] as number
      for (const [at, frame] of frames.entries()) {
        expect(largest(frame, found.data.subarray(7 * at * width, (7 * at + 1) * width))).toBeLessThan(2e-6)
      }
    },
  )

  it('has frames of 25 ms every 10 ms by default', () => {
    expect(data.logMel(chirp).shape).toEqual([51, 80])
    expect(data.logMel(chirp, { sampleRate: 8000, nMels: 40 }).shape).toEqual([101, 40])
    expect(data.logMel(chirp, { nFft: 128 }).shape).toEqual([51, 80])
  })

  it('refuses what it cannot use', () => {
    expect(() => data.logMel(chirp, { nFft: 400 })).toThrow(coded('ERR_OPTION', /power of two/))
    expect(() => data.logMel(chirp, { winLength: 500, nFft: 256 })).toThrow(coded('ERR_OPTION', /winLength/))
    expect(() => data.logMel(chirp, { fMax: 9000 })).toThrow(coded('ERR_OPTION', /fMax/))
    expect(() => data.logMel(chirp, { fMin: 900, fMax: 800 })).toThrow(coded('ERR_OPTION', /fMin/))
    expect(() => data.logMel(chirp, { melScale: 'bark' as never })).toThrow(coded('ERR_OPTION', /htk/))
    expect(() => data.logMel(chirp.subarray(0, 200))).toThrow(coded('ERR_DATA', /at least 257 samples/))
    expect(() => data.logMel('sound' as never)).toThrow(coded('ERR_DATA', /typed array/))
    expect(() => data.logMel(new Float32Array(1000).fill(Number.NaN))).toThrow(coded('ERR_DATA', /sample 0/))
  })
})

describe('recordings with samples that are no numbers', () => {
  it.each([
    [32, Number.NaN],
    [32, Number.POSITIVE_INFINITY],
    [64, Number.NEGATIVE_INFINITY],
    [64, 1e300],
  ])('are told: floats of %i bits, %d', (bits, value) => {
    const channels = [chirp, Float64Array.from(chirp, (x, at) => (at === 7 ? value : x))]
    const message = new RegExp(`sample 7 of channel 1 is ${String(value).replace('+', '\\+')}`)
    return expect(data.readWav(wav({ kind: 'float', bits, channels }))).rejects.toEqual(coded('ERR_DATA', message))
  })

  it('and those that are too large for powers', () => {
    const samples = new Float64Array(1000).fill(1e200)
    expect(() => data.logMel(samples)).toThrow(coded('ERR_DATA', /samples of frame 0 are too large/))
    expect(data.logMel(new Float64Array(1000).fill(1e100)).data.every(Number.isFinite)).toBe(true)
  })
})

describe('a long recording', () => {
  const long = wav({ channels: [Float32Array.from({ length: 4_000_000 }, (_, n) => soundAt(n % 8000))] })

  it('leaves the event loop its turns while it is interpolated', async () => {
    let [longest, last] = [0, performance.now()]
    const timer = setInterval(() => {
      longest = Math.max(longest, performance.now() - last)
      last = performance.now()
    }, 1)
    await data.readWav(long, { sampleRate: 22_050 })
    clearInterval(timer)
    expect(longest).toBeGreaterThan(0)
    expect(longest).toBeLessThan(150)
  })

  it('can be stopped', async () => {
    const signal = AbortSignal.timeout(20)
    await expect(data.readWav(long, { sampleRate: 22_050, signal })).rejects.toMatchObject({ name: 'AbortError' })
    await expect(data.readWav(long, { signal: AbortSignal.abort() })).rejects.toMatchObject({ name: 'AbortError' })
  })
})
