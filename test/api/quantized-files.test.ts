import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { interop, layers, loadModel, modelFromJSON, sequential, type Tensor, tasks } from 'seqloom'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { expectCoded } from '../helpers/errors.js'
import { largestDifference, reader, tokens } from '../helpers/quantized.js'

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'seqloom-quantized-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

interface Entry {
  dtype: string
  shape: number[]
  data_offsets: [number, number]
}

/** The header of a safetensors file, and where its elements begin. */
function headerOf(bytes: Buffer) {
  const length = Number(bytes.readBigUInt64LE(0))
  return { header: JSON.parse(bytes.toString('utf8', 8, 8 + length)) as Record<string, Entry>, start: 8 + length }
}

test('folders, bytes, clones and weights files hold the same integers, in a quarter of the size', async () => {
  const full = sequential(
    [layers.embedding({ inputDim: 500, outputDim: 128 }), layers.lstm({ units: 128 }), layers.dense({ units: 60 })],
    { seed: 2 },
  )
  const small = full.quantize()
  const expected = small.predictSync(tokens(3, 5))
  await full.save(join(folder, 'full'))
  await small.save(join(folder, 'small'))
  const loaded = await loadModel(join(folder, 'small'))
  const others = [loaded, await loadModel(await small.toBytes()), small.clone(), small.quantize()]
  for (const other of others) {
    expect(other.quantization).toBe('int8')
    expect(other.predictSync(tokens(3, 5))).toEqual(expected)
    expect(other.summary()).toBe(small.summary())
  }
  const [one, other] = [await full.toBytes(), await small.toBytes()]
  expect(other.length / one.length).toBeLessThan(0.3)

  const file = join(folder, 'weights.safetensors')
  await small.saveWeights(file)
  expect((await stat(file)).size / (4 * full.countParams())).toBeLessThan(0.3)
  const { header } = headerOf(await readFile(file))
  expect(header['lstm/kernel']).toMatchObject({ dtype: 'I8', shape: [128, 512] })
  expect(header['lstm/kernel_scale']).toMatchObject({ dtype: 'F32', shape: [512] })
  expect(header['embedding/embeddings_scale']).toMatchObject({ dtype: 'F32', shape: [500] })
  expect(header['lstm/bias']).toMatchObject({ dtype: 'F32' })
  const blank = modelFromJSON(JSON.stringify(small.toJSON()))
  await blank.loadWeights(file)
  expect(blank.predictSync(tokens(3, 5))).toEqual(expected)
  // What the integers stand for gives the same integers again.
  blank.setWeights(small.getWeights())
  expect(blank.predictSync(tokens(3, 5))).toEqual(expected)
})

test('files of another kind and damaged ones are refused', async () => {
  const full = reader()
  const small = full.quantize()
  const [floats, integers] = [join(folder, 'floats.safetensors'), join(folder, 'integers.safetensors')]
  await full.saveWeights(floats)
  await small.saveWeights(integers)
  await expectCoded(() => small.loadWeights(floats), 'ERR_FORMAT', /floats/)
  await expectCoded(() => full.loadWeights(integers), 'ERR_FORMAT', /integers/)
  await expectCoded(
    () => modelFromJSON({ ...full.toJSON(), config: { ...full.toJSON().config, quantization: 'int3' } }),
    'ERR_FORMAT',
    /int3/,
  )
  const bytes = await readFile(integers)
  const { header, start } = headerOf(bytes)
  const damaged = async (name: string, change: (at: Buffer) => void) => {
    const copy = Buffer.from(bytes)
    const [from, to] = (header[name] as Entry).data_offsets
    change(copy.subarray(start + from, start + to))
    const path = join(folder, 'damaged.safetensors')
    await writeFile(path, copy)
    return path
  }
  const least = await damaged('lstm/kernel', (at) => at.writeInt8(-128, 9))
  await expectCoded(() => small.loadWeights(least), 'ERR_FORMAT', /lstm\/kernel.*-128/)
  for (const scale of [Number.NaN, -1, Number.POSITIVE_INFINITY]) {
    const path = await damaged('lstm/kernel_scale', (at) => at.writeFloatLE(scale, 8))
    await expectCoded(() => small.loadWeights(path), 'ERR_FORMAT', /scale.*lstm\/kernel/)
  }
  expect(small.predictSync(tokens(2, 3))).toEqual(full.quantize().predictSync(tokens(2, 3)))
})

test('exports write the numbers that the integers stand for', async () => {
  const small = sequential([layers.lstm({ units: 40, inputShape: [null, 40] }), layers.dense({ units: 40 })], {
    seed: 2,
  }).quantize()
  const file = join(folder, 'model.keras')
  await interop.toKeras(small, file)
  const keras = await interop.loadKeras(file)
  expect(keras.quantization).toBeUndefined()
  expect(keras.getWeights()).toEqual(small.getWeights())
  await interop.toOnnx(small, join(folder, 'model.onnx'))
  const onnx = await interop.loadOnnx(join(folder, 'model.onnx'))
  const x = { data: Float32Array.from({ length: 200 }, (_, i) => Math.sin(i)), shape: [1, 5, 40] }
  expect(largestDifference((await onnx.predict(x)) as Tensor, await small.predict(x as never))).toBeLessThan(0.01)
  await interop.toPyTorch(small, join(folder, 'model.safetensors'))
  await expectCoded(
    () => interop.loadPyTorch(join(folder, 'model.safetensors'), { model: small }),
    'ERR_UNSUPPORTED',
    /int8/,
  )
})

test('a quantized task answers, is saved and loaded, and refuses to be trained', async () => {
  const rows = Array.from({ length: 40 }, (_, i) => ({
    text: i % 2 ? `good day ${i}` : `bad night ${i}`,
    label: i % 2 ? 'yes' : 'no',
  }))
  const classifier = new tasks.TextClassifier({ units: 32, embedding: 32, seed: 1 })
  await classifier.train(rows, { epochs: 4 })
  const small = await classifier.quantize()
  expect(small).toBeInstanceOf(tasks.TextClassifier)
  expect((await small.evaluate(rows)).accuracy).toBeCloseTo((await classifier.evaluate(rows)).accuracy, 1)
  await small.save(join(folder, 'task'))
  const again = await tasks.TextClassifier.load(join(folder, 'task'))
  expect(await again.predict(['good day'])).toEqual(await small.predict(['good day']))
  await expectCoded(() => again.train(rows, { epochs: 1 }), 'ERR_UNSUPPORTED', /int8/)
  expect(await again.predict(['good day'])).toEqual(await small.predict(['good day']))
  await expectCoded(() => new tasks.TextClassifier().quantize(), 'ERR_STATE', /quantize.*train/)
})
