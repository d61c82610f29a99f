import { SeqloomError } from '../../errors.js'
import type { Shape, ValueType } from '../../graph/shape.js'
import { custom, integer, number, oneOf, orNull } from '../../options.js'
import type { LayerOptions } from '../layer.js'
import { learn } from './batches.js'
import { encoded, encodedShape, type OutputMode } from './encoding.js'
import { type Items, itemsOf } from './items.js'
import { Preprocessing, type PreprocessingData } from './preprocessing.js'

/** Options of {@link discretization}; either the boundaries or the number of bins must be given. */
export interface DiscretizationOptions extends LayerOptions {
  /** Ascending boundaries: a number's bin is how many of them are at most as large. */
  readonly binBoundaries?: readonly number[] | null
  /** How many bins `adapt` makes, as equally filled as it can. */
  readonly numBins?: number | null
  /** How exactly `adapt` finds quantiles, as a share of the data; default 0.01. */
  readonly epsilon?: number
  /** `'int'` (default): bins. `'oneHot'`: a vector for each. `'multiHot'` and `'count'`: one vector for each row. */
  readonly outputMode?: 'int' | 'oneHot' | 'multiHot' | 'count'
}

const boundaries = custom(
  'an array of ascending finite numbers',
  (value) =>
    Array.isArray(value) && value.every((each, at) => Number.isFinite(each) && (at === 0 || value[at - 1] <= each)),
)

/** The layer that {@link discretization} makes. */
export class Discretization extends Preprocessing {
  static override readonly className = 'Discretization'
  override readonly baseName = 'discretization'
  readonly #numBins: number | null
  readonly #epsilon: number
  readonly #mode: OutputMode
  #boundaries: readonly number[] | null

  constructor(options: DiscretizationOptions) {
    super('layers.discretization', options, {
      accepted: {
        binBoundaries: orNull(boundaries),
        numBins: orNull(integer(1)),
        epsilon: number(1e-6, 1),
        outputMode: oneOf(['int', 'oneHot', 'multiHot', 'count']),
      },
      refused: { sparse: [false], dtype: [null, 'float32', 'int32', 'int64'] },
    })
    this.#boundaries = options.binBoundaries ?? null
    this.#numBins = options.numBins ?? null
    this.#epsilon = options.epsilon ?? 0.01
    this.#mode = options.outputMode ?? 'int'
    if (this.#boundaries === null && this.#numBins === null) {
      throw new SeqloomError('ERR_OPTION', 'layers.discretization: give binBoundaries, or numBins and call adapt')
    }
    if (this.#boundaries && this.#numBins !== null && this.#boundaries.length >= Math.max(this.#numBins, 1)) {
      throw new SeqloomError(
        'ERR_OPTION',
        `layers.discretization: ${this.#boundaries.length} binBoundaries make more than ${this.#numBins} bins; give either of the two`,
      )
    }
  }

  /** The boundaries, if they are given or learned. */
  get binBoundaries(): readonly number[] | null {
    return this.#boundaries
  }

  /**
   * Learns boundaries so that the bins hold about equally many of the numbers. An array of arrays is one batch; batches
   * come from any other iterable, such as a generator, and from an asynchronous one, `adapt` gives a promise. Errors:
   * `ERR_DATA`; `ERR_STATE` for a layer that was given its boundaries.
   */
  adapt(data: AsyncIterable<PreprocessingData>): Promise<void>
  adapt(data: PreprocessingData | Iterable<PreprocessingData>): void
  adapt(data: unknown): void | Promise<void> {
    const where = `layer '${this.label}'.adapt`
    const bins = this.#numBins
    if (bins === null) {
      throw new SeqloomError('ERR_STATE', `${where}: the layer was given binBoundaries; make it with numBins instead`)
    }
    const parts: ArrayLike<number>[] = []
    return learn(where, data, {
      add: (batch) => parts.push(this.requireNumbers(itemsOf(where, batch))),
      end: () => {
        const numbers = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0))
        let at = 0
        for (const part of parts) {
          numbers.set(part, at)
          at += part.length
        }
        if (numbers.length === 0) throw new SeqloomError('ERR_DATA', `${where}: there are no numbers`)
        const summary = compressed(summarized(numbers, this.#epsilon), this.#epsilon)
        const [quantiles] = compressed(summary, 1 / bins)
        this.#boundaries = Array.from(quantiles).slice(0, -1)
      },
    })
  }

