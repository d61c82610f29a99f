import type { Tensor } from '../data/tensor.js'
import { describe, SeqloomError } from '../errors.js'
import { rebuildModelsBy } from '../layers/registry.js'
import { isRecord } from '../options.js'
import { type ModelConfig, rebuild } from './config.js'
import { Functional } from './functional.js'
import type { Model, Prediction } from './model.js'
import { Sequential } from './sequential.js'

/** A model from a configuration, which may be a stranger's; its weights are drawn anew. */
export function build(saved: unknown): Model {
  const { topology, config } = rebuild(saved)
  const { name, seed, returnsList, quantization } = config.config
  const made: Model =
    config.className === 'Sequential'
      ? (Sequential.from(topology, name, seed) as Model)
      : new Functional(topology, name, seed, returnsList === true)
  made.storeAs(quantization)
  return made
}

rebuildModelsBy(build)

/**
 * A model from the configuration that `toJSON` returned, as an object or as text: the same layers, with new weights
 * drawn by the same seed. It is not compiled. Nothing in the configuration is executed. Errors: `ERR_FORMAT` for a
 * configuration that is not Seqloom's or contradicts itself, `ERR_OPTION` for anything but an object or a string.
 */
export function modelFromJSON<Out extends Prediction = Tensor>(json: ModelConfig | object | string): Model<Out> {
  if (typeof json !== 'string' && !isRecord(json)) {
    throw new SeqloomError(
      'ERR_OPTION',
      `modelFromJSON: expected what toJSON returns, or its text, not ${describe(json)}`,
    )
  }
  const saved = readJson(json)
  try {
    const made = build(saved)
    // Contradictions are found here, not when the model is first used.
    made.countParams()
    return made as Model<Prediction> as Model<Out>
  } catch (cause) {
    if (!(cause instanceof SeqloomError) || cause.code === 'ERR_MEMORY') throw cause
    throw new SeqloomError('ERR_FORMAT', `modelFromJSON: ${cause.message}`, { cause })
  }
}

/** The configuration as plain data, so that anything else an object may hold is ignored. */
function readJson(json: object | string): unknown {
  try {
    return JSON.parse(typeof json === 'string' ? json : JSON.stringify(json))
  } catch (cause) {
    throw new SeqloomError('ERR_FORMAT', `modelFromJSON: this is no JSON: ${(cause as Error).message}`, { cause })
  }
}
