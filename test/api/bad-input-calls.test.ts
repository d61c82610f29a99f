import { tensor } from 'seqloom'
import { describe, expect, it } from 'vitest'
import { expectCoded } from '../helpers/errors.js'
import { regression, wave } from '../helpers/models.js'
import { runProgram } from '../helpers/process.js'

const sequences = () => tensor(wave(12), [2, 3, 2])

describe('gradients', () => {
  it('refuses cotangents of a wrong shape, number or value', async () => {
    const m = regression()
    const bad = [
      [tensor(wave(3), [3, 1])],
      [],
      [tensor(wave(2), [2, 1]), tensor(wave(2), [2, 1])],
      [tensor(Float32Array.of(Number.NaN, 1), [2, 1])],
    ]
    for (const cotangents of bad)
      await expectCoded(() => m.gradients(sequences(), { cotangents }), ['ERR_SHAPE', 'ERR_DATA'], /cotangent/)
  })
})

describe('gradients of one output', () => {
  it('refuse two cotangents, naming the output', () =>
    expectCoded(
      () => regression().gradients(sequences(), { cotangents: [tensor(wave(2), [2, 1]), tensor(wave(2), [2, 1])] }),
      'ERR_DATA',
      /one cotangent for each output \(head\), got 2/,
    ))
})

describe('sessions', () => {
  it('refuse steps of a wrong size or value, rows that are not there, and calls after their end', async () => {
    const m = regression()
    await expectCoded(() => m.session({ batchSize: 0 }), 'ERR_OPTION', /batchSize/)
    await expectCoded(() => m.session({ batchSize: 2 ** 31 - 1 }), ['ERR_MEMORY', 'ERR_OPTION'])
    const session = m.session({ batchSize: 2 })
    await expectCoded(() => session.step(wave(3)), 'ERR_SHAPE', /4 values, \[2, 2\], got 3/)
    await expectCoded(() => session.step(Float32Array.of(Number.NaN, 1, 1, 1)), 'ERR_DATA', /NaN/)
    for (const rows of [[0, 2], [0], [-1, 0], [0.5, 1]])
      await expectCoded(() => session.reorder(rows), ['ERR_DATA', 'ERR_SHAPE'])
    expect(session.step(wave(4)).shape).toEqual([2, 1])
    session[Symbol.dispose]()
    await expectCoded(() => session.step(wave(4)), 'ERR_STATE')
  })
})

describe('tensors of other libraries, and forged ones', () => {
  it('are checked like our own', async () => {
    const m = regression()
    const forged: unknown[] = [
      { shape: [2, 3, 2], dataSync: () => new Float32Array(5) },
      { shape: [2, 3, 2], dataSync: () => 'text' },
      { data: wave(12), shape: [2, 3, 2], lengths: Uint32Array.of(4e9, 3) },
      { data: wave(12), shape: [2 ** 31, 2 ** 31, 2] },
      { data: wave(12), shape: [2, 3, 2], mask: new Uint8Array(6) },
      { data: wave(12), shape: 'no' },
    ]
    for (const x of forged) await expectCoded(() => m.predict(x as never), ['ERR_SHAPE', 'ERR_DATA'])
    const foreign = { shape: [2, 3, 2], dataSync: () => wave(12) }
    expect((await m.predict(foreign)).data).toEqual((await m.predict(sequences())).data)
  })
})

describe('the process', () => {
  it('outlives workers that are ended while they train, and ends at once when asked to', async () => {
    const outcome = await runProgram<{ workers: number; alive: boolean }>('lifecycle.mjs')
    expect(outcome).toEqual({ workers: 3, alive: true })
  })
})
