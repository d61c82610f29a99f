import { readFileSync } from 'node:fs'
import {
  type CompileOptions,
  type Data,
  layers,
  loadModel,
  losses,
  type Model,
  metrics,
  sequential,
  tensor,
} from 'seqloom'
import { describe, expect, it } from 'vitest'

// Made by Keras: see make.py beside the file.
interface Case {
  readonly kind: string
  readonly options: Record<string, unknown>
  readonly labels: boolean
  readonly shape: number[]
  readonly targets: number[]
  readonly predictions: number[]
}
interface LossCase extends Case {
  readonly weights?: number[]
  readonly lengths?: number[]
  readonly results: Record<string, number>
  readonly gradient: number[]
}
interface MetricCase extends Case {
  readonly loss: 'mse'
  readonly weights: number[]
  readonly plain: number
  readonly weighted: number
}

const recorded: { readonly losses: LossCase[]; readonly metrics: MetricCase[] } = JSON.parse(
  readFileSync(new URL('../fixtures/losses/keras.json', import.meta.url), 'utf8'),
)

/** A model whose output is its input. */
function passing(shape: readonly (number | null)[], options: Omit<CompileOptions, 'optimizer'>): Model {
  const width = shape.at(-1) as number
  const m = sequential([layers.dense({ units: width, useBias: false, inputShape: shape.slice(1) })], { seed: 1 })
  const identity = Float32Array.from({ length: width * width }, (_, i) => Number(i % (width + 1) === 0))
  m.setWeights([tensor(identity, [width, width])])
  m.compile({ optimizer: 'sgd', ...options })
  return m
}

function examples({
  shape,
  labels,
  predictions,
  targets,
  lengths,
}: Case & { readonly lengths?: number[] }): [Data, Data] {
  const steps = lengths ? { lengths } : {}
  const own = labels ? shape.slice(0, -1) : shape
  const values = labels ? Int32Array.from(targets) : Float32Array.from(targets)
  return [tensor(Float32Array.from(predictions), shape, steps), tensor(values, own, steps)]
}

const near = (got: number, want: number) => Math.abs(got - want) <= 2e-5 * Math.max(1, Math.abs(want))
const open = (shape: readonly number[]) => shape.map((dim, axis) => (axis === shape.length - 1 ? dim : null))
const title = ({ kind, options }: Case) => `${kind} ${JSON.stringify(options)}`

type Maker = (options: object) => losses.Loss

describe('losses are those of Keras', () => {
  it.each(
    recorded.losses.map(
      (each) => [title(each), each.weights ? (each.lengths ? 'of steps' : 'of rows') : '', each] as const,
    ),
  )('%s, weights %s', async (_, __, each) => {
    const [x, y] = examples(each)
    const { weights, shape } = each
    const sampleWeight = weights && tensor(Float32Array.from(weights), shape.slice(0, -1))
    const given = sampleWeight ? { sampleWeight } : {}
    const make = losses[each.kind as keyof typeof losses] as Maker
    for (const [reduction, want] of Object.entries(each.results)) {
      const m = passing(open(shape), { loss: make({ ...each.options, reduction }) })
      const [loss] = await m.testOnBatch(x, y, given)
      expect(near(loss as number, want), `${reduction}: ${loss} for ${want}`).toBe(true)
    }
    const m = passing(open(shape), { loss: make(each.options) })
    if (sampleWeight) return
    const {
      inputs: [got],
    } = await m.gradients(x, y)
    for (const [at, want] of each.gradient.entries()) expect(near(got?.data[at] as number, want), `${at}`).toBe(true)
  })

  it('train by weights of rows and steps as a gradient of Keras says', async () => {
    for (const each of recorded.losses) {
      const { weights, shape, lengths, gradient } = each
      if (!weights) continue
      const width = shape.at(-1) as number
      const [x, y] = examples(each)
      const m = passing(open(shape), { loss: (losses[each.kind as keyof typeof losses] as Maker)(each.options) })
      m.learningRate = 0.1
      await m.trainOnBatch(x, y, { sampleWeight: tensor(Float32Array.from(weights), shape.slice(0, -1)) })
      const [after] = m.getWeights()
      // The kernel's gradient is xᵀ · the gradient of the output.
      const counts = (position: number) =>
        !lengths || position % (shape[1] as number) < (lengths[Math.floor(position / (shape[1] as number))] as number)
      for (let i = 0; i < width; i++) {
        for (let j = 0; j < width; j++) {
          let sum = 0
          for (let position = 0; position < weights.length; position++) {
            if (counts(position))
              sum += (each.predictions[position * width + i] as number) * (gradient[position * width + j] as number)
          }
          const want = Number(i === j) - 0.1 * sum
          expect(near(after?.data[i * width + j] as number, want), `${title(each)} ${i} ${j}`).toBe(true)
        }
      }
    }
  })
})

describe('metrics are those of Keras', () => {
  it.each(recorded.metrics.map((each) => [title(each), each] as const))('%s', async (_, each) => {
    const [x, y] = examples(each)
    const make = (metrics[each.kind as keyof typeof metrics] ?? losses[each.kind as keyof typeof losses]) as Maker
    const metric = make(each.options)
    const m = passing(open(each.shape), { loss: each.loss, metrics: [metric], weightedMetrics: [metric] })
    const sampleWeight = Float32Array.from(each.weights)
    const unweighted = await m.evaluate(x, y, { batchSize: 9 })
    const [, plain, weighted] = (await m.evaluate(x, y, { batchSize: 9, sampleWeight })) as number[]
    expect(near(plain as number, each.plain), `${plain} for ${each.plain}`).toBe(true)
    expect(near(weighted as number, each.weighted), `${weighted} for ${each.weighted}`).toBe(true)
    expect((unweighted as number[]).slice(1).every((value) => near(value, each.plain))).toBe(true)
  })
})

describe('a model with each loss', () => {
  // Those of whole sequences are in crf.test.ts, ctc.test.ts and transducer.test.ts.
  it.each(Object.keys(losses).filter((kind) => !['crf', 'ctc', 'transducer'].includes(kind)))(
    '%s is the same after saving',
    async (kind) => {
      const loss = (losses[kind as keyof typeof losses] as Maker)({})
      const labels = /^sparse|Generalized/.test(kind)
      const m = passing([null, 3], { loss, metrics: [loss], weightedMetrics: [loss] })
      const x = [[0.2, 0.3, 0.5]]
      const y = labels ? [1] : [[0, 1, 0]]
      const again = await loadModel(await m.toBytes())
      expect(await again.evaluate(x, y)).toEqual(await m.evaluate(x, y))
    },
  )
})
