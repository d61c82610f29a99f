import { allocated } from '../allocated.js'
import type { Sliced } from '../slices.js'

/** How many samples are made between two chances for the event loop. */
const sliceSize = 1 << 12

/** How many zeros of the sinc function a filter holds on each side, and the share of the band that it lets through. */
const [zeros, rolloff] = [6, 0.99]

const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b))

/**
 * Samples at another rate: band-limited interpolation (Smith, Digital Audio Resampling) with a sinc function under a
 * Hann window, as `torchaudio.functional.resample` with its defaults.
 */
export function* resampled(where: string, samples: Float32Array, from: number, to: number): Sliced<Float32Array> {
  if (from === to) return samples
  const [source, target] = [from / gcd(from, to), to / gcd(from, to)]
  const base = Math.min(source, target) * rolloff
  const reach = (zeros * source) / base
  const out = allocated(where, Float32Array, Math.ceil((samples.length * target) / source))
  /** The filters of the places between two samples of the source. */
  const filters = new Map<number, { readonly first: number; readonly taps: Float64Array }>()
  const filterOf = (phase: number) => {
    const known = filters.get(phase)
    if (known) return known
    const place = (phase * source) / target
    const first = Math.ceil(place - reach)
    const taps = Float64Array.from({ length: Math.floor(place + reach) - first + 1 }, (_, at) => {
      const t = ((first + at - place) * base) / source
      const sinc = t === 0 ? 1 : Math.sin(Math.PI * t) / (Math.PI * t)
      return (sinc * Math.cos((Math.PI * t) / zeros / 2) ** 2 * base) / source
    })
    const made = { first, taps }
    filters.set(phase, made)
    return made
  }
  for (let at = 0; at < out.length; at++) {
    const { first, taps } = filterOf(at % target)
    const begin = Math.floor(at / target) * source + first
    let sum = 0
    for (let tap = Math.max(0, -begin); tap < taps.length && begin + tap < samples.length; tap++) {
      sum += (taps[tap] as number) * (samples[begin + tap] as number)
    }
    out[at] = sum
    if (at % sliceSize === 0) yield
  }
  return out
}
