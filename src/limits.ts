import { SeqloomError } from './errors.js'

/**
 * The most that a model may have, so that its work and memory follow from what was written, and a small file cannot ask
 * for much. The guide lists these limits.
 */
export const limits = {
  /** Uses of layers in a model, and operations in its graph, those of traced cells included. */
  operations: 20_000,
  /** Operations of one traced function; more are taken to be an endless loop. */
  tracedOperations: 10_000,
  /** Names in a sum that is a size in a traced function. */
  sizeTerms: 64,
  /** Values per row in all of a model's results together; a dimension that is known only per call counts as one. */
  rowValues: 2 ** 26,
  /** Levels of nested arrays and objects in a description. */
  depth: 32,
} as const

/** Counts operations and the values of their results; `ERR_UNSUPPORTED` if there are more than a model may have. */
export class Budget {
  #operations = 0
  #values = 0

  /** Counts an operation whose results have these shapes. */
  take(shapes: readonly (readonly (number | null)[])[]): void {
    this.#operations += 1
    for (const shape of shapes) this.#values += shape.reduce<number>((count, dim) => count * (dim ?? 1), 1)
    this.#check()
  }

  /** Adds all that another budget has counted, `times` times. */
  takeAll(other: Budget, times: number): void {
    this.#operations += other.#operations
    this.#values += other.#values * times
    this.#check()
  }

  #check(): void {
    if (this.#operations > limits.operations) {
      throw new SeqloomError('ERR_UNSUPPORTED', `a model may have at most ${limits.operations} operations`)
    }
    if (this.#values > limits.rowValues) {
      throw new SeqloomError(
        'ERR_UNSUPPORTED',
        `the results of a model's operations may have at most ${limits.rowValues} values per row in total; its sizes need more`,
      )
    }
  }
}

/** Refuses data that are nested too deep to be a description; never recurses. */
export function checkDepth(what: string, value: unknown): void {
  let level = new Set<unknown>([value])
  for (let depth = 0; depth <= limits.depth; depth++) {
    const next = new Set<unknown>()
    for (const each of level) {
      if (typeof each !== 'object' || each === null) continue
      for (const inner of Array.isArray(each) ? each : Object.values(each)) {
        if (typeof inner === 'object' && inner !== null) next.add(inner)
      }
    }
    if (next.size === 0) return
    level = next
  }
  throw new SeqloomError(
    'ERR_FORMAT',
    `${what} has arrays and objects more than ${limits.depth} deep within each other`,
  )
}
