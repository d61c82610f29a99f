import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { AbortError } from '../errors.js'
import { descriptionName } from '../model/folder.js'
import type { SaveOptions } from '../model/index.js'
import { contentsIn } from '../model/writeFolder.js'
import { plot as curvesOf } from '../record/plot.js'
import { goOnUnread, note, printJson } from './output.js'
import { writePicture } from './pictures.js'
import { type Epoch, type Progress, reporter, type TaskView } from './progress.js'

/** Something that can be trained and saved. */
interface Learner {
  readonly ready: boolean
  save(folder: string, options: SaveOptions): Promise<void>
}

/** Where what was learned goes, and the picture of its curves. */
interface Target {
  readonly out: string
  readonly json: boolean
  readonly force: boolean
  readonly plot?: string
}

/** The listeners of a training. */
interface Listeners<P, E> {
  readonly onProgress: (progress: P) => void
  readonly onEpoch: (epoch: E) => void
}

/**
 * Trains with progress shown, saves what was learned and tells what it came to. An interrupt does the same and then
 * rejects with its AbortError, but leaves a finished model that is there as it is.
 */
export async function trainAndSave<P extends Progress, E extends Epoch & { readonly best: number }>(
  learner: Learner,
  { out, json, force, plot }: Target,
  view: TaskView<P, E>,
  train: (listeners: Listeners<P, E>) => Promise<unknown>,
): Promise<void> {
  const started = performance.now()
  goOnUnread()
  const show = reporter(json, view)
  const epochs: E[] = []
  let interruption: AbortError | undefined
  try {
    await train({
      onProgress: (progress) => show.progress(progress),
      onEpoch: (epoch) => {
        epochs.push(epoch)
        show.epoch(epoch)
      },
    })
  } catch (error) {
    if (!(error instanceof AbortError)) throw error
    interruption = error
  } finally {
    show.close()
  }
  if (plot !== undefined && epochs.length > 0) await writePicture(plot, drawn(epochs, view))
  if (learner.ready) {
    const last = epochs.at(-1)
    // The epoch whose model is saved, if it was of this run.
    const best = epochs.find(({ epoch }) => epoch === last?.best)
    const interrupted = interruption !== undefined
    // Weights from before the first epoch's end replace nothing, whatever was asked for.
    const overwrite = force && (!interrupted || last !== undefined)
    const before = interrupted && !overwrite ? await contentsIn(out) : undefined
    const saved = before?.unfinished ?? true
    if (saved) await learner.save(out, { overwrite })
    const numbers = best && view.epoch(best)
    if (json) {
      const seconds = (performance.now() - started) / 1000
      const facts = { event: 'done', model: out, epochs: last?.epoch ?? 0, best_epoch: last?.best }
      printJson({ ...facts, ...numbers, interrupted, saved, seconds })
    } else noteSaved(last, numbers && measured(numbers, view.decides), { interrupted, saved }, out)
  }
  if (interruption) throw interruption
}

/** The curves of the epochs of this run. */
function drawn<P extends Progress, E extends Epoch>(epochs: readonly E[], view: TaskView<P, E>): string {
  const history: Record<string, number[]> = {}
  for (const epoch of epochs) {
    for (const [name, value] of Object.entries(view.epoch(epoch))) {
      history[name] ??= []
      if (value !== undefined) history[name].push(value)
    }
  }
  const there = Object.entries(history).filter(([, values]) => values.length > 0)
  return curvesOf({ history: Object.fromEntries(there), epoch: epochs.map(({ epoch }) => epoch - 1) })
}

/** The number that decides between epochs, on the validation part if there is one. */
function measured(numbers: Readonly<Record<string, number | undefined>>, name: string): string {
  const validation = numbers[`val_${name}`]
  return `${validation === undefined ? 'training' : 'validation'} ${name} ${(validation ?? numbers[name])?.toFixed(4)}`
}

/** Says which model was saved, if any, and how to continue after an interrupt. */
function noteSaved(
  last: { readonly best: number } | undefined,
  measured: string | undefined,
  { interrupted, saved }: { readonly interrupted: boolean; readonly saved: boolean },
  out: string,
): void {
  const which = last
    ? `the model of epoch ${last.best}${measured === undefined ? '' : ` (${measured})`}`
    : 'the model as it is'
  const goOn = interrupted && existsSync(join(out, 'backup', descriptionName)) ? '; --resume goes on' : ''
  const done = saved ? `saved ${which} in ${out}` : `left the finished model in ${out} as it was`
  note(`${interrupted ? 'interrupted: ' : ''}${done}${goOn}`)
}
