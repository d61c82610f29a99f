import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as tf from 'seqloom/tfjs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

// What data sets give is compared with TensorFlow.js in ops.test.ts; here is what is around it.

const folder = mkdtempSync(join(tmpdir(), 'seqloom-tfjs-data-'))
const rows = Array.from({ length: 3000 }, (_, i) => `${i},${i % 2},"row ${i}, ü"`)
const text = `\ufeffx,y,name\n${rows.join('\n')}\n\n`
const file = join(folder, 'a 100% #1 file.csv')
let server: Server
let address: string

beforeAll(async () => {
  writeFileSync(file, text)
  server = createServer((request, response) => {
    if (request.url !== '/data.csv') response.writeHead(404).end()
    else response.end(text)
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})

afterAll(() => {
  server.close()
  rmSync(folder, { recursive: true })
})

describe('data.csv', () => {
  it.each([
    ['a file', () => `file://${file}`],
    ['a path', () => file],
    ['an address', () => `${address}/data.csv`],
  ])('reads %s', async (_, source) => {
    const csv = tf.data.csv(source(), { columnConfigs: { y: { isLabel: true } } })
    expect(await csv.columnNames()).toEqual(['x', 'y', 'name'])
    const all = await csv.toArray()
    expect(all).toHaveLength(3000)
    expect(all[2999]).toEqual({ xs: { x: 2999, name: 'row 2999, ü' }, ys: { y: 1 } })
  })

  it('gives batches to a model', async () => {
    const dataset = tf.data
      .csv(`file://${file}`, { columnConfigs: { x: {}, y: { isLabel: true } }, configuredColumnsOnly: true })
      .map((row) => {
        const { xs, ys } = row as { xs: { x: number }; ys: { y: number } }
        return { xs: [xs.x / 3000], ys: [ys.y] }
      })
      .take(64)
      .batch(32)
    const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [1], activation: 'sigmoid' })] })
    model.compile({ optimizer: 'sgd', loss: 'binaryCrossentropy' })
    const { history } = await model.fitDataset(dataset, { epochs: 2 })
    expect(history.loss).toHaveLength(2)
  })

  it('names what cannot be read', async () => {
    await expect(tf.data.csv(`file://${join(folder, 'none.csv')}`).toArray()).rejects.toMatchObject({ code: 'ERR_IO' })
    await expect(tf.data.csv(`${address}/other.csv`).toArray()).rejects.toMatchObject({
      code: 'ERR_IO',
      message: expect.stringContaining('404'),
    })
    await expect(tf.data.csv('http://127.0.0.1:1/x.csv').toArray()).rejects.toMatchObject({ code: 'ERR_IO' })
  })
})

describe('a data set', () => {
  it('passes on what a generator throws', async () => {
    const broken = tf.data.generator(function* () {
      yield 1
      throw new Error('the source is empty')
    })
    await expect(
      broken
        .map((x) => x)
        .batch(2)
        .prefetch(3)
        .toArray(),
    ).rejects.toThrow('the source is empty')
  })

  it('passes what comes with the end to who asks for it, and leaves it out of lists', async () => {
    const dataset = tf.data.generator(() => {
      let i = 0
      return { next: () => ({ value: i++, done: i === 2 }) } as Iterator<number>
    })
    const iterator = await dataset.prefetch(4).iterator()
    expect([await iterator.next(), await iterator.next()]).toEqual([
      { value: 0, done: false },
      { value: 1, done: true },
    ])
    expect(await dataset.toArray()).toEqual([0])
  })

  it('refuses a function that returns no iterator', async () => {
    await expect(tf.data.generator((() => [1, 2]) as never).toArray()).rejects.toMatchObject({ code: 'ERR_DATA' })
  })

  it('ends though nothing is repeated for ever', async () => {
    expect(await tf.data.array([]).repeat().toArray()).toEqual([])
    expect(
      await tf.data
        .generator(() => [][Symbol.iterator]())
        .repeat()
        .toArray(),
    ).toEqual([])
  })

  it('refuses elements that hold themselves', async () => {
    const circle: tf.TensorContainerObject = { a: 1 }
    circle.b = circle
    await expect(tf.data.array([circle]).toArray()).rejects.toThrow('Circular references are not supported.')
  })

  it('disposes the tensors that it made and nobody took', async () => {
    const source = [tf.tensor([1, 2]), tf.tensor([3, 4]), tf.tensor([5, 6])]
    const before = tf.memory().numTensors
    const dataset = tf.data
      .array(source)
      .map((x) => x.mul(2))
      .filter((x) => (x.dataSync()[0] as number) > 2)
      .batch(2)
    const sums: number[] = []
    await dataset.forEachAsync(async (x) => {
      await tf.nextFrame()
      sums.push((x as tf.Tensor).sum().dataSync()[0] as number)
    })
    expect(sums).toEqual([36])
    expect(source.every((x) => !x.isDisposed)).toBe(true)
    // The sum itself was the caller's.
    expect(tf.memory().numTensors).toBe(before + 1)
  })

  it('is read anew by each iterator', async () => {
    let passes = 0
    const dataset = tf.data.generator(function* () {
      passes++
      yield* [1, 2, 3]
    })
    await dataset.toArray()
    await dataset.take(1).toArray()
    expect(passes).toBe(2)
  })

  it('shuffles into another order each time, unless told otherwise', async () => {
    const numbers = Array.from({ length: 50 }, (_, i) => i)
    const shuffled = tf.data.array(numbers).shuffle(50)
    const [first, second] = [await shuffled.toArray(), await shuffled.toArray()]
    expect([...first].sort((a, b) => a - b)).toEqual(numbers)
    expect(first).not.toEqual(second)
  })
})
