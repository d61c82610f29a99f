import { basename, join } from 'node:path'
import type { DashboardServer } from '../dashboard/server.js'
import { isThere } from '../files.js'
import { checkOptions, custom, filePath, flag, integer, isCallable, label } from '../options.js'
import { absolutePathOf } from '../path.js'
import type { EndEvent, RunEvent, StartEvent } from '../record/event.js'
import { recordName } from '../record/event.js'
import type { RecordFile } from '../record/file.js'
import { Observer, type ObserverOptions, observerChecks } from '../record/observer.js'
import type { Callback, CallbackState } from './callback.js'

/** Options of {@link dashboard}. */
export interface DashboardOptions extends ObserverOptions {
  /** The port on 127.0.0.1; default 0: any that is free. */
  readonly port?: number
  /** The folder of the runs, each of which gets a folder with its record; default `'runs'`. */
  readonly logDir?: string | URL
  /** What the run is called; default the model's name. The time and, if need be, a number are added. */
  readonly name?: string
  /** Whether the page stays, and with it the process, when the training has ended; default false. */
  readonly stay?: boolean
  /** Called with the page's address; by default it is printed on stderr. */
  readonly onListening?: (address: string) => void
}

class Dashboard extends Observer {
  readonly #options: DashboardOptions
  readonly #folder: string
  #server: DashboardServer | undefined
  #file: RecordFile | undefined
  /** The run that a resumed training continues. */
  #before: string | undefined

  constructor(options: DashboardOptions) {
    checkOptions('callbacks.dashboard', options, {
      accepted: {
        port: integer(0, 65_535),
        logDir: filePath,
        name: label,
        stay: flag,
        onListening: custom('a function', isCallable),
        ...observerChecks,
      },
    })
    const { port: _, logDir = 'runs', name: __, stay: ___, onListening: ____, ...observed } = options
    super(observed)
    this.#options = options
    this.#folder = absolutePathOf('callbacks.dashboard: logDir', logDir)
  }

  async onTrainBegin(): Promise<void> {
    this.#before = undefined
    if (this.#server) return
    const { DashboardServer } = await import('../dashboard/server.js')
    const { Runs } = await import('../dashboard/runs.js')
    const { port = 0, stay = false, onListening } = this.#options
    this.#server = await DashboardServer.listen(Runs.of(this.#folder), port, stay)
    if (onListening) onListening(this.#server.address)
    else (await import('../cli/output.js')).note(`dashboard: ${this.#server.address}`)
  }

  protected async open(start: StartEvent): Promise<void> {
    const { RecordFile } = await import('../record/file.js')
    const { pid, host, epochs, time } = start
    const changed = () => this.#server?.changed()
    if (this.#before !== undefined && (await isThere(join(this.#folder, this.#before, recordName)))) {
      this.#file = RecordFile.reopen(join(this.#folder, this.#before), changed)
      this.#file.write({ type: 'continue', time, pid, host, epochs })
      return
    }
    const name = this.#options.name ?? start.name
    this.#file = await RecordFile.create(this.#folder, `${name}-${stamp(new Date(time))}`, changed)
    this.#file.write({ ...start, name: basename(this.#file.folder) })
  }

  protected write(event: RunEvent): void {
    this.#file?.write(event)
  }

  protected async close(end: EndEvent | undefined): Promise<void> {
    if (end) this.#file?.write(end)
    await this.#file?.flush()
    if (this.#options.stay) return
    const server = this.#server
    this.#server = undefined
    await server?.close()
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

/** A time as part of a folder's name: `2026-11-29-073005`. */
function stamp(time: Date): string {
  const two = (value: number) => String(value).padStart(2, '0')
  const day = [time.getFullYear(), two(time.getMonth() + 1), two(time.getDate())].join('-')
  return `${day}-${[time.getHours(), time.getMinutes(), time.getSeconds()].map(two).join('')}`
}

/**
 * Shows the training on a page of this computer while it runs, and keeps its record: losses and metrics, the learning
 * rate, the speed and the time left, norms of gradients, distributions of weights, and what the options ask for. The page
 * is at an address with a secret, on 127.0.0.1, and loads nothing from elsewhere. It shows all runs of `logDir` beside
 * each other, and ends with the training; `seqloom dashboard` shows the records afterwards. Tasks add what they can
 * show: confusion matrices, states, attention, texts. A training that is resumed from a backup continues its record.
 *
 * Errors: `ERR_OPTION`; `fit` rejects with `ERR_IO` if the port is in use or the folder cannot be written. A record that
 * cannot be written later on ends with a warning.
 *
 * ```ts
 * await m.fit(x, y, { epochs: 20, callbacks: [callbacks.dashboard({ confusion: { x: testX, y: testY } })] })
 * ```
 */
export function dashboard(options: DashboardOptions = {}): Callback {
  return new Dashboard(options)
}
