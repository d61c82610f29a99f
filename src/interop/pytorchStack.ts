import { projectedLSTM } from '../cells/index.js'
import { isInstance, SeqloomError, visible } from '../errors.js'
import { showShape } from '../graph/shape.js'
import { type ActivationName, activationCheck } from '../layers/activations.js'
import {
  batchNormalization,
  bidirectional,
  dense,
  embedding,
  flatten,
  globalAveragePooling1d,
  globalMaxPooling1d,
  gru,
  lastStep,
  layerNormalization,
  lstm,
  prelu,
  rnn,
  simpleRNN,
} from '../layers/index.js'
import { type AnyLayer, Layer, type LayerOptions } from '../layers/layer.js'
import { type Sequential, sequential } from '../model/sequential.js'
import { type Check, custom, integer, isRecord, label, number, oneOf } from '../options.js'
import { Unmapped } from './format.js'
import { byNumbers } from './match.js'
import {
  convolutionLayers,
  convolutionsCheck,
  type KernelShape,
  sizesOfKernel,
  type TorchConvolution,
} from './pytorchConvolutions.js'
import type { Unit } from './units.js'

/** What a state dict does not say of a model. */
export interface StackOptions {
  /**
   * What becomes of the steps after the last recurrent module (or the embedding, where there is none): `'none'`, all of
   * them go on, so that the model's last step is what PyTorch computes from `y[:, -1]`; `'lastStep'`, as `y[:, -1]`;
   * `'lastState'`, as the last `h_n`, of both directions; `'mean'`, `'max'`. Default `'none'`.
   */
  readonly pooling?: 'none' | 'lastStep' | 'lastState' | 'mean' | 'max'
  /** The activation of every `nn.Linear` but the last module; needed where there are such. */
  readonly hiddenActivation?: ActivationName
  /** The activation of an `nn.Linear` that is the last module; default `'linear'`, which gives PyTorch's logits. */
  readonly outputActivation?: ActivationName
  /** The `nonlinearity` of `nn.RNN`; default `'tanh'`. */
  readonly rnnActivation?: 'tanh' | 'relu'
  /** The `eps` of `nn.LayerNorm` and `nn.BatchNorm1d`; default 1e-5, which is PyTorch's. */
  readonly epsilon?: number
  /** The modules in the order in which they are used, such as `['tokens', 'rnn', 'head']`. */
  readonly order?: readonly string[]
  /** What is not in the weights of convolutions, by the names of the modules, as `nn.Conv1d` and its kin call it. */
  readonly convolutions?: Readonly<Record<string, TorchConvolution>>
  /**
   * Layers without weights that follow a module, such as activations and poolings, by the module's name; for each
   * convolution, or what normalizes it, needed: `{ conv1: [layers.activation({ activation: 'relu' })] }`, `[]` for none.
   */
  readonly after?: Readonly<Record<string, readonly AnyLayer[]>>
  /** The shape of an input without the batch, `[steps, features]`; needed where steps are flattened, and for images. */
  readonly inputShape?: readonly (number | null)[]
}

const poolings = ['none', 'lastStep', 'lastState', 'mean', 'max'] as const

/** The checks of {@link StackOptions}. */
export const stackChecks: Readonly<Record<keyof StackOptions, Check>> = {
  pooling: oneOf(poolings),
  hiddenActivation: activationCheck,
  outputActivation: activationCheck,
  rnnActivation: oneOf(['tanh', 'relu']),
  epsilon: number(0, 1),
  order: custom(
    'an array of the names of modules',
    (value) => Array.isArray(value) && value.every((name) => typeof name === 'string'),
  ),
  convolutions: convolutionsCheck,
  after: custom(
    'an object of arrays of layers by the names of modules',
    (value) =>
      isRecord(value) &&
      Object.values(value).every((all) => Array.isArray(all) && all.every((layer) => isInstance(layer, Layer))),
  ),
  inputShape: custom(
    'an array of sizes, null for what is open',
    (value) => Array.isArray(value) && value.every((size) => size === null || integer(1).accepts(size)),
  ),
}

/** The most modules whose order is looked for. */
const mostSearched = 8

