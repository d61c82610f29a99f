import { createRequire } from 'node:module'
import { resolve } from 'node:path'
import { interop, type Model, tensor } from 'seqloom'
import { afterAll } from 'vitest'
import { expectClose, outputBound, relativeError, type Shaped } from './compare.js'
import { wave } from './models.js'

type Runtime = typeof import('onnxruntime-web')
type Session = Awaited<ReturnType<Runtime['InferenceSession']['create']>>

/** Another runtime with the same interface, such as `node_modules/onnxruntime-node`, by its path: it then tells the largest difference. */
const chosen = process.env.SEQLOOM_ONNXRUNTIME
const runtime = (): Promise<Runtime> =>
  chosen === undefined ? import('onnxruntime-web') : Promise.resolve(createRequire(resolve('x.js'))(resolve(chosen)))

/** The largest differences, relative to the largest magnitude, and how many values were compared. */
const found = { files: 0, outputs: 0, runtime: 0, again: 0 }
if (chosen !== undefined) {
  afterAll(() => {
    const { files, outputs, runtime, again } = found
    process.stdout.write(
      `${chosen}: ${files} files, ${outputs} outputs, largest difference ${runtime}; read again by loadOnnx ${again}\n`,
    )
  })
}

/** What is given to a file: values by the names of its inputs. */
export type Feeds = Readonly<
  Record<string, { readonly data: Float32Array | Int32Array; readonly shape: readonly number[] }>
>

/** A file that another runtime has opened. Each result is compared with that of `loadOnnx`, unless a file is not meant for that. */
export class OnnxFile {
  readonly #ort: Runtime
  readonly #session: Session
  readonly #again: Model | undefined

  private constructor(ort: Runtime, session: Session, again: Model | undefined) {
    this.#ort = ort
    this.#session = session
    this.#again = again
  }

  static async open(bytes: Uint8Array, { readsBack = true } = {}): Promise<OnnxFile> {
    const ort = await runtime()
    ort.env.wasm.numThreads = 1
    ort.env.logLevel = 'error'
    const session = await ort.InferenceSession.create(bytes, { logSeverityLevel: 3 })
    found.files += 1
    return new OnnxFile(ort, session, readsBack ? ((await interop.loadOnnx(bytes)) as never) : undefined)
  }

  get inputs(): readonly string[] {
    return this.#session.inputNames
  }

  get outputs(): readonly string[] {
    return this.#session.outputNames
  }

  /** The last size of an input. */
  sizeOf(name: string): number {
    const found = this.#session.inputMetadata.find((each) => each.name === name)
    if (!found?.isTensor) throw new Error(`${name} is no tensor`)
    return Number(found.shape.at(-1))
  }

  /** The results by name. */
  async run(feeds: Feeds): Promise<Record<string, { data: Float32Array; shape: number[] }>> {
    const tensors = Object.entries(feeds).map(([name, { data, shape }]) => {
      const type = data instanceof Int32Array ? 'int32' : 'float32'
      return [name, new this.#ort.Tensor(type as 'float32', data as Float32Array, [...shape])] as const
    })
    const ran = await this.#session.run(Object.fromEntries(tensors))
    const results = Object.fromEntries(
      Object.entries(ran).map(([name, { data, dims }]) => [name, { data: data as Float32Array, shape: [...dims] }]),
    )
    if (this.#again) await this.#compare(this.#again, feeds, results)
    return results
  }

  /** Asserts that the file, read by us, gives the same. */
  async #compare(again: Model, feeds: Feeds, results: Readonly<Record<string, Shaped>>): Promise<void> {
    const given = this.inputs.map((name) => {
      const { data, shape } = feeds[name] as Feeds[string]
      return tensor(data, [...shape])
    })
    const ours = [await again.predict((given.length === 1 ? given[0] : given) as never)].flat() as Shaped[]
    for (const [index, name] of this.outputs.entries()) {
      expectClose(ours[index], results[name] as Shaped, outputBound, `${name}, read again`)
      found.again = Math.max(found.again, relativeError((ours[index] as Shaped).data, (results[name] as Shaped).data))
    }
  }
}

/** Asserts that a result of a file is that of our model. */
export function expectResult(result: Shaped | undefined, expected: Shaped, what: string): void {
  if (result) {
    found.outputs += 1
    found.runtime = Math.max(found.runtime, relativeError(result.data, expected.data))
  }
  expectClose(result, expected, outputBound, what)
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
    expectResult(results[name], value, `${model.name}: ${name}`)
  })
  return file
}
