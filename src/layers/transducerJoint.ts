import type { LayerScope, Value } from '../graph/builder.js'
import { type Shape, showShape } from '../graph/shape.js'
import {
  type Initializer,
  type InitializerName,
  initializerCheck,
  resolveInitializer,
} from '../initializers/initializer.js'
import { flag, integer } from '../options.js'
import { type CellActivation, cellActivationCheck } from './activations.js'
import { Layer, type LayerOptions, type SymbolicTensor } from './layer.js'
import type { RuleOptions } from './weightRules.js'

/** Options of {@link transducerJoint}. */
export interface TransducerJointOptions extends LayerOptions, RuleOptions<'kernel' | 'bias'> {
  /** How many symbols there are, with the blank. */
  readonly units: number
  /** What becomes of the sum of encoder and predictor; default `'tanh'`, and `'linear'` for Graves's additive joint. */
  readonly activation?: CellActivation
  /** Whether there is a bias; default true. */
  readonly useBias?: boolean
  /** Default `'glorotUniform'`. */
  readonly kernelInitializer?: InitializerName | Initializer
  /** Default `'zeros'`. */
  readonly biasInitializer?: InitializerName | Initializer
}

/** The layer that {@link transducerJoint} makes. */
export class TransducerJoint extends Layer<SymbolicTensor> {
  static override readonly className = 'TransducerJoint'
  override readonly baseName = 'transducer_joint'
  readonly units: number
  readonly activation: CellActivation
  readonly useBias: boolean
  readonly #kernelInitializer: Initializer
  readonly #biasInitializer: Initializer

  constructor(options: TransducerJointOptions) {
    super('layers.transducerJoint', options, {
      accepted: {
        units: integer(1),
        activation: cellActivationCheck,
        useBias: flag,
        kernelInitializer: initializerCheck,
        biasInitializer: initializerCheck,
      },
      required: ['units'],
      roles: ['kernel', 'bias'],
    })
    this.units = options.units
    this.activation = options.activation ?? 'tanh'
    this.useBias = options.useBias ?? true
    this.#kernelInitializer = resolveInitializer(options.kernelInitializer ?? 'glorotUniform')
    this.#biasInitializer = resolveInitializer(options.biasInitializer ?? 'zeros')
  }

  override outputShapes(inputs: readonly Shape[]): readonly Shape[] {
    const [encoded, predicted] = inputs
    const shown = inputs.map(showShape).join(' and ')
    if (inputs.length !== 2 || !encoded || !predicted || inputs.some((shape) => shape.length !== 3)) {
      throw this.shapeError(
        `expected the values of an encoder [batch, time, width] and of a predictor [batch, labels + 1, width], got ${shown}`,
      )
    }
    if (this.features(encoded) !== this.features(predicted)) {
      throw this.shapeError(`encoder and predictor must have the same width, got ${shown}`)
    }
    return [[encoded[0] ?? null, encoded[1] ?? null, predicted[1] ?? null, this.units]]
  }

  /** @internal */
  override lower(scope: LayerScope, inputs: readonly Value[]): readonly Value[] {
    const [shape] = this.outputShapes(inputs.map((value) => value.shape)) as [Shape]
    const width = this.features((inputs[0] as Value).shape)
    const weights = [scope.weight('kernel', [width, this.units], this.#kernelInitializer)]
    if (this.useBias) weights.push(scope.weight('bias', [this.units], this.#biasInitializer))
    return [scope.node('transducerJoint', inputs, weights, shape, { activation: this.activation })]
  }

  override config(): Record<string, unknown> {
    return {
      units: this.units,
      activation: this.activation,
      useBias: this.useBias,
      kernelInitializer: this.#kernelInitializer,
      biasInitializer: this.#biasInitializer,
    }
  }
}

/**
 * The joint network of an RNN transducer (Graves 2012, arXiv 1211.3711), the last layer of its model: what an encoder says
 * of each step of the input, and what a predictor says of the symbols that are already written, become logits of what
 * comes next, activation(encoder + predictor) W + b.
 *
 * Applied to `[encoder, predictor]`, `[batch, time, width]` and `[batch, labels + 1, width]`, such as two dense layers
 * give; output: logits `[batch, time, labels + 1, units]`, 0 where a step or a label is masked. The predictor reads a
 * symbol that stands for the start, such as the blank, and then the labels. Trained with `losses.transducer()`, which
 * computes the logits a slice at a time, so that they never exist as a whole; `text.transducerDecode` writes with the
 * model. Weights: kernel `[width, units]` and bias `[units]`. It cannot stream as a whole: see `text.transducerStream`.
 * Errors: `ERR_OPTION`, `ERR_SHAPE`; `ERR_UNSUPPORTED` in sessions.
 */
export function transducerJoint(options: TransducerJointOptions): TransducerJoint {
  return new TransducerJoint(options)
}
