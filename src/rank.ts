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

/** Whether this process writes files and shows progress: where there are several, rank 0 does. */
export const isFirst = (): boolean => (begun?.rank ?? 0) === 0
