/** Formulas of the mel scale. */
export type MelScale = 'htk' | 'slaney'

/** 2595 log10(1 + f / 700) (O'Shaughnessy 1987, as in HTK). */
const htk = {
  of: (hertz: number) => 2595 * Math.log10(1 + hertz / 700),
  hertz: (mel: number) => 700 * (10 ** (mel / 2595) - 1),
}

/** Linear below 1000 Hz, where a mel is 200 / 3 Hz, then a factor of 6.4 in 27 mels (Slaney, Auditory Toolbox, 1998). */
const [linear, knee, step] = [200 / 3, 15, Math.log(6.4) / 27]
const slaney = {
  of: (hertz: number) => (hertz < knee * linear ? hertz / linear : knee + Math.log(hertz / (knee * linear)) / step),
  hertz: (mel: number) => (mel < knee ? mel * linear : knee * linear * Math.exp(step * (mel - knee))),
}

/** A band: its weights of consecutive frequencies. */
export interface MelBand {
  readonly first: number
  readonly weights: Float64Array
}

/** What bands there are. */
export interface MelBandSettings {
  readonly sampleRate: number
  readonly nFft: number
  readonly nMels: number
  readonly fMin: number
  readonly fMax: number
  readonly melScale: MelScale
  readonly norm: 'slaney' | null
}

/** Triangles between points of equal distance on the mel scale, as in `torchaudio.functional.melscale_fbanks`. */
export function melBands({ sampleRate, nFft, nMels, fMin, fMax, melScale, norm }: MelBandSettings): MelBand[] {
  const scale = melScale === 'htk' ? htk : slaney
  const [low, high] = [scale.of(fMin), scale.of(fMax)]
  const points = Array.from({ length: nMels + 2 }, (_, at) => scale.hertz(low + ((high - low) * at) / (nMels + 1)))
  return Array.from({ length: nMels }, (_, band) => {
    const [from, top, to] = points.slice(band, band + 3) as [number, number, number]
    const area = norm === 'slaney' ? 2 / (to - from) : 1
    const all = Array.from({ length: nFft / 2 + 1 }, (_, bin) => {
      const hertz = (bin * sampleRate) / nFft
      return area * Math.max(0, Math.min((hertz - from) / (top - from), (to - hertz) / (to - top)))
    })
    const first = Math.max(
      0,
      all.findIndex((weight) => weight > 0),
    )
    const count = all.slice(first).indexOf(0)
    return { first, weights: Float64Array.from(all.slice(first, count < 0 ? undefined : first + count)) }
  })
}
