import { type Cell, cellFromConfig } from '../../cells/cell.js'
import { type InnerModel, isInnerModel } from '../../layers/inner.js'
import type { AnyLayer } from '../../layers/layer.js'
import { Normalization } from '../../layers/normalization.js'
import type { TimeDistributed } from '../../layers/timeDistributed.js'
import type { Engine } from '../../model/engine.js'
import { isRecord } from '../../options.js'
import type { Unmapped } from '../format.js'
import {
  type Adapt,
  attentionParts,
  beforeGraph,
  cells as cellClasses,
  cellGroup,
  classOf,
  type Dialect,
  directionGroups,
  type KerasClass,
  multiHeadAttention,
  plainLayers,
  type RecurrentClass,
  recurrenceOptions,
  recurrentLayers,
  tfjsStates,
  worded,
} from './classes.js'
import { isForeign, stretched } from './hardSigmoid.js'
import { groupNames } from './layers.js'
import { kerasActivation } from './options.js'
import { readyMade } from './readyMade.js'
import { savedCellRules, savedRules } from './rules.js'
import { camelCase, snakeCase } from './saved.js'

/** For whom a model is described, and what that showed. */
export interface Describing {
  readonly dialect: Dialect
  /** What the program has not. */
  readonly problems: Unmapped
  /** What was left out since it only matters in training. */
  readonly leftOut: string[]
  /** Whose weights they are. */
  readonly engine: Engine
  /** Describes a model within a layer. */
  readonly innerModel: (model: InnerModel) => LayerDescription
}

/** Weights of a layer that stand together. */
export interface DescribedPart {
  /** The groups below the layer's own in a Keras 3 file. */
  readonly path: readonly string[]
  /** What stands between the layer's name and the weights' in their full names. */
  readonly scope: readonly string[]
  readonly weights: readonly {
    readonly name: string
    readonly shape: readonly number[]
    readonly index: number
    readonly adapt?: Adapt | undefined
  }[]
}

/** A layer as Keras describes it, without its connections. */
export interface LayerDescription {
  /** What stands for a model within a layer, instead of what follows. */
  readonly object?: Readonly<Record<string, unknown>>
  readonly className: string
  /** What a Keras 3 file keeps beside the weights, by names and groups below the layer's own. */
  readonly variables?: Readonly<Record<string, Float32Array>>
  readonly config: Readonly<Record<string, unknown>>
  readonly parts: readonly DescribedPart[]
  /** Which of our states each of the program's is, if they are in another order. */
  readonly states?: readonly number[] | undefined
}

/** Describes a layer; undefined if the program has none such, which is noted in `to.problems`. */
export function describeLayer(layer: AnyLayer, name: string, to: Describing): LayerDescription | undefined {
  const { className } = layer
  const plain = classOf(plainLayers, className)
  if (plain !== undefined) return plainLayer(layer, name, plain, to)
  const recurrent = classOf(recurrentLayers, className)
  if (recurrent !== undefined) return recurrentLayer(layer, name, recurrent, to)
  switch (className) {
    case 'RNN':
      return rnn(layer, name, to)
    case 'Bidirectional':
      return bidirectional(layer, name, to)
    case 'TimeDistributed':
      return timeDistributed(layer, name, to)
    case 'MultiHeadAttention':
      return multiHead(layer, name, to)
    default:
      to.problems.add(`'${name}' (${className}): there is no such layer`)
      return undefined
  }
}

/** The options of a layer or a cell under Keras's names. */
function configOf(
  what: string,
  known: readonly string[],
  options: Readonly<Record<string, unknown>>,
  to: Describing,
): Record<string, unknown> {
  const config: Record<string, unknown> = {}
  for (const key of known) {
    const value = options[camelCase(key)]
    if (value === undefined) continue
    if (key.endsWith('activation')) {
      const written = kerasActivation(value as string, to.dialect)
      if (written === undefined) to.problems.add(`${what}: the activation ${value}`)
      config[key] = written
    } else if (key === 'stateful') to.leftOut.push(`stateful of ${what}`)
    else if (key === 'target_shape') config[key] = (value as (number | null)[]).map((size) => size ?? -1)
    else if (worded.has(key)) {
      if (isRecord(value)) to.problems.add(`${what}: ${camelCase(key)} is a function`)
      config[key] = typeof value === 'string' ? snakeCase(value) : value
    }
    // In Keras they are said where the layer is called.
    else if (key !== 'return_attention_scores' && key !== 'use_causal_mask') config[key] = value
  }
  return config
}

