import { runSliced } from '../data/index.js'
import { describe, isInstance, reading, SeqloomError } from '../errors.js'
import { replaceNamed } from '../files.js'
import type { AnyLayer } from '../layers/layer.js'
import { Model } from '../model/model.js'
import { countOf, renew } from '../model/newWeights.js'
import type { Sequential } from '../model/sequential.js'
import { readingWeights } from '../model/weights.js'
import { checkOptions, custom, isRecord } from '../options.js'
import { pathOf } from '../path.js'
import { type Biases, biasesOf, keepBiases, sumOf } from './biases.js'
import { type FileOrBytes, type Source, type StoredTensor, Unmapped, type WrittenTensor, wholeOf } from './format.js'
import { formatFor } from './formats.js'
import { match, type Wanted } from './match.js'
import { type ParameterMove, type Part, partsOf, toTheirs } from './modules.js'
import { flattenedBefore } from './pytorchFlatten.js'
import { type StackOptions, stackChecks, stackOf } from './pytorchStack.js'
import { openTensors } from './shards.js'
import { nameOf, type Unit, unitsOf } from './units.js'

/** Modules by the names of their layers: `{ lstm: 'encoder.rnn', dense: 'head' }`. */
export type PyTorchMapping = Readonly<Record<string, string>>

/** What part of a file `loadPyTorch` reads. */
export interface PyTorchFileOptions {
  /** Names in the file, or prefixes of them, that are not needed. */
  readonly ignore?: readonly string[]
  /**
   * Where the state dict is in a `.pt` file that holds more, such as `'model_state_dict'` or `['nets', 'encoder']`. By
   * default it is found; where there are several, the error names them.
   */
  readonly key?: string | readonly string[]
}

/** Options of `loadPyTorch` for a model that exists. */
export interface LoadPyTorchOptions extends PyTorchFileOptions {
  /** The model whose weights are replaced. */
  readonly model: Model
  /**
   * Modules by the names of their layers, for layers whose shapes fit more than one: a prefix of names in the file,
   * such as `'encoder.rnn'`, with a number for one of several stacked layers: `'encoder.rnn.l1'`. With null, a layer
   * keeps its weights.
   */
  readonly mapping?: Readonly<Record<string, string | null>>
}

/** Options of `loadPyTorch` for a model that is made from the file. */
export interface PyTorchStackOptions extends PyTorchFileOptions, StackOptions {
  readonly model?: undefined
}

/** Options of `toPyTorch`. */
export interface ToPyTorchOptions {
  /** Modules by the names of their layers, as `loadPyTorch` returns them; by default, modules are named like layers. */
  readonly mapping?: PyTorchMapping
}

const isModel = custom('a model', (value) => isInstance(value, Model))
const isNames = (accepted: (value: unknown) => boolean) =>
  custom('an object of modules by layer names', (value) => isRecord(value) && Object.values(value).every(accepted))
const isNothing = custom('left out', (value) => value === undefined)
const isKey = custom(
  'a name or an array of names',
  (value) => typeof value === 'string' || (Array.isArray(value) && value.every((name) => typeof name === 'string')),
)
const isList = custom(
  'an array of names',
  (value) => Array.isArray(value) && value.every((name) => typeof name === 'string'),
)

