import type { Converted } from '../data/elements.js'
import { convertOne, runSync } from '../data/index.js'
import type { Data } from '../data/tensor.js'
import { isNumericArray } from '../data/tensor.js'
import { SeqloomError } from '../errors.js'
import type { LayerScope, Value } from '../graph/builder.js'
import { type Shape, showShape } from '../graph/shape.js'
import { traceFunction } from '../graph/trace/function.js'
import type { Program } from '../graph/trace/program.js'
import type { SymbolicValue } from '../graph/trace/symbolic.js'
import { custom, flag, isRecord } from '../options.js'
import { axesCheck, type GivenAxes, placesOf } from './axes.js'
import { type AnyLayer, Layer, type LayerOptions, type SymbolicTensor } from './layer.js'
import { learn } from './preprocessing/batches.js'
import { sizesOf, spreadOver } from './standardized.js'
import { TracedLayer } from './traced.js'

/** Options of {@link normalization}. */
export interface NormalizationOptions extends LayerOptions {
  /**
   * The dimensions that keep a mean and a variance for each of their places, counted with the batch or from the end; null
   * for one of everything. Default -1: one for each feature.
   */
  readonly axis?: GivenAxes | null
  /** The mean instead of that of data: a number for all, or one for each place of the last of the dimensions. */
  readonly mean?: number | readonly number[] | null
  /** The variance that belongs to it, not below 0. */
  readonly variance?: number | readonly number[] | null
  /** Whether to do the opposite: to multiply by the deviation and add the mean; default false. */
  readonly invert?: boolean
}

const where = 'layers.normalization'

/** The least deviation that is divided by, as in Keras. */
const least = 1e-7

const isFiniteNumber = (value: unknown): boolean => typeof value === 'number' && Number.isFinite(value)
const isNumbers = (value: unknown, each: (value: unknown) => boolean): boolean =>
  Array.isArray(value) ? value.length > 0 && Array.from(value).every(each) : each(value)

const isAll = (value: unknown): boolean => value === null || (Array.isArray(value) && value.length === 0)
const axis = custom(`${axesCheck.expected}, or null`, (value) => isAll(value) || axesCheck.accepts(value))
const mean = custom('a finite number, an array of them, or null', (v) => v === null || isNumbers(v, isFiniteNumber))
const variance = custom('a number of at least 0, an array of them, or null', (value) => {
  return value === null || isNumbers(value, (each) => isFiniteNumber(each) && (each as number) >= 0)
})

/** By channel, how many numbers there are, their mean, and the sum of the squares of what deviates from it. */
interface Moments {
  readonly counts: Float64Array
  readonly means: Float64Array
  readonly squares: Float64Array
}

/** The layer that {@link normalization} makes. */
export class Normalization extends TracedLayer<SymbolicTensor> {
  static override readonly className = 'Normalization'
  override readonly baseName = 'normalization'
  protected override readonly outputCount = 1
  readonly #axis: GivenAxes | null
  readonly #invert: boolean
  readonly #given: { readonly mean: readonly number[]; readonly variance: readonly number[] } | undefined
  readonly #config: Record<string, unknown>

  constructor(options: NormalizationOptions) {
    super(where, options, { accepted: { axis, mean, variance, invert: flag } })
    const { invert = false } = options
    const [means, variances] = [options.mean ?? undefined, options.variance ?? undefined]
    this.#axis = options.axis === undefined ? -1 : isAll(options.axis) ? null : options.axis
    this.#invert = invert
    if (means !== undefined && variances !== undefined) {
      this.#given = { mean: [means].flat(), variance: [variances].flat() }
      if (this.#given.mean.length !== this.#given.variance.length) {
        throw new SeqloomError(
          'ERR_OPTION',
          `${where}: there are ${this.#given.mean.length} means and ${this.#given.variance.length} variances`,
        )
      }
    } else if (means !== undefined || variances !== undefined) {
      throw new SeqloomError('ERR_OPTION', `${where}: mean and variance must be given together`)
    }
    this.#config = { axis: this.#axis, ...(this.#given && { mean: means, variance: variances }), invert }
  }

  /** Whether mean and variance are options. */
  get isGiven(): boolean {
    return this.#given !== undefined
  }