const isLacking = ({ lacking = [] }: KerasClass, what: string, { dialect, problems }: Describing): boolean => {
  const is = lacking.includes(dialect)
  if (is) problems.add(`${what}: there is no such layer`)
  return is
}

/** The weights of a layer, or of one inside of it. */
function weightsOf(layer: AnyLayer, { engine }: Describing) {
  return engine.indicesOf(layer).map((index) => {
    const { name = '', shape = [] } = engine.specs[index] ?? {}
    return { name: name.slice(name.lastIndexOf('/') + 1), fullName: name, shape, index }
  })
}

const plainWeights = (layer: AnyLayer, to: Describing, adapt?: Adapt): DescribedPart['weights'] =>
  weightsOf(layer, to).map(({ name, shape, index }) => ({ name, shape, index, adapt }))

function plainLayer(layer: AnyLayer, name: string, known: KerasClass, to: Describing): LayerDescription | undefined {
  const { className } = layer
  const what = `'${name}' (${className})`
  if (isLacking(known, what, to)) return undefined
  const options = layer.config()
  if (options.tiedTo !== undefined) {
    to.problems.add(`${what}: its kernel is tied to another layer`)
    return undefined
  }
  const isBefore = beforeGraph.has(className)
  const config = {
    name,
    // One class of these does not take it.
    ...(!isBefore && { trainable: layer.trainable }),
    ...(className === 'TextVectorization' && { ngrams: null }),
    ...configOf(what, known.options, options, to),
    ...savedRules(layer.ruleConfig(), to.dialect),
  }
  let adapt: Adapt | undefined
  if (isForeign(options.activation, to.dialect)) {
    if (className === 'Dense') adapt = stretched([0], 1, to.dialect)
    else to.problems.add(`${what}: ${options.activation} is another one there`)
  }
  if (to.dialect === 'tfjs' && /^Conv[123]D$/.test(className)) {
    if (options.groups !== 1) to.problems.add(`${what}: groups`)
    if (options.padding === 'causal')
      to.problems.add(`${what}: causal padding, which is declared there and not computed`)
  }
  if (options.halfPixelCenters === (to.dialect === 'tfjs')) {
    to.problems.add(`${what}: 'bilinear' with halfPixelCenters: ${options.halfPixelCenters}`)
  }
  // Numbers alone have no dimension there, and what is given as options is not among the weights.
  const isScalar = (weight: string) =>
    className === 'Attention' || (className === 'Normalization' && (weight === 'count' || options.axis === null))
  const given = layer instanceof Normalization && layer.isGiven
  const weights = (given ? [] : plainWeights(layer, to, adapt)).map((weight) =>
    isScalar(weight.name) ? { ...weight, shape: [] } : weight,
  )
  const isShared = className === 'Dropout' && JSON.stringify(options.noiseShape) === '[null,1,null]'
  const { noise_shape: noise, ...others } = config as Record<string, unknown>
  return {
    className: isShared ? 'SpatialDropout1D' : className,
    config: isShared || noise === undefined ? others : config,
    parts: [{ path: [], scope: [], weights }],
    ...(options.idfWeights !== undefined && { variables: storedFactors(options.idfWeights as number[]) }),
  }
}

/** Factors of tokens as a layer keeps them, and as the lookup does that Keras has inside of some layers. */
function storedFactors(factors: readonly number[]): Readonly<Record<string, Float32Array>> {
  const stored = Float32Array.from(factors)
  return { idf_weights: stored, '_lookup_layer/idf_weights': stored }
}

