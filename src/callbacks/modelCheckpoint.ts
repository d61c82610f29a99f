import { dirname } from 'node:path'
import { describe, SeqloomError } from '../errors.js'
import { makeFolder } from '../files.js'
import { modelKind } from '../model/contents.js'
import { checkReplaceable, saveFolder } from '../model/save.js'
import { contentsIn } from '../model/writeFolder.js'
import { checkOptions, custom, filePath, flag, integer, label, number, oneOf } from '../options.js'
import { absolutePathOf } from '../path.js'
import { type Callback, type Logs, recording, type Training } from './callback.js'
import { Monitor, type MonitorMode } from './monitor.js'

/** Options of {@link modelCheckpoint}. */
export interface ModelCheckpointOptions {
  /**
   * The folder to save to; each save replaces the previous one. `{epoch}` (from 1), `{batch}` (from 1) and the names of
   * logs, such as `{val_loss}` or `{valLoss}`, stand for their values; `{epoch:02d}` and `{val_loss:.3f}` say how
   * they are written.
   */
  readonly path: string | URL
  /** Whether to save only when the monitored value has improved; default false. */
  readonly saveBestOnly?: boolean
  /** Whether to leave out the optimizer's state; default false. */
  readonly saveWeightsOnly?: boolean
  /** The value to follow; default `'val_loss'`. */
  readonly monitor?: string
  /** Default `'auto'`: larger is better for accuracies, smaller for everything else. */
  readonly mode?: MonitorMode
  /** When to save: after every epoch, or after this many batches, for which the training waits. Default `'epoch'`. */
  readonly saveFreq?: 'epoch' | number
  /** With `saveBestOnly`, the value that the first save has to beat; default null: none. */
  readonly initialValueThreshold?: number | null
  /** Whether to replace a finished model in the folder; default false. Earlier checkpoints are always replaced. */
  readonly overwrite?: boolean
}

/**
 * Saves the model after every epoch, after so many batches, or after each of these that is the best so far. Errors:
 * `ERR_OPTION`, also for a name in `path` that no value has; `fit` rejects with `ERR_IO`, before it trains if the
 * folder holds a finished model or a `model.json` that is not Seqloom's.
 */
export function modelCheckpoint(options: ModelCheckpointOptions): Callback {
  checkOptions('callbacks.modelCheckpoint', options, {
    accepted: {
      path: filePath,
      saveBestOnly: flag,
      saveWeightsOnly: flag,
      monitor: label,
      mode: oneOf(['auto', 'min', 'max']),
      saveFreq: custom("'epoch' or a number of batches", (v) => v === 'epoch' || integer(1).accepts(v)),
      initialValueThreshold: custom('a finite number, or null', (v) => v === null || number().accepts(v)),
      overwrite: flag,
    },
    required: ['path'],
    refused: { verbose: [0, false] },
  })
  const { saveBestOnly = false, monitor = 'val_loss', mode = 'auto', overwrite = false, saveFreq = 'epoch' } = options
  const pattern = absolutePathOf('callbacks.modelCheckpoint: path', options.path)
  const best = new Monitor('callbacks.modelCheckpoint', monitor, mode, 0)
  const contents = { unfinished: true, withoutOptimizerState: options.saveWeightsOnly ?? false }
  let epochNow = 0
  let batches = 0
  const save = async (places: Readonly<Record<string, number>>, logs: Logs, training: Training): Promise<void> => {
    if (saveBestOnly && !(best.isDue(logs, training) && best.improves(logs))) return
    const { model } = training
    const path = filled(pattern, { ...logs, ...places })
    if (path !== pattern) await makeFolder(dirname(path))
    await saveFolder(path, { model, ...contents }, { overwrite })
  }
  const moments: Callback =
    saveFreq === 'epoch'
      ? { onEpochEnd: (epoch, logs, training) => save({ epoch: epoch + 1 }, logs, training) }
      : {
          onEpochBegin: (epoch) => {
            epochNow = epoch
          },
          onTrainBatchEnd: async (batch, logs, training) => {
            batches++
            if (batches % saveFreq === 0) await save({ epoch: epochNow + 1, batch: batch + 1 }, logs, training)
          },
        }
  return {
    ...moments,
    [recording]: true,
    onTrainBegin: async () => {
      best.reset(options.initialValueThreshold ?? undefined)
      batches = 0
      const before = await contentsIn(pattern)
      if (before && !overwrite) checkReplaceable(pattern, before, { kind: modelKind, unfinished: true })
    },
    getState: () => ({ values: saveFreq === 'epoch' ? best.best : { best: best.best, batches } }),
    setState: ({ values }) => {
      const state = values as number | null | { readonly best: number | null; readonly batches: number }
      best.best = typeof state === 'object' && state !== null ? state.best : state
      batches = typeof state === 'object' && state !== null ? state.batches : 0
    },
  }
}

const place = /\{([A-Za-z_][\w/ -]*)(?::([^{}]*))?\}/g

/** A path with values in the places of their names. */
function filled(pattern: string, values: Logs): string {
  return pattern.replace(place, (_, name: string, format: string | undefined) => {
    const snake = name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
    const value = Object.hasOwn(values, name) ? values[name] : values[snake]
    if (value === undefined) {
      throw new SeqloomError(
        'ERR_OPTION',
        `callbacks.modelCheckpoint: path has {${name}}, but there are only ${Object.keys(values).join(', ')}`,
      )
    }
    return format === undefined ? String(value) : formatted(value, format)
  })
}

/** A number as Python's format writes it: `02d`, `.3f`, `.2e`, `8.3f`. */
function formatted(value: number, format: string): string {
  const parts = /^(0?)(\d*)(?:\.(\d{1,2}))?([dfe]?)$/.exec(format)
  if (!parts || Number(parts[2]) > 40) {
    throw new SeqloomError(
      'ERR_OPTION',
      `callbacks.modelCheckpoint: ${describe(format)} in path is no format such as 02d or .3f`,
    )
  }
  const [, zero, width, digits, kind] = parts
  const decimals = Number(digits ?? 6)
  const plain = kind === 'd' ? value.toFixed(0) : value.toFixed(decimals)
  return (kind === 'e' ? value.toExponential(decimals) : plain).padStart(Number(width), zero ? '0' : ' ')
}
