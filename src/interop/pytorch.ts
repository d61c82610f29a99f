import { runSliced } from '../data/index.js'
import { describe, isInstance, SeqloomError } from '../errors.js'
import { replaceFile } from '../files.js'
import type { AnyLayer } from '../layers/layer.js'
import { Model } from '../model/model.js'
import { checkOptions, custom, isRecord } from '../options.js'
import { pathOf } from '../path.js'
import { type FileOrBytes, Source, type StoredTensor, Unmapped, type WrittenTensor } from './format.js'
import { formatOf } from './formats.js'
import { type Found, match, type Wanted } from './match.js'
import { type Part, partsOf } from './modules.js'
import { safetensors } from './safetensors.js'

/** Modules by the names of their layers: `{ lstm: 'encoder.rnn', dense: 'head' }`. */
export type PyTorchMapping = Readonly<Record<string, string>>

/** Options of {@link loadPyTorch}. */
export interface LoadPyTorchOptions {
  /** The model whose weights are replaced. */
  readonly model: Model
  /**
   * Modules by the names of their layers, for layers whose shapes fit more than one: a prefix of names in the file,
   * such as `'encoder.rnn'`, with a number for one of several stacked layers: `'encoder.rnn.l1'`. With null, a layer
   * keeps its weights.
   */
  readonly mapping?: Readonly<Record<string, string | null>>
  /** Names in the file, or prefixes of them, that the model does not need. */
  readonly ignore?: readonly string[]
}

/** Options of {@link toPyTorch}. */
export interface ToPyTorchOptions {
  /** Modules by the names of their layers, as `loadPyTorch` returns them; by default, modules are named like layers. */
  readonly mapping?: PyTorchMapping
}

const isModel = custom('a model', (value) => isInstance(value, Model))
const isNames = (accepted: (value: unknown) => boolean) =>
  custom('an object of modules by layer names', (value) => isRecord(value) && Object.values(value).every(accepted))
const isList = custom(
  'an array of names',
  (value) => Array.isArray(value) && value.every((name) => typeof name === 'string'),
)

/**
 * Loads weights trained with PyTorch into a model with the same layers: a `.safetensors` file of a `state_dict`, given
 * as a path or as bytes.
 *
 * `nn.RNN`, `nn.LSTM`, `nn.GRU` (deep and bidirectional), their cells, `nn.Embedding`, `nn.Linear`, `nn.LayerNorm` and
 * `nn.RMSNorm` go to the layers whose weights have their shapes; if several fit, to the layer of the same name, or in
 * the order of their numbers. Gates are put in Seqloom's order. The two biases of a recurrent module are added up if
 * the layer has one. Types may be float32, float16, bfloat16 and float64.
 *
 * Replaces all weights or none. Resolves to the mapping found, for {@link toPyTorch}. Rejects with `ERR_FORMAT`,
 * listing everything that cannot be mapped: tensors that belong to no layer, layers that get nothing, and layers that
 * several modules fit (choose one with `mapping`); `ERR_FORMAT` for a damaged file; `ERR_UNSUPPORTED` for other types;
 * `ERR_DATA` for values that are not finite; `ERR_OPTION`, `ERR_IO`, `ERR_STATE`.
 */
export async function loadPyTorch(
  file: FileOrBytes,
  options: LoadPyTorchOptions,
): Promise<{ readonly mapping: PyTorchMapping }> {
  checkOptions('interop.loadPyTorch', options, {
    accepted: { model: isModel, mapping: isNames((v) => v === null || typeof v === 'string'), ignore: isList },
    required: ['model'],
  })
  const { model, mapping = {}, ignore = [] } = options
  const source = await Source.open('interop.loadPyTorch: the file', file)
  try {
    const tensors = await (await formatOf(source)).read(source)
    const problems = new Unmapped()
    const { targets, unmapped } = targetsOf(model)
    for (const { name, shown, why } of unmapped) {
      if (mapping[name] !== null) problems.add(`${shown}: ${why}; with mapping: { '${name}': null } it stays as it is`)
    }
    const known = [...targets, ...unmapped].map(({ name }) => name)
    for (const name of Object.keys(mapping).filter((name) => !known.includes(name))) {
      problems.add(`mapping: there is no layer '${name}' with weights; they are ${known.join(', ')}`)
    }
    const left = [...tensors].filter(
      ([name]) => !ignore.some((prefix) => name === prefix || name.startsWith(`${prefix}.`)),
    )
    const found = match(
      targets.filter(({ name }) => mapping[name] !== null),
      unitsOf(left),
      mapping as PyTorchMapping,
      problems,
    )
    problems.check(`${source.where} does not fit the model`)
    await put(model, found, targets.length + unmapped.length)
    return { mapping: Object.fromEntries([...found].map(([{ name }, unit]) => [name, unit.name])) }
  } finally {
    await source.close()
  }
}

