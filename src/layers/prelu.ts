import { SeqloomError } from '../errors.js'
import { type Shape, showShape } from '../graph/shape.js'
import { traceFunction } from '../graph/trace/function.js'
import type { Program } from '../graph/trace/program.js'
import type { SymbolicValue } from '../graph/trace/symbolic.js'
import {
  type Initializer,
  type InitializerName,
  initializerCheck,
  resolveInitializer,
} from '../initializers/initializer.js'
import { custom, orNull } from '../options.js'
import type { LayerOptions, SymbolicTensor } from './layer.js'
import { sizesOf } from './standardized.js'
import { TracedLayer } from './traced.js'
import type { RuleOptions } from './weightRules.js'

/** Options of {@link prelu}. */
export interface PReLUOptions extends LayerOptions, RuleOptions<'alpha'> {
  /** Default `'zeros'`. PyTorch begins with 0.25: `initializers.constant({ value: 0.25 })`. */
  readonly alphaInitializer?: InitializerName | Initializer
  /**
   * The dimensions along which alpha is the same, counted from 1, since 0 is the batch: `[1]` for the steps of
   * sequences. One or several; null, the default, for none.
   */
  readonly sharedAxes?: number | readonly number[] | null
}

const where = 'layers.prelu'

const isAxis = (value: unknown): boolean => Number.isInteger(value) && (value as number) >= 1

const sharedCheck = orNull(
  custom('an integer of at least 1, which counts from the batch as 0, or an array of such', (value) =>
    Array.isArray(value) ? Array.from(value).every(isAxis) : isAxis(value),
  ),
)

/** The layer that {@link prelu} makes. */
export class PReLU extends TracedLayer<SymbolicTensor> {
  static override readonly className = 'PReLU'
  override readonly baseName = 'prelu'
  protected override readonly outputCount = 1
  readonly #shared: readonly number[]
  readonly #initializer: Initializer

  constructor(options: PReLUOptions) {
    super(where, options, {
      accepted: { alphaInitializer: initializerCheck, sharedAxes: sharedCheck },
      roles: ['alpha'],
    })
    this.#shared = [...new Set([options.sharedAxes ?? []].flat())].sort((a, b) => a - b)
    this.#initializer = resolveInitializer(options.alphaInitializer ?? 'zeros')
  }

  protected override program(inputs: readonly Shape[]): Program {
    const shape = this.single(inputs, '[batch, …]', 2, 8)
    const sizes = this.inLayer(() => this.#sizesOfAlpha(shape))
    const { program } = traceFunction(
      where,
      { x: sizesOf(shape) },
      { alpha: { shape: sizes, initializer: this.#initializer } },
      // Of both parts, the slope at 0 is 0.
      ({ x }: { x: SymbolicValue }, { alpha }: { alpha: SymbolicValue }) => x.relu().sub(x.neg().relu().mul(alpha)),
    )
    return program
  }

  #sizesOfAlpha(shape: Shape): number[] {
    const outside = this.#shared.find((axis) => axis >= shape.length)
    if (outside !== undefined) {
      throw new SeqloomError(
        'ERR_SHAPE',
        `sharedAxes: an input of shape ${showShape(shape)} has no dimension ${outside}`,
      )
    }
    return shape.slice(1).map((size, at) => {
      if (this.#shared.includes(at + 1)) return 1
      if (size !== null) return size
      throw new SeqloomError(
        'ERR_SHAPE',
        `alpha needs the size of dimension ${at + 1} of ${showShape(shape)}; share it along that by sharedAxes: [${[...this.#shared, at + 1].join(', ')}]`,
      )
    })
  }

  override config(): Record<string, unknown> {
    return { alphaInitializer: this.#initializer, sharedAxes: this.#shared.length > 0 ? this.#shared : null }
  }
}

/**
 * x, and alpha · x where x is below 0, with an alpha that is learned.
 *
 * Input `[batch, …]`; shapes stay. Weight: alpha, of the input's shape without the batch, 1 for dimensions of
 * `sharedAxes`. Sequences of any length need `sharedAxes: [1]`. Source: He et al., arXiv 1502.01852, equation 1.
 * Errors: `ERR_OPTION`; `ERR_SHAPE`, also if a size that alpha needs is not known.
 */
export function prelu(options: PReLUOptions = {}): PReLU {
  return new PReLU(options)
}