/** What a module may be in a stack. */
interface Kind {
  readonly what: 'embedding' | 'recurrent' | 'linear' | 'norm' | 'prelu' | 'convolution'
  /** The size of what it reads; undefined for tokens, and where any will do. */
  readonly reads: number | undefined
  /** The size of what it gives; undefined for that of what it reads. */
  readonly gives: number | undefined
  readonly isTransposed?: boolean
  /** The kind where values of a size come in, of a convolution: its weight says too little. */
  given?(size: number | undefined): Kind | undefined
  make(settings: Settings): AnyLayer | { readonly layers: readonly AnyLayer[]; readonly own: AnyLayer }
}

/** How a layer is made: options of every layer, and those that some take. */
interface Settings extends Pick<LayerOptions, 'name' | 'inputShape'> {
  readonly returnSequences: boolean
  /** Whether it reads steps. */
  readonly hasSteps: boolean
  /** Of a linear module. */
  readonly activation: ActivationName
}

/** Modules that stay together: the layers of one deep recurrent module, or one other. */
interface Step {
  readonly name: string
  readonly units: readonly Unit[]
  /** What they are. A table alone may be two things. */
  readonly choices: readonly (readonly Kind[])[]
}

/** Steps one after the other, and what each of them is. */
type Chain = readonly { readonly step: Step; readonly kinds: readonly Kind[] }[]

/** A model for a state dict whose modules follow each other, and which module each layer is for. */
export function stackOf(
  where: string,
  units: readonly Unit[],
  isOrdered: boolean,
  options: StackOptions,
): { readonly model: Sequential; readonly mapping: Readonly<Record<string, string>> } {
  const problems = new Unmapped()
  const steps = stepsOf(units, options, problems)
  if (steps.length === 0 && problems.isEmpty) problems.add('there are no modules')
  problems.check(
    `${where} holds no plain stack of modules; make the model, and give it as model, or leave out by ignore what is not needed`,
    'ERR_UNSUPPORTED',
  )
  const chain = chainOf(where, steps, isOrdered, options)
  const all = chain.flatMap(({ step, kinds }) =>
    kinds.map((kind, index) => ({ kind, unit: step.units[index] as Unit })),
  )
  const wrong = (message: string) => new SeqloomError('ERR_OPTION', `interop.loadPyTorch: ${visible(message)}`)
  const { pooling = 'none', hiddenActivation, outputActivation } = options
  const isSequence = ({ kind }: (typeof all)[number]) => ['recurrent', 'embedding', 'convolution'].includes(kind.what)
  const lastRecurrent = all.findLastIndex(({ kind }) => kind.what === 'recurrent')
  const pooled = lastRecurrent >= 0 ? lastRecurrent : all.findLastIndex(isSequence)
  if (pooling !== 'none' && (pooled < 0 || (pooling === 'lastState' && lastRecurrent < 0))) {
    throw wrong(`pooling: '${pooling}' needs ${pooled < 0 ? 'steps' : 'a recurrent module'}, and there is none`)
  }
  const last = all.length - 1
  // A module may be the activation of the one before it.
  const isActivated = (index: number) => all[index + 1]?.kind.what === 'prelu'
  const { after = {}, inputShape } = options
  const unknown = [...Object.keys(after), ...Object.keys(options.convolutions ?? {})].find(
    (name) => !all.some(({ unit }) => unit.name === name),
  )
  if (unknown !== undefined) throw wrong(`after and convolutions: there is no module '${unknown}'`)
  const hidden = all.find(
    ({ kind, unit }, index) =>
      kind.what === 'linear' && index < last && !isActivated(index) && !Object.hasOwn(after, unit.name),
  )
  if (hidden && hiddenActivation === undefined) {
    throw wrong(
      `the file does not say which activation follows '${hidden.unit.name}'; give it as hiddenActivation, such as 'relu', or 'linear' for none`,
    )
  }
  const bare = all.find(({ kind, unit }, index) => {
    if (kind.what !== 'convolution' || isActivated(index) || Object.hasOwn(after, unit.name)) return false
    const next = all[index + 1]
    return next?.kind.what !== 'norm' || (!isActivated(index + 1) && !Object.hasOwn(after, next.unit.name))
  })
  if (bare) {
    throw wrong(
      `the file does not say what follows '${bare.unit.name}'; give it with after: { '${bare.unit.name}': [layers.activation({ activation: 'relu' })] }, or [] for nothing`,
    )
  }
  if (outputActivation !== undefined && all[last]?.kind.what !== 'linear') {
    throw wrong(`outputActivation is for a linear module at the end, and '${all[last]?.unit.name}' is none`)
  }
  const model = sequential()
  const mapping: Record<string, string> = {}
  const made: [AnyLayer, Unit][] = []
  let size: number | undefined
  let isFlat = false
  for (const [index, { unit, kind }] of all.entries()) {
    const activation = isActivated(index) ? 'linear' : index === last ? outputActivation : hiddenActivation
    const hasSteps = pooled >= 0 && (index <= pooled || pooling === 'none')
    const returnSequences = !(pooling === 'lastState' && index === pooled)
    const isImage = kind.what === 'convolution' && (unit.shapes.weight?.length ?? 0) > 3
    if ((isImage && index === 0 && !inputShape) || (inputShape && index === 0 && kind.reads === undefined)) {
      throw wrong(`inputShape ${inputShape ? 'is not for tokens' : `is needed: the shape that '${unit.name}' reads`}`)
    }
    if (kind.what === 'linear' && size !== undefined && kind.reads !== size && !isFlat) {
      if (!inputShape) {
        throw wrong(
          `'${unit.name}' reads ${kind.reads} numbers, all steps of ${size} channels; give inputShape, which says how many there are`,
        )
      }
      model.add(flatten())
      isFlat = true
    }
    const result = kind.make({
      ...(label.accepts(unit.name) && { name: unit.name }),
      ...(index === 0 &&
        kind.reads !== undefined && { inputShape: inputShape ?? [...(pooled < 0 ? [] : [null]), kind.reads] }),
      ...{ returnSequences, hasSteps, activation: activation ?? 'linear' },
    })
    const { layers, own } = 'layers' in result ? result : { layers: [result], own: result }
    for (const layer of layers) model.add(layer)
    made.push([own, unit])
    size = kind.gives ?? size
    for (const layer of after[unit.name] ?? []) {
      model.add(layer)
      isFlat ||= layer.className === 'Flatten'
    }
    if (index !== pooled) continue
    if (pooling === 'lastStep') model.add(lastStep())
    if (pooling === 'mean') model.add(globalAveragePooling1d())
    if (pooling === 'max') model.add(globalMaxPooling1d())
  }
  const { names } = model.topology()
  for (const [layer, unit] of made) mapping[names.get(layer) as string] = unit.name
  return { model, mapping }
}

