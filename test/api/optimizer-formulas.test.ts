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

// Made by Keras and PyTorch: see make.py beside the files.
interface Recorded {
  readonly magnitudes: number[]
  readonly factors: number[]
  readonly cases: {
    readonly kind: 'rmsprop' | 'nadam'
    readonly options: Record<string, unknown>
    readonly weights: Record<string, number[]>
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

describe.each(['keras', 'pytorch'] as const)('fifty steps as in %s', (formula) => {
  const { magnitudes, factors, cases } = recorded(formula)
  it.each(cases.map((each) => [`${each.kind} ${JSON.stringify(each.options)}`, each] as const))(
    '%s',
    async (_, { kind, options, weights }) => {
      const { learningRate: rate, ...others } = options as { learningRate: number | { kind: string } }
      const learningRate =
        typeof rate === 'number' ? rate : optimizers.schedules.exponentialDecay({ ...rate, kind: undefined } as never)
      const given = { ...others, learningRate, ...(formula === 'pytorch' && { formula }) }
      const m = kernelOf(magnitudes.length, optimizers[kind](given))
      for (const [at, factor] of factors.entries()) {
        const gradient = Float32Array.from(magnitudes, (each) => Math.fround(each) * Math.fround(factor))
        await m.trainOnBatch(one, tensor(gradient, [1, magnitudes.length]))
        const expected = weights[at + 1]
        if (expected === undefined) continue
        const found = m.getWeights()[0]?.data as Float32Array
        for (const [index, value] of expected.entries()) {
          expect(Math.abs((found[index] as number) / value - 1), `step ${at + 1}, ${magnitudes[index]}`).toBeLessThan(
            1e-3,
          )
        }
      }
      m.dispose()
    },
  )
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
    const other = kernelOf(3, optimizers[kind](options))
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
