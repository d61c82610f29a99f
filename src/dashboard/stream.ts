import type { ServerResponse } from 'node:http'
import { openRegular } from '../files.js'
import type { ListedRun } from '../record/event.js'
import type { Runs } from './runs.js'

/** How much of a record a page gets at a time: what is in memory for a page that reads slowly. */
const portion = 65_536

/** How many runs a page gets that has not asked for certain ones. */
const usualRuns = 10

/** How often something is sent at least, in milliseconds, so that a lost connection is noticed. */
const heartbeat = 15_000

/** Sends the runs to a page as server-sent events, as fast as the page takes them. */
export class Stream {
  readonly #response: ServerResponse
  readonly #runs: Runs
  readonly #wanted: readonly string[] | undefined
  /** How far each run has been sent. */
  readonly #places: Map<string, number>
  #list = ''
  #spoke = performance.now()
  #turn: Promise<void> = Promise.resolve()

  /** `wanted` are names of runs; `lastId` is that of the last event that the page has. */
  constructor(response: ServerResponse, runs: Runs, wanted: readonly string[] | undefined, lastId: string | undefined) {
    this.#response = response
    this.#runs = runs
    this.#wanted = wanted
    this.#places = placesOf(lastId)
  }

  /** Sends what is new; resolves when the page has taken it, or is gone. */
  update(list: readonly ListedRun[]): Promise<void> {
    this.#turn = this.#turn.then(() => this.#send(list)).catch(() => undefined)
    return this.#turn
  }

  /** Tells the page that nothing more comes, and ends. */
  end(): void {
    this.#response.end('event: end\ndata: \n\n')
  }

  async #send(list: readonly ListedRun[]): Promise<void> {
    const text = JSON.stringify(list)
    if (text !== this.#list) {
      this.#list = text
      await this.#write(`event: runs\ndata: ${text}\n\n`)
    } else if (performance.now() - this.#spoke > heartbeat) await this.#write(': \n\n')
    const wanted = this.#wanted ?? list.slice(0, usualRuns).map(({ name }) => name)
    for (const { name } of list) if (wanted.includes(name)) await this.#sendRun(name)
  }

  async #sendRun(name: string): Promise<void> {
    const file = await openRegular(this.#runs.path(name)).catch(() => undefined)
    if (!file) return
    try {
      let buffer = Buffer.allocUnsafe(portion)
      for (;;) {
        const from = this.#places.get(name) ?? 0
        const { bytesRead } = await file.read(buffer, 0, buffer.length, from)
        const end = buffer.subarray(0, bytesRead).lastIndexOf('\n') + 1
        // A line that is longer than a portion is read in one that is large enough.
        if (end === 0 && bytesRead === buffer.length && buffer.length < longestLine) {
          buffer = Buffer.allocUnsafe(2 * buffer.length)
          continue
        }
        if (end === 0 || this.#response.destroyed) return
        this.#places.set(name, from + end)
        const lines = buffer.toString('utf8', 0, end).trimEnd().split('\n')
        const data = [JSON.stringify(name), ...lines].map((line) => `data: ${line}\n`).join('')
        await this.#write(`id: ${idOf(this.#places)}\nevent: run\n${data}\n`)
      }
    } finally {
      await file.close()
    }
  }

  async #write(text: string): Promise<void> {
    if (this.#response.destroyed) return
    this.#spoke = performance.now()
    if (this.#response.write(text)) return
    await new Promise<void>((resolve) => {
      const go = () => {
        this.#response.off('drain', go)
        this.#response.off('close', go)
        resolve()
      }
      this.#response.on('drain', go)
      this.#response.on('close', go)
    })
  }
}

/** The longest line of a record that is sent: no picture comes near. */
const longestLine = 2 ** 25

const idOf = (places: ReadonlyMap<string, number>): string =>
  [...places].map(([name, place]) => `${encodeURIComponent(name)}@${place}`).join(',')

/** The places in an id, which comes back from the page and may be anything. */
function placesOf(id: string | undefined): Map<string, number> {
  const places = new Map<string, number>()
  for (const [, name = '', place] of (id ?? '').matchAll(/([^@,]+)@(\d{1,15})/g)) {
    try {
      places.set(decodeURIComponent(name), Number(place))
    } catch {
      // The run is sent from its beginning.
    }
  }
  return places
}