/**
 * Loads weights trained with PyTorch into a model with the same layers, from a path or bytes: a `.safetensors` file, or
 * a `.pt` or `.pth` file of `torch.save` (of any version since 0.1.10) that holds a `state_dict` or a checkpoint with
 * one. Nothing in a file is executed. A model in several files is given as their index (`model.safetensors.index.json`,
 * `pytorch_model.bin.index.json`) or as the folder.
 *
 * `nn.RNN`, `nn.LSTM`, `nn.GRU` (deep and bidirectional), their cells, `nn.Embedding`, `nn.Linear`, `nn.LayerNorm`,
 * `nn.BatchNorm1d` and `nn.RMSNorm` go to the layers whose weights have their shapes; if several fit, to the layer of
 * the same name, or in the order of their numbers. Gates are put in Seqloom's order. The two biases of a recurrent
 * module are added up if the layer has one; both are remembered for `toPyTorch`. Types may be float32, float16,
 * bfloat16 and float64.
 *
 * Replaces all weights or none: they are read into memory of their own, and the model keeps its weights until that is
 * done, also if reading the file fails half way. Resolves to the mapping found, for `toPyTorch`. Rejects with
 * `ERR_FORMAT`, listing everything that cannot be mapped: tensors that belong to no layer, layers that get nothing, and
 * layers that several modules fit (choose one with `mapping`); `ERR_FORMAT` for a damaged file; `ERR_UNSUPPORTED` for
 * other types, and for whole modules and other objects in a `.pt` file; `ERR_OPTION` for a checkpoint with several
 * state dicts (choose one with `key`); `ERR_DATA` for values that are not finite; `ERR_IO`, `ERR_STATE`.
 */
export async function loadPyTorch(
  file: FileOrBytes,
  options: LoadPyTorchOptions,
): Promise<{ readonly mapping: PyTorchMapping }>
/**
 * Makes a model from a file whose modules follow each other: an embedding, recurrent modules, normalization and linear
 * ones, in the order in which the file has them (`.safetensors` have none; there the order is the one in which the
 * sizes fit). Layers are named like their modules.
 *
 * What a state dict does not say is in the options: activations, and what is done with the steps. Rejects with
 * `ERR_UNSUPPORTED`, naming everything that belongs to no such stack, and with `ERR_OPTION` where several models are
 * possible; else like the form with a model.
 */
export async function loadPyTorch(
  file: FileOrBytes,
  options?: PyTorchStackOptions,
): Promise<{ readonly model: Sequential; readonly mapping: PyTorchMapping }>
export async function loadPyTorch(
  file: FileOrBytes,
  options: LoadPyTorchOptions | PyTorchStackOptions = {},
): Promise<{ readonly model?: Model; readonly mapping: PyTorchMapping }> {
  const hasModel = () => isRecord(options) && options.model !== undefined
  const isGiven = reading('ERR_OPTION', 'interop.loadPyTorch: the options', hasModel)
  checkOptions('interop.loadPyTorch', options, {
    accepted: {
      ignore: isList,
      key: isKey,
      ...(isGiven
        ? { model: isModel, mapping: isNames((v) => v === null || typeof v === 'string') }
        : { model: isNothing, ...stackChecks }),
    },
  })
  const { ignore = [], key } = options
  const { source, tensors, keepsOrder, close } = await openTensors(
    'interop.loadPyTorch: the file',
    file,
    typeof key === 'string' ? [key] : key,
  )
  try {
    const units = unitsOf(
      [...tensors].filter(([name]) => !ignore.some((prefix) => name === prefix || name.startsWith(`${prefix}.`))),
    )
    if (options.model !== undefined) return { mapping: await fill(source, options.model, units, options.mapping) }
    const { model, mapping } = stackOf(source.where, units, keepsOrder, options)
    try {
      return { model, mapping: await fill(source, model, units, mapping) }
    } catch (error) {
      model.dispose()
      throw error
    }
  } finally {
    await close()
  }
}

/** Puts modules into the layers of a model. Gives the module of each layer. */
async function fill(
  source: Source,
  model: Model,
  units: readonly Unit[],
  mapping: LoadPyTorchOptions['mapping'] = {},
): Promise<PyTorchMapping> {
  const problems = new Unmapped()
  const { targets, unmapped } = targetsOf(model)
  for (const { name, shown, why } of unmapped) {
    if (mapping[name] !== null) problems.add(`${shown}: ${why}; with mapping: { '${name}': null } it stays as it is`)
  }
  const known = [...targets, ...unmapped].map(({ name }) => name)
  for (const name of Object.keys(mapping).filter((name) => !known.includes(name))) {
    problems.add(`mapping: there is no layer '${name}' with weights; they are ${known.join(', ')}`)
  }
  const wanted = targets.filter(({ name }) => mapping[name] !== null)
  const found = match(wanted, units, mapping as PyTorchMapping, problems)
  problems.check(`${source.where} does not fit the model`)
  await put(source, model, found)
  return Object.fromEntries([...found].map(([{ name }, unit]) => [name, unit.name]))
}

