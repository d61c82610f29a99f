import { SeqloomError } from '../errors.js'
import type { LayerScope, Value } from '../graph/builder.js'
import type { DType, Shape } from '../graph/shape.js'
import { custom } from '../options.js'
import { type AnyLayer, type InnerLayers, Layer, type LayerOptions, type SavedOptions } from './layer.js'
import { layerConfig } from './serialize.js'

/** Layers that {@link timeDistributed} accepts: those that treat every step alike. */
export type StepwiseLayer = AnyLayer & { readonly stepwise: true }

/** Options of {@link timeDistributed}. */
export interface TimeDistributedOptions extends LayerOptions {
  /** The layer to apply at every step. */
  readonly layer: StepwiseLayer
}

/** The layer that {@link timeDistributed} makes. */
export class TimeDistributed extends Layer {
  static override readonly className = 'TimeDistributed'
  override readonly baseName = 'time_distributed'
  readonly #layer: AnyLayer

  constructor(options: TimeDistributedOptions) {
    super('layers.timeDistributed', options, {
      accepted: { layer: custom('a layer', (v) => v instanceof Layer) },
      required: ['layer'],
    })
    this.#layer = options.layer
    if (!this.#layer.stepwise) {
      throw new SeqloomError(
        'ERR_UNSUPPORTED',
        `layers.timeDistributed: ${this.#layer.className} is not supported inside it; it takes layers that treat every step alike, such as dense`,
      )
    }
  }

  static override fromConfig({ layer, ...others }: SavedOptions, inner: InnerLayers): TimeDistributed {
    return new TimeDistributed({ ...others, ...(layer === undefined ? {} : { layer: inner(layer) }) } as never)
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
    const outputs = this.#layer.lower(inner, inputs)
    this.#layer.penalise(inner, outputs)
    return outputs
  }

  override config(): Record<string, unknown> {
    return { layer: layerConfig(this.#layer) }
  }
}

/**
 * Applies a layer to every step of a sequence with the same weights.
 *
 * Input `[batch, time, …]`; output `[batch, time, …]`. Takes dense, activation, dropout, embedding and the
 * normalisations; others are `ERR_UNSUPPORTED`. Errors: `ERR_OPTION`, `ERR_SHAPE`, `ERR_UNSUPPORTED`.
 */
export function timeDistributed(options: TimeDistributedOptions): TimeDistributed {
  return new TimeDistributed(options)
}
