import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { data, layers, sequential, tensor } from 'seqloom'
import { afterAll, describe, expect, it } from 'vitest'
import { DecimalReader } from '../../src/data/decimal.js'
import { coded } from '../helpers/coded.js'
import { trained } from '../helpers/streamed.js'

const folder = mkdtempSync(join(tmpdir(), 'seqloom-packed-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function file(text: string | Uint8Array, name = 'rows.csv'): string {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}

const columns = { x: ['a', 'b'], y: 'label', classes: ['low', 'high'] }
/** With a column of texts, each field becomes a text first. */
const plainly = { texts: ['no input'] }

/** Random whole numbers below a bound, the same each time. */
function randomly(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

/** A number as a program may write it. */
function written(random: (below: number) => number): string {
  const value = (random(2 ** 32) / 2 ** 31 - 1) * 10 ** (random(12) - 6)
  const digits = random(18)
  const forms = [
    String(value),
    value.toFixed(digits),
    value.toExponential(digits),
    String(random(1000)),
    '-0',
    '.5',
    '7.',
  ]
  return [...forms, '+1', ' 3 ', '1E3', 'TRUE', String(Math.fround(value)), `${random(2 ** 32)}${random(2 ** 32)}`][
    random(13)
  ] as string
}

async function all<T>(rows: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = []
  for await (const row of rows) found.push(row)
  return found
}

describe('rows of numbers, which go from bytes to batches without objects', () => {
  it('are read as Number reads them', () => {
    const [reader, random] = [new DecimalReader(), randomly(1)]
    let plain = 0
    for (let i = 0; i < 100_000; i++) {
      const text = written(random)
      const number = reader.read(Buffer.from(`${text},`), 0)
      if (Number.isNaN(number) || reader.end < text.length) continue
      plain++
      expect([text, number]).toEqual([text, Number(text)])
    }
    expect(plain).toBeGreaterThan(50_000)
    // Halfway between two numbers.
    const long = (exponent: number) => `0.${'0'.repeat(1000)}1e${exponent}`
    for (const text of [
      long(1003),
      long(1022),
      long(5000),
      '9007199254740993',
      '9007199254740.993',
      '0.1',
      '.',
      '-',
      'e5',
      '1e',
      '',
    ]) {
      const number = reader.read(Buffer.from(`${text},`), 0)
      if (!Number.isNaN(number)) expect(number).toBe(Number(text))
    }
  })

  it.each([1, 2, 3, 4, 5])('are those that texts of each field make, whatever the form (%i)', async (seed) => {
    const random = randomly(seed)
    const [delimiter, end] = [[',', ';', '\t', '|'][seed % 4] as string, ['\n', '\r\n', '\r'][seed % 3] as string]
    const note = () => ['', 'plain', '"a, b"', '"say ""so"""', `"two${end}lines"`, 'ä€😀'][random(seed % 2 ? 6 : 2)]
    const lines = Array.from({ length: 3500 }, (_, i) => {
      const label = ['low', 'high', '"low"', '"high"'][random(seed % 2 ? 4 : 2)]
      const number = random(9) === 0 && seed % 2 ? `"${random(100)}"` : written(random)
      const blank = i % 97 === 0 ? ['', '  '][random(2)] + end : ''
      return `${blank}${[note(), written(random), label, number].join(delimiter)}${i % 11 === 0 ? '\n' : end}`
    })
    const text = `${seed % 2 ? '\ufeff' : ''}note${delimiter}a${delimiter}label${delimiter}b${end}${lines.join('')}`
    const path = file(seed % 3 ? text : text.trimEnd())
    const read = await all(data.csv(path, columns))
    expect(read).toHaveLength(3500)
    expect(read).toEqual(await all(data.csv(path, { ...columns, ...plainly })))
    const changed = (set: data.Dataset<unknown>) => trained(set.skip(10).shuffle(500, { seed }).take(1000).cache())
    expect(await changed(data.csv(path, columns))).toEqual(await changed(data.csv(path, { ...columns, ...plainly })))
  })

  it('keep parts, weights and names', async () => {
    const text = Array.from({ length: 300 }, (_, i) => `${i % 7},${i % 5},${i % 3},${(i % 4) + 1}`).join('\n')
    const path = file(`a,b,c,w\n${text}\n`)
    for (const options of [
      { x: 'a', y: 'b' },
      { x: { first: ['a', 'c'], second: 'b' }, y: { out: 'c' }, sampleWeight: 'w' },
      { x: ['a', 'b'], y: ['a', 'b'] },
    ]) {
      const read = await all(data.csv(path, options))
      expect(read).toEqual(await all(data.csv(path, { ...options, ...plainly })))
    }
    const weighed = { x: ['a', 'b'], y: 'c', sampleWeight: 'w' }
    const weights = async (options: typeof weighed) => {
      const m = sequential([layers.dense({ units: 3, activation: 'softmax', inputShape: [2] })], { seed: 1 })
      m.compile({ optimizer: 'sgd', loss: 'sparseCategoricalCrossentropy' })
      await m.fit(data.csv(path, options), { batchSize: 32, epochs: 2 })
      const scores = await m.evaluate(data.csv(path, options))
      const given = await m.predict(data.csv(path, options).map(({ x }) => x))
      return [m.getWeights().map(({ data }) => [...data]), scores, [...given.data]]
    }
    expect(await weights(weighed)).toEqual(await weights({ ...weighed, ...plainly }))
  })

  it('go together with rows from elsewhere', async () => {
    const path = file('a,b,label\n1,2,low\n3,4,high\n')
    const others = [{ x: [5, 6], y: 1 }]
    const both = data.csv(path, columns).concat(data.from(others) as never, data.csv(path, columns))
    expect(await all(both.shuffle(2))).toHaveLength(5)
    const expected = [
      [1, 2],
      [3, 4],
      [5, 6],
      [1, 2],
      [3, 4],
    ] as const
    const m = sequential([layers.dense({ units: 2, activation: 'softmax', inputShape: [2] })], { seed: 1 })
    m.compile({ optimizer: 'sgd', loss: 'sparseCategoricalCrossentropy' })
    expect((await m.predict(both)).data).toEqual((await m.predict(tensor(expected.flat(), [5, 2]))).data)
  })

  it('are refused by the same errors, naming the same lines', async () => {
    const good = Array.from({ length: 5000 }, (_, i) => `${i}.5,${i},${i % 2 ? 'low' : 'high'}`).join('\n')
    const wrong = {
      'a text': ['x,1,low', /line 5002: "a" must be a number, not 'x'/],
      'nothing there': [',1,low', /line 5002: "a" must be a number/],
      'not finite': ['Infinity,1,low', /row 5000/],
      'an unknown label': ['1,2,middle', /line 5002: the label 'middle'/],
      'too few fields': ['1,2', /line 5002 has 2 fields/],
      'too many fields': ['1,2,low,3', /line 5002 has 4 fields/],
      'a quote within a field': ['1"2,2,low', /broken quoting on line 5002/],
      'a quote that is not closed': ['"1,2,low', /the quote that opens on line 5002 is not closed/],
    } as const
    for (const [line] of Object.values(wrong)) {
      const path = file(`a,b,label\n${good}\n${line}\n1,2,low\n`)
      const error = async (options: typeof columns) =>
        await trained(data.csv(path, options)).then(
          () => 'none',
          ({ code, message }) => [code, message],
        )
      const found = await error(columns)
      expect(found).toEqual(await error({ ...columns, ...plainly }))
      expect(found).not.toBe('none')
    }
    const bytes = Buffer.concat([Buffer.from(`a,b,label\n${good}\n1,2,`), Buffer.of(0xe4), Buffer.from(',\n')])
    await expect(trained(data.csv(file(bytes), columns))).rejects.toEqual(
      coded('ERR_DATA', /line 5002: the byte 0xE4 is no UTF-8/),
    )
  })
})
