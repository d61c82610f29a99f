import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { MonitorMode } from '../callbacks/monitor.js'
import { listening, type ServerOptions } from '../dashboard/listening.js'
import type { DashboardServer } from '../dashboard/server.js'
import { type Ranks, readersFor, together } from '../distributed.js'
import { backend } from '../engine.js'
import { AbortError, type ErrorCode, SeqloomError } from '../errors.js'
import { largerIsBetter } from '../metrics/metric.js'
import { backupKind } from '../model/contents.js'
import { checkAlike, exchanged } from '../model/exchange.js'
import { locked } from '../model/exclusive.js'
import { removeFolder } from '../model/writeFolder.js'
import { absolutePathOf } from '../path.js'
import { inManner } from '../rank.js'
import { RecordedRun } from '../record/run.js'
import { checkFolder, SearchFolder, type SearchIdentity, withBest } from './folder.js'
import { SearchResult } from './result.js'
import { type Bracket, counts } from './schedule.js'
import { candidates, type Space, sizeOf } from './space.js'
import type { Options, Refit, Subject } from './subject.js'
import { type Trial as AnyTrial, ranked } from './trial.js'
import { type Monitored, Watcher } from './watcher.js'

type Trial = AnyTrial<Options>

/** How far a search has come. */
export interface SearchProgress {
  /** How many trials have ended. */
  readonly done: number
  /** How many there are. */
  readonly trials: number
}

/** The options of all searches. */
export interface SearchOptions<Own = Options> {
  /** Determines which options are tried; default 0. Trials have the seeds that they give to their models. */
  readonly seed?: number
  /**
   * What is compared, by its name in the history: that of the best epoch. Default `'val_loss'`.
   */
  readonly monitor?: string
  /** Whether less is better (`'min'`) or more; default `'auto'`, as in `callbacks.earlyStopping`. */
  readonly mode?: MonitorMode
  /**
   * How many trials are trained at the same time, each on a thread of its own; default: as many as the engine has
   * threads (`backend().threads`). The results do not depend on it.
   */
  readonly workers?: number
  /**
   * A folder for the search: a file for each trial, backups of those that are not at their end, and `runs`, which
   * `seqloom dashboard` shows. The same search started again goes on, wherever it was stopped or killed; trials that
   * failed are made again. By default nothing is kept.
   */
  readonly folder?: string | URL
  /**
   * `'trial'`, the default, trains the best anew as in its trial, up to its best epoch: a model has the very weights
   * that were compared; a task keeps the epoch that it finds best. `'all'` trains it for as many epochs on all rows,
   * those of `validationSplit` included; callbacks then must not ask for `val_` values. false leaves it out.
   */
  readonly refit?: Refit | false
  /** After so many seconds no training of a trial begins any more; default: no limit. */
  readonly maxSeconds?: number
  /**
   * Whether the processes that `mpirun` has started share the trials, of which all get all results; all of them must
   * make the same search, and `folder` must be the same for all. Each trains the best anew. Default: what `configure`
   * was told, or `SEQLOOM_DISTRIBUTED`.
   */
  readonly distributed?: boolean
  /** Ends the search, which rejects with an AbortError; with `folder`, it goes on from there. */
  readonly signal?: AbortSignal
  /** Shows the trials beside each other on a page while the search runs, as `callbacks.dashboard` does; default false. */
  readonly dashboard?: boolean | ServerOptions
  /** Called when a trial has ended, or waits for others of its bracket (`paused`). What it throws ends the search. */
  readonly onTrial?: (trial: AnyTrial<Own>, progress: SearchProgress) => void
}

/** What is searched, and how. */
export interface SearchPlan<Fitted> {
  /** The name of the function, for errors. */
  readonly where: string
  readonly space: Space
  readonly subject: Subject<Fitted>
  readonly brackets: readonly Bracket[]
  readonly factor: number
  /** What tells the method from others. */
  readonly method: Readonly<Record<string, unknown>>
}

/** Runs a search. */
export async function runSearch<Fitted>(
  plan: SearchPlan<Fitted>,
  options: SearchOptions,
): Promise<SearchResult<Options, Fitted>> {
  if (options.signal?.aborted) throw new AbortError(options.signal)
  const ranks = readersFor(plan.where, options.distributed)
  return await together(ranks, () => searchIn(ranks, plan, options))
}

