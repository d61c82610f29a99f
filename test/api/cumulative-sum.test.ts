import { defineCell, defineLayer, input, layers, model, type SymbolicValue, sequential, tensor } from 'seqloom'
import { describe, expect, it } from 'vitest'

const sums = (options: object) =>
  defineLayer({
    name: 'sums',
    inputs: { x: ['time', 'features'] },
    call: ({ x }) => (x as SymbolicValue).cumulativeSum(options),
  })

const sequence = [
  [1, 2],
  [3, 4],
  [5, 6],
]

async function over(options: object, rows: readonly (readonly (readonly number[])[])[]) {
  const x = input({ shape: [null, 2] })
  const m = model({ inputs: x, outputs: sums(options)().apply(x) })
  return Array.from((await m.predict(rows as never)).data as Float32Array)
}

describe('cumulativeSum', () => {
  it('sums up over features and over time, from the front and from the end', async () => {
    expect(await over({}, [sequence])).toEqual([1, 3, 3, 7, 5, 11])
    expect(await over({ reverse: true }, [sequence])).toEqual([3, 2, 7, 4, 11, 6])
    expect(await over({ axis: 1 }, [sequence])).toEqual([1, 2, 4, 6, 9, 12])
    expect(await over({ axis: 1, reverse: true }, [sequence])).toEqual([9, 12, 8, 10, 5, 6])
  })

  it('leaves padding out', async () => {
    const short = sequence.slice(0, 2)
    expect(await over({ axis: 1, reverse: true }, [sequence, short])).toEqual([9, 12, 8, 10, 5, 6, 4, 6, 3, 4, 0, 0])
  })

  it('goes on from step to step of a session, but not from the end', async () => {
    const x = input({ shape: [null, 2] })
    const read = layers.gru({ units: 3, returnSequences: true }).apply(x)
    const outputs = sums({ axis: 1 })().apply(read)
    const m = model({ inputs: x, outputs, seed: 3 })
    const expected = await m.predict([sequence])
    using session = m.session()
    for (const [step, values] of sequence.entries()) {
      const { data } = session.step([values]) as { data: Float32Array }
      for (const [i, value] of Array.from(data).entries())
        expect(value).toBeCloseTo(expected.data[step * 3 + i] as number, 6)
    }
    const backwards = model({ inputs: x, outputs: sums({ axis: 1, reverse: true })().apply(read) })
    expect(() => backwards.session()).toThrow(expect.objectContaining({ code: 'ERR_UNSUPPORTED' }))
  })

  it('has a gradient, also within a cell', async () => {
    const cell = defineCell({
      name: 'sums',
      states: { h: 2 },
      weights: { kernel: ['features', 2] },
      step: ({ x, h }, w) => {
        const next = x
          .matmul(w.kernel)
          .add(h as SymbolicValue)
          .tanh()
        return { h: next, output: next.cumulativeSum({ reverse: true }) }
      },
    })
    const m = sequential([layers.rnn({ cell, inputShape: [null, 2] }), layers.dense({ units: 1 })], { seed: 1 })
    m.compile({ optimizer: 'adam', loss: 'meanSquaredError' })
    const { history } = await m.fit([sequence, sequence], tensor(Float32Array.of(1, 1), [2, 1]), { epochs: 60 })
    expect(history.loss?.at(-1)).toBeLessThan(0.8 * (history.loss?.[0] as number))
  })

  it('refuses the batch and unknown options', () => {
    const x = input({ shape: [null, 2] })
    const apply = (options: object) => () => sums(options)().apply(x)
    expect(apply({ axis: 0 })).toThrow(
      expect.objectContaining({ code: 'ERR_SHAPE', message: expect.stringMatching(/batch/) }),
    )
    expect(apply({ exclusive: true })).toThrow(
      expect.objectContaining({ code: 'ERR_OPTION', message: expect.stringMatching(/axis, reverse/) }),
    )
    expect(apply({ reverse: 1 })).toThrow(expect.objectContaining({ code: 'ERR_OPTION' }))
  })
})
