import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { cells, interop, layers, loadModel, type Model, sequential, tensor } from '../../dist/index.js'

const folder = mkdtempSync(join(tmpdir(), 'seqloom-recurrent-dropout-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const kinds = {
  simpleRNN: (options: object) => layers.simpleRNN({ units: 4, ...options }),
  lstm: (options: object) => layers.lstm({ units: 4, ...options }),
  gru: (options: object) => layers.gru({ units: 4, ...options }),
  'gru, reset before': (options: object) => layers.gru({ units: 4, resetAfter: false, ...options }),
} as const
type Kind = keyof typeof kinds

const x = tensor(
  Float32Array.from({ length: 6 * 5 * 3 }, (_, at) => Math.sin(1 + at * 1.7)),
  [6, 5, 3],
)
const y = tensor(
  Float32Array.from({ length: 6 * 4 }, (_, at) => Math.cos(at)),
  [6, 4],
)

function build(kind: Kind, options: object, seed = 7): Model {
  const m = sequential([kinds[kind]({ inputShape: [null, 3], ...options })], { seed })
  m.compile({ optimizer: 'sgd', loss: 'mse' })
  return m
}

const trained = async (m: Model, steps = 3): Promise<Float32Array[]> => {
  for (let step = 0; step < steps; step++) await m.trainOnBatch(x, y)
  return m.getWeights().map(({ data }) => data as Float32Array)
}

describe.each(Object.keys(kinds) as Kind[])('recurrentDropout of %s', (kind) => {
  it('does nothing in predictions and evaluation', async () => {
    const [m, plain] = [build(kind, { recurrentDropout: 0.5 }), build(kind, {})]
    expect(m.getWeights()).toEqual(plain.getWeights())
    expect(await m.predict(x)).toEqual(await plain.predict(x))
    const [found, expected] = [(await m.evaluate(x, y)) as number[], (await plain.evaluate(x, y)) as number[]]
    expect(found[0]).toBeCloseTo(expected[0] as number, 5)
    for (const each of [m, plain]) each.dispose()
  })

  it('changes training, by the seed of the model or of the layer', async () => {
    const weights = async (options: object, seed?: number) => {
      const m = build(kind, options, seed)
      m.setWeights(
        m.getWeights().map(({ data, shape }) =>
          tensor(
            data.map((_, at) => Math.sin(at) / 2),
            shape,
          ),
        ),
      )
      const found = await trained(m)
      m.dispose()
      return found
    }
    const some = await weights({ recurrentDropout: 0.5 })
    expect(await weights({ recurrentDropout: 0.5 })).toEqual(some)
    expect(await weights({})).not.toEqual(some)
    expect(await weights({ recurrentDropout: 0.5 }, 8)).not.toEqual(some)
    const seeded = await weights({ recurrentDropout: 0.5, dropout: 0.3, seed: 5 })
    expect(await weights({ recurrentDropout: 0.5, dropout: 0.3, seed: 5 }, 8)).toEqual(seeded)
    expect(await weights({ recurrentDropout: 0.5, dropout: 0.3, seed: 6 })).not.toEqual(seeded)
  })

  it('is kept when the model is saved and written for Keras and TensorFlow.js', async () => {
    const m = build(kind, { recurrentDropout: 0.25, seed: 3 })
    await m.save(join(folder, 'saved'))
    const again = await loadModel(join(folder, 'saved'))
    expect(await trained(again as Model)).toEqual(await trained(m))
    const written = [join(folder, 'model.keras')]
    await interop.toKeras(m, written[0] as string)
    const back = [await interop.loadKeras(written[0] as string)]
    if (kind !== 'gru') back.push(await interop.loadTfjs(await interop.toTfjs(m)))
    for (const each of back) {
      expect(JSON.stringify(each.toJSON())).toContain('"recurrentDropout":0.25')
      each.dispose()
    }
    for (const each of [m, again]) each.dispose()
  })
})

describe('recurrentDropout', () => {
  it('drops units of the state for a whole sequence, others for each gate', async () => {
    // The state is carried on alone: what is dropped of it shows in the weights that have no gradient.
    const m = sequential([layers.lstm({ units: 8, recurrentDropout: 0.5, inputShape: [4, 1] })], { seed: 2 })
    m.compile({ optimizer: 'sgd', loss: 'mse' })
    const one = tensor(Float32Array.of(1, -0.5, 0.25, 2), [1, 4, 1])
    const before = m.getWeights().map(({ data }) => Float32Array.from(data as Float32Array))
    await m.trainOnBatch(one, tensor(new Float32Array(8).fill(1), [1, 8]))
    const after = m.getWeights().map(({ data }) => data as Float32Array)
    const dropped = Array.from({ length: 4 }, (_, gate) =>
      Array.from({ length: 8 }, (_, unit) =>
        Array.from({ length: 8 }, (_, to) => unit * 32 + gate * 8 + to).every(
          (at) => before[1]?.[at] === after[1]?.[at],
        ),
      ),
    )
    for (const gate of dropped) {
      const count = gate.filter(Boolean).length
      expect(count).toBeGreaterThan(0)
      expect(count).toBeLessThan(8)
    }
    expect(new Set(dropped.map((gate) => gate.join())).size).toBeGreaterThan(1)
    m.dispose()
  })

  it('works in cells, stacks, both directions and stateful layers', async () => {
    const models = [
      sequential([
        layers.rnn({
          cell: [
            cells.lstm({ units: 3, recurrentDropout: 0.3 }),
            cells.gru({ units: 4, recurrentDropout: 0.3, seed: 1 }),
          ],
          inputShape: [null, 3],
        }),
      ]),
      sequential([
        layers.rnn({ cell: cells.peepholeLSTM({ units: 4, recurrentDropout: 0.3 }), inputShape: [null, 3] }),
      ]),
      sequential([
        layers.bidirectional({
          layer: layers.gru({ units: 4, recurrentDropout: 0.3 }),
          mergeMode: 'sum',
          inputShape: [null, 3],
        }),
      ]),
      sequential([layers.lstm({ units: 4, recurrentDropout: 0.3, stateful: true, inputShape: [null, 3] })]),
    ]
    for (const m of models) {
      m.compile({ optimizer: 'sgd', loss: 'mse' })
      const { history } = await m.fit(x, y, { epochs: 2, batchSize: 6, shuffle: false })
      expect(history.loss?.every(Number.isFinite)).toBe(true)
      m.dispose()
    }
  })

  it('refuses rates that are none', () => {
    expect(() => layers.lstm({ units: 2, recurrentDropout: 1 })).toThrow(/recurrentDropout must be a finite number/)
    expect(() => layers.lstm({ units: 2, seed: -1 })).toThrow(/seed must be an integer from 0/)
    expect(() => cells.gru({ units: 2, recurrentDropout: -0.1 })).toThrow(/recurrentDropout/)
  })
})

describe('the seed of a dropout layer', () => {
  const keptBy = async (options: object, seed: number) => {
    const m = sequential([layers.dropout({ rate: 0.5, inputShape: [64], ...options }), layers.dense({ units: 1 })], {
      seed,
    })
    m.compile({ optimizer: 'sgd', loss: 'mse' })
    m.setWeights(
      m.getWeights().map(({ data, shape }) =>
        tensor(
          data.map(() => 0.5),
          shape,
        ),
      ),
    )
    await m.trainOnBatch(tensor(new Float32Array(64).fill(1), [1, 64]), [[3]])
    const { data } = m.getWeights()[0] as { data: Float32Array }
    m.dispose()
    return [...data].map((value) => value === 0.5)
  }

  it('decides what is dropped, whatever the model’s seed', async () => {
    const seeded = await keptBy({ seed: 1 }, 1)
    expect(await keptBy({ seed: 1 }, 2)).toEqual(seeded)
    expect(await keptBy({ seed: 2 }, 1)).not.toEqual(seeded)
    expect(await keptBy({ seed: null }, 1)).not.toEqual(await keptBy({}, 2))
    expect(await keptBy({ seed: null }, 1)).toEqual(await keptBy({}, 1))
  })
})
