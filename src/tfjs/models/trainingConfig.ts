// How a model was compiled, as TensorFlow.js saves it beside the layers with `includeOptimizer`.
import { SeqloomError } from '../../errors.js'
import { isRecord } from '../../options.js'
import { warn } from '../../warn.js'
import type { ModelArtifacts } from '../io/types.js'
import { weightsOf } from '../io/weights.js'
import type { ConfigDict } from '../layers/layer.js'
import { optimizerOfConfig } from '../optimizers.js'
import type { ModelCompileArgs } from '../training/compile.js'
import { nameOf } from '../training/losses.js'
import { unworded, word } from './config.js'
import type { LayersModel } from './model.js'

/** Thrown for a loss or a metric that is a function of one's own. */
class Unnamed extends Error {}

function nameIn(given: unknown): string {
  const name = typeof given === 'string' ? given : nameOf(given)
  if (name === undefined) throw new Unnamed()
  return word(name)
}

/** A function of each value of a list or an object, or of a single one. */
function each(given: unknown, call: (value: unknown) => unknown): unknown {
  if (Array.isArray(given)) return given.map((value) => each(value, call))
  if (!isRecord(given)) return call(given)
  return Object.fromEntries(Object.entries(given).map(([name, value]) => [name, each(value, call)]))
}

/** How a model is compiled; undefined, with a warning, where that is by functions of one's own. */
export function trainingConfigOf({ loss, metrics, optimizer }: LayersModel): ConfigDict | undefined {
  const measures = typeof metrics === 'string' || typeof metrics === 'function' ? [metrics] : metrics
  try {
    return {
      loss: each(loss, nameIn),
      metrics: each(measures, nameIn),
      optimizer_config: { class_name: optimizer.getClassName(), config: optimizer.getConfig() },
    }
  } catch (error) {
    if (!(error instanceof Unnamed)) throw error
    warn(
      'WARN_LEFT',
      'model.save: a loss or a metric is a function, so how the model was compiled is not saved, nor its optimizer; compile it after loading',
    )
    return undefined
  }
}

/**
 * Compiles a model as it was when it was saved, and lets its optimizer go on from there. What cannot be compiled here
 * leaves the model without, and a warning.
 */
export async function compileAsSaved(
  model: LayersModel,
  { loss, metrics, optimizer_config: saved }: Readonly<Record<string, unknown>>,
  artifacts: ModelArtifacts,
): Promise<void> {
  const camel = (value: unknown) => (typeof value === 'string' ? unworded(value) : value)
  try {
    const { class_name: name, config } = isRecord(saved) ? saved : {}
    model.compile({
      optimizer: optimizerOfConfig(name, isRecord(config) ? config : {}),
      loss: each(loss, camel) as ModelCompileArgs['loss'],
      ...(metrics != null && { metrics: each(metrics, camel) as NonNullable<ModelCompileArgs['metrics']> }),
    })
  } catch (error) {
    if (!(error instanceof SeqloomError)) throw error
    warn('WARN_LEFT', `the model: how it was compiled is left out: ${error.message}`)
    return
  }
  const kept = Object.entries(await weightsOf(artifacts, true)).map(([name, tensor]) => ({ name, tensor }))
  if (kept.length > 0) await model.optimizer.setWeights(kept)
}
