import type { Callback } from '../callbacks/callback.js'
import { SeqloomError } from '../errors.js'
import { isCallable, isRecord } from '../options.js'
import type { Sampled, Space } from './space.js'

/** @inline The options of a trial. */
export type Options = Sampled<Space>

/** How a trial is trained. */
export interface TrialRun {
  readonly callbacks: readonly Callback[]
  readonly signal: AbortSignal
  /** The number of the last epoch; undefined for that of the settings. */
  readonly epochs: number | undefined
  /** Where its backup is, if there is one. */
  readonly backupDir: string | undefined
}

/** Whether the best is trained again as in its trial, or on the rows that it was validated on, too. */
export type Refit = 'trial' | 'all'

/** What is searched: how to train with some options. */
export interface Subject<Fitted = unknown> {
  /** What tells it from others. */
  readonly identity: Readonly<Record<string, unknown>>
  /** Trains, and lets go of what was trained. */
  train(options: Options, run: TrialRun): Promise<void>
  /** Trains anew, up to the best epoch of the trial, and gives what was trained. */
  refit(options: Options, run: TrialRun, bestEpoch: number, how: Refit): Promise<Fitted>
}

/** Settings of a training, the same for all trials or made for each. */
export type Settings<T> = T | ((options: never) => T)

/** What the search decides by itself. */
const own = ['signal', 'backupDir', 'resume'] as const

/** Throws `ERR_OPTION` for settings that trials cannot have, or cannot share; `decides`: the search says how many epochs there are. */
export function checkSettings(where: string, name: string, settings: unknown, decides: boolean): void {
  if (settings === undefined || isCallable(settings)) return
  checkMade(where, name, settings)
  const { callbacks, epochs } = settings as { readonly callbacks?: unknown; readonly epochs?: unknown }
  if (decides && epochs !== undefined) {
    throw new SeqloomError('ERR_OPTION', `${where}: epochs is an option of the search, not of ${name}`)
  }
  if (callbacks === undefined || callbacks === null || (Array.isArray(callbacks) && callbacks.length === 0)) return
  throw new SeqloomError(
    'ERR_OPTION',
    `${where}: ${name} must be a function that makes it where there are callbacks, so that each trial has its own: ${name}: () => ({ callbacks: … })`,
  )
}

/** The settings of a trial. `ERR_OPTION`. */
export function settingsFor<T extends object>(
  where: string,
  name: string,
  settings: Settings<T> | undefined,
  options: Options,
): T {
  const made = typeof settings === 'function' ? settings(options as never) : (settings ?? ({} as T))
  checkMade(where, name, made)
  return made
}

function checkMade(where: string, name: string, made: unknown): void {
  if (!isRecord(made))
    throw new SeqloomError('ERR_OPTION', `${where}: ${name} must be options, or a function that makes them`)
  const found = own.find((each) => made[each] !== undefined)
  if (found === undefined) return
  const instead = found === 'signal' ? 'give it to the search' : 'the search has a folder of its own'
  throw new SeqloomError('ERR_OPTION', `${where}: ${name} cannot have ${found}: ${instead}`)
}

/** Ends a training after an epoch, from 1. */
export const endAfter = (last: number): Callback => ({
  onEpochEnd(epoch, _, training) {
    if (epoch + 1 === last) training.stop()
  },
})
