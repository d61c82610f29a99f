import { isRecord } from '../../options.js'
import { infoOf, joinedBuffer } from '../io/artifacts.js'
import { handlerOf } from '../io/handlers.js'
import type { IOHandler, LoadOptions, ModelArtifacts, SaveConfig, SaveResult } from '../io/types.js'
import { encodeWeights, weightsOf } from '../io/weights.js'
import type { ConfigDict } from '../layers/layer.js'
import { version_layers } from '../names.js'
import type { NamedTensorMap } from '../tensor.js'
import { type CustomObjects, configOf, describeModel, modelFromDescription } from './config.js'
import { LayersModel } from './model.js'
import { compileAsSaved, trainingConfigOf } from './trainingConfig.js'

/** The description of a model with what tfjs says beside it. */
export const modelTopology = (model: LayersModel): ConfigDict => ({
  ...describeModel(model),
  keras_version: `tfjs-layers ${version_layers}`,
  backend: 'tensor_flow.js',
})

/** Saves a model to a URL or by a handler. */
export async function saveModel(
  model: LayersModel,
  handlerOrURL: IOHandler | string,
  config: SaveConfig = {},
): Promise<SaveResult> {
  const handler = handlerOf(handlerOrURL, 'save')
  const weights = model.namedWeights()
  const trained = new Set(model.trainableWeights.map(({ name }) => name))
  const { data, specs } = await encodeWeights(
    config?.trainableOnly ? weights.filter(({ name }) => trained.has(name)) : weights,
  )
  const trainingConfig = config?.includeOptimizer && model.optimizer ? trainingConfigOf(model) : undefined
  const kept = trainingConfig && (await encodeWeights(await model.optimizer.getWeights(), 'optimizer'))
  const metadata = model.getUserDefinedMetadata()
  const artifacts: ModelArtifacts = {
    modelTopology: modelTopology(model),
    format: 'layers-model',
    generatedBy: `TensorFlow.js tfjs-layers v${version_layers}`,
    convertedBy: null,
    weightSpecs: [...specs, ...(kept?.specs ?? [])],
    weightData: kept ? joinedBuffer([data, kept.data]) : data,
    ...(trainingConfig && { trainingConfig }),
    ...(metadata && { userDefinedMetadata: metadata }),
  }
  const result = await handler.save?.(artifacts)
  return result ?? { modelArtifactsInfo: infoOf(artifacts) }
}

LayersModel.saving = { save: saveModel, describe: modelTopology, config: configOf }

/** Loads a layers model from a URL or by a handler. */
export async function loadLayersModel(
  pathOrIOHandler: string | IOHandler,
  options: LoadOptions = {},
): Promise<LayersModel> {
  const handler = handlerOf(pathOrIOHandler, 'load', options ?? {})
  const artifacts = (await handler.load?.()) as ModelArtifacts
  return await fromArtifacts(artifacts, options?.strict ?? true)
}

async function fromArtifacts(
  artifacts: ModelArtifacts,
  strict: boolean,
  custom: CustomObjects = {},
): Promise<LayersModel> {
  // Checks the description, too; weights are read before anything is made.
  const weights = await weightsOf(artifacts)
  const model = modelFromDescription(artifacts.modelTopology, custom)
  if (Object.keys(weights).length > 0) model.loadWeights(renamed(model, weights), strict)
  if (artifacts.userDefinedMetadata) model.setUserDefinedMetadata(artifacts.userDefinedMetadata)
  if (isRecord(artifacts.trainingConfig)) await compileAsSaved(model, artifacts.trainingConfig, artifacts)
  return model
}

/** Weights under the model's names: some converters put the model's name in front. */
function renamed(model: LayersModel, weights: NamedTensorMap): NamedTensorMap {
  const known = new Set(model.weights.map(({ name }) => name))
  return Object.fromEntries(
    Object.entries(weights).map(([name, tensor]) => {
      if (known.has(name)) return [name, tensor]
      const shorter = [...known].find((own) => name.endsWith(`/${own}`))
      return [shorter ?? name, tensor]
    }),
  )
}

/** `tf.models`. */
export const models = {
  /** A model of its description: what `model.toJSON()` returned, as text or as an object, without weights. */
  async modelFromJSON(modelAndWeightsConfig: string | object, customObjects?: CustomObjects): Promise<LayersModel> {
    const given: unknown =
      typeof modelAndWeightsConfig === 'string' ? JSON.parse(modelAndWeightsConfig) : modelAndWeightsConfig
    const topology = isRecord(given) ? (given.modelTopology ?? given) : given
    return modelFromDescription(topology, customObjects)
  },
}
