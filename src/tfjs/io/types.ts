import type { TfjsWeightSpec } from '../../interop/tfjs/artifacts.js'

/** How a weight is saved. */
export type WeightsManifestEntry = TfjsWeightSpec

/** Files and the weights in them. */
export interface WeightsManifestGroupConfig {
  paths: string[]
  weights: WeightsManifestEntry[]
}

export type WeightsManifestConfig = WeightsManifestGroupConfig[]
export type WeightData = ArrayBuffer | ArrayBuffer[]

/** A model as handlers save and load it. */
export interface ModelArtifacts {
  modelTopology?: object | ArrayBuffer
  format?: string
  generatedBy?: string
  convertedBy?: string | null
  weightSpecs?: WeightsManifestEntry[]
  weightData?: WeightData
  trainingConfig?: object
  userDefinedMetadata?: object
}

/** What is in a model.json. */
export interface ModelJSON extends Omit<ModelArtifacts, 'modelTopology' | 'weightSpecs' | 'weightData'> {
  modelTopology: object
  weightsManifest: WeightsManifestConfig
}

/** What is said of a model that was saved. */
export interface ModelArtifactsInfo {
  dateSaved: Date
  modelTopologyType: 'JSON' | 'GraphDef'
  modelTopologyBytes?: number
  weightSpecsBytes?: number
  weightDataBytes?: number
}

export interface SaveResult {
  modelArtifactsInfo: ModelArtifactsInfo
  responses?: unknown[]
  errors?: unknown[]
}

/** What saves or loads a model. */
export interface IOHandler {
  save?: (modelArtifacts: ModelArtifacts) => Promise<SaveResult>
  load?: () => Promise<ModelArtifacts>
}

export interface IOHandlerSync {
  save?: (modelArtifacts: ModelArtifacts) => SaveResult
  load?: () => ModelArtifacts
}

/** A function that makes a handler of URLs that are its own, and gives null for others. */
export type IORouter = (url: string | string[], loadOptions?: LoadOptions) => IOHandler | null

/** Options of `model.save`. */
export interface SaveConfig {
  trainableOnly?: boolean
  includeOptimizer?: boolean
}

/** Options of `tf.loadLayersModel`. */
export interface LoadOptions {
  requestInit?: RequestInit
  onProgress?: (fraction: number) => void
  fetchFunc?: (path: string, init?: RequestInit) => Promise<Response>
  strict?: boolean
  weightPathPrefix?: string
  fromTFHub?: boolean
  weightUrlConverter?: (weightFileName: string) => Promise<string>
}
