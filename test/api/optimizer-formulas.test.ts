import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import {
  type Callback,
  callbacks,
  layers,
  loadModel,
  type Model,
  optimizers,
  type SymbolicValue,
  sequential,
  tensor,
} from '../../dist/index.js'
import { rules } from '../../src/optimizers/resolve.js'
import type { OptimizerKind } from '../../src/optimizers/rules.js'

// Made by Keras and PyTorch: see make.py beside the files.
interface Recorded {
  readonly magnitudes: number[]
  readonly factors: number[]
  readonly cases: {
    readonly kind: OptimizerKind
    readonly options: Record<string, unknown>
    readonly weights?: Record<string, number[]>
    /** Of a wide and a tall matrix. */
    readonly matrices?: Record<string, number[][]>
  }[]
}

const folder = mkdtempSync(join(tmpdir(), 'seqloom-optimizers-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const recorded = (name: string): Recorded =>
  JSON.parse(readFileSync(new URL(`../fixtures/optimizers/${name}.json`, import.meta.url), 'utf8'))

const one = tensor(Float32Array.of(1), [1, 1])

/** A model of one kernel that begins with zeros; its gradients are the targets. */
function kernelOf(units: number, optimizer: optimizers.Optimizer): Model {
  const m = sequential([layers.dense({ units, useBias: false, kernelInitializer: 'zeros', inputShape: [1] })], {
    seed: 1,
  })
  m.compile({
    optimizer,
    loss: (yTrue: SymbolicValue, yPred: SymbolicValue) => yPred.mul(yTrue).sum({ axis: -1 }),
  })
  return m
}

/** Optimizers that have a choice of the formula. */
const chosen: readonly string[] = ['rmsprop', 'nadam', 'sgd', 'adam', 'adamw', 'adamax', 'adagrad']

const named = (cases: Recorded['cases']) =>
  cases.map((each) => [`${each.kind} ${JSON.stringify(each.options)}`, each] as const)

describe.each(['keras', 'pytorch'] as const)('fifty steps as in %s', (formula) => {
  const { magnitudes, factors, cases } = recorded(formula)
  it.each(named(cases.filter(({ weights }) => weights)))('%s', async (_, { kind, options, weights = {} }) => {
    const { learningRate: rate, ...others } = options as { learningRate: number | { kind: string } }
    const learningRate =
      typeof rate === 'number' ? rate : optimizers.schedules.exponentialDecay({ ...rate, kind: undefined } as never)
    const given = { ...others, learningRate, ...(chosen.includes(kind) && { formula }) }
    const m = kernelOf(magnitudes.length, rules[kind](given))
    for (const [at, factor] of factors.entries()) {
      const gradient = Float32Array.from(magnitudes, (each) => Math.fround(each) * Math.fround(factor))
      await m.trainOnBatch(one, tensor(gradient, [1, magnitudes.length]))
      const expected = weights[at + 1]
      if (expected === undefined) continue
      const found = m.getWeights()[0]?.data as Float32Array
      for (const [index, value] of expected.entries()) {
        // Within 1e-6, but for what Keras computes of float32 powers: its 1 − β₂ᵗ is 1e-5 off.
        const away = Math.abs((found[index] as number) - value) / Math.max(Math.abs(value), 1e-30)
        expect(away, `step ${at + 1}, ${magnitudes[index]}`).toBeLessThan(2e-5)
      }
    }
    m.dispose()
  })
})

describe('fifty steps of matrices as in Keras', () => {
  const { factors, cases } = recorded('keras')
  const shapes = [
    [3, 5],
    [6, 4],
  ] as const
  const wave = ([rows, columns]: readonly [number, number], step: number) =>
    Float32Array.from({ length: rows * columns }, (_, index) => Math.sin(0.7 * index * (1 + 0.1 * index) + step))
  it.each(named(cases.filter(({ matrices }) => matrices)))('%s', async (_, { kind, options, matrices = {} }) => {
    for (const [which, shape] of shapes.entries()) {
      const [rows, columns] = shape
      const kernel = layers.dense({ units: columns, useBias: false, inputShape: [rows] })
      const m = sequential([kernel], { seed: 1 })
      // The gradient of the sum of products with rows of the targets, one for each row of the unit matrix.
      const loss = (yTrue: SymbolicValue, yPred: SymbolicValue) => yPred.mul(yTrue).sum({ axis: -1 }).mul(rows)
      m.compile({ optimizer: rules[kind](options), loss })
      m.setWeights([tensor(wave(shape, 0), [rows, columns])])
      const unit = Float32Array.from({ length: rows * rows }, (_, at) => (at % (rows + 1) === 0 ? 1 : 0))
      for (const [at, factor] of factors.entries()) {
        const gradient = wave(shape, at + 1).map((value) => value * Math.fround(factor))
        await m.trainOnBatch(tensor(unit, [rows, rows]), tensor(gradient, [rows, columns]))
        const expected = matrices[at + 1]?.[which]
        const found = m.getWeights()[0]?.data as Float32Array
        expected?.forEach((value, index) => {
          expect(Math.abs((found[index] as number) - value), `step ${at + 1}, ${index}`).toBeLessThan(2e-5)
        })
      }
      m.dispose()
    }
  })
})

/** What an earlier version, which had no choice, saved in a folder: PyTorch's formula. */
function asBefore(path: string): void {
  const file = join(path, 'model.json')
  const description = JSON.parse(readFileSync(file, 'utf8'))
  expect(description.training.options.optimizer.formula).toBe('pytorch')
  delete description.training.options.optimizer.formula
  writeFileSync(file, JSON.stringify(description))
}

describe.each([
  ['rmsprop', { momentum: 0.9, clipNorm: 2 }],
  ['nadam', {}],
  ['sgd', { momentum: 0.9, nesterov: true }],
  ['adagrad', { initialAccumulatorValue: 0.01 }],
  ['adamax', {}],
] as const)('what was saved before there was a choice of the formula: %s', (kind, options) => {
  const target = tensor(Float32Array.of(1e-4, -1e-5, 0.3), [1, 3])

  it('goes on as it began', async () => {
    const m = kernelOf(3, optimizers[kind]({ ...options, formula: 'pytorch' }))
    for (let step = 0; step < 3; step++) await m.trainOnBatch(one, target)
    const path = join(folder, kind)
    await m.save(path)
    asBefore(path)
    const again = await loadModel(path)
    for (const each of [m, again]) for (let step = 0; step < 3; step++) await each.trainOnBatch(one, target)
    expect(again.getWeights()).toEqual(m.getWeights())
    await again.save(path)
    asBefore(path)
    for (const each of [m, again]) each.dispose()
  })

  it('resumes with that formula, and only with it', async () => {
    const backupDir = join(folder, `${kind}-backup`)
    const resume = (m: Model, ...others: Callback[]) =>
      m.fit(one, target, { epochs: 5, callbacks: [callbacks.backupAndRestore({ backupDir }), ...others] })
    const crash: Callback = {
      onEpochBegin: (epoch) => {
        if (epoch === 2) throw new Error('killed')
      },
    }
    const ours = () => kernelOf(3, optimizers[kind]({ ...options, formula: 'pytorch' }))
    const whole = ours()
    await whole.fit(one, target, { epochs: 5 })
    const stopped = ours()
    await expect(resume(stopped, crash)).rejects.toThrow('killed')
    asBefore(backupDir)
    const other = kernelOf(3, optimizers[kind]({ ...options, formula: 'keras' }))
    await expect(resume(other)).rejects.toMatchObject({
      code: 'ERR_STATE',
      message: expect.stringMatching(new RegExp(`optimizers.${kind}\\(\\{ formula: 'pytorch' \\}\\), not 'keras'`)),
    })
    const resumed = ours()
    await resume(resumed)
    expect(resumed.getWeights()).toEqual(whole.getWeights())
    for (const each of [whole, stopped, other, resumed]) each.dispose()
  })
})
