import { AsyncLocalStorage } from 'node:async_hooks'

/** The processes that train together. */
export interface Ranks {
  /** The number of this one, from 0. */
  readonly rank: number
  /** How many there are; 1 where only one process trains. */
  readonly size: number
}

/** The ranks, once MPI has begun. Known without the native engine, so that commands can tell why that is missing. */
let begun: Ranks | undefined

/** The ranks of this job, if it has begun. */
export const ranks = (): Ranks | undefined => begun

/** Notes that the job has begun. */
export function begin(those: Ranks): void {
  begun = those
}

/** How some work is done, whatever is usual in this process. */
interface Manner {
  /** Whether the ranks do it together. */
  readonly distributed: boolean
  /** Whether this process writes its files, although it may not be rank 0. */
  readonly writes: boolean
}

const manner = new AsyncLocalStorage<Manner>()
const writes = (): boolean => manner.getStore()?.writes ?? false

/** Whether this process writes files and shows progress: where there are several, rank 0 does. */
export const isFirst = (): boolean => (begun?.rank ?? 0) === 0 || writes()

/** Whether the work that calls this is done by the ranks together; undefined if it does not say. */
export const isShared = (): boolean | undefined => manner.getStore()?.distributed

/** Does work that this process does for itself, or that all ranks do together; it may write files of its own. */
export const inManner = <T>(distributed: boolean, work: () => T, own = writes()): T =>
  manner.run({ distributed, writes: own }, work)

/** Lets work that native code calls later, which knows nothing of its caller, be done by this process for itself. */
export function apartLater(): <T>(work: () => T) => T {
  if (!begun) return (work) => work()
  const own = writes()
  return (work) => inManner(false, work, own)
}
