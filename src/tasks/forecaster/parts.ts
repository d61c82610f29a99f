import { runSliced } from '../../data/slices.js'
import type { Tensor } from '../../data/tensor.js'
import { describe, SeqloomError } from '../../errors.js'
import type { Model } from '../../model/index.js'
import { calibrate, uncalibrated } from './calibration.js'
import { Features } from './features.js'
import { calendarFeatures, stepped } from './frequency.js'
import { forecasterModel } from './model.js'
import type { ForecasterSettings } from './options.js'
import { normalReach } from './quantile.js'
import { groupName, type RowFormat } from './rows.js'
import type { ForecasterParts, ForecastGroup } from './saved.js'
import type { Scaling } from './series.js'
import { fitStart } from './start.js'
import type { GroupValue, Track } from './tracks.js'
import type { Windows } from './windows.js'

/**
 * The parts to train on tracks, of which the first `ends` steps are trained on; those that there are already, with
 * other tracks.
 */
export async function partsFor(
  known: ForecasterParts | undefined,
  settings: ForecasterSettings,
  tracks: readonly Track[],
  ends: readonly number[],
  format: RowFormat | undefined,
  signal: AbortSignal | undefined,
): Promise<ForecasterParts> {
  if (known) {
    const places = tracks.map(({ group }) => groupOf('Forecaster.train', known, group))
    const groups = known.groups.map(({ group, scaling }, index) => {
      const place = places.indexOf(known.groups[index] as ForecastGroup)
      return { group, scaling, track: tracks[place] }
    })
    return { ...known, model: known.model.clone() as Model<Tensor>, groups }
  }
  const span = tracks.reduce((longest, { origin }, index) => {
    if (!format) return 0
    return Math.max(longest, stepped(format.frequency, origin, (ends[index] as number) - 1) - origin)
  }, 0)
  const calendar = format && settings.calendar ? calendarFeatures(format.frequency, format.form, span) : []
  const start = fitStart('Forecaster.train', tracks, ends, settings, format, calendar)
  const { scalings, baselines } = await runSliced(start, signal)
  const groups = tracks.map((track, index): ForecastGroup => {
    return { group: track.group, scaling: scalings[index] as Scaling, track }
  })
  const features = new Features(settings, format, calendar, groups.length, baselines)
  return { model: forecasterModel(features) as Model<Tensor>, settings, format, calendar, baselines, groups }
}

/** The group that a value names, which must have been trained on. */
export function groupOf(
  where: string,
  { groups, settings }: ForecasterParts,
  value: GroupValue | undefined,
): ForecastGroup {
  const found = groups.find(({ group }) => group === value)
  if (found) return found
  const known = groups.slice(0, 10).map(({ group }) => describe(group))
  const more = groups.length > 10 ? ` and ${groups.length - 10} more` : ''
  throw new SeqloomError(
    'ERR_DATA',
    `${where}: ${groupName(settings, value)} was not among those trained on: ${known.join(', ')}${more}; train a forecaster with its rows, too`,
  )
}

export const featuresOf = ({ settings, format, calendar, groups, baselines }: ForecasterParts): Features =>
  new Features(settings, format, calendar, groups.length, baselines)

/**
 * How far intervals reach before the network says more, in units of its outputs; those of earlier versions said all.
 */
export const reachOf = ({ baselines, settings }: ForecasterParts): number =>
  baselines ? normalReach(settings.interval) : 0

/** How far a network is trusted that nothing was held out from: the fewer steps it has learned from, the less. */
export const trustIn = (steps: number): number => steps / (steps + 200)

/** Parts after training, with what held-out values say about their network. */
export async function calibrated(
  parts: ForecasterParts,
  held: Windows | undefined,
  trust: number,
): Promise<ForecasterParts> {
  const { baselines, model, settings } = parts
  if (!baselines) return parts
  const { horizon, interval, variables } = settings
  const shape = { horizon, interval, variables: variables.length, reach: reachOf(parts) }
  const calibration = held
    ? calibrate(await model.predict(held.x), held.y, shape)
    : uncalibrated(trust, horizon, variables.length)
  return { ...parts, calibration }
}