async function searchIn<Fitted>(
  ranks: Ranks,
  plan: SearchPlan<Fitted>,
  options: SearchOptions,
): Promise<SearchResult<Options, Fitted>> {
  const { folder: given } = options
  const path =
    given === undefined
      ? await mkdtemp(join(tmpdir(), 'seqloom-search-'))
      : absolutePathOf(`${plan.where}: folder`, given)
  const search = () => new Search(ranks, plan, options, path).run()
  const alone = async () => {
    await checkFolder(path)
    return await locked(path, search, 0)
  }
  if (given !== undefined) return await (ranks.rank === 0 ? alone() : search())
  try {
    return await search()
  } finally {
    await rm(path, { recursive: true, force: true })
  }
}

class Search<Fitted> {
  readonly #ranks: Ranks
  readonly #plan: SearchPlan<Fitted>
  readonly #options: SearchOptions
  readonly #path: string
  readonly #monitored: Monitored
  readonly #sign: 1 | -1
  readonly #deadline: number
  /** Ends all trainings when the search is to end. */
  readonly #ending = new AbortController()
  readonly #trials = new Map<number, Trial>()
  /** The records of trials that have begun here. */
  readonly #records = new Map<number, RecordedRun>()
  /** What was thrown in trials that failed. */
  readonly #causes = new Map<number, unknown>()
  #all = 0
  #server: DashboardServer | undefined

  constructor(ranks: Ranks, plan: SearchPlan<Fitted>, options: SearchOptions, path: string) {
    this.#ranks = ranks
    this.#plan = plan
    this.#options = options
    this.#path = path
    const { monitor = 'val_loss', mode = 'auto', maxSeconds = Number.POSITIVE_INFINITY } = options
    this.#monitored = { where: plan.where, name: monitor, mode }
    this.#sign = mode === 'max' || (mode === 'auto' && largerIsBetter(monitor)) ? -1 : 1
    this.#deadline = performance.now() + 1000 * maxSeconds
  }

  async run(): Promise<SearchResult<Options, Fitted>> {
    const { space, brackets, factor, method, subject } = this.#plan
    const { seed = 0, signal, dashboard = false, refit = 'trial' } = this.#options
    const { name, mode } = this.#monitored
    const identity = { ...method, space, seed, monitor: name, mode, ...subject.identity }
    const folder = await this.#open(identity)
    const abort = () => this.#ending.abort(signal?.reason)
    signal?.addEventListener('abort', abort, { once: true })
    try {
      if (dashboard !== false && this.#ranks.rank === 0)
        this.#server = await listening(folder.runs, dashboard === true ? {} : dashboard)
      const drawn = candidates(space, seed)
      // A small space ends before the trials do.
      this.#all = Math.min(
        sizeOf(space),
        brackets.reduce((sum, { trials }) => sum + trials, 0),
      )
      let number = 0
      for (const bracket of brackets) {
        const begun: Trial[] = []
        while (begun.length < bracket.trials) {
          const { value: options, done } = drawn.next()
          if (done) break
          begun.push(await this.#known(folder, ++number, options))
        }
        await this.#agree(begun.map((trial) => trial.number))
        await this.#compete(
          folder,
          bracket,
          factor,
          begun.map((trial) => trial.number),
        )
      }
      return await this.#found(folder, refit)
    } finally {
      signal?.removeEventListener('abort', abort)
      await this.#server?.close()
    }
  }

