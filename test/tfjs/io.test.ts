// Handlers of one's own, and what they are written with.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as tf from 'seqloom/tfjs'
import { afterAll, describe, expect, it } from 'vitest'
import { expectCoded } from '../helpers/errors.js'

const folder = mkdtempSync(join(tmpdir(), 'seqloom-tfjs-io-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const x = tf.tensor3d(
  Array.from({ length: 12 }, (_, i) => Math.sin(i)),
  [2, 3, 2],
)
const made = () => tf.sequential({ layers: [tf.layers.lstm({ units: 2, inputShape: [3, 2] })] })
const predicted = (model: tf.LayersModel) => (model.predict(x) as tf.Tensor).arraySync()

async function savedFiles() {
  const model = made()
  await model.save(`file://${folder}/model`)
  const json = JSON.parse(readFileSync(join(folder, 'model', 'model.json'), 'utf8')) as tf.io.ModelJSON
  const bytes = new Uint8Array(readFileSync(join(folder, 'model', 'weights.bin')))
  return { model, json, bytes: bytes.buffer as ArrayBuffer }
}

describe('handlers', () => {
  it('of schemes that a program registers save and load', async () => {
    const kept = new Map<string, tf.io.ModelArtifacts>()
    const router: tf.io.IORouter = (url) => {
      if (typeof url !== 'string' || !url.startsWith('memory://')) return null
      return {
        async save(artifacts) {
          kept.set(url, artifacts)
          return { modelArtifactsInfo: tf.io.getModelArtifactsInfoForJSON(artifacts) }
        },
        load: async () => kept.get(url) as tf.io.ModelArtifacts,
      }
    }
    tf.io.registerSaveRouter(router)
    tf.io.registerLoadRouter(router)
    const model = made()
    await model.save('memory://a')
    expect(predicted(await tf.loadLayersModel('memory://a'))).toEqual(predicted(model))
    await expectCoded(() => tf.loadLayersModel('nothing://a'), 'ERR_OPTION', /load handlers/)
  })

  it('are written with a model.json and its weights', async () => {
    const { model, json, bytes } = await savedFiles()
    const specs = tf.io.getWeightSpecs(json.weightsManifest)
    const sync = tf.io.getModelArtifactsForJSONSync(json, specs, bytes)
    const artifacts = await tf.io.getModelArtifactsForJSON(json, async (manifest) => [
      tf.io.getWeightSpecs(manifest),
      bytes,
    ])
    expect(artifacts).toEqual(sync)
    const loaded = await tf.loadLayersModel({ load: async () => artifacts })
    expect(predicted(loaded)).toEqual(predicted(model))
    await expectCoded(() => tf.io.getModelArtifactsForJSONSync(json), 'ERR_OPTION', /weightData is null/)
    const both = new tf.io.CompositeArrayBuffer([bytes.slice(0, 8), bytes.slice(8)])
    expect(both.byteLength).toBe(bytes.byteLength)
    expect(both.slice(4, 12)).toEqual(bytes.slice(4, 12))
    expect(tf.io.CompositeArrayBuffer.join([bytes.slice(0, 8), bytes.slice(8)])).toEqual(bytes)
  })

  it('load tensors of some names alone', async () => {
    const { model, json, bytes } = await savedFiles()
    const asked: string[] = []
    const load = tf.io.weightsLoaderFactory(async (urls) => {
      asked.push(...urls)
      return urls.map(() => bytes)
    })
    const [first] = tf.io.getWeightSpecs(json.weightsManifest)
    const name = first?.name as string
    const found = await load(json.weightsManifest, 'http://host/folder', [name])
    expect(asked).toEqual(['http://host/folder/weights.bin'])
    expect(Object.keys(found)).toEqual([name])
    expect(found[name]?.arraySync()).toEqual(model.getWeights()[0]?.arraySync())
    await expectCoded(() => load(json.weightsManifest, '', ['none']), 'ERR_OPTION', /none/)
  })

  it('of browsers say what to use instead', async () => {
    await expectCoded(() => tf.io.browserFiles([]), 'ERR_UNSUPPORTED', /fromMemory/)
  })
})

describe('sources of data', () => {
  const path = join(folder, 'rows.csv')
  writeFileSync(path, 'a,b\n1,2\n3,4\n')
  const rows = [
    { a: 1, b: 2 },
    { a: 3, b: 4 },
  ]

  it.each([
    ['a file', () => new tf.data.FileDataSource(`file://${path}`)],
    ['the bytes of one', () => new tf.data.FileDataSource(readFileSync(path))],
    ['an address', () => new tf.data.URLDataSource(`file://${path}`)],
  ])('are %s', async (_, source) => {
    expect(await new tf.data.CSVDataset(source()).toArray()).toEqual(rows)
    expect(await new tf.data.TextLineDataset(source()).toArray()).toEqual(['a,b', '1,2', '3,4'])
  })

  it('are nothing else', async () => {
    await expectCoded(() => new tf.data.FileDataSource(3 as never), 'ERR_OPTION', /file:\/\/ address or bytes/)
  })
})
