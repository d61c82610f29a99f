import type { ServerResponse } from 'node:http'
import type { Portions } from './portions.js'
import type { FoundRun } from './runs.js'

/** How many runs a page gets that has not asked for certain ones. */
const usualRuns = 10

/** How often something is sent at least, in milliseconds, so that a lost connection is noticed. */
const heartbeat = 15_000

/** What all pages are told at a moment. */
export interface News {
  readonly runs: readonly FoundRun[]
  /** The event that brings the list of them. */
  readonly list: string
  readonly portions: Portions
}

/** Sends the runs to a page as server-sent events, as fast as the page takes them. */
export class Stream {
  readonly #response: ServerResponse
  readonly #wanted: readonly string[] | undefined
  /** How far each run has been sent. */
  readonly #places: Map<string, number>
  #list = ''
  #spoke = performance.now()
  /** What has come while the page was taking what came before. */
  #next: News | undefined
  #sending: Promise<void> | undefined

  /** `wanted` are names of runs; `lastId` is that of the last event that the page has. */
  constructor(response: ServerResponse, wanted: readonly string[] | undefined, lastId: string | undefined) {
    this.#response = response
    this.#wanted = wanted
    this.#places = placesOf(lastId)
  }

  /** Sends what is new; resolves when the page has taken it, or is gone. */
  update(news: News): Promise<void> {
    this.#next = news
    this.#sending ??= this.#send()
    return this.#sending
  }

  /** Tells the page that nothing more comes, and ends. */
  end(): void {
    this.#response.end('event: end\ndata: \n\n')
  }

  async #send(): Promise<void> {
    while (this.#next) {
      const news = this.#next
      this.#next = undefined
      await this.#tell(news)
    }
    this.#sending = undefined
  }

  async #tell({ runs, list, portions }: News): Promise<void> {
    if (list !== this.#list) {
      this.#list = list
      await this.#write(list)
    } else if (performance.now() - this.#spoke > heartbeat) await this.#write(': \n\n')
    const wanted = this.#wanted ?? runs.slice(0, usualRuns).map(({ name }) => name)
    for (const { name, size } of runs) if (wanted.includes(name)) await this.#tellOf(name, size, portions)
  }

  async #tellOf(name: string, size: number, portions: Portions): Promise<void> {
    for (;;) {
      const place = this.#places.get(name) ?? 0
      if (place >= size) return
      const portion = await portions.next(name, place)
      if (!portion || this.#response.destroyed) return
      this.#places.set(name, portion.end)
      await this.#write(`id: ${idOf(this.#places)}\n${portion.event}`)
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
