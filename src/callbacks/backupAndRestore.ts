import { join } from 'node:path'
import { describe, SeqloomError } from '../errors.js'
import { backupKind, contentsOf, wordsFor } from '../model/contents.js'
import { descriptionName, folderFiles } from '../model/folder.js'
import type { Model } from '../model/model.js'
import { readTensors, restoreRest, restoreWeights } from '../model/restore.js'
import { encodeTensors, saveFolder } from '../model/save.js'
import { described, removeFolder } from '../model/writeFolder.js'
import { upgraded } from '../optimizers/resolve.js'
import { checkOptions, custom, filePath, flag, integer, isRecord, positive } from '../options.js'
import { absolutePathOf } from '../path.js'
import {
  type Callback,
  type Keeper,
  type KeptMoment,
  type KeptTraining,
  keeper,
  type TrainingIdentity,
  type TrainingState,
} from './callback.js'

/** Options of {@link backupAndRestore}. */
export interface BackupAndRestoreOptions {
  /** The folder of the backup; each backup replaces the previous one. */
  readonly backupDir: string | URL
  /**
   * When to back up: after every epoch, or after this many steps. Default `'epoch'`, or never if `saveMinutes` is
   * given.
   */
  readonly saveFreq?: 'epoch' | number
  /** Backs up when this many minutes have passed since the last backup. */
  readonly saveMinutes?: number
  /**
   * Whether to remove the backup when the training has ended, and the folder if nothing else is in it; default true.
   */
  readonly deleteCheckpoint?: boolean
  /**
   * Whether to continue from an existing backup; default true. Otherwise the training starts over, and its first backup
   * replaces the existing one.
   */
  readonly resume?: boolean
}

/** What the description of a backup holds in addition to a model's. */
interface SavedBackup {
  readonly identity: TrainingIdentity
  readonly progress: string
  readonly stopped: boolean
  readonly epoch: number[]
  readonly history: Record<string, (number | string)[]>
  readonly callbacks: readonly ({ readonly values: unknown } | null)[]
}

const asset = 'callbacks.safetensors'

function isSaved(value: unknown): value is SavedBackup {
  if (!isRecord(value) || !isRecord(value.identity) || !isRecord(value.history)) return false
  const { progress, stopped, epoch, history, callbacks } = value
  const lists = [epoch, callbacks, ...Object.values(history)]
  return typeof progress === 'string' && typeof stopped === 'boolean' && lists.every(Array.isArray)
}

/** Writes backups of a training, and reads them. */
class BackupAndRestore implements Callback, Keeper {
  readonly #folder: string
  readonly #everyEpoch: boolean
  readonly #removes: boolean
  readonly #resumes: boolean
  readonly checkpoints: Keeper['checkpoints']
  /** The last backup that was begun. */
  #saved: Promise<unknown> = Promise.resolve()

  constructor(options: BackupAndRestoreOptions) {
    checkOptions('callbacks.backupAndRestore', options, {
      accepted: {
        backupDir: filePath,
        saveFreq: custom("'epoch' or a number of steps", (v) => v === 'epoch' || integer(1).accepts(v)),
        saveMinutes: positive,
        deleteCheckpoint: flag,
        resume: flag,
      },
      required: ['backupDir'],
      refused: { doubleCheckpoint: [false] },
    })
    const { backupDir, saveMinutes, saveFreq = saveMinutes === undefined ? 'epoch' : undefined } = options
    this.#folder = absolutePathOf('callbacks.backupAndRestore: backupDir', backupDir)
    this.#everyEpoch = saveFreq === 'epoch'
    this.#removes = options.deleteCheckpoint ?? true
    this.#resumes = options.resume ?? true
    this.checkpoints = {
      ...(typeof saveFreq === 'number' ? { checkpointSteps: saveFreq } : {}),
      ...(saveMinutes === undefined ? {} : { checkpointSeconds: saveMinutes * 60 }),
    }
  }

  get [keeper](): Keeper {
    return this
  }