/**
 * Writes a model's weights for PyTorch: as a `.pt` file if the path ends in `.pt` or `.pth`, for
 * `module.load_state_dict(torch.load(path))`, else as `.safetensors`, for
 * `module.load_state_dict(safetensors.torch.load_file(path))`. Names begin with the layer's name, as in
 * `lstm.weight_ih_l0`, or with the module's name in `mapping`. Where a layer has one bias and PyTorch two, both are
 * those that `loadPyTorch` read for this layer, to the bit, as long as their sum has not changed. Else, and for a model
 * that was cloned or loaded from a folder, `bias_ih` has the whole bias, and `bias_hh` is zero.
 *
 * Rejects with `ERR_UNSUPPORTED`, naming all layers without a corresponding module; `ERR_OPTION`, `ERR_IO`,
 * `ERR_STATE`.
 */
export async function toPyTorch(model: Model, file: string | URL, options: ToPyTorchOptions = {}): Promise<void> {
  if (!isModel.accepts(model)) {
    throw new SeqloomError('ERR_OPTION', `interop.toPyTorch: expected a model, not ${describe(model)}`)
  }
  checkOptions('interop.toPyTorch', options, { accepted: { mapping: isNames((v) => typeof v === 'string') } })
  const path = pathOf('interop.toPyTorch: the file', file)
  const { targets, unmapped } = targetsOf(model)
  const mapping = options.mapping ?? {}
  const unknown = Object.keys(mapping).find((name) => !targets.some((target) => target.name === name))
  if (unknown !== undefined) {
    throw new SeqloomError('ERR_OPTION', `interop.toPyTorch: mapping: there is no layer '${unknown}' that is written`)
  }
  if (unmapped.length > 0) {
    const lines = unmapped.map(({ shown, why }) => `- ${shown}: ${why}`)
    throw new SeqloomError(
      'ERR_UNSUPPORTED',
      ['interop.toPyTorch: there are layers that cannot be written:', ...lines].join('\n'),
    )
  }
  await readingWeights(model.engine, async (weight) => {
    await replaceNamed(path, formatFor(path).write(written(targets, mapping, weight)))
  })
}

/** The tensors of layers, each made when its turn comes. */
function written(
  targets: readonly Target[],
  mapping: Readonly<Record<string, string>>,
  weight: (index: number) => Float32Array,
): WrittenTensor[] {
  const tensors: WrittenTensor[] = []
  for (const { layer, name, parts, indices } of targets) {
    let next = 0
    for (const part of parts) {
      const at = next
      next += part.count
      const own = indices.slice(at, next)
      for (const [parameter, shape] of Object.entries(part.shapes)) {
        const data = () => {
          const read = new Map<number, Float32Array>()
          const given = (index: number): Float32Array => {
            const values = read.get(index) ?? weight(own[index] as number)
            read.set(index, values)
            return values
          }
          const both = part.second && biasesOf(layer, at, given(0))
          return runSliced(toTheirs(part, both ? (index) => both[index] as Float32Array : given, parameter))
        }
        tensors.push({ name: nameOf(mapping[name] ?? name, parameter), shape, data })
      }
    }
  }
  return tensors
}

/** A layer of ours and its parts. */
interface Target extends Wanted {
  readonly layer: AnyLayer
  readonly parts: readonly Part[]
  /** Which of the model's weights the parts are. */
  readonly indices: readonly number[]
}

