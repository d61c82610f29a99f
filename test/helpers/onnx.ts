import { interop, type Model, tensor } from 'seqloom'
import { expectClose, outputBound, type Shaped } from './compare.js'
import { wave } from './models.js'

type Runtime = typeof import('onnxruntime-web')
type Session = Awaited<ReturnType<Runtime['InferenceSession']['create']>>

/** What is given to a file: values by the names of its inputs. */
export type Feeds = Readonly<
  Record<string, { readonly data: Float32Array | Int32Array; readonly shape: readonly number[] }>
>

/** A file that another runtime has opened. */
export class OnnxFile {
  readonly #ort: Runtime
  readonly #session: Session

  private constructor(ort: Runtime, session: Session) {
    this.#ort = ort
    this.#session = session
  }

  static async open(bytes: Uint8Array): Promise<OnnxFile> {
    const ort = await import('onnxruntime-web')
    ort.env.wasm.numThreads = 1
    ort.env.logLevel = 'error'
    return new OnnxFile(ort, await ort.InferenceSession.create(bytes, { logSeverityLevel: 3 }))
  }

  get inputs(): readonly string[] {
    return this.#session.inputNames
  }

  get outputs(): readonly string[] {
    return this.#session.outputNames
  }

  /** The results by name. */
  async run(feeds: Feeds): Promise<Record<string, { data: Float32Array; shape: number[] }>> {
    const tensors = Object.entries(feeds).map(([name, { data, shape }]) => {
      const type = data instanceof Int32Array ? 'int32' : 'float32'
      return [name, new this.#ort.Tensor(type as 'float32', data as Float32Array, [...shape])] as const
    })
    const results = await this.#session.run(Object.fromEntries(tensors))
    return Object.fromEntries(
      Object.entries(results).map(([name, { data, dims }]) => [name, { data: data as Float32Array, shape: [...dims] }]),
    )
  }
}

/** Options of {@link expectSame}. */
export interface SameOptions {
  readonly opset?: number
  /** The lengths of the rows of all sequences; none for full ones. */
  readonly lengths?: readonly number[]
  readonly rows?: number
  readonly time?: number
  /** The number of different tokens. */
  readonly tokens?: number
}

/** Made-up values for all inputs of a model. */
export function madeUp(model: Model, { rows = 3, time = 6, tokens = 4 }: SameOptions = {}) {
  return model.inputs.map(({ shape, dtype }, index) => {
    const sizes = [rows, ...shape.slice(1).map((size) => size ?? time)]
    const values = wave(
      sizes.reduce((product, size) => product * size),
      index + 1,
    )
    const data = dtype === 'int32' ? Int32Array.from(values, (value) => Math.floor(((value + 1) / 2) * tokens)) : values
    const isSequence = sizes.length >= 3 || (sizes.length === 2 && (shape[1] === null || dtype === 'int32'))
    return { data, shape: sizes, isSequence }
  })
}

/** Asserts that a model and its file give the same for made-up values, everywhere. */
export async function expectSame(model: Model, options: SameOptions = {}): Promise<OnnxFile> {
  const { opset, lengths } = options
  const inputs = madeUp(model, options)
  const settings = { ...(opset === undefined ? {} : { opset }), ...(lengths ? { lengths: true } : {}) }
  const file = await OnnxFile.open(await interop.toOnnx(model, undefined, settings))
  const lengthsOf = (shape: readonly number[]) => (lengths ?? []).map((length) => Math.min(length, shape[1] as number))
  const given = inputs.map(({ data, shape, isSequence }) =>
    tensor(data, shape, lengths && isSequence ? { lengths: lengthsOf(shape) } : {}),
  )
  const expected: readonly Shaped[] = [await (model as Model<never>).predict(given as never)].flat()
  const feeds: Record<string, Feeds[string]> = {}
  const names = file.inputs.filter((name) => !name.endsWith('_lengths'))
  for (const [index, { data, shape, isSequence }] of inputs.entries()) {
    const name = names[index] as string
    feeds[name] = { data, shape }
    if (!lengths || !isSequence) continue
    feeds[`${name}_lengths`] = { data: Int32Array.from(lengthsOf(shape)), shape: [lengths.length] }
  }
  const results = await file.run(feeds)
  expected.forEach((value, index) => {
    const name = file.outputs[index] as string
    expectClose(results[name], value, outputBound, `${model.name}: ${name}`)
  })
  return file
}
