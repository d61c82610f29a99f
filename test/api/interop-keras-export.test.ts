import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { afterAll, describe, expect, it } from 'vitest'
import * as seqloom from '../../dist/index.js'
import { interop, type Model, tensor } from '../../dist/index.js'
import { kerasModels, sampleInputs } from '../helpers/kerasModels.js'

const folder = mkdtempSync(join(tmpdir(), 'seqloom-keras-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** A model whose weights, biases too, differ all. */
function filled(m: Model): Model {
  m.setWeights(
    m.getWeights().map(({ data, shape }, at) =>
      tensor(
        data.map((_, i) => Math.sin(at + i * 1.3) / 2),
        shape,
      ),
    ),
  )
  return m
}

/** Bits of all weights by the models' order, which Keras's may not be. */
const bitsOf = (m: Model) =>
  m
    .getWeights()
    .map(({ data }) => Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('base64'))
    .sort()

const outputsOf = async (m: Model): Promise<number[]> =>
  [await m.predict(sampleInputs(m as never, tensor as never))].flat().flatMap(({ data }) => [...data])

describe('interop.toKeras', () => {
  const models = kerasModels(seqloom as never)
  const all = { ...models.anywhere, ...models.keras, ...models.keras3 } as unknown as Record<string, () => Model>

  it.each(Object.keys(all))('writes %s so that it is read back bit for bit', async (name) => {
    const m = filled((all[name] as () => Model)())
    const expected = await outputsOf(m)
    for (const ending of ['.keras', '.h5']) {
      const path = join(folder, `model${ending}`)
      await interop.toKeras(m, path)
      const back = await interop.loadKeras(path)
      expect(bitsOf(back)).toEqual(bitsOf(m))
      const found = await outputsOf(back)
      for (const [at, value] of expected.entries()) expect(found[at]).toBeCloseTo(value, 5)
      back.dispose()
    }
    const weights = join(folder, 'model.weights.h5')
    await interop.toKeras(m, weights)
    const before = m.getWeights()
    m.setWeights(before.map(({ data, shape }) => tensor(new Float32Array(data.length), shape)))
    await interop.loadKeras(weights, { model: m })
    expect(m.getWeights()).toEqual(before)
    m.dispose()
  })

  it('gives Keras’s files back as they were', async () => {
    const fixtures = new URL('../fixtures/keras/', import.meta.url)
    for (const name of ['keras3-reader.keras', 'keras3-reader.h5', 'keras3-branches.keras', 'keras2-reader.h5']) {
      const m = await interop.loadKeras(gunzipSync(readFileSync(new URL(`${name}.gz`, fixtures))))
      const path = join(folder, name)
      await interop.toKeras(m, path)
      const back = await interop.loadKeras(path)
      expect(bitsOf(back)).toEqual(bitsOf(m))
      for (const each of [m, back]) each.dispose()
    }
  })

  it('writes .h5 files for Keras 2', async () => {
    const m = filled((models.anywhere as never as Record<string, () => Model>).gru?.() as Model)
    const path = join(folder, 'old.h5')
    await interop.toKeras(m, path, { version: 2 })
    const text = readFileSync(path, 'latin1')
    expect(text).toContain('2.15.0')
    expect(text).toContain('batch_input_shape')
    const back = await interop.loadKeras(path)
    expect(bitsOf(back)).toEqual(bitsOf(m))
    for (const each of [m, back]) each.dispose()
  })

  it('writes the hard sigmoid of each Keras bit for bit, and with other weights that of the other one', async () => {
    for (const [own, version] of [
      ['hardSigmoid', 3],
      ['hardSigmoidKeras2', 2],
    ] as const) {
      for (const activation of ['hardSigmoid', 'hardSigmoidKeras2'] as const) {
        const m = filled(
          seqloom.sequential([
            seqloom.layers.lstm({
              units: 3,
              recurrentActivation: activation,
              returnSequences: true,
              inputShape: [4, 2],
            }),
            seqloom.layers.simpleRNN({ units: 3, activation }),
            seqloom.layers.dense({ units: 2, activation }),
          ]) as never,
        )
        const path = join(folder, 'hard.h5')
        await interop.toKeras(m, path, { version })
        const back = await interop.loadKeras(path)
        if (activation === own) expect(bitsOf(back)).toEqual(bitsOf(m))
        expect(JSON.stringify(back.toJSON())).toContain(`"recurrentActivation":"${own}"`)
        const [expected, found] = [await outputsOf(m), await outputsOf(back)]
        for (const [at, value] of expected.entries()) expect(found[at]).toBeCloseTo(value, 5)
        for (const each of [m, back]) each.dispose()
      }
    }
  })

  it('writes many layers with long names', async () => {
    const m = filled(
      seqloom.sequential([
        seqloom.input({ shape: [2] }),
        ...Array.from({ length: 400 }, (_, i) => seqloom.layers.dense({ units: 2, name: `${'long'.repeat(50)}_${i}` })),
      ]),
    )
    for (const ending of ['.keras', '.h5']) {
      const path = join(folder, `many${ending}`)
      await interop.toKeras(m, path)
      const back = await interop.loadKeras(path)
      expect(back.getWeights()).toEqual(m.getWeights())
      back.dispose()
    }
    m.dispose()
  })

  it('names all layers that Keras has not, and writes nothing', async () => {
    const m = seqloom.sequential([
      seqloom.layers.gru({ units: 2, returnSequences: true, inputShape: [3, 2] }),
      seqloom.layers.lastStep({ name: 'last' }),
      seqloom.layers.dense({ units: 1 }),
    ])
    const path = join(folder, 'untouched.keras')
    writeFileSync(path, 'mine')
    await expect(interop.toKeras(m, path)).rejects.toMatchObject({
      code: 'ERR_UNSUPPORTED',
      message: expect.stringContaining("'last' (LastStep)"),
    })
    expect(readFileSync(path, 'utf8')).toBe('mine')
    m.dispose()
  })

  it('rejects what it cannot write with a code', async () => {
    const m = (models.anywhere as never as Record<string, () => Model>).gru?.() as Model
    const call = (...args: readonly unknown[]) =>
      (interop.toKeras as (...args: readonly unknown[]) => Promise<void>)(...args)
    await expect(call(m, join(folder, 'model.zip'))).rejects.toMatchObject({ code: 'ERR_OPTION' })
    await expect(call(m, 5)).rejects.toMatchObject({ code: 'ERR_OPTION' })
    await expect(call({}, join(folder, 'a.keras'))).rejects.toMatchObject({ code: 'ERR_OPTION' })
    await expect(call(m, join(folder, 'a.keras'), { version: 2 })).rejects.toMatchObject({ code: 'ERR_OPTION' })
    await expect(call(m, join(folder, 'a.h5'), { version: 4 })).rejects.toMatchObject({ code: 'ERR_OPTION' })
    await expect(call(m, join(folder, 'missing', 'a.h5'))).rejects.toMatchObject({ code: 'ERR_IO' })
    m.dispose()
  })
})
