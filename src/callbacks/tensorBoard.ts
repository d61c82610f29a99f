import { join } from 'node:path'
import { checkOptions, custom, filePath, integer } from '../options.js'
import { absolutePathOf } from '../path.js'
import type { EndEvent, PictureEvent, RecordedValues, RunEvent, StartEvent } from '../record/event.js'
import { EventFile } from '../record/eventFile.js'
import { heatPng } from '../record/heatPng.js'
import { Observer, type ObserverOptions, observerChecks } from '../record/observer.js'
import { batchPause, type Callback, type Logs } from './callback.js'

/** Options of {@link tensorBoard}. */
export interface TensorBoardOptions extends ObserverOptions {
  /** The folder of the run; TensorBoard compares folders below the one that it is given. Default `'logs'`. */
  readonly logDir?: string | URL
  /**
   * When losses and metrics are written: after every epoch, or also after every so many batches (`'batch'`: 1), of which
   * quick ones may be skipped. Default `'epoch'`.
   */
  readonly updateFreq?: 'epoch' | 'batch' | number
}

class TensorBoard extends Observer {
  /** @internal */
  override readonly [batchPause]: number
  readonly #folder: string
  /** How many batches there are from one that is written to the next. */
  readonly #every: number
  readonly #files = new Map<string, EventFile>()
  /** What is being made into pictures. */
  #work: Promise<void> = Promise.resolve()
  #steps = 1
  #next = 0

  constructor(options: TensorBoardOptions) {
    checkOptions('callbacks.tensorBoard', options, {
      accepted: {
        logDir: filePath,
        updateFreq: custom("'epoch', 'batch' or a number of batches", (value) => {
          return value === 'epoch' || value === 'batch' || integer(1).accepts(value)
        }),
        ...observerChecks,
      },
      refused: {
        histogramFreq: [],
        writeGraph: [false],
        writeImages: [false],
        writeStepsPerSecond: [false],
        profileBatch: [0],
        embeddingsFreq: [0],
        embeddingsMetadata: [null],
      },
    })
    const { logDir = 'logs', updateFreq = 'epoch', ...observed } = options
    super(observed)
    this.#folder = absolutePathOf('callbacks.tensorBoard: logDir', logDir)
    this.#every = updateFreq === 'batch' ? 1 : updateFreq === 'epoch' ? Number.POSITIVE_INFINITY : updateFreq
    this[batchPause] = this.#every === Number.POSITIVE_INFINITY ? this.#every : 0
  }

  protected async open({ steps, model }: StartEvent): Promise<void> {
    this.#files.clear()
    this.#steps = steps
    this.#next = 0
    this.#file('train').text('model', `\`\`\`\n${model.summary}\n\`\`\``, 0)
    // Known before the training rather than after it.
    await this.#flush()
  }

  override onBatchEnd(batch: number, logs: Logs): void {
    if (this.#every === Number.POSITIVE_INFINITY) return
    const { epoch = 0, batch: _, batches: __, size: ___, seconds: ____, ...values } = logs
    const step = epoch * this.#steps + batch + 1
    if (step < this.#next) return
    this.#next = step + this.#every
    this.#scalars('batch_', values, step)
  }

  protected write(event: RunEvent): void {
    if (event.type === 'epoch') {
      this.#scalars('epoch_', event.values, event.epoch)
      this.#file('train').scalar('epoch_learning_rate', event.learningRate, event.epoch)
    } else if ('epoch' in event && event.type !== 'batch') {
      this.#work = this.#work.then(() => this.#picture(event))
      // Told as the training ends.
      this.#work.catch(() => undefined)
    }
  }

  protected async close(_: EndEvent | undefined): Promise<void> {
    await this.#work
    await this.#flush()
  }

  #file(part: 'train' | 'validation'): EventFile {
    const file = this.#files.get(part) ?? new EventFile(join(this.#folder, part))
    this.#files.set(part, file)
    return file
  }

  async #flush(): Promise<void> {
    for (const file of this.#files.values()) await file.flush()
  }

  #scalars(prefix: string, values: RecordedValues, step: number): void {
    for (const [name, value] of Object.entries(values)) {
      const [part, own] = name.startsWith('val_')
        ? (['validation', name.slice(4)] as const)
        : (['train', name] as const)
      // TensorBoard groups what has a slash by what is before it.
      const tag = prefix === 'epoch_' && own.startsWith('gradient_norm/') ? own : `${prefix}${own}`
      this.#file(part).scalar(tag, Number(value), step)
    }
  }

  async #picture(event: PictureEvent): Promise<void> {
    const file = this.#file('train')
    const { epoch } = event
    if (event.type === 'histograms') {
      const suffix = event.of === 'weights' ? 'histogram' : 'gradient/histogram'
      for (const each of event.histograms)
        if (each.counts.length > 0) file.histogram(`${each.name}/${suffix}`, each, epoch)
    } else if (event.type === 'sample') {
      const title = event.prompt === undefined ? '' : `**${event.prompt}**\n\n`
      // Indented by four, a text is shown as it is.
      file.text('sample', `${title}${event.text.replaceAll(/^/gm, '    ')}`, epoch)
    } else {
      const values =
        event.type === 'confusion' ? event.counts : event.type === 'attention' ? event.weights : event.values
      if ((values[0]?.length ?? 0) > 0) file.image(event.type, await heatPng(values), epoch)
    }
  }
}

/**
 * Writes files of events that TensorBoard shows: losses and metrics (those of validation to a folder of their own, as
 * Keras does), the learning rate, norms of gradients; as often as `pictureFreq` says, histograms of weights
 * and of the last step's gradients, and what the options ask for: confusion matrices, attention and states as images, texts.
 * Epochs count from 1. Errors: `ERR_OPTION`; `fit` rejects with `ERR_IO`.
 *
 * ```ts
 * await m.fit(x, y, { epochs: 20, callbacks: [callbacks.tensorBoard({ logDir: 'logs/first' })] })
 * // tensorboard --logdir logs
 * ```
 */
export function tensorBoard(options: TensorBoardOptions = {}): Callback {
  return new TensorBoard(options)
}