function recurrentLayer(
  layer: AnyLayer,
  name: string,
  known: RecurrentClass,
  to: Describing,
): LayerDescription | undefined {
  const { className } = layer
  const options = layer.config()
  const what = `'${name}' (${className})`
  if (options.zoneout !== undefined) to.problems.add(`${what}: there is no zoneout`)
  if (isLacking(known, what, to)) return undefined
  const config = {
    name,
    trainable: layer.trainable,
    ...configOf(what, optionsFor(known.options, to), options, to),
    ...savedRules(layer.ruleConfig(), to.dialect),
  }
  const weights = plainWeights(layer, to, cellAdaption(what, known, options, to))
  return { className, config, parts: [{ path: cellGroup, scope: cellScope([snakeCase(known.cell)], to), weights }] }
}

/** The options of a recurrence that a program has. */
const optionsFor = (known: readonly string[], { dialect }: Describing): readonly string[] =>
  dialect === 'tfjs' ? known.filter((key) => key !== 'zero_output_for_mask') : known

/** tfjs's names do not mention cells. */
const cellScope = (names: readonly string[], { dialect }: Describing): readonly string[] =>
  dialect === 'tfjs' ? [] : names

/** What is done to the weights of a recurrent layer or a cell; what cannot be is noted. */
function cellAdaption(
  what: string,
  { gates, gated }: RecurrentClass,
  options: Readonly<Record<string, unknown>>,
  { dialect, problems }: Describing,
): Adapt | undefined {
  if (dialect === 'tfjs' && options.resetAfter === true) {
    problems.add(`${what}: the reset gate can only act before the product there (resetAfter: false)`)
  }
  if (isForeign(options.activation, dialect)) {
    if (gates === 1) return stretched([0], 1, dialect)
    // A state, or what a gate multiplies, goes through it too.
    problems.add(`${what}: ${options.activation} is another one there`)
  }
  return stretched(isForeign(options.recurrentActivation, dialect) ? gated : [], gates, dialect)
}

function rnn(layer: AnyLayer, name: string, to: Describing): LayerDescription | undefined {
  const what = `'${name}' (RNN)`
  const { cell: saved, ...options } = layer.config()
  const cell: Cell = cellFromConfig(saved)
  const made = readyMade(cell)
  if (made === undefined) {
    to.problems.add(`${what}: there is no such cell as '${cell.name}'`)
    return undefined
  }
  const isStacked = cell.name === 'stacked'
  const names = groupNames(made)
  const all = weightsOf(layer, to)
  const rulesBelow = (prefix: string) =>
    new Map(
      cell.program.weights
        .filter((weight) => weight.name.startsWith(prefix))
        .map((weight) => [weight.name.slice(prefix.length), weight] as const),
    )
  const described = made.map(({ className, options: own, prefix }, at) => {
    const known = cellClasses[className] as RecurrentClass<Cell>
    const adapt = cellAdaption(what, known, own, to)
    const group = names[at] as string
    return {
      object: object(
        className,
        {
          name: group,
          trainable: true,
          ...configOf(what, known.options, own, to),
          ...savedCellRules(rulesBelow(prefix), to.dialect),
        },
        to,
      ),
      part: {
        path: isStacked ? [...cellGroup, 'cells', group] : cellGroup,
        scope:
          to.dialect !== 'tfjs'
            ? [...(isStacked ? ['stacked_rnn_cells'] : []), group]
            : isStacked
              ? [`RNNCell_${at}`]
              : [],
        weights: all
          .filter(({ fullName }) => !isStacked || fullName.includes(`/${prefix}`))
          .map((weight) => ({ name: weight.name, shape: weight.shape, index: weight.index, adapt })),
      },
    }
  })
  const [{ object: first }] = described as [(typeof described)[number]]
  const stack = { name: 'stacked_rnn_cells', trainable: true, cells: described.map((each) => each.object) }
  return {
    className: 'RNN',
    config: {
      name,
      trainable: layer.trainable,
      cell: isStacked ? object('StackedRNNCells', stack, to) : first,
      ...configOf(what, optionsFor(recurrenceOptions, to), options, to),
      ...savedRules(layer.ruleConfig(), to.dialect),
    },
    parts: described.map(({ part }) => part),
    states: to.dialect === 'tfjs' && isStacked ? tfjsStates(made.map((each) => each.cell.states.length)) : undefined,
  }
}