/**
 * Writes a model's weights as a `.safetensors` file for PyTorch:
 * `module.load_state_dict(safetensors.torch.load_file(path))`. Names begin with the layer's name, as in
 * `lstm.weight_ih_l0`, or with the module's name in `mapping`. Where a layer has one bias and PyTorch two, it becomes
 * `bias_ih`, and `bias_hh` is zero.
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
  const weights = await model.copyWeights()
  const tensors: WrittenTensor[] = []
  for (const { name, parts, indices } of targets) {
    for (const [at, part] of parts.entries()) {
      const written = await runSliced(part.toTheirs(weights[indices[at] as number]?.data as Float32Array))
      for (const [parameter, data] of Object.entries(written)) {
        tensors.push({ name: nameOf(mapping[name] ?? name, parameter), shape: part.shapes[parameter] ?? [], data })
      }
    }
  }
  await replaceFile(path, await safetensors.write(tensors))
}

/** A layer of ours and its parts. */
interface Target extends Wanted {
  readonly parts: readonly Part[]
  /** Which of the model's weights the parts are. */
  readonly indices: readonly number[]
}

/** The layers with weights, and those for which there is no module. */
function targetsOf(model: Model) {
  const { names, layers } = model.topology()
  const { specs } = model.engine
  const targets: Target[] = []
  const unmapped: { readonly name: string; readonly shown: string; readonly why: string }[] = []
  for (const layer of layers) {
    const indices = model.engine.indicesOf(layer)
    if (indices.length === 0 && !layer.config().tiedTo) continue
    const name = names.get(layer as AnyLayer) as string
    const parts = partsOf(
      layer,
      indices.map((index) => specs[index]?.shape ?? []),
    )
    if (typeof parts === 'string') unmapped.push({ name, shown: `'${name}' (${layer.className})`, why: parts })
    else {
      const shapes = Object.assign({}, ...parts.map((part) => part.shapes))
      targets.push({ name, className: layer.className, isNamed: layer.givenName !== undefined, shapes, parts, indices })
    }
  }
  return { targets, unmapped }
}

/** A module in a file. */
interface Unit extends Found {
  readonly tensors: ReadonlyMap<string, StoredTensor>
}

const recurrentName = /^(?:(.*)\.)?((?:weight|bias)_(?:ih|hh|hr))(?:_l(\d+)(_reverse)?)?$/s
const plainName = /^(?:(.*)\.)?([^.]*)$/s

/** The modules of a file: one for each prefix, and for each layer of a stack of recurrent ones. */
function unitsOf(tensors: readonly (readonly [string, StoredTensor])[]): Unit[] {
  const modules = new Map<string, Map<string, Map<string, StoredTensor>>>()
  for (const [name, tensor] of tensors) {
    const recurrent = recurrentName.exec(name)
    const [, prefix = '', parameter = name, layer = '0', reverse = ''] = recurrent ?? plainName.exec(name) ?? []
    const stack = modules.get(prefix) ?? new Map<string, Map<string, StoredTensor>>()
    modules.set(prefix, stack)
    // A module of that prefix may have other parameters besides.
    const key = recurrent ? layer : ''
    const own = stack.get(key) ?? new Map<string, StoredTensor>()
    stack.set(key, own)
    own.set(parameter + reverse, tensor)
  }
  return [...modules].flatMap(([prefix, stack]) =>
    [...stack].map(([layer, own]): Unit => {
      const numbered = layer !== '' && (stack.size > 1 || prefix === '')
      const name = numbered ? [...(prefix ? [prefix] : []), `l${layer}`].join('.') : prefix
      return { name, shapes: Object.fromEntries([...own].map(([key, { shape }]) => [key, shape])), tensors: own }
    }),
  )
}

/** The name of a parameter in a file: recurrent ones say which layer of a stack they are of. */
function nameOf(module: string, parameter: string): string {
  const recurrent = /^((?:weight|bias)_(?:ih|hh))(_reverse)?$/.exec(parameter)
  if (!recurrent) return module === '' ? parameter : `${module}.${parameter}`
  const [, prefix = module, layer = '0'] = /^(?:(.*)\.)?l(\d+)$/s.exec(module) ?? []
  const own = /^l\d+$/.test(module) ? '' : prefix
  return `${own === '' ? '' : `${own}.`}${recurrent[1]}_l${layer}${recurrent[2] ?? ''}`
}

/** Reads the modules found and replaces the layers' weights with them; other layers keep theirs. */
async function put(model: Model, found: ReadonlyMap<Target, Unit>, layers: number): Promise<void> {
  if (found.size === layers) model.engine.prepareToRead()
  const weights = await model.copyWeights()
  for (const [{ parts, indices }, unit] of found) {
    for (const [at, part] of parts.entries()) {
      const parameters: Record<string, Float32Array> = {}
      for (const name of Object.keys(part.shapes)) {
        parameters[name] = await (unit.tensors.get(name) as StoredTensor).read()
      }
      const index = indices[at] as number
      weights[index] = { data: await runSliced(part.toOurs(parameters)), shape: weights[index]?.shape ?? [] }
    }
  }
  await model.putWeights(weights)
}
