import { backupAndRestore } from '../../callbacks/backupAndRestore.js'
import { type Callback, checkCallbacks, closing, type Ending, type History, showing } from '../../callbacks/callback.js'
import type { Model } from '../../model/index.js'
import type { LookOptions } from '../../record/looks.js'
import { warn } from '../../warn.js'
import type { TrainClassifierOptions } from '../optionTypes.js'
import { BestWeights } from './bestWeights.js'
import type { Kept } from './division.js'
import type { TaskParts } from './served.js'

/** What is trained. */
export interface Trainee extends TaskParts {
  /** @internal */
  readonly model: Pick<Model, 'compile' | 'fit' | 'copyWeights' | 'putWeights'> & TaskParts['model']
}

/** What is done with the weights of a training's epochs. */
export interface KeepSettings extends Partial<Kept>, Pick<TrainClassifierOptions, 'backupDir' | 'resume'> {
  /** Whether the kept epoch's weights are restored; false leaves those of the last step. */
  readonly restoreBest?: boolean
  /** The user's callbacks. */
  readonly callbacks?: Callback | readonly Callback[]
  /** What callbacks can show of the model between two epochs. */
  readonly looks?: LookOptions
}

/**
 * A callback without what it does last of all: a training of a task may call `fit` more than once. Functions keep their
 * `this`.
 */
const withoutClosing = (callback: Callback): Callback =>
  new Proxy(callback, {
    get: (target, name) => {
      const value: unknown = name === closing ? undefined : Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })

/**
 * Trains a compiled model with the callbacks that a task makes, and with backups if asked for; restores the kept
 * epoch's weights, however the training ends.
 */
export async function keepBest(
  trainee: Trainee,
  { backupDir, resume = true, restoreBest = true, keep = 'best', warning, callbacks = [], looks = {} }: KeepSettings,
  callbacksFor: (best: BestWeights) => readonly Callback[],
  train: (callbacks: readonly Callback[]) => Promise<History>,
): Promise<History> {
  if (warning !== undefined) warn('WARN_VALIDATION', warning)
  trainee.restored = false
  trainee.unfinished = true
  const best = new BestWeights(trainee.model, keep)
  const backup = backupDir === undefined ? [] : [backupAndRestore({ backupDir, resume, saveMinutes: 1 })]
  const given = checkCallbacks(callbacks, 'train')
  for (const callback of given) callback[showing]?.(looks)
  let ended = false
  let ending: Ending = {}
  try {
    const history = await train([...callbacksFor(best), ...given.map(withoutClosing), ...backup])
    ended = true
    trainee.unfinished = false
    return history
  } catch (error) {
    ending = { failure: { error } }
    throw error
  } finally {
    for (const callback of given) await callback[closing]?.(ending)
    trainee.learned = best.epoch !== undefined
    // The last epoch's weights belong to a training that ran to its end.
    if (restoreBest && !(ended && keep === 'last')) trainee.restored = await best.restore()
  }
}
