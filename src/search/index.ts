// Finding settings: trainings with options that are drawn from a space of them. Names are the public ones:
// `search.random`.

import { serverChecks } from '../dashboard/listening.js'
import { SeqloomError } from '../errors.js'
import type { Model } from '../model/model.js'
import {
  abortSignal,
  checkOptions,
  custom,
  filePath,
  flag,
  isCallable,
  isRecord,
  oneOf,
  positive,
  seed,
  integer as wholeNumber,
} from '../options.js'
import type { Task } from '../tasks/shared/task.js'
import { type ModelSearch, ModelSubject } from './modelSubject.js'
import type { SearchResult } from './result.js'
import { halvingBracket, hyperbandBrackets } from './schedule.js'
import { runSearch, type SearchOptions, type SearchPlan } from './search.js'
import { checkSpace, type Sampled, type Space } from './space.js'
import type { Options, Subject } from './subject.js'
import { planOf, type TaskClass, type TaskPlan, type TaskSearch, TaskSubject } from './taskSubject.js'

export type { ServerOptions } from '../dashboard/listening.js'
export type { ModelSearch } from './modelSubject.js'
export type { SearchResult } from './result.js'
export type { SearchOptions, SearchProgress } from './search.js'
export { choice, type Dimension, integer, logUniform, type Sampled, type Space, uniform, type Value } from './space.js'
export type { Refit } from './subject.js'
export type { TaskClass, TaskSearch } from './taskSubject.js'
export type { Trial, TrialState } from './trial.js'

/** Options of {@link random}. */
export interface RandomOptions<S extends Space> extends SearchOptions<Sampled<S>> {
  /** The options to search, by their names, and what they may be. */
  readonly space: S
  /** How many different options are tried; default 10. */
  readonly trials?: number
}

/** Options of {@link halving}. */
export interface HalvingOptions<S extends Space> extends SearchOptions<Sampled<S>> {
  /** The options to search, by their names, and what they may be. */
  readonly space: S
  /** The epochs of a trial that is never pruned. */
  readonly epochs: number
  /** The epochs after which trials are first compared, at least; default 1. */
  readonly minEpochs?: number
  /** One of how many trials goes on, for as many times the epochs; default 3. */
  readonly factor?: number
  /** How many trials there are; default: so many that one is left in the end. */
  readonly trials?: number
}

/** Options of {@link hyperband}. */
export type HyperbandOptions<S extends Space> = Omit<HalvingOptions<S>, 'minEpochs' | 'trials'>

/**
 * Random search (Bergstra and Bengio, JMLR 13, 2012): trains with options that are drawn from a space, several at a
 * time, and trains the best anew. The same seed gives the same trials and the same result for any number of workers and
 * threads.
 *
 * ```ts
 * const found = await search.random({
 *   space: { units: search.choice([32, 64, 128]), learningRate: search.logUniform(1e-4, 1e-2) },
 *   model: ({ units, learningRate }) => {
 *     const m = sequential([layers.lstm({ units, inputShape: [null, 8] }), layers.dense({ units: 1 })])
 *     m.compile({ optimizer: optimizers.adam({ learningRate }), loss: 'mse' })
 *     return m
 *   },
 *   x, y, fit: { epochs: 10, validationSplit: 0.2 }, trials: 20, folder: 'searches/first',
 * })
 * console.log(found.table())
 * await found.refitted.save('best')
 * ```
 *
 * Or of a task: `search.random({ task: tasks.TextClassifier, data: rows, space: { units: search.choice([32, 64]) } })`.
 * A trial that fails is noted with its error; others go on. Rejects with `ERR_OPTION`, with the error of the first
 * trial if all fail, with `ERR_STATE` for a folder of another search, `ERR_IO`, `ERR_FORMAT`, and an AbortError.
 */
export function random<S extends Space, C extends TaskClass>(
  options: RandomOptions<S> & TaskSearch<S, C>,
): Promise<SearchResult<Sampled<S>, InstanceType<C>>>
export function random<S extends Space, M extends Model>(
  options: RandomOptions<S> & ModelSearch<S, M>,
): Promise<SearchResult<Sampled<S>, M>>
export async function random(options: RandomOptions<Space> & object): Promise<unknown> {
  return await start('search.random', options, { trials: wholeNumber(1) }, [], ({ trials = 10 }) => ({
    brackets: [{ trials, rungs: [undefined] }],
    factor: 1,
    method: { method: 'random' },
  }))
}

/**
 * Successive halving (Jamieson and Talwalkar, arXiv 1502.07943): many trials begin; after few epochs, the best third
 * (of `factor` 3) goes on for three times as many, and so on. What goes on continues where it was, bit for bit. Options
 * and errors as of {@link random}; with a `model`, `epochs` is not among those of `fit`.
 *
 * ```ts
 * await search.halving({ task: tasks.TextClassifier, data: rows, space: { units: search.choice([16, 64, 256]) }, epochs: 27 })
 * ```
 */
