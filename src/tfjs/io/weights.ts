import { readArtifacts } from '../../interop/tfjs/artifacts.js'
import { bytesOf } from '../../interop/tfjs/bytes.js'
import { weightsIn } from '../../interop/tfjs/weights.js'
import { type NamedTensorMap, Tensor } from '../tensor.js'
import { joinedBuffer } from './artifacts.js'
import type { ModelArtifacts, WeightData, WeightsManifestEntry } from './types.js'

/** Tensors by name as descriptions and bytes. */
export async function encodeWeights(
  tensors: NamedTensorMap | readonly { readonly name: string; readonly tensor: Tensor }[],
  group?: 'model' | 'optimizer',
): Promise<{ data: ArrayBuffer; specs: WeightsManifestEntry[] }> {
  const list = Array.isArray(tensors)
    ? (tensors as { name: string; tensor: Tensor }[])
    : Object.entries(tensors as NamedTensorMap).map(([name, tensor]) => ({ name, tensor }))
  const specs = list.map(({ name, tensor }): WeightsManifestEntry => {
    return { name, shape: [...tensor.shape], dtype: tensor.dtype as 'float32', ...(group && { group }) }
  })
  const parts = await Promise.all(list.map(({ tensor }) => tensor.bytes()))
  return { data: joinedBuffer((parts as Uint8Array[]).map((part) => new Uint8Array(part).buffer)), specs }
}

/** The weights of a model, or what its optimizer keeps, by name. `ERR_FORMAT` for what does not fit. */
export async function weightsOf(artifacts: ModelArtifacts, ofOptimizer = false): Promise<NamedTensorMap> {
  const where = 'the model'
  if (!artifacts.weightData || !artifacts.weightSpecs) return {}
  const { groups, data } = readArtifacts(where, artifacts)
  const weights = weightsIn(where, groups[0]?.specs ?? [], bytesOf(where, data), ofOptimizer)
  const found: NamedTensorMap = {}
  for (const { name, shape, floats } of weights) {
    found[name] = new Tensor([...shape], 'float32', await floats())
  }
  return found
}

/** Bytes as tensors by name. */
export function decodeWeights(data: WeightData, specs: WeightsManifestEntry[]): Promise<NamedTensorMap> {
  return weightsOf({ modelTopology: {}, weightData: data, weightSpecs: specs })
}
