import type { SettingsOf } from '../wire.js'
import { sum, type TracedDim } from './size.js'

/** Windows along an axis. */
export interface Windows {
  /** Elements of a window. */
  readonly size: number
  /** From a window to the next; default 1. */
  readonly stride?: number
  /** From an element of a window to the next; default 1. */
  readonly dilation?: number
  /** See {@link WindowPadding}; default `'valid'`. */
  readonly padding?: WindowPadding
  /** What is added at the ends; default 0. */
  readonly filler?: number
}

/**
 * What is added at the ends of an axis: nothing, as much as gives a window for each stride, as much in front as makes
 * every window end where it stands, or numbers of elements; negative ones are left out.
 */
export type WindowPadding = 'valid' | 'same' | 'causal' | readonly [before: number, after: number]

/** How far the last element of a window is from its first one. */
export const reachOf = ({ size, dilation }: { readonly size: number; readonly dilation: number }): number =>
  (size - 1) * dilation

/** The settings of the operation. */
export function windowSettings(
  axis: number,
  { size, stride = 1, dilation = 1, padding = 'valid', filler = 0 }: Windows,
  flat = false,
): SettingsOf<'windows'> {
  const reach = reachOf({ size, dilation })
  const half = Math.floor(reach / 2)
  // The sizes of windows with strides decide where those with strides begin.
  const same = padding === 'same' && stride > 1
  const [before, after] = Array.isArray(padding)
    ? (padding as readonly [number, number])
    : padding === 'causal'
      ? [reach, 0]
      : padding === 'same' && !same
        ? [half, reach - half]
        : [0, 0]
  return { axis, size, stride, dilation, before, after, same, filler, flat }
}

/** The number of windows along an axis; 0 where none fits, null where it is not known. */
export function placesOf(dim: TracedDim, settings: Omit<SettingsOf<'windows'>, 'axis' | 'filler' | 'flat'>): TracedDim {
  const { stride, before, after, same } = settings
  const more = before + after - reachOf(settings)
  if (typeof dim === 'number') {
    if (same) return Math.ceil(dim / stride)
    return dim + more < 1 ? 0 : Math.floor((dim + more - 1) / stride) + 1
  }
  if (stride !== 1 || dim === null) return null
  if (same || more === 0) return dim
  return more > 0 ? sum(dim, more) : null
}
