import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { input, interop, layers, loadModel, model, sequential, tensor } from 'seqloom'
import { afterAll, describe, expect, it } from 'vitest'
import { coded } from '../helpers/coded.js'
import { wave } from '../helpers/models.js'
import { torchFile } from '../helpers/torchFile.js'

const folder = mkdtempSync(join(tmpdir(), 'seqloom-foreign-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const fixture = (name: string) => new URL(`../fixtures/${name}`, import.meta.url)

/** Files as each program writes them, all under the name of another. */
const files = {
  keras: () => gunzipSync(readFileSync(fixture('keras/keras3-reader.keras.gz'))),
  h5: () => gunzipSync(readFileSync(fixture('keras/keras2-reader.h5.gz'))),
  pt: () => readFileSync(fixture('pytorch/gru.pt')),
  old: () => readFileSync(fixture('pytorch/old.pt')),
  safetensors: () => torchFile({ 'rnn.weight_ih_l0': { shape: [2, 2], data: [1, 2, 3, 4] } }),
  onnx: async () => {
    const m = sequential([layers.dense({ units: 2, inputShape: [3] })])
    const path = join(folder, 'made.onnx')
    await interop.toOnnx(m, path)
    return readFileSync(path)
  },
  json: () => Buffer.from('{"modelTopology": {}}'),
}
const readers = {
  loadKeras: ['keras', 'h5'],
  loadPyTorch: ['pt', 'old', 'safetensors'],
  loadOnnx: ['onnx'],
  loadTfjs: ['json'],
} as const

const cases = Object.keys(readers).flatMap((reader) =>
  Object.keys(files).flatMap((kind) => {
    const [owner] = Object.entries(readers).find(([, kinds]) => (kinds as readonly string[]).includes(kind)) as unknown as [string]
    return owner === reader ? [] : [[reader, kind, owner] as const]
  }),
)

describe('a file of another program', () => {
  it.each(cases)('is refused by %s: %s, which %s reads', async (reader, kind, owner) => {
    const path = join(folder, `${reader}-${kind}.bin`)
    writeFileSync(path, await files[kind as keyof typeof files]())
    // A description in JSON may be the index of several files for PyTorch.
    const message = reader === 'loadPyTorch' && kind === 'json' ? /weight_map/ : new RegExp(`interop\\.${owner} reads`)
    await expect((interop[reader as keyof typeof interop] as typeof interop.loadKeras)(path)).rejects.toMatchObject(
      coded('ERR_FORMAT', message),
    )
  })

  it('is refused where it is empty', async () => {
    const path = join(folder, 'empty')
    writeFileSync(path, '')
    for (const load of [interop.loadKeras, interop.loadPyTorch, interop.loadOnnx, interop.loadTfjs])
      await expect(load(path)).rejects.toMatchObject(coded('ERR_FORMAT', /it is empty/))
    await expect(loadModel(path)).rejects.toMatchObject(coded('ERR_IO', /loadOnnx.*read files of other programs/))
  })

  it('is refused where it is the folder of a SavedModel', async () => {
    const path = join(folder, 'saved')
    mkdirSync(path)
    writeFileSync(join(path, 'saved_model.pb'), 'x')
    for (const load of [interop.loadKeras, interop.loadPyTorch, interop.loadOnnx, interop.loadTfjs])
      await expect(load(path)).rejects.toMatchObject(coded('ERR_UNSUPPORTED', /SavedModel.*model\.keras.*tf2onnx/))
  })
})

describe('a layer of one’s own in a file of Keras', () => {
  it('is refused by name, and a model that is made here takes the weights', async () => {
    const path = join(folder, 'own.keras')
    const x = input({ shape: [5, 3] })
    const m = model({
      inputs: x,
      outputs: layers.layerNormalization({ name: 'own' }).apply(layers.lstm({ units: 4 }).apply(x)),
    })
    await interop.toKeras(m, path)
    // As a class of a program that Keras does not know: archives are not compressed, so it has as many letters.
    const bytes = readFileSync(path)
    const name = Buffer.from('"LayerNormalization"')
    for (let at = bytes.indexOf(name); at >= 0; at = bytes.indexOf(name)) bytes.write('"LayerNormalizatiom"', at)
    await expect(interop.loadKeras(bytes)).rejects.toMatchObject(
      coded(
        'ERR_UNSUPPORTED',
        /takes the weights by interop\.loadKeras\(file, \{ model \}\):\n- the LayerNormalizatiom 'own'/,
      ),
    )
    const again = model({
      inputs: x,
      outputs: layers.layerNormalization({ name: 'own' }).apply(layers.lstm({ units: 4 }).apply(x)),
    })
    await interop.loadKeras(bytes, { model: again })
    const data = tensor(wave(30), [2, 5, 3])
    expect((await again.predict(data)).data).toEqual((await m.predict(data)).data)
  })
})