  async at(moment: KeptMoment, training: KeptTraining): Promise<void> {
    switch (moment) {
      case 'begin':
        await this.#restore(training)
        break
      case 'checkpoint':
      case 'abort':
        await this.#save(training, false)
        break
      case 'epochEnd':
        if (this.#everyEpoch) await this.#save(training)
        break
      case 'trained':
        if (!this.#removes) await this.#save(training)
        break
      case 'end':
        if (this.#removes) await removeFolder(this.#folder, ({ kind }) => kind === backupKind)
    }
  }

  /**
   * Backs the training up as it is now. An end that was requested between two batches is one of the epoch, so the
   * training is not `stopped` yet.
   */
  async #save(training: KeptTraining, stopped?: false): Promise<void> {
    // An abort does not wait for a backup in progress, but the last backup does: both use the engine.
    const saving = this.#saved.then(() =>
      this.#write(training, { ...training.state(), ...(stopped === false && { stopped }) }),
    )
    this.#saved = saving.catch(() => undefined)
    await saving
  }

  async #write({ model, callbacks, identity }: KeptTraining, state: TrainingState): Promise<void> {
    const { progress, stopped, history } = state
    const states = callbacks.map((callback) => callback.getState?.() ?? null)
    const tensors = states.flatMap((state, at) =>
      (state?.tensors ?? []).map(({ data, shape }, index) => ({ name: `${at}/${index}`, data, shape })),
    )
    const kept = tensors.length > 0 ? { assets: { [asset]: await encodeTensors(tensors) } } : {}
    await saveFolder(this.#folder, {
      model,
      ...kept,
      metadata: {
        backup: {
          identity,
          progress,
          stopped,
          epoch: history.epoch,
          history: mapValues(history.history, (values) => values.map(writeNumber)),
          callbacks: states.map((state) => state && { values: state.values }),
        } satisfies SavedBackup,
      },
    })
  }

  /** Restores the model and the callbacks from the backup, if there is one and `resume` is set. */
  async #restore(training: KeptTraining): Promise<void> {
    const { model, callbacks } = training
    if (callbacks.filter((callback) => callback instanceof BackupAndRestore).length > 1) {
      throw new SeqloomError('ERR_OPTION', 'fit: callbacks.backupAndRestore is given twice')
    }
    const folder = this.#folder
    const path = join(folder, descriptionName)
    const description = await described(folder)
    if (description === undefined) return
    const contents = contentsOf(description)
    if (contents.kind !== backupKind) throw this.#other(`holds ${wordsFor(contents)}, not the backup of a training`)
    if (!this.#resumes) return
    const saved = isRecord(description.metadata) ? description.metadata.backup : undefined
    if (!isSaved(saved)) throw new SeqloomError('ERR_FORMAT', `'${path}': metadata.backup is not what it should be`)
    this.#compare(training.identity, saved.identity, description, model)
    const files = folderFiles(folder)
    await restoreWeights(files, description, model)
    const { assets } = await restoreRest(files, description, model)
    const tensors = assets[asset] ? await readTensors(assets[asset]) : []
    for (const [at, callback] of callbacks.entries()) {
      const state = saved.callbacks[at]
      if (!state) continue
      const own = tensors.filter(({ name }) => name.startsWith(`${at}/`))
      try {
        callback.setState?.({ values: state.values, ...(own.length > 0 ? { tensors: own } : {}) })
      } catch (cause) {
        throw new SeqloomError('ERR_FORMAT', `'${path}': the state of callback ${at} does not fit`, { cause })
      }
    }
    const { progress, stopped, epoch } = saved
    training.goOn({
      progress,
      stopped,
      history: { epoch, history: mapValues(saved.history, (values) => values.map(Number)) },
    })
  }

  #compare(
    own: TrainingIdentity,
    identity: Record<string, unknown>,
    description: Record<string, unknown>,
    model: Model,
  ): void {
    for (const [name, value] of Object.entries(own)) {
      if (identity[name] === value) continue
      // Backups of earlier versions do not tell of their data.
      if (name === 'data' && identity.data === undefined) continue
      if (name === 'data') throw this.#other('is of a training on other data')
      throw this.#other(`is of a training with ${name} ${describe(identity[name])}, not ${describe(value)}`)
    }
    const layers = (json: unknown) =>
      isRecord(json) && isRecord(json.config) ? JSON.stringify(json.config.layers) : ''
    if (layers(description.model) !== layers(JSON.parse(JSON.stringify(model.toJSON())))) {
      throw this.#other('is of a model with other layers')
    }
    const training = isRecord(description.training) ? upgraded(description.training.options) : undefined
    const { saved } = model.engine.compiled('fit')
    const [before, now] = [training, saved].map((options) => (isRecord(options) ? options.optimizer : undefined))
    if (isRecord(before) && isRecord(now) && before.kind === now.kind && before.formula !== now.formula) {
      throw this.#other(
        `is of a training with optimizers.${now.kind}({ formula: ${describe(before.formula)} }), not ${describe(now.formula)}`,
      )
    }
    // What changes no bit of the results may change.
    const identityOf = (options: unknown) =>
      JSON.stringify(isRecord(options) ? { ...options, checkpointEvery: undefined } : options)
    if (identityOf(training) !== identityOf(saved)) {
      throw this.#other('is of a model that was compiled with another optimizer, loss or metrics')
    }
  }

  #other(what: string): SeqloomError {
    return new SeqloomError(
      'ERR_STATE',
      `callbacks.backupAndRestore: '${this.#folder}' ${what}; train as before to go on, or choose another folder to begin anew`,
    )
  }
}

/**
 * Backs a training up. When the same training is started again, it continues where the backup was made: with the
 * weights, the optimizer, the random state, the position in the epoch, the history and the states of the other
 * callbacks. A training that was killed at any moment and is resumed ends with the same bits as one that never stopped.
 * An aborted `fit` makes a last backup. The folder holds a model that `loadModel` can read.
 *
 * Only the backup's own files are written, replaced and removed. To resume, give `fit` the same data and options again:
 * a sample of the data is compared.
 * Errors: `ERR_OPTION`; `fit` rejects with `ERR_IO`, also for a `model.json` in the folder that is not Seqloom's, with
 * `ERR_FORMAT` for a damaged backup, and with `ERR_STATE` for the backup of another training or a saved model, which
 * stays as it is.
 */
export function backupAndRestore(options: BackupAndRestoreOptions): Callback {
  return new BackupAndRestore(options)
}

/** JSON has no NaN and no infinities, but metrics may be one of them. */
const writeNumber = (value: number): number | string => (Number.isFinite(value) ? value : String(value))

/** A record with other values. */
function mapValues<A, B>(record: Record<string, A>, map: (value: A) => B): Record<string, B> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, map(value)]))
}
