import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { afterAll, describe, expect, it } from 'vitest'
import { interop, loadModel, type Model, optimizers, type Tensor, tensor } from '../../dist/index.js'

interface Values {
  readonly shape: number[]
  readonly data: number[]
}

interface Saved {
  readonly inputs: Values[]
  readonly output: Values
  readonly files: Readonly<Record<'.keras' | '.h5' | '.weights.h5', string>>
  readonly weights: Values[]
  readonly target: Values
  readonly loss: number
  readonly after: Values[]
}

// Made by Keras: see make.py beside it.
const file = fileURLToPath(new URL('../fixtures/convolutions/models.json.gz', import.meta.url))
const saved: Readonly<Record<string, Saved>> = JSON.parse(gunzipSync(readFileSync(file)).toString())

const folder = mkdtempSync(join(tmpdir(), 'seqloom-convolutions-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const bytes = (text: string) => new Uint8Array(gunzipSync(Buffer.from(text, 'base64')))
const floats = ({ shape, data }: Values) => tensor(Float32Array.from(data), shape)

function inputsOf(m: Model, inputs: readonly Values[]): never {
  const all = inputs.map((each, at) =>
    m.inputs[at]?.dtype === 'int32' ? tensor(Int32Array.from(each.data), each.shape) : floats(each),
  )
  return (all.length === 1 ? all[0] : all) as never
}

function expectClose({ shape, data }: Pick<Tensor, 'shape' | 'data'>, expected: Values, precision = 1e-5): void {
  expect(shape).toEqual(expected.shape)
  let worst = 0
  for (const [at, value] of expected.data.entries()) {
    worst = Math.max(worst, Math.abs((data[at] as number) - value) / Math.max(1, Math.abs(value)))
  }
  expect(worst).toBeLessThan(precision)
}

/** Which of a model's weights each of Keras's is. */
function places(m: Model, weights: readonly Values[]): number[] {
  const own = m.getWeights()
  const close = (a: ArrayLike<number>, b: readonly number[]) =>
    a.length === b.length && b.every((value, at) => Math.abs(value - (a[at] as number)) < 1e-6)
  return weights.map(({ data }) => own.findIndex((each) => close(each.data, data)))
}

const names = Object.keys(saved)

describe.each(names)('%s, as Keras saves it', (name) => {
  const { inputs, output, files, weights, target, loss, after } = saved[name] as Saved

  it('is loaded from every form of file, and predicts the same', async () => {
    for (const ending of ['.keras', '.h5'] as const) {
      const m = await interop.loadKeras(bytes(files[ending]))
      expectClose((await m.predict(inputsOf(m, inputs))) as Tensor, output)
      m.setWeights(m.getWeights().map(({ shape, data }) => tensor(new Float32Array(data.length), shape)))
      await interop.loadKeras(bytes(files['.weights.h5']), { model: m })
      expectClose((await m.predict(inputsOf(m, inputs))) as Tensor, output)
      m.dispose()
    }
  })

  it('has the same loss and the same weights after a step of training', async () => {
    const m = await interop.loadKeras(bytes(files['.keras']))
    const at = places(m, weights)
    expect(at).not.toContain(-1)
    m.compile({ optimizer: optimizers.sgd({ learningRate: 0.1 }), loss: 'meanSquaredError' })
    const [found] = [await m.trainOnBatch(inputsOf(m, inputs), floats(target))].flat() as number[]
    expect(Math.abs((found as number) - loss)).toBeLessThan(1e-4 * Math.max(1, loss))
    const trained = m.getWeights()
    for (const [index, expected] of after.entries()) expectClose(trained[at[index] as number] as Tensor, expected, 1e-4)
    m.dispose()
  })

  it('is saved and loaded, and goes out to Keras and back', async () => {
    const m = await interop.loadKeras(bytes(files['.keras']))
    const copy = await loadModel(await m.toBytes())
    expectClose((await copy.predict(inputsOf(m, inputs))) as Tensor, output)
    copy.dispose()
    for (const ending of ['.keras', '.h5']) {
      const path = join(folder, `model${ending}`)
      await interop.toKeras(m, path)
      const back = await interop.loadKeras(path)
      expectClose((await back.predict(inputsOf(m, inputs))) as Tensor, output)
      back.dispose()
    }
    m.dispose()
  })
})
