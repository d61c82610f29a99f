import { bytesGiven } from '../../bytes.js'
import { describe, reading, SeqloomError } from '../../errors.js'
import { checkDepth } from '../../limits.js'
import { isRecord } from '../../options.js'

/** A weight in a model of TensorFlow.js. */
export interface TfjsWeightSpec {
  name: string
  shape: number[]
  dtype: 'float32' | 'int32' | 'bool' | 'string' | 'complex64'
  /** How its numbers were made smaller: as `uint8` or `uint16`, value · scale + min, or as `float16`. */
  quantization?: { dtype: 'uint8' | 'uint16' | 'float16'; scale?: number; min?: number }
}

/** A model of TensorFlow.js in memory, as a handler of `tf.loadLayersModel` gives it. */
export interface TfjsArtifacts {
  readonly format: string
  readonly generatedBy: string
  readonly convertedBy: null
  readonly modelTopology: object
  readonly weightSpecs: TfjsWeightSpec[]
  /** The elements of all weights, one after the other. */
  readonly weightData: ArrayBuffer
}

/** A model of TensorFlow.js in memory, as the handler of `tf.io.withSaveHandler` is given it. */
export interface TfjsSource {
  readonly modelTopology?: object | undefined
  readonly weightSpecs?: readonly TfjsWeightSpec[] | undefined
  /** The elements of all weights, one after the other, in one buffer or several. */
  readonly weightData?: ArrayBuffer | readonly ArrayBuffer[] | undefined
}

/** A model's description, and its weights in groups that each stand in files of their own. */
export interface Description {
  /** The object with `class_name` and `config`. */
  readonly topology: unknown
  readonly groups: readonly Group[]
}

/** What a description says of a weight, which may be of any type. */
export interface SavedSpec {
  readonly name: string
  readonly shape: readonly number[]
  readonly dtype: string
  readonly quantization?: { readonly dtype: string; readonly scale: number; readonly min: number }
  /** Whether it is a state of the optimizer, which the model is saved with if it is asked for. */
  readonly ofOptimizer?: true
}

/** Weights that follow each other in some files. */
export interface Group {
  readonly specs: readonly SavedSpec[]
  /** The files, in order, relative to the description; none for what is in memory. */
  readonly paths: readonly string[]
}

/** Files of a model at most. */
const mostFiles = 1 << 16

/** Reads a `model.json`. `ERR_FORMAT`; `ERR_UNSUPPORTED` for a graph model. */
export function readDescription(where: string, given: unknown): Description {
  const wrong = (why: string) => new SeqloomError('ERR_FORMAT', `${where}: no model of TensorFlow.js: ${why}`)
  checkDepth(where, given)
  if (!isRecord(given)) throw wrong(`it is ${describe(given)}`)
  const { weightsManifest } = given
  const topology = topologyOf(where, given)
  if (!Array.isArray(weightsManifest)) throw wrong('it has no weightsManifest')
  const groups = weightsManifest.map((group: unknown): Group => {
    const { paths, weights } = isRecord(group) ? group : {}
    if (!Array.isArray(paths) || !paths.every((path) => typeof path === 'string')) {
      throw wrong('a group of its weightsManifest has no paths')
    }
    return { specs: readSpecs(where, weights), paths }
  })
  if (groups.reduce((sum, { paths }) => sum + paths.length, 0) > mostFiles) throw wrong(`more than ${mostFiles} files`)
  return { topology, groups }
}

/** Reads a model in memory. `ERR_FORMAT`; `ERR_UNSUPPORTED` for a graph model. */
export function readArtifacts(where: string, given: object): Description & { readonly data: readonly Uint8Array[] } {
  const wrong = (why: string) => new SeqloomError('ERR_FORMAT', `${where}: no model of TensorFlow.js: ${why}`)
  const { weightData, ...rest } = given as Record<string, unknown>
  const described = { format: rest.format, modelTopology: rest.modelTopology, weightSpecs: rest.weightSpecs }
  checkDepth(where, described)
  // As it would stand in a file.
  const { format, modelTopology, weightSpecs } = reading('ERR_FORMAT', where, () =>
    JSON.parse(JSON.stringify(described)),
  )
  const topology = topologyOf(where, { format, modelTopology })
  const data = (Array.isArray(weightData) ? weightData : [weightData]).map((each: unknown) => {
    const bytes = bytesGiven(each)
    if (bytes) return bytes
    if (ArrayBuffer.isView(each)) return new Uint8Array(each.buffer, each.byteOffset, each.byteLength)
    throw wrong(`weightData is ${describe(each)}, not an ArrayBuffer or an array of them`)
  })
  return { topology, groups: [{ specs: readSpecs(where, weightSpecs), paths: [] }], data }
}

function topologyOf(where: string, { format, modelTopology }: Readonly<Record<string, unknown>>): unknown {
  if (format === 'graph-model' || (isRecord(modelTopology) && 'node' in modelTopology)) {
    throw new SeqloomError(
      'ERR_UNSUPPORTED',
      `${where} is a graph model, whose operations are not known as layers; convert the Keras model to a layers model (tensorflowjs_converter --output_format=tfjs_layers_model), or load the Keras file with interop.loadKeras`,
    )
  }
  // Programs in Python put the model beside what they note of themselves.
  const topology = isRecord(modelTopology) ? (modelTopology.model_config ?? modelTopology) : undefined
  if (topology === undefined) {
    throw new SeqloomError('ERR_FORMAT', `${where}: no model of TensorFlow.js: it has no modelTopology`)
  }
  return topology
}

const isSize = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0

function readSpecs(where: string, given: unknown): SavedSpec[] {
  if (!Array.isArray(given))
    throw new SeqloomError('ERR_FORMAT', `${where}: its weights are ${describe(given)}, not a list`)
  return given.map((spec: unknown): SavedSpec => {
    const { name, shape, dtype, quantization, group } = isRecord(spec) ? spec : {}
    if (typeof name !== 'string' || typeof dtype !== 'string' || !Array.isArray(shape) || !shape.every(isSize)) {
      throw new SeqloomError('ERR_FORMAT', `${where}: a weight has no name, dtype and shape: ${describe(spec)}`)
    }
    const about = { name, shape, dtype, ...(group === 'optimizer' && { ofOptimizer: true as const }) }
    if (quantization === undefined) return about
    const { dtype: packed, scale = 1, min = 0 } = isRecord(quantization) ? quantization : {}
    if (typeof packed !== 'string' || !Number.isFinite(scale) || !Number.isFinite(min)) {
      throw new SeqloomError('ERR_FORMAT', `${where}: the quantization of '${name}' is ${describe(quantization)}`)
    }
    return { ...about, quantization: { dtype: packed, scale: scale as number, min: min as number } }
  })
}
