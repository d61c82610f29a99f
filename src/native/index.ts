import { loadNative, type Native } from './load.js'

export type {
  Backend,
  CancelFlag,
  DecodedSafetensors,
  EncodedTexts,
  NamedState,
  NamedTensor,
  NativeCtcSearch,
  NativeFeed,
  NativeGenerator,
  NativeGradients,
  NativeHypotheses,
  NativeModel,
  NativeNewState,
  NativeNewWeights,
  NativeSession,
  NativeSnapshot,
  NativeTensor,
  NativeTokenizer,
  NativeTranscripts,
  NativeTransducerSearch,
  StagedArray,
  StagedTexts,
  VocabularyEntry,
} from './binding.cjs'

/** The native engine. */
export const native: Native = loadNative()

/**
 * Describes the engine: instruction set, threads, version. Throws `ERR_OPTION` if `SEQLOOM_SIMD` or `SEQLOOM_THREADS`
 * is invalid.
 */
export const backend: Native['backend'] = native.backend

/** Changes settings of the process, such as the number of `threads`. Throws `ERR_OPTION` for a value out of range. */
export const configure: Native['configure'] = native.configure
