import type { DataSet } from '../data/tensor.js'
import { Tensor } from '../data/tensor.js'
import { SeqloomError } from '../errors.js'
import { showShape } from '../graph/shape.js'
import { activation } from '../layers/activation.js'
import { Embedding } from '../layers/embedding.js'
import { input } from '../layers/input.js'
import type { SymbolicTensor } from '../layers/layer.js'
import { model as functional } from '../model/functional.js'
import type { Model } from '../model/model.js'
import { reapply } from '../model/topology.js'
import { abortSignal, checkOptions, integer, oneOf } from '../options.js'
import { type Displayed, displayed, jupyterDisplay, showsInTslab } from '../pictures/display.js'
import { colouredText, type ShownTokens, tokenPicture } from './colouredText.js'
import { requireModel } from './model.js'

/** Options of {@link saliency}. */
export interface SaliencyOptions {
  /** The class whose score is explained, from 0; default: each row's most probable one. */
  readonly class?: number
  /**
   * `'integratedGradients'`, the default (Sundararajan, Taly and Yan, arXiv 1703.01365): gradients along the line from
   * zeros to the input, so that the parts of a row add up to the difference that it makes; or `'gradientTimesInput'`,
   * one gradient.
   */
  readonly method?: 'integratedGradients' | 'gradientTimesInput'
  /** How many gradients are taken along the line; default 50. */
  readonly steps?: number
  /** Aborting it makes the call reject with an AbortError. */
  readonly signal?: AbortSignal
}

/** How much each step of the input speaks for a class, or against it. */
export class Saliency {
  /** `[batch, time]`: above zero for the class, below zero against it; zero at padding. */
  readonly values: Tensor
  /** The class of each row. */
  readonly classes: Int32Array
  /** The model's output for that class, of each row. */
  readonly scores: Float32Array
  /**
   * For integrated gradients, by how much the parts of each row miss the difference between its score and that of
   * zeros; more `steps` make it smaller. NaN for `'gradientTimesInput'`, whose parts add up to nothing in particular.
   */
  readonly missing: Float32Array

  /** @internal */
  constructor(values: Tensor, classes: Int32Array, scores: Float32Array, missing: Float32Array) {
    this.values = values
    this.classes = classes
    this.scores = scores
    this.missing = missing
  }

  /** The tokens of a row as coloured words for a terminal: red for the class, blue against it. `ERR_OPTION`, `ERR_DATA`. */
  text(shown: ShownTokens = {}): string {
    return colouredText(this.values, shown)
  }

  /** The tokens of a row as a picture (SVG), coloured likewise. `ERR_OPTION`, `ERR_DATA`. */
  svg(shown: ShownTokens = {}): string {
    return tokenPicture(this.values, shown)
  }

  /** What a notebook shows. */
  [jupyterDisplay](): Displayed {
    return displayed(this.svg(), `saliency of ${this.values.shape[1]} steps for class ${this.classes[0]}`)
  }

  static {
    showsInTslab(Saliency.prototype)
  }
}

/**
 * What in a sequence makes a model choose a class: gradients of the class's score with respect to the input, or to the
 * vectors of its tokens, times these. `x` is what `predict` takes; the model has one input, `[batch, time, features]`
 * or tokens that an embedding reads, and one output `[batch, classes]`.
 *
 * ```ts
 * const found = await inspect.saliency(m, [[4, 8, 15]])
 * console.log(found.text({ tokens: ['win', 'a', 'prize'] }))
 * ```
 *
 * A number in place of the options is the class. Rejects with `ERR_UNSUPPORTED` for other models, `ERR_OPTION`, and
 * with what `predict` rejects with.
 */