/** The steps of a file, in its order. Modules that no stack has are added to `problems`. */
function stepsOf(units: readonly Unit[], options: StackOptions, problems: Unmapped): Step[] {
  const steps: Step[] = []
  const deep = new Map<string, Unit[]>()
  for (const unit of units) {
    if (unit.shapes.weight_hh === undefined) {
      const kinds = kindsOf(unit, options)
      if (kinds.length === 0) problems.add(`'${unit.name}', ${showShapes(unit)}, is not known`)
      else steps.push({ name: unit.name, units: [unit], choices: kinds.map((kind) => [kind]) })
      continue
    }
    const prefix = unit.name.replace(/(^|\.)l\d+$/, '')
    const before = deep.get(prefix)
    deep.set(prefix, [...(before ?? []), unit])
    // Its place; the layers are known below.
    if (!before) steps.push({ name: prefix, units: [], choices: [] })
  }
  return steps.map((step) => {
    const stacked = deep.get(step.name)
    if (step.units.length > 0 || !stacked) return step
    const sorted = stacked.toSorted(byNumbers)
    const kinds = sorted.map((unit) => recurrentOf(unit, options))
    const wrong = kinds.indexOf(undefined)
    if (wrong >= 0) problems.add(`'${sorted[wrong]?.name}', ${showShapes(sorted[wrong] as Unit)}, is not known`)
    return { name: step.name, units: sorted, choices: [kinds as Kind[]] }
  })
}

const showShapes = ({ shapes }: Unit): string =>
  Object.entries(shapes)
    .map(([name, shape]) => `${name} ${showShape(shape)}`)
    .join(', ')

