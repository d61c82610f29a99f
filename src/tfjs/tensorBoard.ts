import { join } from 'node:path'
import { describe, SeqloomError } from '../errors.js'
import { EventFile } from '../record/eventFile.js'
import { BaseCallback, type Logs } from './callbacks/index.js'
import { Tensor } from './tensor.js'

/** The longest name of a value. */
const longestName = 4096

/** Writes values by step to a file of events in a folder, which is made with the first of them. */
export class SummaryFileWriter {
  readonly #file: EventFile

  constructor(folder: string, suffix = '') {
    if (typeof folder !== 'string' || folder === '') {
      throw new SeqloomError('ERR_OPTION', `tf.node: the folder of logs must be a path, not ${describe(folder)}`)
    }
    this.#file = new EventFile(folder, suffix)
  }

  /** Notes a number; `flush` waits until it is written. */
  scalar(name: string, value: number | Tensor, step: number): void {
    const number: unknown = value instanceof Tensor ? value.dataSync()[0] : value
    if (typeof name !== 'string' || name.length > longestName || typeof number !== 'number' || !(step >= 0)) {
      throw new SeqloomError(
        'ERR_OPTION',
        `tf.node: scalar takes a name, a number and a step, not ${[name, value, step].map(describe).join(', ')}`,
      )
    }
    this.#file.scalar(name, number, Math.floor(step))
  }

  /** Waits until everything is written. Rejects with `ERR_IO`. */
  flush(): Promise<void> {
    return this.#file.flush()
  }
}

/** Options of `tf.node.tensorBoard`. */
export interface TensorBoardCallbackArgs {
  /** When losses and metrics are written: after each `'epoch'`, the default, or after each `'batch'`, too. */
  updateFreq?: 'batch' | 'epoch'
}

/** Writes losses and metrics for TensorBoard, those of validation to a folder of their own. */
export class TensorBoardCallback extends BaseCallback {
  static override readonly takesNumbers = true
  readonly #folder: string
  readonly #isOfBatches: boolean
  readonly #writers = new Map<string, SummaryFileWriter>()
  #batches = 0

  constructor(logdir: string, args: TensorBoardCallbackArgs = {}) {
    super()
    const { updateFreq = 'epoch' } = args ?? {}
    if (updateFreq !== 'epoch' && updateFreq !== 'batch') {
      throw new SeqloomError(
        'ERR_OPTION',
        `Expected updateFreq to be 'batch' or 'epoch', but got ${describe(updateFreq)}`,
      )
    }
    this.#folder = logdir
    this.#isOfBatches = updateFreq === 'batch'
    this.#writerOf('train')
  }

  #writerOf(part: 'train' | 'val'): SummaryFileWriter {
    const writer = this.#writers.get(part) ?? new SummaryFileWriter(join(this.#folder, part))
    this.#writers.set(part, writer)
    return writer
  }

  #note(prefix: string, step: number, logs: Logs): void {
    for (const [name, value] of Object.entries(logs)) {
      if (['batch', 'size', 'num_steps'].includes(name)) continue
      const isOfValidation = name.startsWith('val_')
      const own = isOfValidation ? name.slice('val_'.length) : name
      this.#writerOf(isOfValidation ? 'val' : 'train').scalar(`${prefix}${own}`, value, step)
    }
  }

  override async onBatchEnd(_batch: number, logs: Logs = {}): Promise<void> {
    this.#batches++
    if (this.#isOfBatches) this.#note('batch_', this.#batches, logs)
  }

  override async onEpochEnd(epoch: number, logs: Logs = {}): Promise<void> {
    this.#note('epoch_', epoch + 1, logs)
  }

  override async onTrainEnd(): Promise<void> {
    for (const writer of this.#writers.values()) await writer.flush()
  }
}
