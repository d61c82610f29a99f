import type { Sliced } from '../../data/slices.js'
import { Features } from '../forecasterFeatures.js'
import type { ForecasterSettings } from '../forecasterOptions.js'
import type { CalendarFeature } from '../forecastFrequency.js'
import { groupName, type RowFormat } from '../forecastRows.js'
import { Scaling, type Transform } from '../series.js'
import type { Track } from '../tracks.js'
import type { Baseline } from './baseline.js'
import { type Candidate, type Fitted, fitBaseline } from './fitBaseline.js'

/** What is fitted to the training parts of series before the network: how each is scaled, and the linear forecast of each variable. */
export interface Start {
  readonly scalings: readonly Scaling[]
  readonly baselines: readonly Baseline[]
}

/** So much better must forecasts of logarithms be, and with so many tried, to be taken by themselves. */
const [logMargin, fewestTrials] = [0.98, 20]

/** Fits scalings and linear forecasts to the first `ends` steps of tracks. `ERR_DATA` for a variable that is never there. */
export function* fitStart(
  where: string,
  tracks: readonly Track[],
  ends: readonly number[],
  settings: ForecasterSettings,
  format: RowFormat | undefined,
  calendar: readonly CalendarFeature[],
): Sliced<Start> {
  const { variables, transform } = settings
  const scaledBy = (chosen: readonly Transform[]) =>
    tracks.map(({ group, values }, index) => {
      const whose = settings.group === undefined ? 'the series' : groupName(settings, group)
      return Scaling.fit(`${where}: ${whose}`, values.slice(0, ends[index]), variables, chosen)
    })
  const reader = new Features(settings, format, calendar, 1, undefined)
  const scales = { ...settings, aheadWidth: reader.aheadWidth }
  const usual = variables.map((): Transform => (transform === 'auto' ? 'none' : transform))
  const scalings = scaledBy(usual)
  const read = yield* fitted(tracks, ends, scalings, reader)
  const found: Candidate[] = []
  for (const variable of variables.keys()) found.push(yield* fitBaseline(read, variable, scales))
  const positive = variables.map(
    (_, variable) =>
      transform === 'auto' &&
      tracks.every(({ values }, index) =>
        values.every((row, t) => t >= (ends[index] as number) || !((row[variable] as number) <= 0)),
      ),
  )
  if (!positive.includes(true)) return { scalings, baselines: found.map(({ baseline }) => baseline) }
  const logarithms = scaledBy(positive.map((is): Transform => (is ? 'log' : 'none')))
  const readLogarithms = yield* fitted(tracks, ends, logarithms, reader)
  const chosen = [...usual]
  for (const variable of variables.keys()) {
    if (!positive[variable]) continue
    const plain = found[variable] as Candidate
    const candidate = yield* fitBaseline(readLogarithms, variable, scales)
    const error = errorOf(candidate, variable, logarithms, scalings)
    if (plain.tried.length < fewestTrials || error >= logMargin * errorOf(plain, variable, scalings, scalings)) continue
    chosen[variable] = 'log'
    found[variable] = candidate
  }
  return { scalings: scaledBy(chosen), baselines: found.map(({ baseline }) => baseline) }
}

function* fitted(
  tracks: readonly Track[],
  ends: readonly number[],
  scalings: readonly Scaling[],
  reader: Features,
): Sliced<Fitted[]> {
  const all: Fitted[] = []
  for (const [index, track] of tracks.entries()) {
    const end = ends[index] as number
    const targets: Float32Array[] = []
    let past: Fitted['past'] = { values: [], ahead: [] }
    for (const step of reader.read({ ...track, values: track.values.slice(0, end) }, 0, scalings[index] as Scaling)) {
      targets.push(step.scaled)
      past = step.past
      yield
    }
    all.push({ past, targets, end })
  }
  return all
}

/** The mean absolute error in a variable's own units, each series by its own size. */
function errorOf(
  { tried }: Candidate,
  variable: number,
  scalings: readonly Scaling[],
  sizes: readonly Scaling[],
): number {
  let sum = 0
  for (const { series, forecast, value } of tried) {
    const scaling = scalings[series] as Scaling
    const error = Math.abs(scaling.unscale(forecast, variable) - scaling.unscale(value, variable))
    sum += error / ((sizes[series] as Scaling).deviations[variable] as number)
  }
  return sum / tried.length
}
