// What handlers of one's own are written with: a model.json, and the files of weights that it names.
import { describe, SeqloomError } from '../../errors.js'
import type { NamedTensorMap } from '../tensor.js'
import { joinedBuffer } from './artifacts.js'
import type { ModelArtifacts, ModelJSON, WeightData, WeightsManifestConfig, WeightsManifestEntry } from './types.js'
import { decodeWeights } from './weights.js'

/** All weights that a manifest names, in the order of their bytes. */
export function getWeightSpecs(weightsManifest: WeightsManifestConfig): WeightsManifestEntry[] {
  if (!Array.isArray(weightsManifest)) {
    throw new SeqloomError('ERR_FORMAT', `a weightsManifest must be an array, not ${describe(weightsManifest)}`)
  }
  return weightsManifest.flatMap(({ weights }) => weights)
}

/** A model.json with its weights, as a handler's `load` returns them. */
export function getModelArtifactsForJSONSync(
  modelJSON: ModelJSON,
  weightSpecs?: WeightsManifestEntry[],
  weightData?: WeightData,
): ModelArtifacts {
  const { weightsManifest, ...artifacts } = modelJSON
  if (weightsManifest === undefined) return artifacts
  if (!weightSpecs || !weightData) {
    throw new SeqloomError('ERR_OPTION', 'modelJSON has weightsManifest but weightSpecs or weightData is null')
  }
  return { ...artifacts, weightSpecs, weightData }
}

/** The same; a function loads the weights that the manifest names. */
export async function getModelArtifactsForJSON(
  modelJSON: ModelJSON,
  loadWeights: (manifest: WeightsManifestConfig) => Promise<[WeightsManifestEntry[], WeightData]>,
): Promise<ModelArtifacts> {
  const { weightsManifest } = modelJSON
  const [weightSpecs, weightData] = weightsManifest ? await loadWeights(weightsManifest) : []
  return getModelArtifactsForJSONSync(modelJSON, weightSpecs, weightData)
}

/**
 * Makes a function that loads tensors by name, of all groups of a manifest or of those with some names, from files that
 * are at a prefix; `fetchWeights` fetches files.
 */
export function weightsLoaderFactory(fetchWeights: (urls: string[]) => Promise<ArrayBuffer[]>) {
  return async (
    manifest: WeightsManifestConfig,
    filePathPrefix = '',
    weightNames?: string[],
  ): Promise<NamedTensorMap> => {
    const specs = getWeightSpecs(manifest)
    const missing = weightNames?.filter((name) => !specs.some((each) => each.name === name)) ?? []
    if (missing.length > 0) {
      const known = specs.map(({ name }) => name).join(', ')
      throw new SeqloomError(
        'ERR_OPTION',
        `Could not find weights in manifest with names: ${missing.join(', ')}. It has: ${known}`,
      )
    }
    const folder = filePathPrefix === '' || filePathPrefix.endsWith('/') ? filePathPrefix : `${filePathPrefix}/`
    const wanted = (name: string) => weightNames === undefined || weightNames.includes(name)
    const loaded: NamedTensorMap = {}
    for (const { paths, weights } of manifest) {
      if (!weights.some(({ name }) => wanted(name))) continue
      const bytes = joinedBuffer(await fetchWeights(paths.map((path) => folder + path)))
      for (const [name, tensor] of Object.entries(await decodeWeights(bytes, weights))) {
        if (wanted(name)) loaded[name] = tensor
      }
    }
    return loaded
  }
}

/** Tensors of files on a server. */
export const loadWeights = (
  manifest: WeightsManifestConfig,
  filePathPrefix?: string,
  weightNames?: string[],
  requestInit?: RequestInit,
): Promise<NamedTensorMap> =>
  weightsLoaderFactory((urls) =>
    Promise.all(
      urls.map(async (url) => {
        const answer = await fetch(url, requestInit).catch((cause: unknown) => {
          throw new SeqloomError('ERR_IO', `Request to ${url} failed`, { cause })
        })
        if (!answer.ok) throw new SeqloomError('ERR_IO', `Request to ${url} failed with status code ${answer.status}`)
        return answer.arrayBuffer()
      }),
    ),
  )(manifest, filePathPrefix, weightNames)