function recurrentOf({ shapes }: Unit, { rnnActivation = 'tanh' }: StackOptions): Kind | undefined {
  const { weight_ih: ih = [], weight_hh: hh = [], weight_hr: hr } = shapes
  const [rows = 0, reads = 0] = ih
  const units = hr?.[1] ?? hh[1] ?? 0
  const projection = hr?.[0]
  const gates = rows / units
  const useBias = shapes.bias_ih !== undefined
  const isBoth = shapes.weight_ih_reverse !== undefined
  if (units === 0 || !(projection === undefined ? [1, 3, 4] : [4]).includes(gates)) return undefined
  const one = (settings: Settings): AnyLayer => {
    const { activation, hasSteps, ...rest } = settings
    if (projection !== undefined) return rnn({ ...rest, cell: projectedLSTM({ units, projection, useBias }) })
    if (gates === 1) return simpleRNN({ ...rest, units, useBias, activation: rnnActivation })
    return gates === 3 ? gru({ ...rest, units, useBias }) : lstm({ ...rest, units, useBias })
  }
  return {
    ...{ what: 'recurrent', reads, gives: (projection ?? units) * (isBoth ? 2 : 1) },
    make({ name, inputShape, ...settings }) {
      const common = { ...(name && { name }), ...(inputShape && { inputShape }) }
      if (!isBoth) return one({ ...common, ...settings })
      return bidirectional({ ...common, layer: one(settings) as ReturnType<typeof lstm> })
    },
  }
}

/** An nn.PReLU with one slope. */
const onePrelu: Kind = {
  ...{ what: 'prelu', reads: undefined, gives: undefined },
  make: ({ returnSequences, hasSteps, activation, ...common }) =>
    prelu({ ...common, sharedAxes: hasSteps ? [1, 2] : [1] }),
}

const settingsOf = ({ name }: Unit, all: StackOptions['convolutions'] = {}): TorchConvolution =>
  Object.hasOwn(all, name) ? (all[name] as TorchConvolution) : {}

/** A convolution, of which the channels that come in say how many groups it has. */
function convolutionOf(unit: Unit, isTransposed: boolean, all: StackOptions['convolutions']): Kind {
  const kernel = unit.shapes.weight as unknown as KernelShape
  const useBias = unit.shapes.bias !== undefined
  const kind = (size: number | undefined): Kind | undefined => {
    const sizes = sizesOfKernel(kernel, isTransposed, size)
    if (!sizes) return undefined
    return {
      ...{ what: 'convolution', ...sizes, isTransposed },
      make: ({ name, inputShape }) =>
        convolutionLayers(unit.name, kernel, sizes.reads, isTransposed, settingsOf(unit, all), {
          ...{ useBias, ...(name && { name }), ...(inputShape && { inputShape }) },
        }),
    }
  }
  const [first, second] = kernel
  const [reads, gives] = isTransposed ? [first, second] : [second, first]
  return {
    what: 'convolution',
    reads,
    gives,
    given: kind,
    make: (settings) => (kind(undefined) as Kind).make(settings),
  }
}

/** What a module that is not recurrent may be. */
function kindsOf(unit: Unit, { epsilon = 1e-5, convolutions }: StackOptions): Kind[] {
  const { shapes } = unit
  const { weight, bias, running_mean: mean, running_var: variance, ...others } = shapes
  if (!weight || Object.keys(others).length > 0) return []
  const [rows = 0, columns = 0] = weight
  if (mean ? !variance || weight.length !== 1 : variance) return []
  if (weight.length === 1) {
    const normalization = mean ? batchNormalization : layerNormalization
    const make = ({ returnSequences, hasSteps, activation, ...common }: Settings) =>
      normalization({ ...common, epsilon })
    if (bias) return [{ what: 'norm', reads: rows, gives: rows, make }]
    // One slope for all. Several might be those of an nn.RMSNorm as well.
    return rows === 1 && !mean ? [onePrelu] : []
  }
  if (weight.length >= 3 && weight.length <= 5) {
    const { transposed } = settingsOf(unit, convolutions)
    const kinds = transposed === undefined ? [false, true] : [transposed]
    return kinds.map((each) => convolutionOf(unit, each, convolutions))
  }
  if (weight.length !== 2) return []
  const linear: Kind = {
    ...{ what: 'linear', reads: columns, gives: rows },
    make: ({ returnSequences, hasSteps, ...settings }) =>
      dense({ ...settings, units: rows, useBias: bias !== undefined }),
  }
  if (bias) return [linear]
  const table: Kind = {
    ...{ what: 'embedding', reads: undefined, gives: columns },
    make: ({ returnSequences, hasSteps, activation, ...common }) =>
      embedding({ ...common, inputDim: rows, outputDim: columns }),
  }
  return [table, linear]
}

