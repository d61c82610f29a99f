// Files of events, as TensorBoard reads them: records of a length, its checksum, an Event of tensorflow/core/util/event.proto and
// its checksum.
import { appendFile, mkdir, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { describe, SeqloomError } from '../errors.js'
import { cannot } from '../files.js'
import { BaseCallback, type Logs } from './callbacks/index.js'
import { Tensor } from './tensor.js'

/** The remainders of CRC-32C (Castagnoli) by byte. */
const remainders = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0x82f63b78 : value >>> 1
  return value
})

/** The checksum of a record, rotated as TFRecord has it. */
function checksum(bytes: Uint8Array): number {
  let crc = 0xffffffff
  for (const byte of bytes) crc = (remainders[(crc ^ byte) & 0xff] as number) ^ (crc >>> 8)
  crc = ~crc >>> 0
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0
}

/** A field of bytes in a message of protobuf; none is longer than a name. */
function field(number: number, bytes: Uint8Array): Buffer {
  const size = bytes.length < 128 ? [bytes.length] : [(bytes.length & 0x7f) | 0x80, bytes.length >>> 7]
  return Buffer.concat([Buffer.from([(number << 3) | 2, ...size]), bytes])
}

function eventOf(step: number, content: Buffer): Buffer {
  const head = Buffer.alloc(9)
  head[0] = (1 << 3) | 1
  head.writeDoubleLE(Date.now() / 1000, 1)
  const steps: number[] = []
  for (let left = step; ; left = Math.floor(left / 128)) {
    steps.push(left < 128 ? left : (left % 128) | 0x80)
    if (left < 128) break
  }
  return Buffer.concat([head, Buffer.from([2 << 3, ...steps]), content])
}

function scalarOf(name: string, value: number): Buffer {
  const number = Buffer.alloc(5)
  number[0] = (2 << 3) | 5
  number.writeFloatLE(value, 1)
  return field(5, field(1, Buffer.concat([field(1, Buffer.from(name)), number])))
}

function recordOf(event: Buffer): Buffer {
  const record = Buffer.alloc(event.length + 16)
  record.writeBigUInt64LE(BigInt(event.length), 0)
  record.writeUInt32LE(checksum(record.subarray(0, 8)), 8)
  event.copy(record, 12)
  record.writeUInt32LE(checksum(event), event.length + 12)
  return record
}

/** The longest name of a value: what a field above has room for. */
const longestName = 4096

let writers = 0

/** Writes values by step to a file of events in a folder, which is made with the first of them. */
export class SummaryFileWriter {
  readonly #folder: string
  readonly #file: string
  #work: Promise<void> = Promise.resolve()
  #isNew = true

  constructor(folder: string, suffix = '') {
    if (typeof folder !== 'string' || folder === '') {
      throw new SeqloomError('ERR_OPTION', `tf.node: the folder of logs must be a path, not ${describe(folder)}`)
    }
    this.#folder = folder
    const seconds = String(Math.floor(Date.now() / 1000)).padStart(10, '0')
    this.#file = join(folder, `events.out.tfevents.${seconds}.${hostname()}.${process.pid}.${writers++}${suffix}`)
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
    this.#write(recordOf(eventOf(Math.floor(step), scalarOf(name, number))))
  }

  #write(record: Buffer): void {
    this.#work = this.#work.then(async () => {
      if (this.#isNew) {
        await mkdir(this.#folder, { recursive: true })
        await writeFile(this.#file, recordOf(eventOf(0, field(3, Buffer.from('brain.Event:2')))))
      }
      this.#isNew = false
      await appendFile(this.#file, record)
    })
    // Told by flush().
    this.#work.catch(() => {})
  }

  /** Waits until everything is written. Rejects with `ERR_IO`. */
  async flush(): Promise<void> {
    try {
      await this.#work
    } catch (cause) {
      throw cannot('write to', `'${this.#folder}'`, cause)
    }
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
