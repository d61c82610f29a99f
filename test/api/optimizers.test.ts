import { layers, optimizers, sequential, tensor } from 'seqloom'
import { describe, expect, it } from 'vitest'
import { rules } from '../../src/optimizers/resolve.js'
import type { OptimizerKind } from '../../src/optimizers/rules.js'

/** The weight of y = w · x after steps with x = 1 towards 0, whose gradient is 2 w, from w = 1. */
async function trained(optimizer: optimizers.Optimizer, steps: number): Promise<number> {
  const m = sequential([layers.dense({ units: 1, useBias: false, kernelInitializer: 'ones', inputShape: [1] })])
  m.compile({ optimizer, loss: 'meanSquaredError' })
  await m.fit(tensor(Float32Array.of(1), [1, 1]), tensor(Float32Array.of(0), [1, 1]), { epochs: steps, batchSize: 1 })
  return m.getWeights()[0]?.data[0] as number
}

describe('lion', () => {
  it('moves by its rate in the direction of the sign', async () => {
    let [w, m] = [1, 0]
    for (let t = 1; t <= 30; t++) {
      const g = 2 * w
      const direction = Math.sign(0.8 * m + 0.2 * g)
      w -= 0.05 * (direction + 0.1 * w)
      m = 0.9 * m + 0.1 * g
    }
    const found = await trained(optimizers.lion({ learningRate: 0.05, beta1: 0.8, beta2: 0.9, weightDecay: 0.1 }), 30)
    expect(found).toBeCloseTo(w, 5)
  })

  it('has the defaults of Keras', () => {
    expect(optimizers.lion()).toEqual({ kind: 'lion', learningRate: 0.001, beta1: 0.9, beta2: 0.99, weightDecay: 0 })
  })
})

describe('radam', () => {
  it('begins with the mean of gradients and divides by the second moment once that is known', async () => {
    let [w, m, v] = [1, 0, 0]
    const most = 2 / (1 - 0.999) - 1
    const quotients: number[] = []
    for (let t = 1; t <= 12; t++) {
      const g = 2 * w
      m = 0.9 * m + 0.1 * g
      v = 0.999 * v + 0.001 * g * g
      const rho = most - (2 * t * 0.999 ** t) / (1 - 0.999 ** t)
      const rectified = Math.sqrt(((rho - 4) * (rho - 2) * most) / ((most - 4) * (most - 2) * rho))
      const adaptive = rho > 5 ? (rectified * Math.sqrt(1 - 0.999 ** t)) / (Math.sqrt(v) + 1e-7) : 1
      quotients.push(adaptive)
      w -= ((0.02 * m) / (1 - 0.9 ** t)) * adaptive
    }
    expect(quotients.slice(0, 5)).toEqual([1, 1, 1, 1, 1])
    expect(quotients[5]).toBeLessThan(0.1)
    expect(await trained(optimizers.radam({ learningRate: 0.02 }), 12)).toBeCloseTo(w, 5)
  })
})

describe('every optimizer', () => {
  const kinds = Object.keys(rules) as OptimizerKind[]

  it.each(kinds)('learns by its name: %s', async (kind) => {
    expect(await trained(rules[kind](), 3)).toBeLessThan(1)
  })

  it.each(kinds)('refuses values out of range before a model is built: %s', (kind) => {
    const make = rules[kind]
    for (const [setting, value] of Object.entries(make())) {
      if (typeof value !== 'number' || setting === 'learningRate') continue
      // Exponents and the coefficients of an iteration may be negative.
      const signed = ['beta2Decay', 'learningRatePower', 'muonA', 'muonB', 'muonC'].includes(setting)
      for (const wrong of [...(signed ? [] : [-1]), Number.NaN, '1']) {
        const refused = { code: 'ERR_OPTION', message: expect.stringMatching(`optimizers.${kind}: ${setting}`) }
        expect(() => make({ [setting]: wrong })).toThrow(expect.objectContaining(refused))
      }
    }
  })
})

it('refuses exponents that would let a rate grow', () => {
  const m = sequential([layers.dense({ units: 1, inputShape: [1] })])
  for (const optimizer of [
    optimizers.adafactor({ beta2Decay: 0.5 }),
    optimizers.ftrl({ learningRatePower: 0.5 }),
    optimizers.muon({ nsSteps: 1000 }),
  ]) {
    expect(() => m.compile({ optimizer, loss: 'mse' })).toThrow(expect.objectContaining({ code: 'ERR_OPTION' }))
  }
})
