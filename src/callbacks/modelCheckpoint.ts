import { checkOptions, filePath, flag, label, oneOf } from '../options.js'
import type { Callback } from './callback.js'
import { Monitor, type MonitorMode } from './monitor.js'

/** Options of {@link modelCheckpoint}. */
export interface ModelCheckpointOptions {
  /** The folder to save to; each save replaces the one before. */
  readonly path: string
  /** Whether to save only when the monitored value has improved; default false. */
  readonly saveBestOnly?: boolean
  /** The value to follow; default `'val_loss'`. */
  readonly monitor?: string
  /** Default `'auto'`: larger is better for accuracies, smaller for everything else. */
  readonly mode?: MonitorMode
}

/** Saves the model after every epoch, or after those that are the best so far. Errors: `ERR_OPTION`; `fit` rejects with `ERR_IO`. */
export function modelCheckpoint(options: ModelCheckpointOptions): Callback {
  checkOptions('callbacks.modelCheckpoint', options, {
    accepted: {
      path: filePath,
      saveBestOnly: flag,
      monitor: label,
      mode: oneOf(['auto', 'min', 'max']),
    },
    required: ['path'],
    refused: { saveWeightsOnly: [false], saveFreq: ['epoch'], verbose: [0] },
  })
  const { path, saveBestOnly = false, monitor = 'val_loss', mode = 'auto' } = options
  const best = new Monitor('callbacks.modelCheckpoint', monitor, mode, 0)
  return {
    onTrainBegin: () => best.reset(),
    onEpochEnd: async (_epoch, logs, { model }) => {
      if (!saveBestOnly || best.improves(logs)) await model.save(path)
    },
    getState: () => ({ values: best.best }),
    setState: ({ values }) => {
      best.best = values as number | null
    },
  }
}
