import { modelKind } from '../model/contents.js'
import { checkReplaceable, saveFolder } from '../model/save.js'
import { contentsIn } from '../model/writeFolder.js'
import { checkOptions, filePath, flag, label, oneOf } from '../options.js'
import { absolutePathOf } from '../path.js'
import type { Callback } from './callback.js'
import { Monitor, type MonitorMode } from './monitor.js'

/** Options of {@link modelCheckpoint}. */
export interface ModelCheckpointOptions {
  /** The folder to save to; each save replaces the previous one. */
  readonly path: string | URL
  /** Whether to save only when the monitored value has improved; default false. */
  readonly saveBestOnly?: boolean
  /** The value to follow; default `'val_loss'`. */
  readonly monitor?: string
  /** Default `'auto'`: larger is better for accuracies, smaller for everything else. */
  readonly mode?: MonitorMode
  /** Whether to replace a finished model in the folder; default false. Earlier checkpoints are always replaced. */
  readonly overwrite?: boolean
}

/**
 * Saves the model after every epoch, or after each that is the best so far. Errors: `ERR_OPTION`; `fit` rejects with
 * `ERR_IO`, before it trains if the folder holds a finished model or a `model.json` that is not Seqloom's.
 */
export function modelCheckpoint(options: ModelCheckpointOptions): Callback {
  checkOptions('callbacks.modelCheckpoint', options, {
    accepted: {
      path: filePath,
      saveBestOnly: flag,
      monitor: label,
      mode: oneOf(['auto', 'min', 'max']),
      overwrite: flag,
    },
    required: ['path'],
    refused: { saveWeightsOnly: [false], saveFreq: ['epoch'], verbose: [0] },
  })
  const { saveBestOnly = false, monitor = 'val_loss', mode = 'auto', overwrite = false } = options
  const path = absolutePathOf('callbacks.modelCheckpoint: path', options.path)
  const best = new Monitor('callbacks.modelCheckpoint', monitor, mode, 0)
  return {
    onTrainBegin: async () => {
      best.reset()
      const before = await contentsIn(path)
      if (before && !overwrite) checkReplaceable(path, before, { kind: modelKind, unfinished: true })
    },
    onEpochEnd: async (_epoch, logs, { model }) => {
      if (!saveBestOnly || best.improves(logs)) await saveFolder(path, { model, unfinished: true }, { overwrite })
    },
    getState: () => ({ values: best.best }),
    setState: ({ values }) => {
      best.best = values as number | null
    },
  }
}
