import { SeqloomError } from '../errors.js'
import type { LayerScope, Value } from '../graph/builder.js'
import type { DType, Shape } from '../graph/shape.js'
import { custom } from '../options.js'
import { Activation } from './activation.js'
import { Dense } from './dense.js'
import { Dropout } from './dropout.js'
import { Embedding } from './embedding.js'
import { type AnyLayer, Layer, type LayerOptions } from './layer.js'
import { LayerNormalization } from './layerNormalization.js'
import { layerConfig } from './serialize.js'

/** Layers that {@link timeDistributed} takes: those that treat every step alike. */
export type StepwiseLayer = Dense | Activation | Dropout | LayerNormalization | Embedding

/** Options of {@link timeDistributed}. */
export interface TimeDistributedOptions extends LayerOptions {
  /** The layer to apply at every step. */
  readonly layer: StepwiseLayer
}

const stepwise = [Dense, Activation, Dropout, LayerNormalization, Embedding]

/** The layer that {@link timeDistributed} makes. */
export class TimeDistributed extends Layer {
  override readonly className = 'TimeDistributed'
  override readonly baseName = 'time_distributed'
  readonly #layer: AnyLayer

  constructor(options: TimeDistributedOptions) {
    super('layers.timeDistributed', options, {
      accepted: { layer: custom('a layer', (v) => v instanceof Layer) },
      required: ['layer'],
    })
    this.#layer = options.layer
    if (!stepwise.some((type) => this.#layer instanceof type)) {
      throw new SeqloomError(
        'ERR_UNSUPPORTED',
        `layers.timeDistributed: ${this.#layer.className} is not supported inside it; it takes dense, activation, dropout, layerNormalization and embedding`,
      )
    }
  }

  override innerLayers(): readonly AnyLayer[] {
    return [this.#layer]
  }

  override inputType(): DType {
    return this.#layer.inputType()
  }

  override outputShapes(inputs: readonly Shape[]): readonly Shape[] {
    const tokens = this.#layer.inputType() === 'int32'
    const shape = this.single(inputs, tokens ? '[batch, time]' : '[batch, time, features]', tokens ? 2 : 3, 8)
    return this.#layer.outputShapes([shape])
  }

  override lower(scope: LayerScope, inputs: readonly Value[]): readonly Value[] {
    const inner = scope.inside(this.#layer.givenName ?? this.#layer.baseName, this.#layer)
    return this.#layer.lower(inner, inputs)
  }

  override config(): Record<string, unknown> {
    return { layer: layerConfig(this.#layer) }
  }
}

/**
 * Applies a layer to every step of a sequence with the same weights.
 *
 * Input `[batch, time, …]`; output `[batch, time, …]`. Takes dense, activation, dropout, layerNormalization and embedding;
 * others are `ERR_UNSUPPORTED`. Errors: `ERR_OPTION`, `ERR_SHAPE`, `ERR_UNSUPPORTED`.
 */
export function timeDistributed(options: TimeDistributedOptions): TimeDistributed {
  return new TimeDistributed(options)
}
