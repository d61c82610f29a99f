export { infoOf as getModelArtifactsInfoForJSON, joinedBuffer as concatenateArrayBuffers } from './artifacts.js'
export { fileSystem } from './files.js'
export {
  browserHTTPRequest,
  copyModel,
  fromMemory,
  fromMemorySync,
  getLoadHandlers,
  getSaveHandlers,
  http,
  listModels,
  moveModel,
  removeModel,
  withSaveHandler,
  withSaveHandlerSync,
} from './handlers.js'
export type {
  IOHandler,
  IOHandlerSync,
  LoadOptions,
  ModelArtifacts,
  ModelArtifactsInfo,
  SaveConfig,
  SaveResult,
  WeightData,
  WeightsManifestConfig,
  WeightsManifestEntry,
  WeightsManifestGroupConfig,
} from './types.js'
export { decodeWeights, encodeWeights } from './weights.js'
