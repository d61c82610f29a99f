import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { createContext, runInContext } from 'node:vm'
import { gunzipSync } from 'node:zlib'
import { interop, layers, loadModel, type Model, sequential } from 'seqloom'
import { describe, expect, it } from 'vitest'

// Test runners and sandboxes run programs in realms of their own, whose classes are not ours.
const realm = createContext({})
const bytesOf = (bytes: Uint8Array) => {
  const Foreign = runInContext('Uint8Array', realm) as Uint8ArrayConstructor
  return Foreign.from(bytes)
}
const memoryOf = (bytes: Uint8Array) => bytesOf(bytes).buffer as ArrayBuffer

const fixture = (name: string) => readFileSync(fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url)))

describe('bytes of another realm', () => {
  const readers: Record<string, [Uint8Array, (bytes: never) => Promise<Model>]> = {
    '.pt': [fixture('pytorch/lstm.pt'), async (bytes) => (await interop.loadPyTorch(bytes)).model as never],
    'old .pt': [fixture('pytorch/old.pt'), async (bytes) => (await interop.loadPyTorch(bytes)).model as never],
    '.keras': [fixture('keras/lstm.keras'), (bytes) => interop.loadKeras(bytes) as never],
    '.h5': [fixture('keras/keras2-sequential.h5'), (bytes) => interop.loadKeras(bytes) as never],
  }
  it.each(Object.entries(readers))('are read: %s', async (_, [bytes, load]) => {
    const expected = (await load(bytes as never)).summary()
    for (const given of [bytesOf(bytes), memoryOf(bytes), Uint8Array.from(bytes).buffer]) {
      expect((await load(given as never)).summary()).toBe(expected)
    }
  })

  it('are read: ONNX, tfjs, saved models and vocabularies', async () => {
    const m = sequential([layers.lstm({ units: 2, inputShape: [null, 3] })], { seed: 1 })
    const onnx = await interop.toOnnx(m)
    const saved = await m.toBytes()
    for (const given of [bytesOf, memoryOf]) {
      const read = await interop.loadOnnx(given(onnx))
      expect(read.countParams()).toBe(m.countParams())
      expect((await loadModel(given(saved))).countParams()).toBe(m.countParams())
      const artifacts = await interop.toTfjs(m)
      const weightData = given(new Uint8Array(artifacts.weightData)) as ArrayBuffer
      expect((await interop.loadTfjs({ ...artifacts, weightData })).countParams()).toBe(m.countParams())
      const texts = given(gunzipSync(fixture('keras/keras3-texts.keras.gz')))
      expect((await interop.loadKerasVocabulary(texts)).vocabularySize).toBeGreaterThan(2)
    }
  })

  it('are no bytes where memory was given away', async () => {
    const given = bytesOf(fixture('pytorch/lstm.pt'))
    structuredClone(given.buffer, { transfer: [given.buffer as ArrayBuffer] })
    await expect(interop.loadPyTorch(given)).rejects.toMatchObject({ code: 'ERR_FORMAT' })
    await expect(interop.loadOnnx(given)).rejects.toMatchObject({ code: 'ERR_FORMAT' })
  })
})