export function halving<S extends Space, C extends TaskClass>(
  options: HalvingOptions<S> & TaskSearch<S, C>,
): Promise<SearchResult<Sampled<S>, InstanceType<C>>>
export function halving<S extends Space, M extends Model>(
  options: HalvingOptions<S> & ModelSearch<S, M>,
): Promise<SearchResult<Sampled<S>, M>>
export async function halving(options: HalvingOptions<Space> & object): Promise<unknown> {
  const checks = { ...halvingChecks, minEpochs: wholeNumber(1), trials: wholeNumber(1) }
  return await start('search.halving', options, checks, ['epochs'], ({ epochs, minEpochs = 1, factor = 3, trials }) => {
    if (minEpochs > epochs) {
      throw new SeqloomError('ERR_OPTION', `search.halving: minEpochs ${minEpochs} must be at most epochs ${epochs}`)
    }
    const bracket = halvingBracket(epochs, minEpochs, factor, trials)
    return { brackets: [bracket], factor, method: { method: 'halving', factor, ...bracket } }
  })
}

/**
 * Hyperband (Li et al., arXiv 1603.06560): {@link halving} several times, from many trials that are compared early to
 * few that are compared late, where it is not known which is better.
 */
export function hyperband<S extends Space, C extends TaskClass>(
  options: HyperbandOptions<S> & TaskSearch<S, C>,
): Promise<SearchResult<Sampled<S>, InstanceType<C>>>
export function hyperband<S extends Space, M extends Model>(
  options: HyperbandOptions<S> & ModelSearch<S, M>,
): Promise<SearchResult<Sampled<S>, M>>
export async function hyperband(options: HyperbandOptions<Space> & object): Promise<unknown> {
  return await start('search.hyperband', options, halvingChecks, ['epochs'], ({ epochs, factor = 3 }) => ({
    brackets: hyperbandBrackets(epochs, factor),
    factor,
    method: { method: 'hyperband', factor, epochs },
  }))
}

const halvingChecks = { epochs: wholeNumber(1), factor: wholeNumber(2, 100) }
const anything = custom('anything', () => true)

const commonChecks = {
  space: anything,
  seed,
  monitor: custom('the name of a value in the history', (value) => typeof value === 'string' && value !== ''),
  mode: oneOf(['auto', 'min', 'max']),
  workers: wholeNumber(1, 256),
  folder: filePath,
  refit: custom("'trial', 'all' or false", (value) => ['trial', 'all', false].includes(value as string)),
  maxSeconds: positive,
  distributed: flag,
  signal: abortSignal,
  dashboard: custom('true, false or { port, onListening }', (value) => flag.accepts(value) || isRecord(value)),
  onTrial: custom('a function', isCallable),
}

const ofModel = { model: anything, x: anything, y: anything, fit: anything }
const ofTask = { task: anything, data: anything, options: anything, train: anything }

type Checks = Parameters<typeof checkOptions>[2]['accepted']
type Given = SearchOptions & {
  readonly space: Space
  readonly epochs: number
  readonly minEpochs?: number
  readonly factor?: number
  readonly trials?: number
}

/** Checks the options of a search and runs it. */
async function start(
  where: string,
  given: object,
  checks: Checks,
  required: readonly string[],
  planned: (given: Given) => Pick<SearchPlan<unknown>, 'brackets' | 'factor' | 'method'>,
): Promise<unknown> {
  const isTask = isRecord(given) && given.task !== undefined
  const accepted = { ...commonChecks, ...checks, ...(isTask ? ofTask : ofModel) }
  checkOptions(where, given, { accepted, required: ['space', ...required] })
  const { space, dashboard } = given as Given
  checkSpace(where, space)
  if (isRecord(dashboard)) checkOptions(`${where}: dashboard`, dashboard, { accepted: serverChecks })
  const plan = planned(given as Given)
  const decides = required.includes('epochs')
  const subject: Subject = isTask
    ? new TaskSubject(where, space, planOf(where, given as unknown as TaskSearch<Space, TaskClass>), decides)
    : new ModelSubject(where, given as unknown as ModelSearch<Space, Model>, decides)
  return await runSearch({ where, space, subject, ...plan }, given as Given)
}

/** Searches for the options of a task that is made otherwise than by its constructor alone. @internal */
export async function searchTask(
  where: string,
  plan: TaskPlan,
  given: Omit<Given, 'epochs'> & { readonly epochs?: number },
): Promise<SearchResult<Options, Task>> {
  const { space, epochs, factor = 3, trials } = given
  checkSpace(where, space)
  const subject = new TaskSubject<Task>(where, space, plan, epochs !== undefined)
  const how =
    epochs === undefined
      ? { brackets: [{ trials: trials ?? 10, rungs: [undefined] }], factor: 1, method: { method: 'random' } }
      : {
          brackets: [halvingBracket(epochs, 1, factor, trials)],
          factor,
          method: { method: 'halving', factor, epochs, trials },
        }
  return await runSearch({ where, space, subject, ...how }, given)
}
