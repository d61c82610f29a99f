import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { defineCell, defineLayer, input, layers, loadModel, model, ops, type SymbolicTensor, sequential } from 'seqloom'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { expectCoded } from '../helpers/errors.js'

let folder = ''

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'seqloom-'))
})

afterEach(() => {
  rmSync(folder, { recursive: true, force: true })
})

/** A layer of a description. */
interface Entry {
  className: string
  config: Record<string, unknown>
  inboundNodes: unknown[]
}

/** Alters the description of the model in the folder; nothing else of it needs another checksum. */
function alter(change: (model: { layers: Entry[]; outputLayers: unknown[] }) => void): void {
  const path = join(folder, 'model.json')
  const description = JSON.parse(readFileSync(path, 'utf8'))
  change(description.model.config)
  writeFileSync(path, JSON.stringify(description))
}

/** Milliseconds that something takes. */
async function timeOf(work: () => unknown): Promise<number> {
  const start = performance.now()
  await work()
  return performance.now() - start
}

/** Far more than work that is linear takes on a busy machine, far less than what grows with the square or doubles. */
const soon = 40_000
vi.setConfig({ testTimeout: 3 * soon })

const small = () => sequential([layers.dense({ units: 2, inputShape: [3], name: 'first' })], { seed: 1 })

/** Layers `first`, `l1`, `l2`, … each applied to the one before. */
function chain(length: number): Entry[] {
  return Array.from({ length }, (_, index) => ({
    className: 'Activation',
    config: { name: `l${index + 1}`, trainable: true, activation: 'linear' },
    inboundNodes: [[[index === 0 ? 'first' : `l${index}`, 0, 0]]],
  }))
}

describe('long models', () => {
  it('of 12,000 layers in a row compute, are saved and loaded', async () => {
    const long = sequential(
      [
        layers.dense({ units: 2, inputShape: [3] }),
        ...Array.from({ length: 12_000 }, () => layers.activation({ activation: 'linear' })),
      ],
      { seed: 1 },
    )
    const expected = small().predictSync([[1, 2, 3]]).data
    expect(await timeOf(async () => expect((await long.predict([[1, 2, 3]])).data).toEqual(expected))).toBeLessThan(
      soon,
    )
    await long.save(folder)
    const again = await loadModel(folder)
    expect(again.layers).toHaveLength(12_002)
    expect((await again.predict([[1, 2, 3]])).data).toEqual(expected)
  })

  it('load in any order of their layers', async () => {
    const m = small()
    await m.save(folder)
    alter((saved) => {
      const layersInOrder = [...saved.layers, ...chain(12_000)]
      saved.layers = layersInOrder.reverse()
      saved.outputLayers = [['l12000', 0, 0]]
    })
    expect(
      await timeOf(async () => {
        const again = await loadModel(folder)
        expect((await again.predict([[1, 2, 3]])).data).toEqual(m.predictSync([[1, 2, 3]]).data)
      }),
    ).toBeLessThan(soon)
  })

  it('of more layers than a model may have are refused', async () => {
    const more = Array.from({ length: 20_001 }, () => layers.activation({ activation: 'relu', inputShape: [3] }))
    await expectCoded(() => sequential(more).predictSync([[1, 2, 3]]), 'ERR_UNSUPPORTED', /20000/)
    await small().save(folder)
    alter((saved) => {
      saved.layers.push(...chain(20_001))
      saved.outputLayers = [['l20001', 0, 0]]
    })
    await expectCoded(() => loadModel(folder), 'ERR_FORMAT', /20000/)
  })

  it('with uses that wait for each other are refused', async () => {
    await small().save(folder)
    alter((saved) => {
      saved.layers.push(...chain(10_000))
      const [, , l1] = saved.layers
      if (l1) l1.inboundNodes = [[['l10000', 0, 0]]]
      saved.outputLayers = [['l10000', 0, 0]]
    })
    await expectCoded(() => loadModel(folder), 'ERR_FORMAT', /l\d+/)
  })

  it('share a layer thousands of times', async () => {
    const x = input({ shape: [2] })
    const shared = layers.dense({ units: 2 })
    let value: SymbolicTensor = x
    for (let use = 0; use < 3000; use++) value = shared.apply(value)
    const m = model({ inputs: x, outputs: value, seed: 3 })
    await m.save(folder)
    const again = await loadModel(folder)
    expect((await again.predict([[1, 2]])).data).toEqual((await m.predict([[1, 2]])).data)
  })
})

describe('deep descriptions', () => {
  it.each([
    ['layers within layers', (inner: unknown) => ({ className: 'TimeDistributed', config: { layer: inner } })],
    ['arrays', (inner: unknown) => [inner]],
    ['initializers', (inner: unknown) => ({ kind: 'lstmBias', base: inner })],
  ])('of %s are refused', async (_, wrap) => {
    await small().save(folder)
    let deep: unknown = { className: 'Dense', config: { units: 2 } }
    for (let depth = 0; depth < 5000; depth++) deep = wrap(deep)
    const text = nested(deep)
    const path = join(folder, 'model.json')
    const saved = readFileSync(path, 'utf8')
    for (const key of ['"units": 2', '"className": "Dense"', '"name": "first"', '"formatVersion": 1', '"seed": 1']) {
      expect(saved).toContain(key)
      writeFileSync(path, saved.replace(key, `${key.split(':')[0]}: ${text}`))
      await expectCoded(() => loadModel(folder), 'ERR_FORMAT')
    }
  })
})

