import cliProgress from 'cli-progress'
import type { ClassifierEpoch, ClassifierProgress } from '../tasks/index.js'
import { note, printJson } from './output.js'

/** Where training stands; not every task measures accuracy. */
type Progress = Omit<ClassifierProgress, 'accuracy'> & Partial<Pick<ClassifierProgress, 'accuracy'>>

/** What an epoch came to. */
type Epoch = Omit<ClassifierEpoch, 'accuracy'> & Partial<Pick<ClassifierEpoch, 'accuracy'>>

/** Shows how training goes. */
export interface Reporter {
  progress(progress: Progress): void
  epoch(epoch: Epoch): void
  /** Leaves the terminal in order; called however training ends. */
  close(): void
}

/** A bar on a terminal's stderr, plain lines otherwise; with `json`, one object an epoch on stdout. */
export function reporter(json: boolean): Reporter {
  const onTerminal = process.stderr.isTTY === true
  const reporters: Reporter[] = []
  if (onTerminal) reporters.push(new BarReporter())
  else if (!json) reporters.push(new LineReporter())
  if (json) reporters.push(new JsonReporter())
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

function measured({ loss, accuracy, valLoss, valAccuracy }: Epoch): string {
  const all = { loss, accuracy, val_loss: valLoss, val_accuracy: valAccuracy }
  const known = Object.entries(all).filter(([, value]) => value !== undefined)
  return known.map(([name, value]) => `${name} ${(value as number).toFixed(4)}`).join('  ')
}

class LineReporter implements Reporter {
  #sequences = 0

  progress({ total }: Progress): void {
    this.#sequences = total
  }

  epoch(epoch: Epoch): void {
    const rate = (this.#sequences / epoch.seconds).toFixed(0)
    note(`epoch ${epoch.epoch}/${epoch.epochs}  ${measured(epoch)}  ${epoch.seconds.toFixed(1)} s  ${rate} sequences/s`)
  }

  close(): void {}
}

class JsonReporter implements Reporter {
  progress(): void {}

  epoch({ epoch, loss, accuracy, valLoss, valAccuracy, seconds }: Epoch): void {
    printJson({ event: 'epoch', epoch, loss, accuracy, val_loss: valLoss, val_accuracy: valAccuracy, seconds })
  }

  close(): void {}
}

class BarReporter implements Reporter {
  #bar: cliProgress.SingleBar | undefined
  #started = 0
  readonly #onExit = () => this.close()

  progress({ epoch, epochs, done, total, loss, accuracy }: Progress): void {
    if (!this.#bar) this.#start(epoch, epochs, total)
    const rate = done / Math.max((performance.now() - this.#started) / 1000, 1e-3)
    const left = rate > 0 ? (total * (epochs - epoch + 1) - done) / rate : 0
    this.#bar?.update(done, {
      loss: loss.toFixed(4),
      accuracy: accuracy === undefined ? '' : `  accuracy ${accuracy.toFixed(4)}`,
      rate: rate.toFixed(0),
      left: duration(left),
    })
  }

  epoch(epoch: Epoch): void {
    this.close()
    note(`epoch ${epoch.epoch}/${epoch.epochs}  ${measured(epoch)}  ${epoch.seconds.toFixed(1)} s`)
  }

  close(): void {
    process.off('exit', this.#onExit)
    this.#bar?.stop()
    this.#bar = undefined
  }

  #start(epoch: number, epochs: number, total: number): void {
    this.#started = performance.now()
    this.#bar = new cliProgress.SingleBar(
      {
        format: `epoch ${epoch}/${epochs} {bar} {percentage}%  loss {loss}{accuracy}  {rate} sequences/s  {left} left`,
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
    this.#bar.start(total, 0, { loss: '-', accuracy: '', rate: '-', left: '-' })
  }
}

function duration(seconds: number): string {
  const whole = Math.round(seconds)
  const minutes = Math.floor(whole / 60)
  return minutes > 0 ? `${minutes} min ${String(whole % 60).padStart(2, '0')} s` : `${whole} s`
}
