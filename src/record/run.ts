import { basename, join } from 'node:path'
import type { CallbackState } from '../callbacks/callback.js'
import { isThere } from '../files.js'
import { type EndEvent, type RunEvent, recordName, type StartEvent } from './event.js'
import type { RecordFile } from './file.js'
import { Observer, type ObserverOptions } from './observer.js'

/** Keeps the record of a training in a folder of its own. */
export class RecordedRun extends Observer {
  readonly #parent: string
  readonly #nameOf: (start: StartEvent) => string
  #file: RecordFile | undefined
  /** The run that a resumed training continues. */
  #before: string | undefined

  /** `parent` is the folder of the runs. */
  constructor(parent: string, nameOf: (start: StartEvent) => string, options: ObserverOptions = {}) {
    super(options)
    this.#parent = parent
    this.#nameOf = nameOf
  }

  onTrainBegin(): void | Promise<void> {
    this.#before = undefined
  }

  protected async open(start: StartEvent): Promise<void> {
    const { RecordFile } = await import('./file.js')
    const { pid, host, epochs, time } = start
    if (this.#before !== undefined && (await isThere(join(this.#parent, this.#before, recordName)))) {
      this.#file = RecordFile.reopen(join(this.#parent, this.#before))
      this.#file.write({ type: 'continue', time, pid, host, epochs })
      return
    }
    this.#file = await RecordFile.create(this.#parent, this.#nameOf(start))
    this.#file.write({ ...start, name: basename(this.#file.folder) })
  }

  protected write(event: RunEvent): void {
    this.#file?.write(event)
  }

  protected async close(end: EndEvent | undefined): Promise<void> {
    if (end) this.#file?.write(end)
    await this.#file?.flush()
  }

  /** Notes how it ended where that is known only after its training. */
  async ended(state: EndEvent['state']): Promise<void> {
    await this.close({ type: 'end', time: Date.now(), state })
  }

  getState(): CallbackState {
    return { values: this.#file ? basename(this.#file.folder) : null }
  }

  setState({ values }: CallbackState): void {
    if (typeof values !== 'string') return
    if (basename(values) !== values || values === '..') throw new TypeError('a run must be the name of a folder')
    this.#before = values
  }
}
