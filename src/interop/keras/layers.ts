import type { Cell } from '../../cells/cell.js'
import { SeqloomError } from '../../errors.js'
import * as layers from '../../layers/index.js'
import type { AnyLayer } from '../../layers/layer.js'
import { Normalization } from '../../layers/normalization.js'
import { Unmapped } from '../format.js'
import {
  attentionParts,
  beforeGraph,
  cells as cellClasses,
  cellGroup,
  classOf,
  directionGroups,
  type Maker,
  multiHeadAttention,
  plainLayers,
  recurrenceOptions,
  recurrentLayers,
  tfjsStates,
} from './classes.js'
import { functionLayer, functionLayers } from './functions.js'
import { functionOf, isFunction, isOperation, operationOf } from './operations.js'
import { optionsOf } from './options.js'
import { isModel, type KerasObject, kerasObject, listOf, type Origin, type Part, snakeCase } from './saved.js'

export type { Part } from './saved.js'

/** A layer of ours, and where its weights are, in the order of ours. */
export interface Mapped {
  readonly layer: AnyLayer
  readonly parts: readonly Part[]
  /** Which of our states each of the file's is, if they are in another order. */
  readonly states?: readonly number[] | undefined
}

/**
 * The layer of ours for a saved one. What is not there is noted in `origin.problems`, and undefined given.
 */
export function layerOf(given: KerasObject, origin: Origin): Mapped | undefined {
  const object = withDefaults(given, origin)
  const { className, config, name } = object
  const made = (make: Maker, options: Record<string, unknown>): AnyLayer | undefined => {
    try {
      const layer = make({ ...options, name } as never) as AnyLayer
      layer.trainable = config.trainable !== false
      return layer
    } catch (error) {
      if (!(error instanceof SeqloomError)) throw error
      origin.problems.add(`the ${className} '${name}': ${error.message}`)
      return undefined
    }
  }
  const mapped = (layer: AnyLayer | undefined, parts: readonly Part[]) => layer && { layer, parts }

  if (isOperation(object)) {
    const known = operationOf(object)
    if (known) return mapped(made(...known), [])
    origin.problems.add(`the operation ${className} '${name}'`)
    return undefined
  }
  const plain = classOf(plainLayers, className)
  if (plain !== undefined) {
    // Where it is between pixels, tfjs counts from their corners.
    const corners = className === 'UpSampling2D' && origin.dialect === 'tfjs' && { halfPixelCenters: false }
    const layer = made(plain.make, { ...optionsOf(object, plain.options, origin), ...corners })
    // What is given as options, or is known before the graph, is not among the weights there.
    const isBare = beforeGraph.has(className) || (layer instanceof Normalization && layer.isGiven)
    return mapped(layer, isBare ? [] : [{ path: [] }])
  }
  const recurrent = classOf(recurrentLayers, className)
  if (recurrent !== undefined) {
    // Ours is true by default.
    const options = optionsOf(object, recurrent.options, origin)
    const layer = made(recurrent.make, { zeroOutputForMask: false, ...options })
    return mapped(layer, [{ path: cellGroup, count: cellWeights(object) }])
  }
  if (className === 'RNN') return rnnOf(object, origin, made)
  if (className === 'Bidirectional') return bidirectionalOf(object, origin, made)
  if (className === 'TimeDistributed') {
    optionsOf(object, ['layer'], origin)
    const wrapped = kerasObject(origin.where, config.layer)
    const inner = isModel(wrapped) ? origin.innerModel?.(wrapped) : layerOf(wrapped, origin)
    if (inner === undefined) return undefined
    const layer = made(layers.timeDistributed as Maker, { layer: 'model' in inner ? inner.model : inner.layer })
    return mapped(
      layer,
      inner.parts.map((part) => ({ ...part, path: ['layer', ...part.path] })),
    )
  }
  if (className === 'MultiHeadAttention') {
    // The shapes of its inputs say nothing that these do not.
    const others = ['query_shape', 'key_shape', 'value_shape', 'flash_attention']
    const { queryShape, keyShape, valueShape, flashAttention, ...options } = optionsOf(
      object,
      [...multiHeadAttention.options, ...others],
      origin,
    )
    return mapped(
      made(multiHeadAttention.make, options),
      attentionParts.map((each) => ({ path: [`${each}_dense`], count: config.use_bias === false ? 1 : 2 })),
    )
  }
  if (className === 'Softmax') {
    if (Array.isArray(config.axis) && config.axis.length !== 1) {
      origin.problems.add(`the axis ${JSON.stringify(config.axis)} of the Softmax '${name}': it must be one`)
      return undefined
    }
    optionsOf(object, ['axis'], origin)
    return mapped(made(layers.activation as Maker, { activation: 'softmax' }), [])
  }
  if (isFunction(object)) {
    const known = functionOf(object)
    if (known) return mapped(made(...known), [])
  }
  const settings = classOf(functionLayers, className)
  if (settings !== undefined) {
    if (className === 'Rescaling' && [config.scale, config.offset].some(Array.isArray)) {
      origin.problems.add(`the Rescaling '${name}' by several numbers`)
      return undefined
    }
    const [make, options] = functionLayer(className, optionsOf(object, settings, origin))
    return mapped(made(make, options), [])
  }
  if (className === 'ActivityRegularization') {
    const activityRegularizer = { kind: 'l1l2', ...optionsOf(object, ['l1', 'l2'], origin) }
    return mapped(made(layers.activation as Maker, { activation: 'linear', activityRegularizer }), [])
  }
  origin.problems.add(`the ${className} '${name}'`)
  return undefined
}