/** The one order in which the sizes fit. */
function chainOf(
  where: string,
  steps: readonly Step[],
  isOrdered: boolean,
  { order, inputShape }: StackOptions,
): Chain {
  const first = inputShape?.at(-1) ?? undefined
  const wrong = (message: string) => new SeqloomError('ERR_OPTION', visible(`${where}: ${message}`))
  const names = steps.map(({ name }) => `'${name}'`).join(', ')
  if (
    order &&
    steps
      .map(({ name }) => name)
      .sort()
      .join('\n') !== [...order].sort().join('\n')
  ) {
    throw wrong(`order must name each of its modules once: ${names}`)
  }
  const isKnown = order !== undefined || isOrdered
  if (!isKnown && steps.length > mostSearched) throw wrong(`the option order must say how ${names} follow each other`)
  const sorted = order ? order.map((name) => steps.find((step) => step.name === name) as Step) : steps
  const all = isKnown ? ordered(sorted, first) : permuted(steps, first)
  // Of what has as many channels on both sides, the weight does not tell whether it is transposed.
  const fewest = Math.min(...all.map(transposedIn))
  const found = all.filter((chain) => transposedIn(chain) === fewest)
  if (found.length === 1) return found[0] as Chain
  if (found.length > 1) {
    throw wrong(
      `its modules (${names}) could follow each other in several ways; say which with order, or make the model and give it as model`,
    )
  }
  throw new SeqloomError(
    'ERR_UNSUPPORTED',
    visible(
      `${where}: its modules (${names}) do not follow each other${isKnown ? ' in this order' : ''}, since what one gives is not what the next one reads: ${sorted.map(sizesOf).join(', ')}. Give their order, or make the model and give it as model`,
    ),
  )
}

const transposedIn = (chain: Chain): number =>
  chain.reduce((sum, { kinds }) => sum + (kinds[0]?.isTransposed ? 1 : 0), 0)

const sizesOf = ({ name, choices }: Step): string =>
  `'${name}' ${choices.map((kinds) => `${kinds[0]?.reads ?? (kinds[0]?.what === 'prelu' ? 'any' : 'tokens')} → ${kinds.at(-1)?.gives ?? 'the same'}`).join(' or ')}`

/** The chains of steps in their order: one at most, but for tables that may be two things. */
function ordered(steps: readonly Step[], first: number | undefined): Chain[] {
  return steps.reduce<Chain[]>((chains, step) => chains.flatMap((chain) => extended(chain, step, first)), [[]])
}

/** The chains of steps in any order; two suffice to know that there are several. */
function permuted(steps: readonly Step[], first: number | undefined): Chain[] {
  const found: Chain[] = []
  const go = (chain: Chain, left: readonly Step[]) => {
    if (left.length === 0) found.push(chain)
    for (const step of left) {
      for (const next of extended(chain, step, first))
        if (found.length < 2)
          go(
            next,
            left.filter((other) => other !== step),
          )
    }
  }
  go([], steps)
  return found
}

/** A chain with one more step, as what that may be there; `first` is the size of the model's input, if that is known. */
function extended(chain: Chain, step: Step, first: number | undefined): Chain[] {
  const given = chain.flatMap(({ kinds }) => kinds.map(({ gives }) => gives)).findLast((size) => size !== undefined)
  const hasChannels = chain.some(({ kinds }) => kinds.some(({ what }) => what === 'convolution'))
  return step.choices.flatMap((general) => {
    const kinds = general.flatMap((kind) =>
      kind.given ? (kind.given(chain.length === 0 ? first : given) ?? []) : kind,
    )
    if (kinds.length !== general.length) return []
    const fits = kinds.every((kind, index) => {
      const size = index === 0 ? given : kinds[index - 1]?.gives
      if (kind.what === 'prelu') return size !== undefined
      // Steps of so many channels may be flattened.
      if (kind.what === 'linear' && hasChannels && size !== undefined) return (kind.reads as number) % size === 0
      return size === undefined ? true : kind.reads === size
    })
    return fits ? [[...chain, { step, kinds }]] : []
  })
}