export async function saliency(model: Model, x: DataSet, given: number | SaliencyOptions = {}): Promise<Saliency> {
  const where = 'inspect.saliency'
  requireModel(where, model)
  const options = typeof given === 'number' ? { class: given } : given
  checkOptions(where, options, {
    accepted: {
      class: integer(0),
      method: oneOf(['integratedGradients', 'gradientTimesInput']),
      steps: integer(1),
      signal: abortSignal,
    },
  })
  const { method = 'integratedGradients', steps = 50, signal } = options
  const run = signal ? { signal } : {}
  const width = classesOf(where, model)
  if (options.class !== undefined && options.class >= width) {
    throw new SeqloomError('ERR_OPTION', `${where}: class must be from 0 to ${width - 1}, not ${options.class}`)
  }
  const { vectors, rest } = split(where, model)
  try {
    const read = (await vectors.predict(x, run)) as Tensor
    const output = single(await rest.predict(read, run))
    const rows = output.shape[0] ?? 0
    const classes = Int32Array.from({ length: rows }, (_, row) => options.class ?? best(output.data, row, width))
    const scoresOf = ({ data }: Tensor) =>
      Float32Array.from(classes, (chosen, row) => data[row * width + chosen] as number)
    const begin = new Float32Array(rows * width)
    for (const [row, chosen] of classes.entries()) begin[row * width + chosen] = 1
    const cotangents = new Tensor(begin, [rows, width])
    const points = method === 'gradientTimesInput' ? [1] : Array.from({ length: steps }, (_, k) => (k + 0.5) / steps)
    const sum = new Float64Array(read.data.length)
    for (const point of points) {
      const { inputs } = await rest.gradients(scaled(read, point), { cotangents }, run)
      const gradient = (inputs[0] as Tensor).data
      for (let i = 0; i < sum.length; i++) sum[i] = (sum[i] as number) + (gradient[i] as number) / points.length
    }
    const [, time = 0, ...size] = read.shape
    const features = size.reduce((product, each) => product * each, 1)
    const parts = new Float64Array(rows * time)
    for (let i = 0; i < sum.length; i++) {
      const step = Math.floor(i / features)
      parts[step] = (parts[step] as number) + (sum[i] as number) * (read.data[i] as number)
    }
    const scores = scoresOf(output)
    const missing = new Float32Array(rows).fill(Number.NaN)
    if (method === 'integratedGradients') {
      const zeros = scoresOf(single(await rest.predict(scaled(read, 0), run)))
      for (let row = 0; row < rows; row++) {
        const total = parts.subarray(row * time, (row + 1) * time).reduce((all, part) => all + part, 0)
        missing[row] = (scores[row] as number) - (zeros[row] as number) - total
      }
    }
    return new Saliency(like(read, Float32Array.from(parts), [rows, time]), classes, scores, missing)
  } finally {
    vectors.dispose()
    if (rest !== model) rest.dispose()
  }
}

/** The number of classes of a model's only output. */
function classesOf(where: string, { name, inputs, outputs }: Model): number {
  const [output] = outputs
  const classes = output?.shape.at(-1)
  if (inputs.length !== 1 || outputs.length !== 1 || output?.shape.length !== 2 || typeof classes !== 'number') {
    const shapes = outputs.map(({ shape }) => showShape(shape)).join(' and ')
    throw new SeqloomError(
      'ERR_UNSUPPORTED',
      `${where}: explains models of one input and one output [batch, classes]; model '${name}' has ${inputs.length} inputs and gives ${shapes}`,
    )
  }
  return classes
}

/** A model in two: up to the numbers that it has a gradient for, which are an embedding's vectors or the input, and from there. */
function split(where: string, model: Model): { readonly vectors: Model; readonly rest: Model } {
  const topology = model.topology()
  const { inputs, outputs, calls } = topology
  const embeddings = calls.filter(({ layer }) => layer instanceof Embedding)
  const [found] = embeddings
  if (!found) {
    const same = activation({ activation: 'linear' }).apply(inputs[0] as SymbolicTensor)
    return { vectors: functional({ inputs, outputs: same }), rest: model }
  }
  const embedded = found.outputs[0] as SymbolicTensor
  const known = new Set([embedded])
  const after = calls.filter((call) => {
    const follows = call !== found && call.inputs.some((value) => known.has(value))
    if (follows) for (const value of call.outputs) known.add(value)
    return follows
  })
  if (embeddings.length > 1 || after.some((call) => call.inputs.some((value) => !known.has(value)))) {
    throw new SeqloomError(
      'ERR_UNSUPPORTED',
      `${where}: model '${model.name}' reads its tokens in more than one place, so that no single vector stands for a token`,
    )
  }
  const shape = embedded.shape.slice(1).map((size) => (typeof size === 'number' ? size : null))
  const vector = input({ shape })
  const made = reapply({ ...topology, inputs: [embedded], calls: after }, model.name, vector)
  return {
    vectors: functional({ inputs, outputs: embedded }),
    rest: functional({ inputs: vector, outputs: made[0] as (typeof outputs)[number] }),
  }
}

const single = (output: Tensor | Tensor[]): Tensor => (Array.isArray(output) ? output[0] : output) as Tensor

/** Other numbers at the same steps. */
function like({ lengths, mask }: Tensor, data: Float32Array, shape: number[]): Tensor {
  return new Tensor(data, shape, { ...(lengths && { lengths }), ...(mask && { mask }) })
}

const scaled = (value: Tensor, factor: number): Tensor =>
  like(value, factor === 1 ? value.data : value.data.map((each) => each * factor), value.shape)

/** The place of the largest of a row's numbers. */
function best(data: Float32Array, row: number, width: number): number {
  const own = data.subarray(row * width, (row + 1) * width)
  return own.reduce((most, value, index) => (value > (own[most] as number) ? index : most), 0)
}
