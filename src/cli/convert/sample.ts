import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { type Tensor, tensor } from '../../data/tensor.js'
import type { InputConstant } from '../../interop/index.js'
import type { Model } from '../../model/model.js'
import { isRecord } from '../../options.js'

/** Inputs or outputs. */
export type Values = Tensor<Int32Array> | Tensor<Float32Array>

/** The sizes of a sample's open dimensions: rows, and steps. */
const [rows, steps] = [3, 6]

/** Texts of a sample. */
const texts = ['the first text', 'a second one', 'and the last']

/** Inputs for a model, the same each time: numbers for features, tokens of the smallest vocabulary, texts. */
export function sampleFor(model: Model): Values[] {
  const { calls, inputs } = model.topology()
  const sizes = calls.flatMap(({ layer }) => {
    const size = { Embedding: 'inputDim', CategoryEncoding: 'numTokens' }[layer.className]
    return size === undefined ? [] : [Number(layer.config()[size])]
  })
  const vocabulary = Math.min(...sizes, 2 ** 15)
  return inputs.map(({ shape, dtype, call }, index) => {
    const full = shape.map((size, axis) => size ?? (axis === 0 ? rows : steps))
    const count = full.reduce((product, size) => product * size, 1)
    // Layers before the graph read tensors of texts, too.
    if (dtype === 'string') {
      const data = Array.from({ length: count }, (_, at) => texts[at % texts.length])
      return { data, shape: full } as unknown as Values
    }
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

/** What is used of `onnxruntime-node` and `onnxruntime-web`, which have the same interface. */
interface Onnxruntime {
  readonly Tensor: new (type: string, data: unknown, shape: readonly number[]) => unknown
  readonly InferenceSession: {
    create(model: Uint8Array): Promise<{
      readonly inputNames: readonly string[]
      readonly outputNames: readonly string[]
      /** Missing in older versions. */
      readonly inputMetadata?: readonly { readonly name: string; readonly type?: string }[]
      run(feeds: Readonly<Record<string, unknown>>): Promise<Readonly<Record<string, { readonly data: Float32Array }>>>
    }>
  }
}

/** A package of the user's, with its version if it tells, if it is installed where the command runs. */
function installed(name: string): { readonly title: string; readonly loaded: unknown } | undefined {
  const require = createRequire(join(process.cwd(), 'seqloom.js'))
  const tried = (path: string): unknown => {
    try {
      return require(path)
    } catch {
      return undefined
    }
  }
  const loaded = tried(name)
  const about = tried(`${name}/package.json`)
  if (loaded === undefined) return undefined
  return { title: isRecord(about) ? `${name} ${about.version}` : name, loaded }
}

/** Nested arrays as elements, row by row, and their shape. */
function flat(value: unknown): { readonly data: readonly number[]; readonly shape: readonly number[] } {
  const shape: number[] = []
  let level = [value]
  while (level.length > 0 && level.every((each) => Array.isArray(each))) {
    shape.push((level[0] as unknown[]).length)
    level = level.flat()
  }
  return { data: level.map(Number), shape }
}

/** Elements as ONNX Runtime takes them for a type. */
function elementsAs(type: string, data: readonly number[]): ArrayBufferView {
  if (type === 'int64') return BigInt64Array.from(data, BigInt)
  if (type === 'int32') return Int32Array.from(data)
  if (type === 'bool') return Uint8Array.from(data)
  return type === 'float64' ? Float64Array.from(data) : Float32Array.from(data)
}

/** What another program computes from a file. */
export interface Runtime {
  readonly name: string
  /** `constants` are inputs of the file that the model has no longer. */
  run(
    path: string,
    inputs: readonly Values[],
    constants?: Readonly<Record<string, InputConstant>>,
  ): Promise<Pick<Values, 'data'>[]>
}

/** ONNX Runtime, if `onnxruntime-node` or `onnxruntime-web` is installed. */
export function onnxruntime(): Runtime | undefined {
  const found = installed('onnxruntime-node') ?? installed('onnxruntime-web')
  if (!found) return undefined
  const ort = found.loaded as Onnxruntime
  const run = async (
    path: string,
    inputs: readonly Values[],
    constants: Readonly<Record<string, InputConstant>>,
    integers: 'int32' | 'int64',
  ) => {
    const session = await ort.InferenceSession.create(await readFile(path))
    const open = session.inputNames.filter((name) => !Object.hasOwn(constants, name))
    const feeds = inputs.map(({ data, shape }, index) => {
      const tokens = data instanceof Int32Array
      const given = tokens && integers === 'int64' ? BigInt64Array.from(data, BigInt) : data
      return [open[index], new ort.Tensor(tokens ? integers : 'float32', given, shape)]
    })
    const fixed = Object.entries(constants).map(([name, value]) => {
      const type = session.inputMetadata?.find((each) => each.name === name)?.type
      const { data, shape } = flat(value)
      const known = type ?? (data.every(Number.isInteger) ? 'int64' : 'float32')
      return [name, new ort.Tensor(known, elementsAs(known, data), shape)]
    })
    const results = await session.run(Object.fromEntries([...feeds, ...fixed]))
    return session.outputNames.map((name) => results[name] as { readonly data: Float32Array })
  }
  return {
    name: found.title,
    // PyTorch's exports read tokens as int64, ours as int32; older versions do not tell the types.
    run: (path, inputs, constants = {}) =>
      run(path, inputs, constants, 'int32').catch(() => run(path, inputs, constants, 'int64')),
  }
}
