import { listening, type ServerOptions, serverChecks } from '../dashboard/listening.js'
import type { DashboardServer } from '../dashboard/server.js'
import { checkOptions, filePath, flag, label } from '../options.js'
import { absolutePathOf } from '../path.js'
import type { EndEvent, StartEvent } from '../record/event.js'
import { type ObserverOptions, observerChecks } from '../record/observer.js'
import { RecordedRun } from '../record/run.js'
import type { Callback } from './callback.js'

/** Options of {@link dashboard}. */
export interface DashboardOptions extends ObserverOptions, ServerOptions {
  /** The folder of the runs, each of which gets a folder with its record; default `'runs'`. */
  readonly logDir?: string | URL
  /** What the run is called; default the model's name. The time and, if need be, a number are added. */
  readonly name?: string
  /** Whether the page stays, and with it the process, when the training has ended; default false. */
  readonly stay?: boolean
}

class Dashboard extends RecordedRun {
  readonly #options: DashboardOptions
  readonly #folder: string
  #server: DashboardServer | undefined

  constructor(options: DashboardOptions) {
    checkOptions('callbacks.dashboard', options, {
      accepted: { ...serverChecks, logDir: filePath, name: label, stay: flag, ...observerChecks },
    })
    const { port: _, logDir = 'runs', name, stay: __, onListening: ___, ...observed } = options
    const folder = absolutePathOf('callbacks.dashboard: logDir', logDir)
    const nameOf = (start: StartEvent) => `${name ?? start.name}-${stamp(new Date(start.time))}`
    super(folder, nameOf, observed)
    this.#options = options
    this.#folder = folder
  }

  override async onTrainBegin(): Promise<void> {
    super.onTrainBegin()
    this.#server ??= await listening(this.#folder, this.#options)
  }

  protected override async close(end: EndEvent | undefined): Promise<void> {
    await super.close(end)
    if (this.#options.stay) return
    const server = this.#server
    this.#server = undefined
    await server?.close()
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
 * rate, the speed and the time left, norms of gradients, distributions of weights, and what the options ask for. The
 * page is at an address with a secret, on 127.0.0.1, and loads nothing from elsewhere. It shows all runs of `logDir`
 * beside each other, and ends with the training; `seqloom dashboard` shows the records afterwards. Tasks add what they
 * can show: confusion matrices, states, attention, texts. A training that is resumed from a backup continues its
 * record.
 *
 * Errors: `ERR_OPTION`; `fit` rejects with `ERR_IO` if the port is in use or the folder cannot be written. A record
 * that cannot be written later on ends with a warning.
 *
 * ```ts
 * await m.fit(x, y, { epochs: 20, callbacks: [callbacks.dashboard({ confusion: { x: testX, y: testY } })] })
 * ```
 */
export function dashboard(options: DashboardOptions = {}): Callback {
  return new Dashboard(options)
}
