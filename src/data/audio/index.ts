import { SeqloomError } from '../../errors.js'
import { readNamed } from '../../files.js'
import { abortSignal, checkOptions, integer } from '../../options.js'
import { pathOf } from '../../path.js'
import { runSliced } from '../slices.js'
import type { Sound } from './wav.js'

export { type LogMelOptions, logMel } from './logMel.js'
export type { Sound } from './wav.js'

/** Options of {@link readWav}. */
export interface ReadWavOptions {
  /** The samples that are to make a second; default those of the file. Others are interpolated, band-limited. */
  readonly sampleRate?: number
  /** Stops reading and interpolating, which rejects with an AbortError. */
  readonly signal?: AbortSignal
}

/** Sounds are of 8,000 to 192,000 samples a second; what goes further is a mistake, or a damaged header. */
const mostResampling = 24

/**
 * Reads a WAV file, or its bytes: integers of 8, 16, 24 and 32 bits, floats of 32 and 64 bits, any number of channels.
 * Files that were written to a pipe, which do not say their size, are read to their end. Rejects with `ERR_IO`,
 * `ERR_OPTION`, `ERR_FORMAT` for what is no WAV file or ends early, `ERR_DATA` for samples that are not finite,
 * `ERR_UNSUPPORTED` for other codes, such as MP3 or µ-law, and an AbortError.
 */
export async function readWav(file: string | URL | Uint8Array, options: ReadWavOptions = {}): Promise<Sound> {
  const where = 'data.readWav'
  checkOptions(where, options, { accepted: { sampleRate: integer(1, 2 ** 24), signal: abortSignal } })
  const { signal } = options
  const isBytes = file instanceof Uint8Array
  const name = isBytes ? `${where}: the array` : `'${pathOf(`${where}: the file`, file)}'`
  const bytes = isBytes ? file : await readNamed(pathOf(where, file))
  const { mixed, parseWav } = await import('./wav.js')
  const sound = await runSliced(parseWav(name, bytes), signal)
  const { sampleRate = sound.sampleRate } = options
  if (sampleRate === sound.sampleRate) return sound
  const ratio = Math.max(sampleRate / sound.sampleRate, sound.sampleRate / sampleRate)
  if (ratio > mostResampling) {
    throw new SeqloomError(
      'ERR_OPTION',
      `${where}: sampleRate ${sampleRate} is too far from ${sound.sampleRate} of ${name}; at most ${mostResampling} times as much or as little`,
    )
  }
  const { resampled } = await import('./resample.js')
  const channels: Float32Array[] = []
  for (const each of sound.channels) {
    channels.push(await runSliced(resampled(where, each, sound.sampleRate, sampleRate), signal))
  }
  return { sampleRate, channels, samples: await runSliced(mixed(where, channels), signal) }
}
