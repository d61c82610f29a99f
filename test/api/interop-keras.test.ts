import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import fc from 'fast-check'
import { strFromU8, strToU8, unzipSync, zipSync } from 'fflate'
import { describe, expect, it } from 'vitest'
import { interop, SeqloomError, tensor } from '../../dist/index.js'
import { runSource } from '../helpers/process.js'

const fixture = (name: string) => fileURLToPath(new URL(`../fixtures/keras/${name}`, import.meta.url))
const bytesOf = (name: string) => new Uint8Array(readFileSync(fixture(name)))

describe('interop.loadKeras', () => {
  // Expected values are numpy's: see make.py beside the files.
  it.each(['keras2-sequential', 'keras2-functional'])('predicts as Keras 2 does from %s.h5', async (name) => {
    const { inputs, outputs } = JSON.parse(readFileSync(fixture(`${name}.json`), 'utf8'))
    const m = await interop.loadKeras(fixture(`${name}.h5`))
    const flat = [...(await m.predict(inputs.length === 1 ? inputs[0] : inputs)).data]
    const expected = outputs.flat(2) as number[]
    expect(flat.length).toBe(expected.length)
    for (const [at, value] of flat.entries()) expect(value).toBeCloseTo(expected[at] as number, 6)
    m.dispose()
  })

  it('gives a model that trains, is saved and has the names of Keras’s layers', async () => {
    const m = await interop.loadKeras(bytesOf('keras2-sequential.h5'))
    expect(m.layers.map(({ name }) => name)).toEqual(['x', 'lstm', 'gru', 'norm', 'each'])
    m.compile({ optimizer: 'adam', loss: 'mse' })
    const x = tensor(new Float32Array(2 * 4 * 3).fill(0.5), [2, 4, 3])
    const history = await m.fit(x, tensor(new Float32Array(2 * 4 * 2), [2, 4, 2]), { epochs: 3 })
    expect(history.history.loss).toHaveLength(3)
    expect((await m.toBytes()).length).toBeGreaterThan(1000)
    m.dispose()
  })

  it('takes the bytes of a .keras file', async () => {
    const m = await interop.loadKeras(bytesOf('lstm.keras'))
    expect(m.countParams()).toBe(5 * 28 + 7 * 28 + 28)
    m.dispose()
  })

  it('names everything that cannot be mapped, at once', async () => {
    const file = bytesOf('keras2-sequential.h5')
    const text = Buffer.from(file).toString('latin1')
    // Names of the same length, so that the file stays one.
    const other = text.replace('"LSTM"', '"LSTN"').replace('"LayerNormalization"', '"LayerNormalizatiom"')
    await expect(interop.loadKeras(Buffer.from(other, 'latin1'))).rejects.toMatchObject({
      code: 'ERR_UNSUPPORTED',
      message: expect.stringMatching(/the LSTN 'lstm'.*the LayerNormalizatiom 'norm'/s),
    })
  })

  it('rejects what is no file of Keras with a code', async () => {
    await expect(interop.loadKeras(fixture('make.py'))).rejects.toMatchObject({ code: 'ERR_FORMAT' })
    await expect(interop.loadKeras(fixture('nothing.keras'))).rejects.toMatchObject({ code: 'ERR_IO' })
    await expect(interop.loadKeras(5 as never)).rejects.toMatchObject({ code: 'ERR_OPTION' })
    for (const name of ['lstm.keras', 'keras2-sequential.h5']) {
      for (const share of [0.1, 0.5, 0.9, 0.99]) {
        const file = bytesOf(name)
        const cut = file.subarray(0, Math.floor(file.length * share))
        await expect(interop.loadKeras(cut), `${name}, ${share}`).rejects.toBeInstanceOf(SeqloomError)
      }
    }
  })

  it('reads descriptions with numbers that JSON has not, long white space and deep nesting in little time', async () => {
    const files = unzipSync(bytesOf('lstm.keras'))
    const config = strFromU8(files['config.json'] as Uint8Array)
    const load = async (text: string) => {
      const m = await interop.loadKeras(zipSync({ ...files, 'config.json': strToU8(text) }, { level: 0 }))
      const { name } = m
      m.dispose()
      return name
    }
    const named = (name: string) => config.replace(/(?<="config": \{"name": )"[^"]*"/, JSON.stringify(name))
    // What is written in a text stays as it is.
    expect(await load(named('a, NaN, b').replace('{', '{"clip": NaN, "low": [-Infinity, Infinity],'))).toBeTypeOf(
      'string',
    )
    expect(await load(named('a, NaN, b'))).toBe('a, NaN, b')
    expect(await load(config.replace('{', `{${' '.repeat(1 << 20)}`))).toBeTypeOf('string')
    expect(await load(config.replace('{', `{"clip":${' '.repeat(1 << 18)}NaN,`))).toBeTypeOf('string')
    await expect(load(config.replace('{', `{"clip":${' '.repeat(1 << 20)}x,`))).rejects.toMatchObject({
      code: 'ERR_FORMAT',
    })
    const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`
    for (const key of ['"inbound_nodes"', '"return_sequences"', '"initializer"', '"keras_history"']) {
      const error = load(config.replace('{', `{${key}: ${deep},`))
      await expect(error).rejects.toMatchObject({ code: 'ERR_FORMAT', message: expect.stringMatching(/deep within/) })
    }
  })

  it('gives a model or a coded error for damaged files', async () => {
    const packed = [
      'keras3-reader.keras',
      'keras2-branches-by-name.h5',
      'keras3-branches.weights.h5',
      'keras3-texts.keras',
    ]
    const files = [
      ...['lstm.keras', 'keras2-sequential.h5', 'keras2-functional.h5'].map(bytesOf),
      ...packed.map((name) => new Uint8Array(gunzipSync(bytesOf(`${name}.gz`)))),
    ]
    const existing = await interop.loadKeras(gunzipSync(bytesOf('keras3-branches.keras.gz')))
    const damage = fc.record({
      of: fc.nat(files.length - 1),
      bytes: fc.array(fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.nat(255)), {
        minLength: 1,
        maxLength: 6,
      }),
    })
    await fc.assert(
      fc.asyncProperty(damage, async ({ of, bytes }) => {
        const file = Uint8Array.from(files[of] as Uint8Array)
        // Squared, since most addresses and sizes stand in front.
        for (const [at, value] of bytes) file[Math.floor(at ** 2 * (file.length - 1))] = value
        const uses = [
          async () => (await interop.loadKeras(file)).dispose(),
          () => interop.loadKeras(file, { model: existing }),
          () => interop.loadKerasVocabulary(file),
        ]
        for (const use of uses) {
          try {
            await use()
          } catch (error) {
            expect(error).toBeInstanceOf(SeqloomError)
          }
        }
      }),
      { numRuns: 300 },
    )
    existing.dispose()
  })

  it('reads recurrent dropout', async () => {
    const text = Buffer.from(bytesOf('keras2-sequential.h5')).toString('latin1')
    const m = await interop.loadKeras(
      Buffer.from(text.replace('"recurrent_dropout": 0.0', '"recurrent_dropout": 0.3'), 'latin1'),
    )
    expect(JSON.stringify(m.toJSON())).toContain('"recurrentDropout":0.3')
    m.dispose()
  })

  it('warns of what is left out since it only matters in training', async () => {
    const file = Buffer.from(bytesOf('keras2-sequential.h5'))
    const text = file.toString('latin1').replace('"kernel_regularizer": null', '"bias_regularizer": "mine"')
    const { stderr } = await runSource(`
      import { interop } from 'seqloom'
      await interop.loadKeras(Buffer.from('${Buffer.from(text, 'latin1').toString('base64')}', 'base64'))`)
    expect(stderr).toMatch(/SeqloomWarning: the bytes: left out.*bias_regularizer of 'lstm'/s)
  })
})