/** Text of data that `JSON.stringify` would recurse too deep for. */
function nested(value: unknown): string {
  let before = ''
  let after = ''
  let inner = value
  for (;;) {
    if (Array.isArray(inner)) {
      before += '['
      after = `]${after}`
      inner = inner[0]
    } else if (
      typeof inner === 'object' &&
      inner !== null &&
      ('layer' in inner || 'config' in inner || 'base' in inner)
    ) {
      const entries = Object.entries(inner)
      const [last, deepest] = entries.at(-1) as [string, unknown]
      const others = entries.slice(0, -1).map(([key, each]) => `${JSON.stringify(key)}:${JSON.stringify(each)},`)
      before += `{${others.join('')}${JSON.stringify(last)}:`
      after = `}${after}`
      inner = deepest
    } else return `${before}${JSON.stringify(inner)}${after}`
  }
}

describe('sizes that no weight decides', () => {
  it('may not double without end', async () => {
    const x = input({ shape: [8] })
    let value: SymbolicTensor = x
    for (let times = 0; times < 24; times++) value = layers.concatenate().apply([value, value])
    const doubled = model({ inputs: x, outputs: value })
    await expectCoded(() => doubled.predict([[1, 2, 3, 4, 5, 6, 7, 8]]), 'ERR_UNSUPPORTED', /67108864/)
  })

  it('may not double without end in a traced function', async () => {
    const double = (times: number) =>
      defineLayer({
        call: ({ x }) => {
          let value = x
          for (let time = 0; time < times; time++) value = ops.concat([value, value])
          return value
        },
      })
    expect(await timeOf(() => expectCoded(() => double(24), 'ERR_SHAPE', /at most 64 names/))).toBeLessThan(soon)
    const x = input({ shape: [2] })
    const { data } = model({ inputs: x, outputs: double(2)().apply(x) }).predictSync([[1, 2]])
    expect([...data]).toEqual([1, 2, 1, 2, 1, 2, 1, 2])
  })

  it('may not be as many steps as a file says', async () => {
    const cell = defineCell({ inputs: {}, states: { h: 4 }, step: ({ h }) => ({ h: h.add(1), output: h }) })
    const start = input({ shape: [4] })
    const run = layers.rnn({ cell, steps: 2 ** 30 }).apply([], { initialState: [start] })
    await expectCoded(
      () => model({ inputs: start, outputs: run as SymbolicTensor }).predict([[0, 0, 0, 0]]),
      'ERR_UNSUPPORTED',
    )
  })
})

describe('long traced functions', () => {
  it('of 9,000 operations are built, saved and loaded in time that grows with their number', async () => {
    const long = defineLayer({
      call: ({ x }) => {
        let value = x
        for (let times = 0; times < 4500; times++) value = value.add(1).sub(1)
        return value
      },
    })
    const m = sequential([layers.activation({ activation: 'linear', inputShape: [4] }), long()])
    const taken = await timeOf(async () => {
      await m.save(folder)
      const again = await loadModel(folder)
      const { data } = await again.predict([[1, 2, 3, 4]])
      expect([...data].map(Math.round)).toEqual([1, 2, 3, 4])
    })
    expect(taken).toBeLessThan(soon)
  })
})

describe('the weights of a saved model', () => {
  const recurrent = (units: number) =>
    sequential([layers.lstm({ units, inputShape: [null, 2], name: 'lstm' })], { seed: 5 })

  it('are compared with the sizes that its layers say before anything is made', async () => {
    await recurrent(4).save(folder)
    for (const units of [2_000, 20_000, 2 ** 31 - 1]) {
      alter(({ layers: [, lstm] }) => {
        if (lstm) lstm.config.units = units
      })
      const before = process.memoryUsage().rss
      const taken = await timeOf(() =>
        expectCoded(
          () => loadModel(folder),
          'ERR_FORMAT',
          units === 2000 ? /cannot hold the \d+ values .*lstm\/recurrent_kernel/ : /seqloom-/,
        ),
      )
      expect(taken).toBeLessThan(2000)
      expect(process.memoryUsage().rss - before).toBeLessThan(200 * 2 ** 20)
    }
  })

  it('are not drawn first', async () => {
    const m = recurrent(3)
    m.compile({ optimizer: 'adam', loss: 'mse' })
    await m.save(folder)
    alter(({ layers: [, lstm] }) => {
      // Drawing a vector with it is an error.
      if (lstm) lstm.config.biasInitializer = { kind: 'orthogonal', gain: 1 }
    })
    const again = await loadModel(folder)
    const x = [
      [
        [1, 2],
        [3, 4],
      ],
    ]
    expect((await again.predict(x)).data).toEqual((await m.predict(x)).data)
    await again.fit(x, [[0, 0, 0]])
  })
})