/** The layers with weights, and those for which there is no module. */
function targetsOf(model: Model) {
  const topology = model.topology()
  const { names, layers } = topology
  const { specs } = model.engine
  const targets: Target[] = []
  const unmapped: { readonly name: string; readonly shown: string; readonly why: string }[] = []
  for (const layer of layers) {
    const { tiedTo } = layer.config()
    const tied = tiedTo === undefined ? [] : [specs.findIndex(({ name }) => name === `${tiedTo}/embeddings`)]
    const indices = [...tied, ...model.engine.indicesOf(layer)]
    if (indices.length === 0) continue
    const name = names.get(layer as AnyLayer) as string
    const parts = partsOf(
      layer,
      indices.map((index) => specs[index]?.shape ?? []),
      flattenedBefore(topology, layer),
    )
    if (typeof parts === 'string') unmapped.push({ name, shown: `'${name}' (${layer.className})`, why: parts })
    else {
      const shapes = Object.assign({}, ...parts.map((part) => part.shapes))
      targets.push({
        layer,
        name,
        className: layer.className,
        isNamed: layer.givenName !== undefined,
        shapes,
        parts,
        indices,
      })
    }
  }
  return { targets, unmapped }
}

/** Reads the modules found and replaces the layers' weights with them; other layers keep theirs. */
async function put(source: Source, model: Model, found: ReadonlyMap<Target, Unit>): Promise<void> {
  const pairs: { readonly layer: AnyLayer; readonly at: number; readonly biases: Biases }[] = []
  await renew(model.engine, async (weights) => {
    const tables = new Map<number, Table>()
    for (const [{ layer, parts, indices }, unit] of found) {
      let next = 0
      for (const part of parts) {
        const at = next
        next += part.count
        const index = indices[at] as number
        const stored = (name: string) => unit.tensors.get(name) as StoredTensor
        if (part.second) {
          const [first, second] = [part.moves, part.second]
          const biases = [await oursOf(source, first, stored), await oursOf(source, second, stored)] as const
          pairs.push({ layer, at, biases })
          await weights.put(index, sumOf(biases))
          continue
        }
        const [name] = Object.keys(part.shapes) as [string]
        const table = { tensor: stored(name), unit: unit.name }
        const before = tables.get(index)
        tables.set(index, table)
        if (before) await checkSame(source, before, table)
        else {
          for (const move of part.moves) {
            await weights.move(indices[at + move.weight] as number, stored(move.parameter).pieces, [move])
          }
        }
      }
    }
  })
  for (const { layer, at, biases } of pairs) keepBiases(layer, at, biases)
}

/** A small weight of ours that is a parameter in another order. */
async function oursOf(
  source: Source,
  moves: readonly ParameterMove[],
  stored: (name: string) => StoredTensor,
): Promise<Float32Array> {
  const theirs = await wholeOf(source.where, stored((moves[0] as ParameterMove).parameter))
  const ours = new Float32Array(theirs.length)
  for (const { from, to, sizes } of moves) ours.set(theirs.subarray(from, from + (sizes[0] as number)), to)
  return ours
}

/** The parameter that a weight was read from: of a table, which several modules may have. */
interface Table {
  readonly tensor: StoredTensor
  readonly unit: string
}

/** `ERR_FORMAT` if two modules have different elements for one weight. */
async function checkSame(source: Source, one: Table, other: Table): Promise<void> {
  const count = countOf({ sizes: one.tensor.shape })
  // Of both, pieces that another type may cut elsewhere.
  const step = 1 << 18
  for (let from = 0; from < count; from += step) {
    const shape = [Math.min(step, count - from)]
    const part = ({ tensor: { pieces } }: Table) =>
      wholeOf(source.where, { shape, pieces: (at, length) => pieces(from + at, length) })
    const [a, b] = [await part(one), await part(other)]
    if (!a.every((value, place) => Object.is(value, b[place]))) {
      throw source.malformed(
        `'${one.unit}' and '${other.unit}' differ, but the model has one weight for both; without tiedTo it has two`,
      )
    }
  }
}