  override outputShapes(inputs: readonly Shape[]): readonly Shape[] {
    const shape = this.single(inputs, '[batch, …]', 2, 8)
    const { sizes } = this.#statistics(shape)
    if (this.#given) this.firstWeights = this.#spread(this.#given, sizes)
    return [shape]
  }

  /** @internal */
  override lower(scope: LayerScope, inputs: readonly Value[]): readonly Value[] {
    return super.lower(scope.frozen(), inputs)
  }

  protected override program([shape]: readonly [Shape]): Program {
    const { axes, sizes } = this.#statistics(shape)
    const weights = {
      mean: { shape: sizes, initializer: 'zeros' },
      variance: { shape: sizes, initializer: 'ones' },
      ...(!this.#given && { count: { shape: [1], initializer: 'zeros' } }),
    } as const
    const { program } = traceFunction(
      where,
      { x: sizesOf(shape) },
      weights,
      ({ x }: { x: SymbolicValue }, w: { mean: SymbolicValue; variance: SymbolicValue }) => {
        const spread = (value: SymbolicValue) => (axes.length === 0 ? value : spreadOver(x, value, axes))
        const deviation = spread(w.variance).sqrt().maximum(least)
        return this.#invert ? x.mul(deviation).add(spread(w.mean)) : x.sub(spread(w.mean)).div(deviation)
      },
    )
    return program
  }

  override config(): Record<string, unknown> {
    return this.#config
  }

  /**
   * Makes mean and variance those of data: of all rows, and of all steps that are neither padding nor masked. Takes what
   * `fit` takes for one input, or an iterable of such batches; an asynchronous one gives a promise. Before or after the
   * layer is in a model. Errors: `ERR_STATE` if mean and variance were given, and while one of the layer's models is
   * running; `ERR_DATA`, `ERR_SHAPE`.
   */
  adapt(data: AsyncIterable<Data>): Promise<void>
  adapt(data: Data | Iterable<Data>): void
  adapt(data: unknown): void | Promise<void> {
    const what = `layer '${this.label}'.adapt`
    if (this.#given) throw new SeqloomError('ERR_STATE', `${what}: mean and variance were given as options`)
    let all: Moments | undefined
    let sizes: readonly number[] = []
    const add = (batch: Data): void => {
      const converted = this.#converted(what, batch)
      const shape: Shape = [null, ...converted.shape.slice(1)]
      const { axes, sizes: own } = this.#statistics(shape)
      if (all && own.join() !== sizes.join()) {
        throw new SeqloomError('ERR_SHAPE', `${what}: batches of ${sizes} and of ${own} channels`)
      }
      sizes = own
      all = joined(all, momentsOf(converted, axes))
    }
    return learn(what, data, { add, end: () => this.#take(what, all, sizes) })
  }

  #take(what: string, all: Moments | undefined, sizes: readonly number[]): void {
    if (!all || all.counts.includes(0)) {
      throw new SeqloomError('ERR_DATA', `${what}: the data have ${all ? 'places without values' : 'no batches'}`)
    }
    const { counts, means, squares } = all
    const tensors = [
      { data: Float32Array.from(means), shape: [...sizes] },
      { data: Float32Array.from(squares, (sum, at) => sum / (counts[at] as number)), shape: [...sizes] },
      { data: Float32Array.of(counts[0] as number), shape: [1] },
    ] as const
    if (Layer.host(this as AnyLayer)) this.setWeights(tensors as readonly Data[])
    else this.firstWeights = tensors as readonly Data[]
  }

  #converted(what: string, batch: Data): Converted {
    const rank = this.usedInputShape?.length ?? this.inputShape?.length ?? rankOf(batch) - 1
    const shape = this.usedInputShape ?? this.inputShape ?? Array<null>(Math.max(rank, 0)).fill(null)
    const slot = {
      where: what,
      name: 'data',
      dtype: 'float32',
      shape: [null, ...shape],
      looseLast: rank === 1,
    } as const
    return runSync(convertOne(slot, batch))
  }

  /** The dimensions that keep statistics, and their sizes. */
  #statistics(shape: Shape): { readonly axes: readonly number[]; readonly sizes: readonly number[] } {
    if (this.#axis === null) return { axes: [], sizes: [1] }
    const axes = this.inLayer(() => placesOf(this.#axis as GivenAxes, shape))
    const sizes = axes.map((place) => {
      const size = shape[place]
      if (typeof size === 'number') return size
      throw this.shapeError(`dimension ${place} of ${showShape(shape)} must be known, since it keeps statistics`)
    })
    return { axes, sizes }
  }

  #spread(given: { readonly mean: readonly number[]; readonly variance: readonly number[] }, sizes: readonly number[]) {
    const count = sizes.reduce((product, size) => product * size, 1)
    const last = sizes.at(-1) as number
    return [given.mean, given.variance].map((values) => {
      if (values.length !== 1 && values.length !== last) {
        throw this.shapeError(`${values.length} means were given for ${last} places`)
      }
      const data = Float32Array.from({ length: count }, (_, at) => values[at % values.length] as number)
      return { data, shape: [...sizes] } as unknown as Data
    })
  }
}

/** The number of dimensions of data. */
function rankOf(data: unknown): number {
  if (isRecord(data) && Array.isArray(data.shape)) return data.shape.length
  let rank = 0
  for (let inner = data; (Array.isArray(inner) || isNumericArray(inner)) && rank < 10; inner = inner[0]) rank++
  return rank
}

/** The moments of data along all dimensions but some. */
function momentsOf({ data, shape, lengths, mask, ragged }: Converted, axes: readonly number[]): Moments {
  const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((product, size) => product * size, 1))
  const sizes = axes.map((axis) => shape[axis] as number)
  const channels = sizes.reduce((product, size) => product * size, 1)
  const [rows, time = 1] = shape as [number, number?]
  const width = shape.length > 1 ? (strides[1] as number) : 1
  const [counts, means, squares] = [0, 0, 0].map(() => new Float64Array(channels)) as [
    ...[Float64Array, Float64Array, Float64Array],
  ]
  /** Calls `visit` for every element that counts, with its channel. */
  const each = (visit: (value: number, channel: number) => void): void => {
    let next = 0
    for (let row = 0; row < rows; row++) {
      for (let step = 0; step < time; step++) {
        const isValid = lengths ? step < (lengths[row] as number) : mask ? mask[row * time + step] !== 0 : true
        if (!isValid) continue
        const place = (row * time + step) * width
        const from = ragged ? next : place
        next += width
        for (let at = 0; at < width; at++) {
          let channel = 0
          for (let axis = 0; axis < axes.length; axis++) {
            const index = Math.floor((place + at) / (strides[axes[axis] as number] as number)) % (sizes[axis] as number)
            channel = channel * (sizes[axis] as number) + index
          }
          visit(data[from + at] as number, channel)
        }
      }
    }
  }
  each((value, channel) => {
    counts[channel] = (counts[channel] as number) + 1
    means[channel] = (means[channel] as number) + value
  })
  for (let channel = 0; channel < channels; channel++) {
    means[channel] = (means[channel] as number) / Math.max(counts[channel] as number, 1)
  }
  each((value, channel) => {
    squares[channel] = (squares[channel] as number) + (value - (means[channel] as number)) ** 2
  })
  return { counts, means, squares }
}

/** The moments of two parts together (Chan et al. 1983). */
function joined(one: Moments | undefined, other: Moments): Moments {
  if (!one) return other
  const counts = one.counts.map((count, at) => count + (other.counts[at] as number))
  const apart = one.means.map((value, at) => (other.means[at] as number) - value)
  const share = counts.map((count, at) => (other.counts[at] as number) / Math.max(count, 1))
  return {
    counts,
    means: one.means.map((value, at) => value + (apart[at] as number) * (share[at] as number)),
    squares: one.squares.map((value, at) => {
      const between = (apart[at] as number) ** 2 * (one.counts[at] as number) * (share[at] as number)
      return value + (other.squares[at] as number) + between
    }),
  }
}

/**
 * Normalises features by a mean and a variance that training does not change: those of data (`adapt`), or given ones. As
 * Keras's `Normalization`:
 *
 * ```ts
 * const scaled = layers.normalization()
 * scaled.adapt(x)
 * const m = sequential([input({ shape: [null, 3] }), scaled, layers.lstm({ units: 16 }), layers.dense({ units: 1 })])
 * ```
 *
 * y = (x - mean) / max(√variance, 1e-7), or with `invert` y = x · max(√variance, 1e-7) + mean, which gives forecasts the
 * scale of the data back. Shapes stay. Weights: mean and variance with the sizes of the dimensions of `axis`, and count
 * `[1]`, the numbers of each place that they were made of; saved like any weights. Errors: `ERR_OPTION`, `ERR_SHAPE`.
 */
export function normalization(options: NormalizationOptions = {}): Normalization {
  return new Normalization(options)
}
