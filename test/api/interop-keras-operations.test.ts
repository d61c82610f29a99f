import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { strFromU8, strToU8, unzipSync, zipSync } from 'fflate'
import { input, interop, layers, model, sequential, type Tensor } from 'seqloom'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { expectClose, outputBound } from '../helpers/compare.js'

const fixture = (name: string) => readFileSync(fileURLToPath(new URL(`../fixtures/keras/${name}`, import.meta.url)))
const file = gunzipSync(fixture('keras3-operations.keras.gz'))
const { inputs, outputs } = JSON.parse(fixture('keras3-operations.json').toString()) as {
  readonly inputs: number[][][]
  readonly outputs: { readonly shape: number[]; readonly data: number[] }[]
}

interface Layer {
  module: string
  class_name: string
  config: Record<string, unknown>
  inbound_nodes: { args: unknown[] }[]
}

/** The file with one of its layers changed. */
function altered(name: string, change: (layer: Layer) => void): Uint8Array {
  const files = unzipSync(file)
  const saved = JSON.parse(strFromU8(files['config.json'] as Uint8Array))
  change(saved.config.layers.find((layer: { config: { name: string } }) => layer.config.name === name))
  return zipSync({ ...files, 'config.json': strToU8(JSON.stringify(saved)) }, { level: 0 })
}

describe('operations of Keras 3 on tensors', () => {
  // Values are those of Keras: see operations.py beside the file.
  it('and masks that it passes on or not give what they give there', async () => {
    const m = await interop.loadKeras(file)
    const made = (await m.predict(inputs as never)) as unknown as Tensor[]
    expect(made.length).toBe(outputs.length)
    for (const [at, { shape, data }] of outputs.entries()) {
      expectClose(made[at], { shape, data: Float32Array.from(data) }, outputBound, `output ${at}`)
    }
    m.dispose()
  })

  it('are named where they are not there', async () => {
    const other = altered('tanh', (layer) => {
      layer.class_name = 'Erfinv'
    })
    await expect(interop.loadKeras(other)).rejects.toMatchObject({
      code: 'ERR_UNSUPPORTED',
      message: expect.stringMatching(/the operation Erfinv 'tanh'/),
    })
  })

  it('are refused where they count padded steps that are not what they are in Keras', async () => {
    const added = altered('summed', (layer) => {
      Object.assign(layer, { module: 'keras.src.ops.numpy', config: { name: 'summed' } })
      for (const node of layer.inbound_nodes) node.args = node.args[0] as unknown[]
    })
    await expect(interop.loadKeras(added)).rejects.toMatchObject({
      code: 'ERR_UNSUPPORTED',
      message: expect.stringMatching(/the Add 'summed', which counts padded steps of a MultiHeadAttention/),
    })
  })
})

describe('a Softmax of Keras along another axis', () => {
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'softmax-'))
  })
  afterAll(() => rm(folder, { recursive: true }))

  /** A file of one layer, a Softmax. */
  async function softmax(axis: unknown): Promise<Uint8Array> {
    const path = join(folder, 'softmax.keras')
    await interop.toKeras(sequential([layers.activation({ activation: 'softmax', inputShape: [3, 2] })]), path)
    const files = unzipSync(readFileSync(path))
    const saved = JSON.parse(strFromU8(files['config.json'] as Uint8Array))
    const layer = saved.config.layers.find(({ class_name }: Layer) => class_name !== 'InputLayer')
    Object.assign(layer, { class_name: 'Softmax', config: { name: 'softmax', axis } })
    return zipSync({ ...files, 'config.json': strToU8(JSON.stringify(saved)) }, { level: 0 })
  }
  const x = [[1, 2, 3, 4, 5, 7].map((each) => each / 3)].map((row) => [row.slice(0, 2), row.slice(2, 4), row.slice(4)])

  it('is over the steps', async () => {
    for (const axis of [1, -2, [1]]) {
      const m = await interop.loadKeras(await softmax(axis))
      const { data } = await m.predict(x)
      for (const feature of [0, 1]) {
        const powers = (x[0] as number[][]).map((step) => Math.exp(step[feature] as number))
        const sum = powers.reduce((all, each) => all + each, 0)
        for (const [step, each] of powers.entries()) expect(data[2 * step + feature]).toBeCloseTo(each / sum, 6)
      }
    }
  })

  it('is refused over the batch and over several', async () => {
    for (const axis of [0, [1, 2]]) {
      await expect(interop.loadKeras(await softmax(axis))).rejects.toMatchObject({
        code: 'ERR_UNSUPPORTED',
        message: expect.stringMatching(/axis .*Softmax 'softmax'/),
      })
    }
  })
})

describe('a merging layer of Keras whose inputs have other sizes', () => {
  it('repeats what there is once, as for the weights of an attention', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'broadcast-'))
    try {
      const [x, y] = [input({ shape: [3, 2] }), input({ shape: [3, 2] })]
      const path = join(folder, 'multiply.keras')
      await interop.toKeras(model({ inputs: [x, y], outputs: layers.multiply().apply([x, y]) }), path)
      const files = unzipSync(readFileSync(path))
      const text = strFromU8(files['config.json'] as Uint8Array)
      const saved = JSON.parse(text)
      saved.config.layers[1].config.batch_shape = [null, 3, 1]
      const file = zipSync({ ...files, 'config.json': strToU8(JSON.stringify(saved)) }, { level: 0 })
      const m = await interop.loadKeras(file)
      const { data, shape } = (await m.predict([
        [
          [
            [1, 2],
            [3, 4],
            [5, 6],
          ],
        ],
        [[[10], [20], [30]]],
      ] as never)) as Tensor
      expect([shape, Array.from(data)]).toEqual([
        [1, 3, 2],
        [10, 20, 60, 80, 150, 180],
      ])
    } finally {
      await rm(folder, { recursive: true })
    }
  })
})
