import { callbacks, input, layers, model, tensor } from 'seqloom'
import { describe, expect, it } from 'vitest'
import { coded } from '../helpers/coded.js'
import { regression, wave } from '../helpers/models.js'

const x = tensor(wave(64 * 20 * 2), [64, 20, 2])
const y = Float32Array.from({ length: 64 }, (_, i) => i / 64)

describe('a model that is disposed', () => {
  it('under load answers what was asked before, and nothing afterwards', async () => {
    for (let time = 0; time < 20; time++) {
      const m = regression()
      const expected = m.predictSync(x).data
      const asked = Array.from({ length: 8 }, () => m.predict(x))
      const measured = m.evaluate(x, y)
      const bytes = m.toBytes()
      m.dispose()
      m.dispose()
      for (const late of [m.predict(x), m.evaluate(x, y), m.fit(x, y), m.toBytes()]) {
        await expect(late).rejects.toEqual(coded('ERR_STATE', /disposed/))
      }
      for (const answer of await Promise.all(asked)) expect(answer.data).toEqual(expected)
      expect(await measured).toHaveLength(1)
      expect((await bytes).length).toBeGreaterThan(0)
      expect(() => m.predictSync(x)).toThrow(coded('ERR_STATE', /disposed/))
    }
  })

  it('at the end of a block does not lose the answer that is returned from it', async () => {
    const ask = () => {
      const m = regression()
      try {
        return m.predict(x)
      } finally {
        m[Symbol.dispose]()
      }
    }
    expect((await ask()).shape).toEqual([64, 1])
  })

  it('leaves calls of a model that shares its layers; while that one is in fit, only its awaited callbacks may dispose', async () => {
    const from = input({ shape: [20, 2] })
    const code = layers.gru({ units: 3, name: 'code' }).apply(from)
    const whole = model({ inputs: from, outputs: layers.dense({ units: 1 }).apply(code) })
    const encoder = model({ inputs: from, outputs: code })
    whole.compile({ optimizer: 'sgd', loss: 'mse' })
    await encoder.predict(x)
    const tell = callbacks.lambda({
      onEpochEnd: async () => {
        expect(() => whole.dispose()).toThrow(coded('ERR_STATE', /dispose: .* is in fit/))
        const part = model({ inputs: from, outputs: code })
        const codes = part.predict(x)
        part.dispose()
        expect((await codes).shape).toEqual([64, 3])
      },
    })
    const fitting = whole.fit(x, y, { epochs: 2, callbacks: tell })
    expect(() => encoder.dispose()).toThrow(coded('ERR_STATE', /dispose: .* is in fit/))
    await fitting
    const [codes, answers] = [encoder.predict(x), whole.predict(x)]
    encoder.dispose()
    expect((await codes).shape).toEqual([64, 3])
    expect((await answers).data).toEqual((await whole.predict(x)).data)
    await expect(encoder.predict(x)).rejects.toEqual(coded('ERR_STATE', /disposed/))
  })
})
