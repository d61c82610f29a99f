import type { SymbolicValue } from '../../graph/trace/symbolic.js'
import * as layers from '../../layers/index.js'
import type { Maker } from './classes.js'

// Layers of Keras that are functions with settings. Those that an activation of ours stands for become it, the others a function.

/** The options of each, under Keras's names: `alpha` in Keras 2 and tfjs is `negative_slope` in Keras 3. */
export const functionLayers: Readonly<Record<string, readonly string[]>> = {
  ELU: ['alpha'],
  LeakyReLU: ['alpha', 'negative_slope'],
  Rescaling: ['scale', 'offset'],
  ReLU: ['max_value', 'negative_slope', 'threshold'],
  ThresholdedReLU: ['theta'],
}

/** What makes the layer of ours for one of them, and its options. */
export function functionLayer(
  className: string,
  given: Readonly<Record<string, unknown>>,
): [Maker, Record<string, unknown>] {
  const number = (name: string, standard: number) => (typeof given[name] === 'number' ? given[name] : standard)
  const named = (activation: string): [Maker, Record<string, unknown>] => [layers.activation as Maker, { activation }]
  const written = (run: (x: SymbolicValue) => SymbolicValue): [Maker, Record<string, unknown>] => [
    layers.lambda as Maker,
    { function: run },
  ]
  if (className === 'ELU') {
    const alpha = number('alpha', 1)
    return alpha === 1 ? named('elu') : written((x) => x.less(0).where(x.minimum(0).exp().sub(1).mul(alpha), x))
  }
  if (className === 'ThresholdedReLU') {
    const theta = number('theta', 1)
    return written((x) => x.greater(theta).where(x, 0))
  }
  if (className === 'Rescaling') {
    const [scale, offset] = [number('scale', 1), number('offset', 0)]
    return written((x) => x.mul(scale).add(offset))
  }
  const isLeaky = className === 'LeakyReLU'
  const slope = number('negativeSlope', number('alpha', isLeaky ? 0.3 : 0))
  const [threshold, most] = [number('threshold', 0), number('maxValue', Number.POSITIVE_INFINITY)]
  if (slope === 0 && threshold === 0 && most === Number.POSITIVE_INFINITY) return named('relu')
  return written((x) => {
    const kept = most === Number.POSITIVE_INFINITY ? x : x.minimum(most)
    return x.less(threshold).where(x.sub(threshold).mul(slope), kept)
  })
}
