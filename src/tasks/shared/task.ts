import '../../dispose.js'
import type { History } from '../../callbacks/callback.js'
import type { Dataset } from '../../data/dataset.js'
import { inWay } from '../../distributed.js'
import type { QuantizeOptions, SaveOptions } from '../../model/index.js'
import type { Rows } from './rows.js'
import { readTask, type Saving, saveTask } from './saved.js'
import { Served, type TaskParts, type Training } from './served.js'
import { prepared, validationRows } from './survey.js'

/** What a training on rows is told besides them. */
interface RowSettings<Row> {
  readonly validationData?: Rows<Row> | undefined
  readonly distributed?: boolean | undefined
  readonly signal?: AbortSignal | undefined
}

/** What decides when a training ends, and who trains. */
type LearnSettings = Pick<RowSettings<never>, 'distributed' | 'signal'>

/** Prepares a training on rows, with those to validate on and the parts that are there already. */
type Prepare<Data, Row, Settings, Parts> = (
  where: string,
  data: Data,
  given: readonly Row[] | undefined,
  settings: Settings,
  known: Parts | undefined,
) => Promise<Training<Parts, History>>

/** A model together with its data handling, to train, use, save and load. */
export abstract class Task implements Disposable {
  /** Whether there is a model: the first training has begun and has not failed, or the task was loaded. */
  abstract get ready(): boolean

  /** The model itself, which is in training while `train` runs; `ERR_STATE` before training. */
  abstract get model(): TaskParts['model']

  /** Trains, and returns the losses of the epochs. */
  abstract train(data: never, options?: object): Promise<History>

  /** Measures on data like the training data. */
  abstract evaluate(data: never, options?: object): Promise<unknown>

  /**
   * Saves the model, and what belongs to it, in a folder. Rejects with `ERR_STATE` before training and with `ERR_IO`,
   * also where the folder holds something else.
   */
  abstract save(directory: string | URL, options?: SaveOptions): Promise<void>

  /** Refuses further calls with `ERR_STATE`, waits for those that run, a training included, and frees the model. */
  abstract dispose(): Promise<void>

  /** Like {@link dispose}, without waiting. */
  [Symbol.dispose](): void {
    void this.dispose()
  }
}

/** A task that keeps answering, through a copy, while it is trained again. */
export abstract class ServedTask<Parts extends TaskParts, Settings extends object> extends Task {
  readonly #saving: Saving<Parts, Settings>
  readonly #served: Served<Parts>
  #settings: Settings

  /** @internal */
  constructor(saving: Saving<Parts, Settings>, settings: Settings) {
    super()
    this.#saving = saving
    this.#served = new Served(saving.kind.task)
    this.#settings = settings
  }

  get ready(): boolean {
    return this.#served.ready
  }

  get model(): Parts['model'] {
    return this.parts('model').model
  }

  async save(directory: string | URL, options: SaveOptions = {}): Promise<void> {
    await this.use('save', (parts) => saveTask(this.#saving, directory, parts, this.#settings, options))
  }

  /**
   * The same task with int8 weights: smaller files and faster answers, nearly the same; `train` then is
   * `ERR_UNSUPPORTED`. This one stays as it is. See {@link Model.quantize}. Rejects with `ERR_STATE` before training
   * and with `ERR_OPTION`.
   */
  async quantize(options: QuantizeOptions = {}): Promise<this> {
    return await this.alone('quantize', async (parts) => {
      const made = new (this.constructor as new () => this)()
      made.#settings = this.#settings
      made.#served.load({ ...parts, model: parts.model.quantize(options) })
      return made
    })
  }

  async dispose(): Promise<void> {
    await this.#served.dispose()
  }

  /** @internal The options with their defaults. */
  protected get settings(): Settings {
    return this.#settings
  }

  /** @internal Takes over options that were found in training. */
  protected set settings(settings: Settings) {
    this.#settings = settings
  }

  /** @internal The name of a method in errors. */
  protected where(method: string): string {
    return `${this.#saving.kind.task}.${method}`
  }

  /** @internal Takes what was saved. Rejects with `ERR_IO` or `ERR_FORMAT`, naming the file. */
  protected async restored(directory: string | URL): Promise<this> {
    const { parts, settings } = await readTask(this.#saving, directory)
    this.#settings = settings
    this.#served.load(parts)
    return this
  }

  /** @internal The parts, those in training included; `ERR_STATE` before training. */
  protected parts(method: string): Parts {
    return this.#served.parts(this.where(method))
  }

  /** @internal Answers a call with the parts of the last training that has ended. `ERR_STATE` before training. */
  protected async use<T>(method: string, call: (parts: Parts, where: string) => Promise<T>): Promise<T> {
    const where = this.where(method)
    return await this.#served.use(where, (parts) => call(parts, where))
  }

  /** @internal Like {@link use}, while no other call uses the parts. */
  protected async alone<T>(method: string, call: (parts: Parts, where: string) => Promise<T>): Promise<T> {
    const where = this.where(method)
    return await this.#served.alone(where, (parts) => call(parts, where))
  }

  /** @internal Prepares a training from the existing parts, if any, and runs it. `ERR_STATE` while another one runs. */
  protected async learn<T>(
    { distributed, signal }: LearnSettings,
    prepare: (where: string, known: Parts | undefined) => Promise<Training<Parts, T>>,
  ): Promise<T> {
    const where = this.where('train')
    return await inWay(where, distributed, () => this.#served.train(where, signal, (known) => prepare(where, known)))
  }

  /**
   * @internal {@link learn} from rows: `small` prepares what fits into memory, `large` what is gone through again and
   * again.
   */
  protected async learnRows<Row, Own extends RowSettings<Row>>(
    rows: Rows<Row>,
    settings: Own,
    {
      small,
      large,
    }: {
      readonly small: Prepare<readonly Row[], Row, Own, Parts>
      readonly large: Prepare<Dataset<Row>, Row, Own, Parts>
    },
  ): Promise<History> {
    const { validationData, signal } = settings
    return await this.learn(settings, async (where, known) => {
      const given = await validationRows(where, validationData, signal)
      return await prepared(where, rows, signal, {
        small: (some) => small(where, some, given, settings, known),
        large: (all) => large(where, all, given, settings, known),
      })
    })
  }
}