const isDefault = (value: unknown, usual: unknown = null): boolean =>
  value === undefined || value === null || JSON.stringify(value) === JSON.stringify(usual)

type Make = (make: Maker, options: Record<string, unknown>) => AnyLayer | undefined

/** What must be the same in both directions. */
const decisiveOptions = [
  ...['units', 'activation', 'recurrent_activation', 'use_bias', 'reset_after', 'return_sequences'],
  'zero_output_for_mask',
]

function bidirectionalOf(object: KerasObject, origin: Origin, made: Make): Mapped | undefined {
  const { config, name } = object
  optionsOf(object, ['layer', 'merge_mode', 'backward_layer'], origin)
  const direction = (saved: unknown): KerasObject => {
    const given = kerasObject(origin.where, saved)
    // Whatever the layer says, Keras gives zeros at padded steps here.
    const isZero = origin.dialect !== 'tfjs' && given.config.return_sequences === true
    return isZero ? { ...given, config: { ...given.config, zero_output_for_mask: true } } : given
  }
  const forward = direction(config.layer)
  const inner = layerOf(forward, origin)
  if (inner === undefined) return undefined
  const given = isDefault(config.backward_layer) ? undefined : direction(config.backward_layer)
  const decisive = ({ className, config: options }: KerasObject) =>
    JSON.stringify([
      className,
      optionsOf({ className, name, config: { ...options, go_backwards: false }, beside: {} }, decisiveOptions, {
        ...origin,
        problems: new Unmapped(),
        leftOut: [],
      }),
    ])
  const isOwn = given !== undefined && decisive(given) !== decisive(forward)
  const backward = isOwn ? layerOf(given, origin) : undefined
  if (isOwn && backward === undefined) return undefined
  const layer = made(layers.bidirectional as Maker, {
    layer: inner.layer,
    ...(config.merge_mode !== undefined && { mergeMode: config.merge_mode }),
    ...(backward && { backwardLayer: backward.layer }),
  })
  const parts = [inner, backward ?? inner].flatMap((side, at) =>
    side.parts.map((part) => ({ ...part, path: [directionGroups[at] as string, ...part.path] })),
  )
  return layer && { layer, parts }
}

/** Cells in a stack at most: far more than any network has. */
const mostCells = 64

function rnnOf(object: KerasObject, origin: Origin, made: Make): Mapped | undefined {
  const outer = kerasObject(origin.where, object.config.cell)
  const isStacked = outer.className === 'StackedRNNCells'
  // tfjs repeats the cell's options in the layer's.
  const own = Object.entries(object.config).filter(([key]) => !Object.hasOwn(outer.config, key))
  const { cell: _, ...options } = optionsOf(
    { ...object, config: Object.fromEntries(own) },
    ['cell', ...recurrenceOptions],
    origin,
  )
  if (isStacked) optionsOf(outer, ['cells'], origin)
  const given = isStacked ? listOf(origin.where, 'cells', outer.config.cells) : [outer]
  if (given.length > mostCells) {
    origin.problems.add(`the RNN '${object.name}' with ${given.length} cells; there may be ${mostCells}`)
    return undefined
  }
  const objects = given.map((each) => withDefaults(isStacked ? kerasObject(origin.where, each) : outer, origin))
  const names = groupNames(objects)
  const cells: Cell[] = []
  const parts = objects.map((cell, index) => {
    const known = classOf(cellClasses, cell.className)
    if (known === undefined) origin.problems.add(`the cell ${cell.className} in the RNN '${object.name}'`)
    else cells.push(known.make(optionsOf(cell, known.options, origin) as never))
    const path = isStacked ? [...cellGroup, 'cells', names[index] as string] : cellGroup
    return { path, count: cellWeights(cell) }
  })
  if (cells.length < objects.length) return undefined
  const layer = made(layers.rnn as Maker, {
    zeroOutputForMask: false,
    ...options,
    cell: cells.length === 1 ? cells[0] : cells,
  })
  const isReversed = origin.dialect === 'tfjs' && cells.length > 1
  const states = isReversed ? tfjsStates(cells.map((cell) => cell.states.length)) : undefined
  return layer && { layer, parts, states }
}

/** The groups that Keras 3 keeps the weights of some objects in: their classes, numbered. */
export function groupNames(objects: readonly { readonly className: string }[]): string[] {
  const used = new Map<string, number>()
  return objects.map(({ className }) => {
    const name = snakeCase(className)
    const count = used.get(name) ?? 0
    used.set(name, count + 1)
    return count === 0 ? name : `${name}_${count}`
  })
}

/** Kernel, recurrent kernel and, usually, a bias. */
const cellWeights = ({ config }: KerasObject): number => (config.use_bias === false ? 2 : 3)

/** What tfjs and early versions of Keras 2 take for options that a description does not mention; ours are those of Keras 3. */
function withDefaults(object: KerasObject, { dialect }: Origin): KerasObject {
  const { className, config } = object
  if (dialect === 'keras3') return object
  if (/^(Additive)?Attention$/.test(className) && 'causal' in config) {
    const { causal, ...others } = config
    return { ...object, config: { use_causal_mask: causal, ...others } }
  }
  const [, kind] = /^(GRU|LSTM)(Cell)?$/.exec(className) ?? []
  if (kind === undefined) return object
  const defaults = {
    ...(dialect === 'tfjs' && { recurrent_activation: 'hard_sigmoid' }),
    ...(kind === 'GRU' && { reset_after: false }),
  }
  return { ...object, config: { ...defaults, ...config } }
}
