export {
  CompositeArrayBuffer,
  infoOf as getModelArtifactsInfoForJSON,
  joinedBuffer as concatenateArrayBuffers,
} from './artifacts.js'
export { fileSystem } from './files.js'
export {
  browserFiles,
  browserHTTPRequest,
  copyModel,
  fromMemory,
  fromMemorySync,
  getLoadHandlers,
  getSaveHandlers,
  http,
  isHTTPScheme,
  listModels,
  moveModel,
  nodeHTTPRequest,
  registerLoadRouter,
  registerSaveRouter,
  removeModel,
  withSaveHandler,
  withSaveHandlerSync,
} from './handlers.js'
export {
  getModelArtifactsForJSON,
  getModelArtifactsForJSONSync,
  getWeightSpecs,
  loadWeights,
  weightsLoaderFactory,
} from './manifest.js'
export type {
  IOHandler,
  IOHandlerSync,
  IORouter,
  LoadOptions,
  ModelArtifacts,
  ModelArtifactsInfo,
  ModelJSON,
  SaveConfig,
  SaveResult,
  WeightData,
  WeightsManifestConfig,
  WeightsManifestEntry,
  WeightsManifestGroupConfig,
} from './types.js'
export { decodeWeights, encodeWeights } from './weights.js'
