import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { afterAll, describe, expect, it } from 'vitest'
import { interop, layers, type Model, modelFromJSON, sequential, tensor } from '../../dist/index.js'

interface Noted {
  readonly shape: number[]
  readonly data: number[]
  readonly int?: boolean
}

interface Saved {
  readonly files: Readonly<Record<string, string>>
  readonly inputs: readonly Noted[]
  readonly outputs: readonly Noted[]
}

// Made by Keras 2: see keras2.py beside the file.
const all: Readonly<Record<string, Saved>> = JSON.parse(
  gunzipSync(readFileSync(new URL('../fixtures/keras/keras2.json.gz', import.meta.url))).toString(),
)
const bytesOf = (name: string, ending: string) => new Uint8Array(Buffer.from(all[name]?.files[ending] ?? '', 'base64'))
const folder = mkdtempSync(join(tmpdir(), 'seqloom-keras2-'))
afterAll(() => rmSync(folder, { recursive: true }))

async function expectPredictions(m: Model, name: string): Promise<void> {
  const { inputs, outputs } = all[name] as Saved
  const given = inputs.map(({ data, shape, int }) => tensor((int ? Int32Array : Float32Array).from(data), shape))
  const found = [await m.predict((given.length === 1 ? given[0] : given) as never)].flat()
  for (const [at, { data, shape }] of outputs.entries()) {
    expect(found[at]?.shape).toEqual(shape)
    for (const [k, value] of data.entries()) expect(found[at]?.data[k]).toBeCloseTo(value, 5)
  }
}

describe('interop.loadKeras on models of Keras 2', () => {
  const cases = Object.entries(all).flatMap(([name, { files }]) => Object.keys(files).map((ending) => [name, ending]))
  it.each(cases.filter(([, ending]) => ending !== '.weights.h5') as [string, string][])(
    'predicts as Keras does: %s%s',
    async (name, ending) => {
      const m = await interop.loadKeras(bytesOf(name, ending))
      await expectPredictions(m, name)
      m.dispose()
    },
  )

  it('gives weights alone to a model with the hard sigmoid of Keras 2', async () => {
    const loaded = await interop.loadKeras(bytesOf('padded_texts', '.h5'))
    const m = modelFromJSON(loaded.toJSON())
    await interop.loadKeras(bytesOf('padded_texts', '.weights.h5'), { model: m })
    await expectPredictions(m, 'padded_texts')
    m.dispose()
    loaded.dispose()
  })

  it('gives weights of CuDNNLSTM and CuDNNGRU to a model with lstm and gru', async () => {
    const m = sequential([
      layers.embedding({ inputDim: 10, outputDim: 4 }),
      layers.lstm({ units: 5, returnSequences: true }),
      layers.bidirectional({ layer: layers.gru({ units: 3, returnSequences: true }) }),
      layers.gru({ units: 4 }),
      layers.dense({ units: 2 }),
    ])
    await interop.loadKeras(bytesOf('cudnn', '.h5'), { model: m })
    await expectPredictions(m, 'cudnn')
    m.dispose()
  })

  it('loses no bit on the way back', async () => {
    for (const name of ['trained', 'translator', 'convolutions', 'attentions']) {
      const m = await interop.loadKeras(bytesOf(name, '.h5'))
      const path = join(folder, `${name}.h5`)
      await interop.toKeras(m, path, { version: 2 })
      const again = await interop.loadKeras(path)
      expect(again.getWeights()).toEqual(m.getWeights())
      m.dispose()
      again.dispose()
    }
  })
})

/** An `.h5` file whose description is changed in place; what is said must be as long as it was. */
function altered(name: string, from: string, to: string): Uint8Array {
  const bytes = Buffer.from(bytesOf(name, '.h5'))
  const at = bytes.indexOf(from)
  expect(at).toBeGreaterThan(0)
  expect(to.length).toBe(from.length)
  bytes.write(to, at)
  return new Uint8Array(bytes)
}

describe('interop.loadKeras refuses', () => {
  const refused = (file: string | Uint8Array, message: RegExp) =>
    expect(interop.loadKeras(file)).rejects.toMatchObject({
      code: 'ERR_UNSUPPORTED',
      message: expect.stringMatching(message),
    })

  it('steps in front of the batch', async () => {
    await refused(
      altered('trained', '"time_major": false', '"time_major": true '),
      /the option time_major of the LSTM .*: true/,
    )
  })

  it('files of Keras 1, with the way to convert them', async () => {
    const [version] = /2\.\d+\.\d+/.exec(Buffer.from(bytesOf('trained', '.h5')).toString('latin1')) as RegExpExecArray
    await refused(altered('trained', version, `1${version.slice(1)}`), /written by Keras 1\.\d+.*with Keras 2/)
  })

  it('SavedModels and TensorFlow Lite, with the way to convert them', async () => {
    const saved = join(folder, 'saved')
    mkdirSync(saved)
    writeFileSync(join(saved, 'saved_model.pb'), Buffer.from([8, 1]))
    await refused(saved, /is a SavedModel of TensorFlow.*tf_keras\.models\.load_model\(folder\)\.save\('model\.h5'\)/)
    await refused(join(saved, 'saved_model.pb'), /is a SavedModel/)
    const lite = Buffer.from([0x1c, 0, 0, 0, ...Buffer.from('TFL3'), 0, 0])
    await refused(new Uint8Array(lite), /TensorFlow Lite.*tf2onnx/)
  })
})
