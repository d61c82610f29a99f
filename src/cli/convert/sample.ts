import { createRequire } from 'node:module'
import { join } from 'node:path'
import { type Tensor, tensor } from '../../data/tensor.js'
import type { Model } from '../../model/model.js'

/** Inputs or outputs. */
export type Values = Tensor<Int32Array> | Tensor<Float32Array>

/** The sizes of a sample's open dimensions: rows, and steps. */
const [rows, steps] = [3, 6]

/** Inputs for a model, the same each time: numbers for features, tokens of the smallest vocabulary. */
export function sampleFor(model: Model): Values[] {
  const { calls, inputs } = model.topology()
  const sizes = calls.flatMap(({ layer }) => (layer.className === 'Embedding' ? [Number(layer.config().inputDim)] : []))
  const vocabulary = Math.min(...sizes, 2 ** 15)
  return inputs.map(({ shape, dtype, call }, index) => {
    const full = shape.map((size, axis) => size ?? (axis === 0 ? rows : steps))
    const count = full.reduce((product, size) => product * size, 1)
    const reads = calls.some(({ layer, inputs }) => layer.className === 'Embedding' && inputs[0]?.call === call)
    const number = (at: number) => Math.sin(1.7 * at + index)
    const token = (at: number) => 1 + ((at * 7 + index) % Math.max(1, vocabulary - 1))
    const values = Array.from({ length: count }, (_, at) => (reads || dtype === 'int32' ? token(at) : number(at)))
    return reads || dtype === 'int32' ? tensor(Int32Array.from(values), full) : tensor(Float32Array.from(values), full)
  })
}

/** What a model gives, each output. */
export async function outputsOf(model: Model, inputs: readonly Values[]): Promise<Values[]> {
  return [await model.predict(inputs.length === 1 ? (inputs[0] as Values) : [...inputs])].flat()
}

/** The largest difference of values; infinity where there are not as many. */
export function difference(a: readonly Values[], b: readonly Pick<Values, 'data'>[]): number {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY
  let largest = 0
  for (const [index, { data }] of a.entries()) {
    const other = b[index]?.data ?? []
    if (other.length !== data.length) return Number.POSITIVE_INFINITY
    for (let at = 0; at < data.length; at++) {
      const between = Math.abs(Number(data[at]) - Number(other[at]))
      // Not a number is a difference, too, unless both are.
      if (!(between <= largest) && !(Number.isNaN(Number(data[at])) && Number.isNaN(Number(other[at])))) {
        largest = Number.isNaN(between) ? Number.POSITIVE_INFINITY : between
      }
    }
  }
  return largest
}

/** What of `onnxruntime-node` is used. */
interface Onnxruntime {
  readonly Tensor: new (type: string, data: unknown, shape: readonly number[]) => unknown
  readonly InferenceSession: {
    create(path: string): Promise<{
      readonly inputNames: readonly string[]
      readonly outputNames: readonly string[]
      run(feeds: Readonly<Record<string, unknown>>): Promise<Readonly<Record<string, { readonly data: Float32Array }>>>
    }>
  }
}

/** A package of the user's, if it is installed where the command runs. */
function installed(name: string): { readonly version: string; readonly loaded: unknown } | undefined {
  const require = createRequire(join(process.cwd(), 'seqloom.js'))
  try {
    return { version: require(`${name}/package.json`).version, loaded: require(name) }
  } catch {
    return undefined
  }
}

/** What another program computes from a file. */
export interface Runtime {
  readonly name: string
  run(path: string, inputs: readonly Values[]): Promise<Pick<Values, 'data'>[]>
}

/** ONNX Runtime, if `onnxruntime-node` is installed. */
export function onnxruntime(): Runtime | undefined {
  const found = installed('onnxruntime-node')
  if (!found) return undefined
  const ort = found.loaded as Onnxruntime
  const run = async (path: string, inputs: readonly Values[], integers: 'int32' | 'int64') => {
    const session = await ort.InferenceSession.create(path)
    const feeds = inputs.map(({ data, shape }, index) => {
      const tokens = data instanceof Int32Array
      const given = tokens && integers === 'int64' ? BigInt64Array.from(data, BigInt) : data
      return [session.inputNames[index], new ort.Tensor(tokens ? integers : 'float32', given, shape)]
    })
    const results = await session.run(Object.fromEntries(feeds))
    return session.outputNames.map((name) => results[name] as { readonly data: Float32Array })
  }
  return {
    name: `onnxruntime-node ${found.version}`,
    // PyTorch's exports read tokens as int64, ours as int32; older versions do not tell the types.
    run: (path, inputs) => run(path, inputs, 'int32').catch(() => run(path, inputs, 'int64')),
  }
}
