import { describe, SeqloomError } from '../errors.js'
import { isRecord } from '../options.js'
import type { Option, OptionTable } from '../tasks/shared/option.js'
import type { Task } from '../tasks/shared/task.js'
import { fingerprint } from './fingerprint.js'
import { type Dimension, type Sampled, type Space, sizeOf } from './space.js'
import {
  checkSettings,
  type Options,
  type Refit,
  type Settings,
  type Subject,
  settingsFor,
  type TrialRun,
} from './subject.js'

/** The class of a task. */
// biome-ignore lint/suspicious/noExplicitAny: tasks take options of their own.
export type TaskClass = new (options?: any) => Task

/** @inline The options of a task's `train`. */
type TrainOptions<C extends TaskClass> = NonNullable<Parameters<InstanceType<C>['train']>[1]>

/** A search for the options of a task. */
export interface TaskSearch<S extends Space, C extends TaskClass> {
  /** The class: `tasks.TextClassifier`. The space has options of its constructor and of `train`. */
  readonly task: C
  /** What `train` takes. */
  readonly data: Parameters<InstanceType<C>['train']>[0]
  /** The other options of the constructor. */
  readonly options?: ConstructorParameters<C>[0]
  /** The other options of `train`, or a function that makes them for the options of a trial. */
  readonly train?: TrainOptions<C> | ((options: Sampled<S>) => TrainOptions<C>)
}

/** How tasks are made and trained. */
export interface TaskPlan {
  /** The class's name. */
  readonly name: string
  /** The options of the constructor and of `train`. */
  readonly tables: readonly [OptionTable, OptionTable]
  readonly data: unknown
  /** What tells the data from others; by default, the data themselves. */
  readonly sample?: unknown
  readonly options: object
  readonly train: Settings<object> | undefined
  create(options: object): Task
}

/** Options of `train` that a search decides by itself, or that are no values. */
const decided = ['backupDir', 'resume', 'signal', 'callbacks', 'onProgress', 'onEpoch', 'validationData']

/** Trains tasks. */
export class TaskSubject<T extends Task> implements Subject<T> {
  readonly identity: Readonly<Record<string, unknown>>
  readonly #where: string
  readonly #plan: TaskPlan

  /** Throws `ERR_OPTION`, also for a space with options that the task does not have, or with values that they do not take. */
  constructor(where: string, space: Space, plan: TaskPlan, decides: boolean) {
    const { name, data, sample = data, options, train } = plan
    checkSettings(where, 'train', train, decides)
    if (decides && Object.hasOwn(space, 'epochs')) {
      throw new SeqloomError('ERR_OPTION', `${where}: epochs is an option of the search, which its space cannot have`)
    }
    for (const [option, dimension] of Object.entries(space)) checkDimension(where, plan, option, dimension)
    this.#where = where
    this.#plan = plan
    this.identity = { task: name, data: fingerprint(sample), settings: fingerprint([options, train]) }
  }

  async train(options: Options, run: TrialRun): Promise<void> {
    const task = this.#create(options)
    try {
      await this.#train(task, options, run)
    } finally {
      await task.dispose()
    }
  }

  async refit(options: Options, run: TrialRun, bestEpoch: number, how: Refit): Promise<T> {
    const task = this.#create(options)
    try {
      // As in the trial, it is the task that knows which epoch to keep.
      const otherwise = how === 'all' ? { epochs: bestEpoch, validationSplit: 0, restoreBest: false } : {}
      await this.#train(task, options, run, otherwise)
      return task as T
    } catch (error) {
      await task.dispose()
      throw error
    }
  }

  #create(options: Options): Task {
    const own = Object.entries(options).filter(([name]) => Object.hasOwn(this.#plan.tables[0].all, name))
    return this.#plan.create({ ...this.#plan.options, ...Object.fromEntries(own) })
  }

  async #train(task: Task, options: Options, run: TrialRun, otherwise: object = {}): Promise<void> {
    const { callbacks, epochs, signal, backupDir } = run
    const settings = settingsFor(this.#where, 'train', this.#plan.train, options) as { readonly callbacks?: unknown }
    const own = Object.entries(options).filter(([name]) => !Object.hasOwn(this.#plan.tables[0].all, name))
    await task.train(this.#plan.data as never, {
      ...settings,
      ...Object.fromEntries(own),
      ...(epochs !== undefined && { epochs }),
      ...otherwise,
      ...(backupDir !== undefined && { backupDir }),
      callbacks: [...[settings.callbacks ?? []].flat(), ...callbacks],
      signal,
    })
  }
}

/** How the tasks of a class are made and trained. Throws `ERR_OPTION` for anything but a task's class. */
export function planOf(where: string, given: TaskSearch<Space, TaskClass>): TaskPlan {
  const { task, data, options = {}, train } = given
  const { optionTables: tables } = (typeof task === 'function' ? task : {}) as { optionTables?: TaskPlan['tables'] }
  if (tables === undefined) {
    throw new SeqloomError(
      'ERR_OPTION',
      `${where}: task must be a class of tasks, such as tasks.TextClassifier, not ${describe(task)}`,
    )
  }
  if (data === undefined) throw new SeqloomError('ERR_OPTION', `${where}: data is missing: it must be what train takes`)
  if (!isRecord(options))
    throw new SeqloomError(
      'ERR_OPTION',
      `${where}: options must be those of new ${task.name}, not ${describe(options)}`,
    )
  const create = (all: object) => new task(all)
  // What is wrong for all trials alike is told at once.
  create(options)
  return { name: task.name, tables, data, options, train: train as Settings<object> | undefined, create }
}

function checkDimension(where: string, { name: task, tables }: TaskPlan, name: string, dimension: Dimension): void {
  const all: Readonly<Record<string, Option>> = { ...tables[1].all, ...tables[0].all }
  const option = Object.hasOwn(all, name) && !decided.includes(name) ? all[name] : undefined
  if (!option) {
    const names = Object.keys(all).filter((each) => !decided.includes(each))
    throw new SeqloomError(
      'ERR_OPTION',
      `${where}: space: ${task} has no option '${name}' that can be searched; it has ${names.join(', ')}`,
    )
  }
  const values =
    sizeOf({ name: dimension }) === dimension.values.length
      ? dimension.values
      : [dimension.at(0), dimension.at(1 - 2 ** -32)]
  const wrong = values.find((value) => !option.values.accepts(value))
  if (wrong === undefined) return
  throw new SeqloomError(
    'ERR_OPTION',
    `${where}: space: ${name} must be ${option.values.expected}, not ${describe(wrong)}`,
  )
}
