// Files of events, as TensorBoard reads them: records of a length, its checksum, an Event of tensorflow/core/util/event.proto
// and its checksum (tensorflow/core/lib/io/record_writer.h). Messages are in tensorflow/core/framework/summary.proto.
import { appendFile, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import type { PbfWriter } from 'pbf'
import { cannot, makeFolder } from '../files.js'
import type { Histogram } from '../model/histogram.js'

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

function recordOf(event: Uint8Array): Buffer {
  const record = Buffer.alloc(event.length + 16)
  record.writeBigUInt64LE(BigInt(event.length), 0)
  record.writeUInt32LE(checksum(record.subarray(0, 8)), 8)
  record.set(event, 12)
  record.writeUInt32LE(checksum(event), event.length + 12)
  return record
}

/** A picture as PNG. */
export interface Png {
  readonly width: number
  readonly height: number
  readonly bytes: Uint8Array
}

/** Writes the fields of a Summary.Value behind its tag. */
type Content = (value: PbfWriter) => void

let files = 0

/** Writes values by step to a new file of events in a folder, which is made with the first of them. */
export class EventFile {
  readonly #folder: string
  readonly #file: string
  #work: Promise<void> = Promise.resolve()
  #isNew = true

  constructor(folder: string, suffix = '') {
    this.#folder = folder
    const seconds = String(Math.floor(Date.now() / 1000)).padStart(10, '0')
    this.#file = join(folder, `events.out.tfevents.${seconds}.${hostname()}.${process.pid}.${files++}${suffix}`)
  }

  /** Notes a number; `flush` waits until it is written. */
  scalar(tag: string, value: number, step: number): void {
    this.#value(tag, step, (to) => to.writeFloatField(2, value))
  }

  /** Notes how values are distributed. */
  histogram(tag: string, { least, most, mean, deviation, counts }: Histogram, step: number): void {
    const total = counts.reduce((sum, count) => sum + count, 0)
    const width = (most - least) / counts.length
    const limits = counts.map((_, range) => (range === counts.length - 1 ? most : least + (range + 1) * width))
    const squares = (deviation ** 2 + mean ** 2) * total
    this.#value(tag, step, (to) =>
      to.writeMessage(
        5,
        (_, proto) => {
          for (const [at, value] of [least, most, total, mean * total, squares].entries())
            proto.writeDoubleField(at + 1, value)
          proto.writePackedDouble(6, limits)
          proto.writePackedDouble(7, [...counts])
        },
        undefined,
      ),
    )
  }

  /** Notes a picture. */
  image(tag: string, { width, height, bytes }: Png, step: number): void {
    this.#value(tag, step, (to) =>
      to.writeMessage(
        4,
        (_, proto) => {
          // Colours of red, green and blue.
          for (const [at, value] of [height, width, 3].entries()) proto.writeVarintField(at + 1, value)
          proto.writeBytesField(4, bytes)
        },
        undefined,
      ),
    )
  }

  /** Notes a text, which TensorBoard reads as Markdown. */
  text(tag: string, text: string, step: number): void {
    this.#value(tag, step, (to) => {
      to.writeMessage(
        8,
        (_, tensor) => {
          // DT_STRING, of no axes.
          tensor.writeVarintField(1, 7)
          tensor.writeMessage(2, () => undefined, undefined)
          tensor.writeBytesField(8, Buffer.from(text))
        },
        undefined,
      )
      to.writeMessage(
        9,
        (_, metadata) => {
          metadata.writeMessage(1, (_, plugin) => plugin.writeStringField(1, 'text'), undefined)
          // DATA_CLASS_TENSOR.
          metadata.writeVarintField(4, 2)
        },
        undefined,
      )
    })
  }

  /** Waits until everything is written. Rejects with `ERR_IO`. */
  async flush(): Promise<void> {
    try {
      await this.#work
    } catch (cause) {
      throw cannot('write to', `'${this.#folder}'`, cause)
    }
  }

  #value(tag: string, step: number, content: Content): void {
    this.#write(step, (event) =>
      event.writeMessage(
        5,
        (_, summary) =>
          summary.writeMessage(
            1,
            (_, value) => {
              value.writeStringField(1, tag)
              content(value)
            },
            undefined,
          ),
        undefined,
      ),
    )
  }

  #write(step: number, content: (event: PbfWriter) => void): void {
    const seconds = Date.now() / 1000
    this.#work = this.#work.then(async () => {
      const { PbfWriter } = await import('pbf')
      const record = (at: number, own: (event: PbfWriter) => void) => {
        const event = new PbfWriter()
        event.writeDoubleField(1, seconds)
        event.writeVarintField(2, at)
        own(event)
        return recordOf(event.finish())
      }
      if (this.#isNew) {
        await makeFolder(this.#folder)
        await writeFile(
          this.#file,
          record(0, (event) => event.writeStringField(3, 'brain.Event:2')),
        )
      }
      this.#isNew = false
      await appendFile(this.#file, record(step, content))
    })
    // Told by flush().
    this.#work.catch(() => {})
  }
}
