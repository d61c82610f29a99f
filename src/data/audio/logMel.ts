import { describe, SeqloomError } from '../../errors.js'
import { checkOptions, custom, flag, integer, number, oneOf, positive } from '../../options.js'
import { allocated } from '../allocated.js'
import { isNumericArray, type NumericArray, type Tensor, tensor } from '../tensor.js'
import { PowerSpectrum } from './fourier.js'
import { melBands } from './melBands.js'

/** Options of {@link logMel}. */
export interface LogMelOptions {
  /** How many samples make a second; default 16,000. */
  readonly sampleRate?: number
  /** The size of the Fourier transform, a power of two; default the next one from `winLength` on. */
  readonly nFft?: number
  /** The samples of a frame, under a Hann window in the middle of the transform; default 25 ms. */
  readonly winLength?: number
  /** The samples from one frame to the next; default 10 ms. */
  readonly hopLength?: number
  /** The number of bands; default 80. With more than frequencies tell apart, some bands are always empty. */
  readonly nMels?: number
  /** The lowest frequency, in Hz; default 0. */
  readonly fMin?: number
  /** The highest frequency, in Hz; default half of `sampleRate`. */
  readonly fMax?: number
  /** The formula of the mel scale: that of HTK (default), 2595 log10(1 + f / 700), or Slaney's. */
  readonly melScale?: 'htk' | 'slaney'
  /** With `'slaney'`, a band's weights are divided by its width; default null. */
  readonly norm?: 'slaney' | null
  /** Whether the first frame's middle is the first sample; what lies before it and after the end is mirrored. Default true. */
  readonly center?: boolean
  /** What is added to a power before the logarithm; default 1e-6. */
  readonly epsilon?: number
}

const where = 'data.logMel'

/** The largest transform: a minute at 16,000 samples a second. */
const largest = 2 ** 20

const powerOfTwo = custom(
  `a power of two from 2 to ${largest}`,
  (v) => integer(2, largest).accepts(v) && Number.isInteger(Math.log2(v as number)),
)

/**
 * The natural logarithms of the powers of a recording's frequencies in bands of the mel scale, `[frames, nMels]`: what
 * a `Transcriber` takes as frames. The powers are those of `torchaudio.transforms.MelSpectrogram`, whose names the
 * options have. Errors: `ERR_OPTION`; `ERR_DATA` for samples that are none, that are not finite or too large, and for fewer than a frame
 * needs.
 */
export function logMel(samples: NumericArray, options: LogMelOptions = {}): Tensor<Float32Array> {
  checkOptions(where, options, {
    accepted: {
      sampleRate: integer(1),
      nFft: powerOfTwo,
      winLength: integer(2, largest),
      hopLength: integer(1),
      nMels: integer(1, 4096),
      fMin: number(0),
      fMax: positive,
      melScale: oneOf(['htk', 'slaney']),
      norm: custom("'slaney' or null", (v) => v === null || v === 'slaney'),
      center: flag,
      epsilon: positive,
    },
  })
  const { sampleRate = 16_000, nMels = 80, fMin = 0, melScale = 'htk', norm = null } = options
  const { center = true, epsilon = 1e-6, fMax = sampleRate / 2 } = options
  const winLength = options.winLength ?? Math.min(options.nFft ?? largest, Math.max(2, Math.round(sampleRate / 40)))
  const { nFft = 2 ** Math.ceil(Math.log2(winLength)), hopLength = Math.max(1, Math.round(sampleRate / 100)) } = options
  if (winLength > nFft) {
    throw new SeqloomError('ERR_OPTION', `${where}: winLength is ${winLength}, more than an nFft of ${nFft}`)
  }
  if (fMin >= fMax || fMax > sampleRate / 2) {
    const bounds = `fMin < fMax <= ${sampleRate / 2}, half of sampleRate`
    throw new SeqloomError('ERR_OPTION', `${where}: expected ${bounds}; fMin is ${fMin} and fMax ${fMax}`)
  }
  checkSamples(samples)
  const pad = center ? nFft / 2 : 0
  const least = center ? pad + 1 : nFft
  const { length } = samples
  if (length < least) throw wrong(`a frame of ${nFft} needs at least ${least} samples, got ${length}`)
  const frames = 1 + Math.floor((length + 2 * pad - nFft) / hopLength)
  const bands = melBands({ sampleRate, nFft, nMels, fMin, fMax, melScale, norm })
  const spectrum = new PowerSpectrum(nFft)
  const before = Math.floor((nFft - winLength) / 2)
  const window = Float64Array.from({ length: winLength }, (_, k) => 0.5 - 0.5 * Math.cos((2 * Math.PI * k) / winLength))
  const [frame, powers] = [new Float64Array(nFft), new Float64Array(nFft / 2 + 1)]
  const out = allocated(where, Float32Array, frames * nMels)
  for (let at = 0; at < frames; at++) {
    const begin = at * hopLength - pad + before
    for (let k = 0; k < winLength; k++) {
      const step = Math.abs(begin + k)
      const mirrored = step < length ? step : 2 * (length - 1) - step
      frame[before + k] = (samples[mirrored] as number) * (window[k] as number)
    }
    spectrum.of(frame, powers)
    for (const [band, { first, weights }] of bands.entries()) {
      let sum = 0
      for (let k = 0; k < weights.length; k++) sum += (weights[k] as number) * (powers[first + k] as number)
      const power = Math.log(sum + epsilon)
      if (!Number.isFinite(power)) throw wrong(`the samples of frame ${at} are too large to add up their powers`)
      out[at * nMels + band] = power
    }
  }
  return tensor(out, [frames, nMels]) as Tensor<Float32Array>
}

const wrong = (message: string) => new SeqloomError('ERR_DATA', `${where}: ${message}`)

function checkSamples(samples: unknown): asserts samples is NumericArray {
  if (!isNumericArray(samples)) {
    throw wrong(`expected a typed array of samples, such as those of data.readWav, not ${describe(samples)}`)
  }
  const bad = (samples as Float32Array).findIndex((x) => !Number.isFinite(x))
  if (bad >= 0) throw wrong(`sample ${bad} is ${samples[bad]}, not a finite number`)
}
