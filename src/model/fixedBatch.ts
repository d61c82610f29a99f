import { SeqloomError } from '../errors.js'
import { defaultBatchSize } from './runOptions.js'
import type { Topology } from './topology.js'

/** The number of rows that a stateful model's inputs fix, as their states are those of that many rows. */
export function fixedBatchSize({ inputs, layers }: Topology): number | undefined {
  const sizes = inputs.flatMap(({ shape }) => (typeof shape[0] === 'number' ? [shape[0]] : []))
  return layers.some(({ stateful }) => stateful) ? sizes[0] : undefined
}

/**
 * How many rows to compute at once: as many as asked for, or as a stateful model's inputs fix, which nothing else fits.
 * `ERR_SHAPE`.
 */
export function batchSizeFor(where: string, topology: Topology, given: number | undefined): number {
  const fixed = fixedBatchSize(topology)
  if (fixed === undefined || given === undefined || given === fixed) return given ?? fixed ?? defaultBatchSize
  throw wrongRows(`${where}: batchSize is ${given}`, fixed)
}

/** `ERR_SHAPE` unless rows fill batches of the size that a stateful model's inputs fix. */
export function checkRows(where: string, topology: Topology, rows: number, single = false): void {
  const fixed = fixedBatchSize(topology)
  if (fixed === undefined || (single ? rows === fixed : rows % fixed === 0)) return
  throw wrongRows(`${where}: there are ${rows} rows`, fixed)
}

/** How many batches rows make up, of which at most so many `steps` are computed. */
export const batchesOf = (rows: number, batchSize: number, steps = Number.POSITIVE_INFINITY): number =>
  Math.min(Math.ceil(rows / batchSize), steps)

const wrongRows = (what: string, fixed: number): SeqloomError =>
  new SeqloomError('ERR_SHAPE', `${what}; the inputs of this stateful model are for batches of ${fixed} rows`)
