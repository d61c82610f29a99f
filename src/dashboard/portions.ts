import { openRegular } from '../files.js'
import type { Runs } from './runs.js'

/** How much of a record is read at a time: what is in memory for a page that reads slowly. */
const usual = 65_536

/** The longest line of a record that is sent: no picture comes near. */
const longest = 2 ** 25

/** Some lines of a record. */
export interface Portion {
  /** The event that brings them to a page. */
  readonly event: string
  /** Where they end in the record. */
  readonly end: number
}

/** Reads records for pages. Those that are as far as each other, as most are, get what was read once. */
export class Portions {
  readonly #runs: Runs
  /** What was read last of each run, and from where. */
  readonly #last = new Map<string, { readonly from: number; readonly portion: Promise<Portion | undefined> }>()

  constructor(runs: Runs) {
    this.#runs = runs
  }

  /** The lines of a run from some place on, if there are whole ones. */
  next(name: string, from: number): Promise<Portion | undefined> {
    const last = this.#last.get(name)
    if (last?.from === from) return last.portion
    const portion = read(this.#runs.path(name), name, from).catch(() => undefined)
    this.#last.set(name, { from, portion })
    return portion
  }
}

async function read(path: string, name: string, from: number): Promise<Portion | undefined> {
  const file = await openRegular(path)
  try {
    for (let size = usual; size <= longest; size *= 2) {
      const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(size), 0, size, from)
      const length = buffer.subarray(0, bytesRead).lastIndexOf('\n') + 1
      if (length > 0) {
        const lines = [JSON.stringify(name), ...buffer.toString('utf8', 0, length).trimEnd().split('\n')]
        return { event: `event: run\n${lines.map((line) => `data: ${line}\n`).join('')}\n`, end: from + length }
      }
      // A line that is longer is read as a whole.
      if (bytesRead < size) return undefined
    }
    return undefined
  } finally {
    await file.close()
  }
}
