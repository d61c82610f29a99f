import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { strFromU8, strToU8, unzipSync, zipSync } from 'fflate'
import { interop, type Tensor } from 'seqloom'
import { describe, expect, it } from 'vitest'
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