  override inputType(): ValueType {
    return 'float32'
  }

  override acceptsType(dtype: ValueType): boolean {
    return dtype !== 'string'
  }

  override outputType(): ValueType {
    return this.#mode === 'int' ? 'int32' : 'float32'
  }

  #depth(): number {
    return this.#boundaries ? this.#boundaries.length + 1 : (this.#numBins as number)
  }

  override outputShapes(inputs: readonly Shape[]): readonly Shape[] {
    const shape = this.items(inputs)
    const joins = this.#mode === 'multiHot' || this.#mode === 'count'
    if (joins && shape.length < 2)
      throw this.shapeError(`outputMode '${this.#mode}' needs an input of shape [batch, values]`)
    return [encodedShape(shape, this.#mode, this.#depth())]
  }

  protected override run(items: Items): Items {
    const limits = this.#boundaries
    if (limits === null) {
      throw new SeqloomError('ERR_STATE', `layer '${this.label}' (${this.className}) has no boundaries yet: call adapt`)
    }
    const single = Float32Array.from(limits)
    const values = Int32Array.from(this.requireNumbers(items), (value) => {
      let [low, high] = [0, single.length]
      const number = Math.fround(value)
      while (low < high) {
        const middle = (low + high) >> 1
        if ((single[middle] as number) <= number) low = middle + 1
        else high = middle
      }
      return low
    })
    return encoded({ ...items, values }, this.#mode, this.#depth())
  }

  override config(): Record<string, unknown> {
    return {
      ...(this.#boundaries && { binBoundaries: this.#boundaries }),
      ...(this.#numBins !== null && { numBins: this.#numBins }),
      epsilon: this.#epsilon,
      outputMode: this.#mode,
    }
  }
}

/** Values in ascending order, and how many numbers each stands for. */
type Summary = readonly [values: Float32Array, weights: Float32Array]

/** Every so many-th of the sorted numbers. */
function summarized(numbers: Float32Array, epsilon: number): Summary {
  const sorted = numbers.slice().sort()
  const step = Math.max(sorted.length / (1 / epsilon), 1)
  const values: number[] = []
  for (let at = Math.trunc(step - 1); at < sorted.length; at += Math.trunc(step)) values.push(sorted[at] as number)
  return [Float32Array.from(values), new Float32Array(values.length).fill(step)]
}

/** The summary at equal shares of the weight, by linear interpolation; short summaries stay. */
function compressed(summary: Summary, epsilon: number): Summary {
  const [values, weights] = summary
  if (values.length * epsilon < 1) return summary
  const sums = new Float32Array(weights.length)
  let sum = 0
  for (const [at, weight] of weights.entries()) {
    sum = Math.fround(sum + weight)
    sums[at] = sum
  }
  const shares = sums.map((each) => each / sum)
  const count = Math.ceil(1 / epsilon)
  const wanted = Array.from({ length: count }, (_, at) => epsilon + at * epsilon)
  const made = wanted.map((share) => interpolated(share, shares, values))
  const ends = wanted.map((share) => interpolated(share, shares, sums))
  return [Float32Array.from(made), Float32Array.from(ends, (end, at) => end - (ends[at - 1] ?? 0))]
}

function interpolated(at: number, from: Float32Array, to: Float32Array): number {
  const next = from.findIndex((each) => each >= at)
  if (next < 0) return to.at(-1) as number
  if (next === 0 || from[next] === at) return to[next] as number
  const [a, b] = [from[next - 1] as number, from[next] as number]
  const [c, d] = [to[next - 1] as number, to[next] as number]
  return c + ((at - a) / (b - a)) * (d - c)
}

/**
 * Puts numbers into bins, as Keras's `Discretization`: `bins.adapt(numbers)` or given boundaries. It runs before the model's graph.
 *
 * Input `[batch, …]`; output the numbers of bins, of the same shape, or vectors with a place for each bin. Errors: `ERR_OPTION`, `ERR_DATA`,
 * `ERR_SHAPE`; `ERR_STATE` before `adapt`.
 */
export function discretization(options: DiscretizationOptions): Discretization {
  return new Discretization(options)
}