  /** Opens the folder: rank 0 first, which makes it. `ERR_DATA` if the ranks do not search for the same. */
  async #open(identity: SearchIdentity): Promise<SearchFolder> {
    const open = () => SearchFolder.open(this.#path, identity, this.#sign)
    if (this.#ranks.size === 1) return await open()
    const first = this.#ranks.rank === 0 ? await open() : undefined
    const { signal } = this.#options
    const named = Object.entries(identity).map(([name, value]) => [name, JSON.stringify(value)])
    await checkAlike(this.#plan.where, Object.fromEntries(named), signal)
    return first ?? (await open())
  }

  /** Whether a trial is this rank's, also when it goes on: its backup may be on this machine alone. */
  #isOwn(number: number): boolean {
    return (number - 1) % this.#ranks.size === this.#ranks.rank
  }

  /** Tells all ranks how trials stand: at first what rank 0 has read, then what became of those that each has trained. */
  async #agree(numbers: readonly number[], folder?: SearchFolder): Promise<void> {
    const { rank, size } = this.#ranks
    if (size === 1) return
    const own = numbers.filter((number) => (folder ? this.#isOwn(number) : rank === 0))
    const trials = own.map((number) => this.#trials.get(number) as Trial)
    const all = await exchanged(this.#plan.where, trials, this.#options.signal)
    for (const trial of all.flat().sort((a, b) => a.number - b.number)) {
      const { number, state, values } = this.#trials.get(trial.number) as Trial
      const isNews = folder && !this.#isOwn(number) && (trial.state !== state || trial.values.length !== values.length)
      this.#trials.set(number, trial)
      // Its own rank may have written it where this one does not see it.
      if (isNews) await this.#end(folder, trial)
    }
  }

  /** A trial as its file has it, or a new one. */
  async #known(folder: SearchFolder, number: number, options: Options): Promise<Trial> {
    const before = await folder.read(number)
    const fresh = { number, options, state: 'paused', values: [], seconds: 0 } as const
    const trial = before && before.state !== 'failed' ? before : fresh
    this.#trials.set(number, trial)
    return trial
  }

  /** Trains the trials of a bracket from rung to rung, those that are best at each. */
  async #compete(folder: SearchFolder, bracket: Bracket, factor: number, all: readonly number[]): Promise<void> {
    const left = counts({ ...bracket, trials: all.length }, factor)
    let alive = all
    for (const [rung, epochs] of bracket.rungs.entries()) {
      const isLast = rung === bracket.rungs.length - 1
      const own = alive.filter((number) => this.#isOwn(number))
      await this.#inParallel(own, (number) => this.#advance(folder, number, epochs, bracket.rungs.at(-1), isLast))
      await this.#agree(alive, folder)
      const sound = alive.flatMap((number) => this.#trials.get(number) ?? []).filter(({ state }) => state !== 'failed')
      if (isLast || sound.some((trial) => isBehind(trial, epochs))) return
      const ordered = ranked(sound, this.#sign, epochs).map(({ number }) => number)
      const kept = left[rung + 1] as number
      for (const number of ordered.slice(kept)) await this.#prune(folder, number)
      alive = ordered.slice(0, kept).sort((a, b) => a - b)
    }
  }

  /** Calls a function for some trials, as many at a time as there are workers. */
  async #inParallel(numbers: readonly number[], work: (number: number) => Promise<void>): Promise<void> {
    const { workers = backend().threads, signal } = this.#options
    let [next, failure] = [0, undefined as { readonly error: unknown } | undefined]
    const worker = async () => {
      while (next < numbers.length && !this.#ending.signal.aborted) {
        try {
          await work(numbers[next++] as number)
        } catch (error) {
          failure ??= { error }
          this.#ending.abort()
        }
      }
    }
    await Promise.all(Array.from({ length: Math.min(workers, numbers.length) }, worker))
    if (signal?.aborted) throw new AbortError(signal)
    if (failure) throw failure.error
  }

  /** Trains a trial up to a rung, unless it has been there. */
  async #advance(
    folder: SearchFolder,
    number: number,
    rung: number | undefined,
    epochs: number | undefined,
    isLast: boolean,
  ): Promise<void> {
    const before = this.#trials.get(number) as Trial
    if (!isBehind(before, rung) || performance.now() > this.#deadline) return
    const keeps = this.#options.folder !== undefined || !isLast
    const own = new AbortController()
    const abort = () => own.abort()
    this.#ending.signal.addEventListener('abort', abort, { once: true })
    const watcher = new Watcher(this.#monitored, isLast ? undefined : rung, abort)
    const record = this.#recorded(folder, SearchFolder.nameOf(number))
    if (record) this.#records.set(number, record)
    const began = performance.now()
    const ended = (state: Trial['state'], error?: Trial['error']): Trial => {
      const seconds = before.seconds + (performance.now() - began) / 1000
      const { values } = watcher
      return withBest({ number, options: before.options, state, values, seconds, ...(error && { error }) }, this.#sign)
    }
    let trial: Trial
    try {
      const backupDir = keeps ? folder.backup(number) : undefined
      const callbacks = record ? [watcher, record] : [watcher]
      const run = { callbacks, signal: own.signal, epochs, backupDir }
      await this.#own(() => this.#plan.subject.train(before.options, run))
      trial = ended('complete')
    } catch (error) {
      if (error === watcher.wrong || this.#ending.signal.aborted) throw error
      if (watcher.paused && error instanceof AbortError) trial = ended('paused')
      else {
        this.#causes.set(number, error)
        trial = ended('failed', told(error))
      }
    } finally {
      this.#ending.signal.removeEventListener('abort', abort)
    }
    await this.#end(folder, trial)
  }

  async #prune(folder: SearchFolder, number: number): Promise<void> {
    const trial = this.#trials.get(number) as Trial
    if (trial.state !== 'paused') return
    if (this.#isOwn(number)) {
      await this.#own(() => removeFolder(folder.backup(number), ({ kind }) => kind === backupKind))
    }
    await this.#records.get(number)?.ended('pruned')
    await this.#end(folder, { ...trial, state: 'pruned' })
  }

  /** Does work of this rank's own, which writes its files. */
  #own<T>(work: () => T): T {
    return this.#ranks.size === 1 ? work() : inManner(false, work, true)
  }

  /** Notes how a trial stands; in the folder, its own rank and rank 0 do. */
  async #end(folder: SearchFolder, trial: Trial): Promise<void> {
    const writes = this.#ranks.rank === 0 || this.#isOwn(trial.number)
    if (this.#options.folder !== undefined && writes) await folder.write(trial)
    this.#trials.set(trial.number, trial)
    const done = [...this.#trials.values()].filter(({ state }) => state !== 'paused').length
    this.#options.onTrial?.(trial, { done, trials: this.#all })
  }

  /** Keeps the record of a training, where there is somebody to see it. */
  #recorded(folder: SearchFolder, name: string): RecordedRun | undefined {
    if (this.#options.folder === undefined && this.#server === undefined) return undefined
    return new RecordedRun(folder.runs, () => name)
  }

  async #found(folder: SearchFolder, refit: Refit | false): Promise<SearchResult<Options, Fitted>> {
    const { where, subject, brackets } = this.#plan
    // Without those that the time did not suffice to begin.
    const trials = [...this.#trials.values()].filter(({ state, values }) => state !== 'paused' || values.length > 0)
    const best = ranked(
      trials.filter(({ value }) => value !== undefined),
      this.#sign,
    )[0]
    if (best === undefined) throw this.#nothing(where, trials)
    let refitted: Fitted | undefined
    if (refit !== false) {
      const record = this.#ranks.rank === 0 ? this.#recorded(folder, 'refit') : undefined
      const run = {
        callbacks: record ? [record] : [],
        signal: this.#ending.signal,
        epochs: brackets[0]?.rungs.at(-1),
        backupDir: undefined,
      }
      refitted = await subject.refit(best.options, run, best.bestEpoch as number, refit)
    }
    return new SearchResult(trials, best, refitted, this.#monitored.name, this.#sign)
  }

  /** Why there is no best trial. */
  #nothing(where: string, trials: readonly Trial[]): SeqloomError {
    const failed = trials.find(({ error }) => error)
    if (!failed?.error) {
      return new SeqloomError(
        'ERR_DATA',
        `${where}: no trial came to a value of ${this.#monitored.name}${this.#options.maxSeconds === undefined ? '' : ' in the given time'}`,
      )
    }
    const { code, message } = failed.error
    const cause = this.#causes.get(failed.number)
    const known = code.startsWith('ERR_') ? (code as ErrorCode) : 'ERR_DATA'
    return new SeqloomError(
      known,
      `${where}: no trial came to its end; trial ${failed.number}: ${code.startsWith('ERR_') ? `${code}: ` : ''}${message}`,
      { cause },
    )
  }
}

/** Whether a trial must be trained to be where others are. */
const isBehind = ({ state, values }: Trial, rung: number | undefined): boolean =>
  state === 'paused' && (rung === undefined || values.length < rung || values.length === 0)

function told(error: unknown): NonNullable<Trial['error']> {
  if (!(error instanceof Error)) return { code: 'thrown', message: String(error) }
  const { code } = error as { readonly code?: unknown }
  return { code: typeof code === 'string' ? code : error.name, message: error.message }
}