/** A layer or a cell inside of another. */
const object = (className: string, config: unknown, { dialect }: Describing) => ({
  ...(dialect === 'keras3' && { module: 'keras.layers' }),
  class_name: className,
  config,
  ...(dialect === 'keras3' && { registered_name: null }),
})

function bidirectional(layer: AnyLayer, name: string, to: Describing): LayerDescription | undefined {
  const [forward, backward] = layer.innerLayers() as [AnyLayer, AnyLayer]
  const stem = forward.givenName ?? forward.baseName
  const ahead = describeLayer(forward, stem, to)
  const back = describeLayer(backward, backward.givenName ?? `backward_${stem}`, to)
  if (ahead === undefined || back === undefined) return undefined
  if (to.dialect === 'tfjs' && decisive(ahead) !== decisive(back)) {
    to.problems.add(`'${name}' (Bidirectional): its two layers can only differ in the direction there`)
  }
  const both = [ahead, back]
  const scopes = ['forward', 'backward'].map((direction) => `${direction}_${stem}`)
  return {
    className: 'Bidirectional',
    config: {
      name,
      trainable: layer.trainable,
      merge_mode: layer.config().mergeMode,
      layer: object(ahead.className, ahead.config, to),
      ...(to.dialect !== 'tfjs' && { backward_layer: object(back.className, back.config, to) }),
    },
    parts: both.flatMap(({ parts }, at) =>
      parts.map((part) => ({
        ...part,
        path: [directionGroups[at] as string, ...part.path],
        scope: [scopes[at] as string, ...part.scope],
      })),
    ),
  }
}

/** What must be the same in both directions. */
const decisive = ({ className, config }: LayerDescription): string =>
  JSON.stringify([className, { ...config, name: '', go_backwards: false }])

function timeDistributed(layer: AnyLayer, name: string, to: Describing): LayerDescription | undefined {
  const { layer: inner } = layer as TimeDistributed
  const described = isInnerModel(inner)
    ? to.innerModel(inner)
    : describeLayer(inner, inner.givenName ?? inner.baseName, to)
  return (
    described && {
      className: 'TimeDistributed',
      config: {
        name,
        trainable: layer.trainable,
        layer: described.object ?? object(described.className, described.config, to),
      },
      parts: described.parts.map((part) => ({ ...part, path: ['layer', ...part.path] })),
    }
  )
}

function multiHead(layer: AnyLayer, name: string, to: Describing): LayerDescription | undefined {
  const what = `'${name}' (MultiHeadAttention)`
  if (isLacking(multiHeadAttention, what, to)) return undefined
  const options = layer.config()
  const heads = options.numHeads as number
  const weights = plainWeights(layer, to)
  const config = {
    name,
    trainable: layer.trainable,
    ...configOf(what, multiHeadAttention.options, options, to),
    ...savedRules(layer.ruleConfig(), to.dialect),
  }
  const parts = attentionParts.map((part) => {
    const own = weights.filter((weight) => weight.name.startsWith(`${part}_`))
    return {
      path: [`${part}_dense`],
      scope: [part === 'output' ? 'attention_output' : part],
      weights: own.map((weight) => ({
        ...weight,
        name: weight.name.slice(part.length + 1),
        shape: headShape(part, weight.shape, heads),
      })),
    }
  })
  return { className: 'MultiHeadAttention', config, parts }
}

/** Heads are a dimension of their own there: the last but one, and of the output's kernel the first. */
function headShape(part: (typeof attentionParts)[number], shape: readonly number[], heads: number): readonly number[] {
  if (part !== 'output') return [...shape.slice(0, -1), heads, (shape.at(-1) as number) / heads]
  return shape.length === 1 ? shape : [heads, (shape[0] as number) / heads, ...shape.slice(1)]
}
