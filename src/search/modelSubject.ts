import { backupAndRestore } from '../callbacks/backupAndRestore.js'
import type { Callback } from '../callbacks/callback.js'
import { isStreamed } from '../data/sources.js'
import type { DataSet, Streamed } from '../data/tensor.js'
import { describe, isInstance, SeqloomError } from '../errors.js'
import { Model } from '../model/model.js'
import type { FitOptions } from '../model/runOptions.js'
import { isCallable } from '../options.js'
import { fingerprint } from './fingerprint.js'
import type { Sampled, Space } from './space.js'
import {
  checkSettings,
  endAfter,
  type Options,
  type Refit,
  type Settings,
  type Subject,
  settingsFor,
  type TrialRun,
} from './subject.js'

/** A search for the options of a model. */
export interface ModelSearch<S extends Space, M extends Model> {
  /** Makes a compiled model with the options of a trial. */
  readonly model: (options: Sampled<S>) => M | Promise<M>
  /** What `fit` takes: inputs, or rows that come one after another. */
  readonly x: DataSet | Streamed
  /** Targets. */
  readonly y?: DataSet
  /**
   * The options of `fit`, or a function that makes them for the options of a trial; the latter where there are
   * callbacks. With `validationData` or `validationSplit`, unless what is monitored is of the training.
   */
  readonly fit?: FitOptions | ((options: Sampled<S>) => FitOptions)
}

/** Trains models. */
export class ModelSubject<M extends Model> implements Subject<M> {
  readonly identity: Readonly<Record<string, unknown>>
  readonly #where: string
  readonly #given: ModelSearch<Space, M>

  /** Throws `ERR_OPTION`. */
  constructor(where: string, given: ModelSearch<Space, M>, decides: boolean) {
    const { model, x, y, fit } = given
    if (!isCallable(model)) {
      throw new SeqloomError(
        'ERR_OPTION',
        `${where}: model must be a function that makes a compiled model, not ${describe(model)}`,
      )
    }
    if (x === undefined || (y === undefined && !isStreamed(x))) {
      throw new SeqloomError(
        'ERR_OPTION',
        `${where}: x and y must be what fit takes; ${x === undefined ? 'x' : 'y'} is missing`,
      )
    }
    checkSettings(where, 'fit', fit, decides)
    this.#where = where
    this.#given = given
    this.identity = { data: fingerprint([x, y]), settings: fingerprint(fit) }
  }

  async train(options: Options, run: TrialRun): Promise<void> {
    const model = await this.#make(options)
    try {
      await this.#fit(model, settingsFor(this.#where, 'fit', this.#settings, options), run, run.callbacks)
    } finally {
      free(model)
    }
  }

  async refit(options: Options, run: TrialRun, bestEpoch: number, how: Refit): Promise<M> {
    const model = await this.#make(options)
    try {
      const { validationSplit, ...rest } = settingsFor(this.#where, 'fit', this.#settings, options)
      const settings = how === 'trial' && validationSplit !== undefined ? { ...rest, validationSplit } : rest
      await this.#fit(model, settings, run, [...run.callbacks, endAfter(bestEpoch)])
      return model
    } catch (error) {
      free(model)
      throw error
    }
  }

  get #settings(): Settings<FitOptions> | undefined {
    return this.#given.fit as Settings<FitOptions> | undefined
  }

  async #make(options: Options): Promise<M> {
    const made = await this.#given.model(options as never)
    if (isInstance(made, Model)) return made as M
    throw new SeqloomError('ERR_OPTION', `${this.#where}: model must return a compiled model, not ${describe(made)}`)
  }

  async #fit(
    model: M,
    settings: FitOptions,
    { epochs, signal, backupDir }: TrialRun,
    further: readonly Callback[],
  ): Promise<void> {
    const { x, y } = this.#given
    const { callbacks } = settings
    const backup = backupDir === undefined ? [] : [backupAndRestore({ backupDir, saveMinutes: 1 })]
    const all = [...[callbacks ?? []].flat(), ...further, ...backup] as Callback[]
    const options = { ...settings, ...(epochs !== undefined && { epochs }), callbacks: all, signal }
    if (isStreamed(x)) await model.fit(x, options)
    else await model.fit(x, y as DataSet, options)
  }
}

function free(model: Model): void {
  try {
    model.dispose()
  } catch {
    // The user may go on with its layers; the garbage collector frees it in the end.
  }
}
