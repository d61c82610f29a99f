import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { createContext, runInContext } from 'node:vm'
import { gunzipSync } from 'node:zlib'
import { interop, layers, loadModel, type Model, sequential, tensor, text } from 'seqloom'
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

describe('arrays of another realm', () => {
  const foreign = <Made>(code: string) => runInContext(code, realm) as Made
  const plain = [1, 2, 3, 4, 5, 6]
  const kinds = ['Float32Array', 'Float64Array', 'Int8Array', 'Int16Array', 'Int32Array', 'Uint8Array', 'Uint32Array']

  it.each([...kinds, 'Uint16Array', 'Uint8ClampedArray'])('are taken wherever arrays are: %s', async (kind) => {
    const data = foreign<Float32Array>(`${kind}.from([${plain}])`)
    const m = sequential([layers.lstm({ units: 2, returnSequences: true, inputShape: [null, 3] })], { seed: 1 })
    const expected = m.predictSync([
      [
        [1, 2, 3],
        [4, 5, 6],
      ],
    ]).data
    const rows = foreign<number[][][]>(`[[${kind}.of(1, 2, 3), ${kind}.of(4, 5, 6)]]`)
    const given = [
      tensor(data, [1, 2, 3]),
      { data, shape: [1, 2, 3] },
      { dataSync: () => data, shape: [1, 2, 3] },
      rows,
    ]
    for (const each of given) expect(m.predictSync(each as never).data).toEqual(expected)
    const session = m.session({ batchSize: 1 })
    expect(session.step(data.subarray(0, 3)).data).toEqual(expected.slice(0, 2))
    m.compile({ optimizer: 'sgd', loss: 'mse' })
    const [own] = await m.testOnBatch(
      [
        [
          [1, 2, 3],
          [4, 5, 6],
        ],
      ],
      tensor(plain.slice(0, 4), [1, 2, 2]),
    )
    expect(await m.testOnBatch(rows, tensor(data.subarray(0, 4), [1, 2, 2]))).toEqual([own])
  })

  it('are taken as lengths, masks, weights, tokens and texts', async () => {
    const m = sequential([layers.gru({ units: 2, inputShape: [null, 1] })], { seed: 1 })
    const x = new Float32Array([1, 2, 3, 4, 0, 0])
    const expected = m.predictSync(tensor(x, [2, 3, 1], { lengths: [3, 1] })).data
    const lengths = foreign<Uint32Array>('Uint32Array.of(3, 1)')
    const mask = foreign<Uint8Array>('Uint8Array.of(1, 1, 1, 1, 0, 0)')
    expect(m.predictSync(tensor(x, [2, 3, 1], { lengths })).data).toEqual(expected)
    expect(m.predictSync(tensor(x, [2, 3, 1], { mask })).data).toEqual(expected)
    const dense = sequential([layers.dense({ units: 1, inputShape: [2] })])
    dense.setWeights([
      foreign<number[][]>('[Float32Array.of(1), Float32Array.of(2)]'),
      foreign<Float32Array>('Float32Array.of(3)'),
    ])
    expect([...dense.predictSync([[1, 1]]).data]).toEqual([6])
    const tokens = foreign<Int32Array>('Int32Array.from([1, 2, 3, 4, 5, 6, 7])')
    expect(text.languageModelBatches(tokens, { batchSize: 1, time: 3 }).x.shape).toEqual([2, 3])
    const words = await text.wordTokenizer(['a b c'])
    expect(words.decode(foreign<Int32Array>('Int32Array.of(2, 3)'))).toBe(words.decode([2, 3]))
  })

  it('are none where memory was given away', () => {
    const data = foreign<Float32Array>('Float32Array.of(1, 2)')
    structuredClone(data.buffer, { transfer: [data.buffer as ArrayBuffer] })
    expect(() => tensor(data, [2])).toThrow(/detached/)
  })
})
