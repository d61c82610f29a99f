import { join } from 'node:path'
import type { BackupAndRestore } from '../callbacks/backupAndRestore.js'
import type { Callback, History } from '../callbacks/callback.js'
import { describe, SeqloomError } from '../errors.js'
import { isRecord } from '../options.js'
import { contentsOf, wordsFor } from './contents.js'
import { descriptionName, folderFiles } from './folder.js'
import type { Model } from './model.js'
import { readTensors, restoreRest, restoreWeights } from './restore.js'
import { encodeTensors, saveFolder } from './save.js'
import { described, removeFolder } from './writeFolder.js'

/** What makes trainings the same, so that one can go on where the other was. */
export type TrainingIdentity = Readonly<Record<string, number | boolean | string>>

/** A training between two steps, besides the model's own state. */
export interface TrainingState {
  /** The native loop's own text: the place in the epoch, and the sums of losses and metrics. */
  readonly progress: string
  /** Whether a callback has ended the training. */
  readonly stopped: boolean
  readonly history: History
}

/** What the description of a backup holds besides a model's. */
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
export class Backup {
  readonly #settings: BackupAndRestore
  readonly #callbacks: readonly Callback[]
  readonly #identity: TrainingIdentity

  constructor(settings: BackupAndRestore, callbacks: readonly Callback[], identity: TrainingIdentity) {
    this.#settings = settings
    this.#callbacks = callbacks
    this.#identity = identity
  }

  get everyEpoch(): boolean {
    return this.#settings.everyEpoch
  }

  /** Whether the backup is still there when the training has ended. */
  get stays(): boolean {
    return !this.#settings.removes
  }

  /** What the native loop has to know. */
  get options(): { readonly checkpointSteps?: number; readonly checkpointSeconds?: number } {
    const { steps, seconds } = this.#settings
    return {
      ...(steps === undefined ? {} : { checkpointSteps: steps }),
      ...(seconds === undefined ? {} : { checkpointSeconds: seconds }),
    }
  }

  async save(model: Model, { progress, stopped, history }: TrainingState): Promise<void> {
    const states = this.#callbacks.map((callback) => callback.getState?.() ?? null)
    const tensors = states.flatMap((state, at) =>
      (state?.tensors ?? []).map(({ data, shape }, index) => ({ name: `${at}/${index}`, data, shape })),
    )
    const kept = tensors.length > 0 ? { assets: { [asset]: await encodeTensors(tensors) } } : {}
    await saveFolder(this.#settings.folder, {
      model,
      ...kept,
      metadata: {
        backup: {
          identity: this.#identity,
          progress,
          stopped,
          epoch: history.epoch,
          history: mapValues(history.history, (values) => values.map(writeNumber)),
          callbacks: states.map((state) => state && { values: state.values }),
        } satisfies SavedBackup,
      },
    })
  }

  /** Puts model and callbacks back to where the backup was made, if there is one and that is asked for. */
  async restore(model: Model): Promise<TrainingState | undefined> {
    const { folder, resumes } = this.#settings
    const path = join(folder, descriptionName)
    const description = await described(folder)
    if (description === undefined) return undefined
    const contents = contentsOf(description)
    if (contents.kind !== 'backup') throw this.#other(`holds ${wordsFor(contents)}, not the backup of a training`)
    if (!resumes) return undefined
    const saved = isRecord(description.metadata) ? description.metadata.backup : undefined
    if (!isSaved(saved)) throw new SeqloomError('ERR_FORMAT', `'${path}': metadata.backup is not what it should be`)
    this.#compare(saved.identity, description, model)
    const files = folderFiles(folder)
    await restoreWeights(files, description, model)
    const { assets } = await restoreRest(files, description, model)
    const tensors = assets[asset] ? await readTensors(assets[asset]) : []
    for (const [at, callback] of this.#callbacks.entries()) {
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
    return { progress, stopped, history: { epoch, history: mapValues(saved.history, (values) => values.map(Number)) } }
  }

  /** Removes the backup of a training that has ended, if that is asked for. */
  async end(): Promise<void> {
    if (!this.stays) await removeFolder(this.#settings.folder, ({ kind }) => kind === 'backup')
  }

  #compare(identity: Record<string, unknown>, description: Record<string, unknown>, model: Model): void {
    for (const [name, value] of Object.entries(this.#identity)) {
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
    const training = isRecord(description.training) ? description.training.options : undefined
    if (JSON.stringify(training) !== JSON.stringify(model.compileOptions())) {
      throw this.#other('is of a model that was compiled with another optimizer, loss or metrics')
    }
  }

  #other(what: string): SeqloomError {
    return new SeqloomError(
      'ERR_STATE',
      `callbacks.backupAndRestore: '${this.#settings.folder}' ${what}; train as before to go on, or choose another folder to begin anew`,
    )
  }
}

/** JSON has no NaN and no infinities, which metrics may become. */
const writeNumber = (value: number): number | string => (Number.isFinite(value) ? value : String(value))

/** A record with other values. */
export function mapValues<A, B>(record: Record<string, A>, map: (value: A) => B): Record<string, B> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, map(value)]))
}
