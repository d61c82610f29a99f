import cliProgress from 'cli-progress'
import { isFirst } from '../rank.js'
import type { TaskEpoch, TaskProgress } from '../tasks/index.js'
import { note, printJson } from './output.js'

/** How far a training has come after a batch. */
export interface Progress {
  readonly epoch: number
  readonly epochs: number
  readonly done: number
  readonly total: number
}

/** The results of an epoch. */
export interface Epoch {
  readonly epoch: number
  readonly epochs: number
  readonly seconds: number
}

/** What a kind of training shows. */
export interface View<P extends Progress, E extends Epoch> {
  /** What is counted: `sequences`. */
  readonly unit: string
  /** The numbers of a progress by name. */
  progress(progress: P): Readonly<Record<string, number>>
  /** The numbers of an epoch by name; undefined for missing parts. */
  epoch(epoch: E): Readonly<Record<string, number | undefined>>
}

/** What the training of a task shows. */
export interface TaskView<P extends Progress, E extends Epoch> extends View<P, E> {
  /** The number that decides which epoch is kept. */
  readonly decides: string
}

/** Shows the loss alone. */
export const lossView = (unit: string): TaskView<TaskProgress, TaskEpoch> => ({
  unit,
  decides: 'loss',
  progress: ({ loss }) => ({ loss }),
  epoch: ({ loss, valLoss }) => ({ loss, val_loss: valLoss }),
})

/** Shows the progress of a training. */
export interface Reporter<P extends Progress, E extends Epoch> {
  progress(progress: P): void
  epoch(epoch: E): void
  /** Tidies up the terminal; called however training ends. */
  close(): void
}

/**
 * A bar on a terminal's stderr if one is wanted, plain lines otherwise; with `json`, one object per epoch on stdout.
 */
export function reporter<P extends Progress, E extends Epoch>(
  json: boolean,
  view: View<P, E>,
  bar = true,
): Reporter<P, E> {
  const onTerminal = bar && process.stderr.isTTY === true && isFirst()
  const reporters: Reporter<P, E>[] = []
  if (onTerminal) reporters.push(new BarReporter(view))
  else if (!json) reporters.push(new LineReporter(view))
  if (json) reporters.push(new JsonReporter(view))
  return {
    progress: (progress) => {
      for (const each of reporters) each.progress(progress)
    },
    epoch: (epoch) => {
      for (const each of reporters) each.epoch(epoch)
    },
    close: () => {
      for (const each of reporters) each.close()
    },
  }
}

function measured(numbers: Readonly<Record<string, number | undefined>>): string {
  const known = Object.entries(numbers).filter(([, value]) => value !== undefined)
  return known.map(([name, value]) => `${name} ${(value as number).toFixed(4)}`).join('  ')
}

/** The most milliseconds between two lines when there is no terminal and epochs are long. */
const silence = 10_000

class LineReporter<P extends Progress, E extends Epoch> implements Reporter<P, E> {
  readonly #view: View<P, E>
  readonly #pace = new Pace()
  #total = 0
  #spoke = performance.now()

  constructor(view: View<P, E>) {
    this.#view = view
  }

  progress(progress: P): void {
    const { epoch, epochs, done, total } = progress
    this.#total = total
    const { rate, left } = this.#pace.of(progress)
    if (performance.now() - this.#spoke < silence) return
    this.#spoke = performance.now()
    const numbers = measured(this.#view.progress(progress))
    const share = `${Math.floor((100 * done) / total)}%`
    note(
      `epoch ${epoch}/${epochs}  ${share}  ${numbers}  ${rate.toFixed(0)} ${this.#view.unit}/s  ${duration(left)} left`,
    )
  }

  epoch(epoch: E): void {
    const rate = `${(this.#total / epoch.seconds).toFixed(0)} ${this.#view.unit}/s`
    const numbers = measured(this.#view.epoch(epoch))
    this.#spoke = performance.now()
    note(`epoch ${epoch.epoch}/${epoch.epochs}  ${numbers}  ${epoch.seconds.toFixed(1)} s  ${rate}`)
  }

  close(): void {}
}

class JsonReporter<P extends Progress, E extends Epoch> implements Reporter<P, E> {
  readonly #view: View<P, E>

  constructor(view: View<P, E>) {
    this.#view = view
  }

  progress(): void {}

  epoch(epoch: E): void {
    printJson({ event: 'epoch', epoch: epoch.epoch, ...this.#view.epoch(epoch), seconds: epoch.seconds })
  }

  close(): void {}
}

class BarReporter<P extends Progress, E extends Epoch> implements Reporter<P, E> {
  readonly #view: View<P, E>
  readonly #pace = new Pace()
  #bar: cliProgress.SingleBar | undefined
  readonly #onExit = () => this.close()

  constructor(view: View<P, E>) {
    this.#view = view
  }

  progress(progress: P): void {
    const { epoch, epochs, done, total } = progress
    if (!this.#bar) this.#start(epoch, epochs, total)
    const { rate, left } = this.#pace.of(progress)
    this.#bar?.update(done, {
      numbers: measured(this.#view.progress(progress)),
      rate: rate.toFixed(0),
      left: duration(left),
    })
  }

  epoch(epoch: E): void {
    this.close()
    note(`epoch ${epoch.epoch}/${epoch.epochs}  ${measured(this.#view.epoch(epoch))}  ${epoch.seconds.toFixed(1)} s`)
  }

  close(): void {
    process.off('exit', this.#onExit)
    this.#bar?.stop()
    this.#bar = undefined
  }

  #start(epoch: number, epochs: number, total: number): void {
    this.#bar = new cliProgress.SingleBar(
      {
        format: `epoch ${epoch}/${epochs} {bar} {percentage}%  {numbers}  {rate} ${this.#view.unit}/s  {left} left`,
        stream: process.stderr,
        barsize: 20,
        fps: 10,
        clearOnComplete: true,
        // Signals are handled elsewhere.
        gracefulExit: false,
      },
      cliProgress.Presets.shades_classic,
    )
    // A second Ctrl-C ends the process at once, and must not leave the terminal's settings changed.
    process.on('exit', this.#onExit)
    this.#bar.start(total, 0, { numbers: '-', rate: '-', left: '-' })
  }
}

/** The speed of an epoch. */
class Pace {
  #epoch: number | undefined
  #started = 0

  /** How much is done per second, and how many seconds the training has left. */
  of({ epoch, epochs, done, total }: Progress): { readonly rate: number; readonly left: number } {
    if (this.#epoch !== epoch) {
      this.#epoch = epoch
      this.#started = performance.now()
    }
    const rate = done / Math.max((performance.now() - this.#started) / 1000, 1e-3)
    return { rate, left: rate > 0 ? (total * (epochs - epoch + 1) - done) / rate : 0 }
  }
}

function duration(seconds: number): string {
  const whole = Math.round(seconds)
  const minutes = Math.floor(whole / 60)
  return minutes > 0 ? `${minutes} min ${String(whole % 60).padStart(2, '0')} s` : `${whole} s`
}
