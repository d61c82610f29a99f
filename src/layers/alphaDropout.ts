import type { LayerScope, Value } from '../graph/builder.js'
import { DropoutLayer, type DropoutOptions } from './dropout.js'

/** What SELU comes to for ever smaller numbers: -scale · alpha (Klambauer et al. 2017). */
const saturation = -1.0507009873554805 * 1.6732632423543772

/** The layer that {@link alphaDropout} makes. */
export class AlphaDropout extends DropoutLayer {
  static override readonly className = 'AlphaDropout'
  override readonly baseName = 'alpha_dropout'

  constructor(options: DropoutOptions) {
    super('layers.alphaDropout', options)
  }

  /** @internal */
  override lower(scope: LayerScope, inputs: readonly Value[]): readonly Value[] {
    const [x] = inputs as [Value]
    const { rate } = this
    if (rate === 0) return [x]
    const node = (part: string, kind: 'add' | 'equal' | 'multiply' | 'where', ...operands: Value[]) =>
      scope.node('elementwise', operands, [], x.shape, { kind }, part)
    const number = (part: string, value: number) => scope.node('scalar', [], [], [], { value }, part)
    const factor = ((1 - rate) * (1 + rate * saturation ** 2)) ** -0.5
    const term = -factor * saturation * rate
    // Of ones, 0 where an element is dropped, 1 where nothing is trained, and more where it is kept.
    const kept = this.dropped(scope, node('ones', 'equal', x, x), 'kept')
    const scaled = node('sum', 'add', node('scaled', 'multiply', x, number('factor', factor)), number('term', term))
    const trained = node('trained', 'where', kept, scaled, number('saturated', factor * saturation + term))
    return [node('chosen', 'where', node('untrained', 'equal', kept, number('one', 1)), x, trained)]
  }
}

/**
 * Dropout for activations of SELU: random elements become its negative saturation while training, and all are scaled and
 * shifted so that mean and variance stay. It does nothing otherwise. Shapes stay. The draws depend on the model's seed or
 * the layer's own, the step and the element only. As Keras's `AlphaDropout`. Source: Klambauer et al., arXiv 1706.02515.
 * Errors: `ERR_OPTION`, `ERR_SHAPE`.
 */
export function alphaDropout(options: DropoutOptions): AlphaDropout {
  return new AlphaDropout(options)
}
