import { SeqloomError } from '../errors.js'
import { loadFolder, type SaveOptions, Sequential, saveFolder } from '../model/index.js'
import { isRecord } from '../options.js'
import { readAsset } from './assets.js'
import { quantileCount } from './forecasterModel.js'
import { type ForecasterSettings, forecasterSettings } from './forecasterOptions.js'
import { readSeries, Scaling } from './series.js'

/** What a forecaster consists of once there is a model. */
export interface ForecasterParts {
  readonly model: Sequential
  readonly settings: ForecasterSettings
  readonly scaling: Scaling
  /** The last steps that were read, from which a loaded forecaster goes on. */
  history: number[][]
  /** Whether the model got the weights of an earlier step back; default false. */
  restored?: boolean
  /** Whether the training was interrupted; default false. */
  unfinished?: boolean
}

const forecasterFile = 'forecaster.json'

/** Saves a forecaster as a model folder with its settings, scaling and history. Rejects with `ERR_IO`. */
export async function saveForecaster(
  folder: string | URL,
  parts: ForecasterParts,
  options?: SaveOptions,
): Promise<void> {
  const { model, settings, scaling, history, restored = false, unfinished = false } = parts
  const { means, deviations } = scaling
  const saved = JSON.stringify({ settings, scaling: { means, deviations }, history })
  const assets = { [forecasterFile]: saved }
  const metadata = { task: 'forecasting' }
  await saveFolder(folder, { model, assets, metadata, withoutOptimizerState: restored, unfinished }, options)
}

/** Loads what {@link saveForecaster} wrote. Rejects with `ERR_IO`, and with `ERR_FORMAT` for a folder that is no forecaster. */
export async function readForecaster(directory: string | URL): Promise<ForecasterParts> {
  const { folder, model, assets, unfinished } = await loadFolder(directory, 'forecasting')
  const saved = readAsset(folder, 'forecaster', assets, forecasterFile)
  const damaged = (why: string) => new SeqloomError('ERR_FORMAT', `${folder}: ${forecasterFile}: ${why}`)
  if (!isRecord(saved)) throw damaged('expected an object')
  try {
    const settings = forecasterSettings(saved.settings as object)
    const history = readSeries('history', saved.history as number[][], settings)
    const { variables, horizon, transform } = settings
    const scaling = isRecord(saved.scaling) ? saved.scaling : {}
    const numbers = (value: unknown, accepts: (x: number) => boolean): number[] => {
      const right = Array.isArray(value) && value.length === variables.length && value.every((x) => accepts(x))
      if (!right) throw damaged('scaling must have a finite number for each variable')
      return value
    }
    const means = numbers(scaling.means, Number.isFinite)
    const deviations = numbers(scaling.deviations, (x) => Number.isFinite(x) && x > 0)
    const outputs = quantileCount * horizon * variables.length
    if (
      !(model instanceof Sequential) ||
      model.topology().outputs[0]?.shape.at(-1) !== outputs ||
      history.length === 0
    ) {
      throw damaged(`a forecaster of these settings has a history and a model with ${outputs} outputs`)
    }
    return { model, settings, scaling: new Scaling(transform, means, deviations), history, unfinished }
  } catch (error) {
    if (error instanceof SeqloomError && error.code !== 'ERR_FORMAT') throw damaged(error.message)
    throw error
  }
}
