import type { Shape } from '../graph/shape.js'
import { traceFunction } from '../graph/trace/function.js'
import { div } from '../graph/trace/ops.js'
import type { Program } from '../graph/trace/program.js'
import type { SymbolicValue } from '../graph/trace/symbolic.js'
import { positive } from '../options.js'
import type { LayerOptions, SymbolicTensor } from './layer.js'
import { TracedLayer } from './traced.js'

/** Options of {@link rootMeanSquareNormalization}. */
export interface RootMeanSquareNormalizationOptions extends LayerOptions {
  /** Added to the mean square, above 0; default 1e-6. */
  readonly epsilon?: number
  /** Only -1, the last dimension, is supported. */
  readonly axis?: -1
}

/** The layer that {@link rootMeanSquareNormalization} makes. */
export class RootMeanSquareNormalization extends TracedLayer<SymbolicTensor> {
  static override readonly className = 'RMSNormalization'
  override readonly baseName = 'rms_normalization'
  override readonly stepwise = true
  protected override readonly outputCount = 1
  readonly #epsilon: number
  /** By the number of dimensions. */
  readonly #programs = new Map<number, Program>()

  constructor(options: RootMeanSquareNormalizationOptions) {
    super('layers.rootMeanSquareNormalization', options, { accepted: { epsilon: positive }, refused: { axis: [-1] } })
    this.#epsilon = options.epsilon ?? 1e-6
  }

  protected override program(inputs: readonly Shape[]): Program {
    const shape = this.single(inputs, '[batch, …, features]', 2, 8)
    this.features(shape)
    const known = this.#programs.get(shape.length)
    if (known) return known
    const sizes = shape.slice(1, -1).map((_, axis) => `size${axis + 1}`)
    const { program } = traceFunction(
      'layers.rootMeanSquareNormalization',
      { x: [...sizes, 'features'] },
      { scale: { shape: ['features'], initializer: 'ones' } },
      ({ x }: { x: SymbolicValue }, { scale }: { scale: SymbolicValue }) => {
        // The square of a large feature overflows float32; dividing all features by the same number does not change the
        // result.
        const size = x.abs().max({ keepDims: true }).maximum(1).stopGradient()
        const small = x.div(size)
        const meanSquare = small.square().mean({ keepDims: true })
        return small.div(meanSquare.add(div(this.#epsilon, size.square())).sqrt()).mul(scale)
      },
    )
    this.#programs.set(shape.length, program)
    return program
  }

  override config(): Record<string, unknown> {
    return { epsilon: this.#epsilon }
  }
}

/**
 * Divides the last dimension by its root mean square, then multiplies by a learned scale: y = x / √(mean(x²) + epsilon)
 * · scale. Unlike `layerNormalization` it keeps the mean. As Keras's `RMSNormalization`.
 *
 * Shapes stay. Weights: scale, `[features]`. Source: Zhang and Sennrich, arXiv 1910.07467. Errors: `ERR_OPTION`,
 * `ERR_SHAPE`, `ERR_UNSUPPORTED`.
 */
export function rootMeanSquareNormalization(
  options: RootMeanSquareNormalizationOptions = {},
): RootMeanSquareNormalization {
  return new RootMeanSquareNormalization(options)
}
