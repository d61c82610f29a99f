import { backupAndRestore } from '../../callbacks/backupAndRestore.js'
import type { Callback, CallbackState, History, HistoryValues } from '../../callbacks/callback.js'
import { TrainingHistory } from '../../callbacks/history.js'
import type { AnyLayer } from '../../layers/layer.js'
import { described } from '../../model/writeFolder.js'
import { isRecord } from '../../options.js'
import { absolutePathOf } from '../../path.js'
import type { KeepSettings } from './keepBest.js'

/** Layers that are trained from some epoch on, and slower, the lower they are (Howard and Ruder 2018, arXiv 1801.06146, 3.2 and 3.3). */
export interface Unfreezing {
  /** What begins to be trained together, in this order; what is in no group is trained from the beginning. */
  readonly groups: readonly (readonly AnyLayer[])[]
  /** How many epochs lie between one beginning and the next; the first group waits as many. With 0, none waits. */
  readonly every: number
  /** The learning rate of a group over that of the one before it, and of the first over that of what is in none. */
  readonly decay: number
}

/** Epochs in which the same layers are trained. */
interface Stage {
  readonly first: number
  /** One past the last one. */
  readonly end: number
  readonly frozen: readonly AnyLayer[]
}

function stagesOf({ groups, every }: Unfreezing, epochs: number): Stage[] {
  if (every === 0) return [{ first: 0, end: epochs, frozen: [] }]
  const count = Math.min(groups.length + 1, Math.ceil(epochs / every))
  return Array.from({ length: count }, (_, at) => ({
    first: at * every,
    end: at + 1 === count ? epochs : (at + 1) * every,
    frozen: groups.slice(at).flat(),
  }))
}

/** Runs one stage, whose epochs are numbered through, with further callbacks. */
export type RunStage = (
  epochs: { readonly initialEpoch: number; readonly epochs: number },
  further: readonly Callback[],
) => Promise<History>

/**
 * Trains stage by stage. A backup is of the stage that runs, with the history of those before it, and stays until the
 * next stage has one, so that a training that was killed anywhere goes on. In the end all layers can be trained, at one rate.
 */
export async function inStages(
  unfreezing: Unfreezing,
  epochs: number,
  { backupDir, resume = true }: Pick<KeepSettings, 'backupDir' | 'resume'>,
  run: RunStage,
): Promise<History> {
  const stages = stagesOf(unfreezing, epochs)
  const begun = backupDir !== undefined && resume ? await stageIn(backupDir, stages) : 0
  const whole = new TrainingHistory()
  const earlier: Callback = {
    getState: (): CallbackState => ({ values: { epoch: [...whole.epoch], history: { ...whole.history } } }),
    setState: ({ values }) => whole.append(values as HistoryValues),
  }
  try {
    for (const [at, group] of unfreezing.groups.entries()) {
      for (const layer of group) layer.learningRateMultiplier = unfreezing.decay ** (at + 1)
    }
    for (const [at, { first, end, frozen }] of stages.entries()) {
      if (at < begun) continue
      for (const layer of unfreezing.groups.flat()) layer.trainable = !frozen.includes(layer)
      const backup =
        backupDir === undefined
          ? []
          : [
              backupAndRestore({
                ...{ backupDir, resume: resume && at === begun, saveMinutes: 1 },
                deleteCheckpoint: at + 1 === stages.length,
              }),
            ]
      const history = await run({ initialEpoch: first, epochs: end }, [earlier, ...backup])
      whole.append(history)
      if (history.epoch.length < end - first) break
    }
  } finally {
    for (const layer of unfreezing.groups.flat()) {
      layer.trainable = true
      layer.learningRateMultiplier = 1
    }
  }
  return whole
}

/** The stage that a backup is of; the first one if that cannot be told, which `fit` then says. */
async function stageIn(folder: string | URL, stages: readonly Stage[]): Promise<number> {
  const metadata = (await described(absolutePathOf('backupDir', folder)))?.metadata
  const backup = isRecord(metadata) ? metadata.backup : undefined
  const identity = isRecord(backup) ? backup.identity : undefined
  const epoch = isRecord(identity) ? identity.initialEpoch : 0
  return Math.max(
    0,
    stages.findIndex(({ first }) => first === epoch),
  )
}
