import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as tf from 'seqloom/tfjs'
import { afterAll, describe, expect, it } from 'vitest'

const folder = mkdtempSync(join(tmpdir(), 'seqloom-tensorboard-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** CRC-32C bit by bit, rotated as TFRecord has it. */
function checksum(bytes: Uint8Array): number {
  let crc = 0xffffffff
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1
  }
  crc = ~crc >>> 0
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0
}

/** The events of the only file in a folder, their checksums checked: after the version, names, numbers and steps. */
function eventsIn(path: string): { name: string; value: number; step: number }[] {
  const [file, ...others] = readdirSync(path) as [string, ...string[]]
  expect(others).toEqual([])
  expect(file).toMatch(/^events\.out\.tfevents\.\d{10}\./)
  const bytes = readFileSync(join(path, file))
  const records: Buffer[] = []
  for (let at = 0; at < bytes.length; ) {
    const size = Number(bytes.readBigUInt64LE(at))
    expect(bytes.readUInt32LE(at + 8)).toBe(checksum(bytes.subarray(at, at + 8)))
    const record = bytes.subarray(at + 12, at + 12 + size)
    expect(bytes.readUInt32LE(at + 12 + size)).toBe(checksum(record))
    records.push(record)
    at += size + 16
  }
  expect(records.shift()?.subarray(-13).toString()).toBe('brain.Event:2')
  return records.map((record) => {
    // wall_time, step below 128, summary { value { tag, simple_value } }
    expect([record[0], record[9], record[11], record[13], record[15]]).toEqual([0x09, 0x10, 0x2a, 0x0a, 0x0a])
    const size = record[16] as number
    expect(record[17 + size]).toBe(0x15)
    return {
      name: record.toString('utf8', 17, 17 + size),
      value: record.readFloatLE(18 + size),
      step: record[10] as number,
    }
  })
}

it('the checksum is that of the standard', () => {
  const rotated = checksum(Buffer.from('123456789'))
  expect(rotated).toBe((((0xe3069283 >>> 15) | (0xe3069283 << 17)) + 0xa282ead8) >>> 0)
})

describe('tf.node', () => {
  it('writes losses and metrics for TensorBoard', async () => {
    const logs = join(folder, 'run')
    const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [2] })] })
    model.compile({ optimizer: 'sgd', loss: 'meanSquaredError', metrics: ['mae'] })
    const [x, y] = [tf.ones([8, 2]), tf.zeros([8, 1])]
    const { history } = await model.fit(x, y, {
      epochs: 2,
      batchSize: 4,
      validationData: [x, y],
      callbacks: tf.node.tensorBoard(logs, { updateFreq: 'batch' }),
    })
    const epochs = (name: string, from: string) =>
      (history[from] as number[]).map((value, at) => ({ name, value: Math.fround(value), step: at + 1 }))
    const train = eventsIn(join(logs, 'train'))
    expect(train.filter(({ name }) => name === 'epoch_loss')).toEqual(epochs('epoch_loss', 'loss'))
    expect(train.filter(({ name }) => name === 'epoch_mae')).toEqual(epochs('epoch_mae', 'mae'))
    expect(train.filter(({ name }) => name === 'batch_loss').map(({ step }) => step)).toEqual([1, 2, 3, 4])
    const validation = eventsIn(join(logs, 'val'))
    expect(validation).toEqual([
      ...[0, 1].flatMap((at) => [epochs('epoch_loss', 'val_loss')[at], epochs('epoch_mae', 'val_mae')[at]]),
    ])
  })

  it('writes numbers of one’s own, and says where it cannot', async () => {
    const writer = tf.node.summaryFileWriter(join(folder, 'own'))
    writer.scalar('rate', 0.5, 3)
    writer.scalar('rate', tf.scalar(0.25), 4)
    await writer.flush()
    expect(eventsIn(join(folder, 'own'))).toEqual([
      { name: 'rate', value: 0.5, step: 3 },
      { name: 'rate', value: 0.25, step: 4 },
    ])
    const [file] = readdirSync(join(folder, 'own')) as [string]
    const wrong = tf.node.summaryFileWriter(join(folder, 'own', file))
    wrong.scalar('rate', 1, 1)
    await expect(wrong.flush()).rejects.toMatchObject({ code: 'ERR_IO' })
    expect(() => writer.scalar('rate', 'x' as never, 1)).toThrow(/a name, a number and a step/)
    expect(() => tf.node.tensorBoard(folder, { updateFreq: 'week' as never })).toThrow(/'batch' or 'epoch'/)
    expect(() => (tf.node.decodeImage as (bytes: Uint8Array) => unknown)(new Uint8Array(1))).toThrow(
      /package for pictures/,
    )
  })
})
