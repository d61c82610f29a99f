import type { Cell } from '../../cells/cell.js'
import { gru as gruCell } from '../../cells/gru.js'
import { lstm as lstmCell } from '../../cells/lstm.js'
import { simpleRNN as simpleRNNCell } from '../../cells/simpleRnn.js'
import { SeqloomError } from '../../errors.js'
import * as layers from '../../layers/index.js'
import type { AnyLayer } from '../../layers/layer.js'
import { Unmapped } from '../format.js'
import { optionsOf } from './options.js'
import { type KerasObject, kerasObject, listOf, type Origin, snakeCase } from './saved.js'

/** A part of a layer's weights, as one group of a file holds them. */
export interface Part {
  /** The groups below the layer's own. */
  readonly path: readonly string[]
  /** Changes values into what ours mean; shapes stay. */
  readonly adapt?: (values: Float32Array, shape: readonly number[]) => void
}

/** A layer of ours, and where its weights are, in the order of ours. */
export interface Mapped {
  readonly layer: AnyLayer
  readonly parts: readonly Part[]
}

type Maker = (options: never) => unknown

const recurrent = [
  ...['units', 'activation', 'use_bias', 'dropout', 'return_sequences', 'return_state', 'go_backwards'],
  ...['zero_output_for_mask', 'stateful'],
]
const gated = ['recurrent_activation']

/** Layers whose weights stand in one group, with the options that decide what they compute. */
const plainLayers: Readonly<Record<string, readonly [make: Maker, options: readonly string[]]>> = {
  Activation: [layers.activation as Maker, ['activation']],
  Add: [layers.add as Maker, []],
  Average: [layers.average as Maker, []],
  Concatenate: [layers.concatenate as Maker, ['axis']],
  Dense: [layers.dense as Maker, ['units', 'activation', 'use_bias']],
  Dropout: [layers.dropout as Maker, ['rate']],
  Embedding: [layers.embedding as Maker, ['input_dim', 'output_dim', 'mask_zero']],
  Flatten: [layers.flatten as Maker, []],
  GlobalAveragePooling1D: [layers.globalAveragePooling1d as Maker, []],
  GlobalMaxPooling1D: [layers.globalMaxPooling1d as Maker, []],
  LayerNormalization: [layers.layerNormalization as Maker, ['axis', 'epsilon', 'center', 'scale']],
  Masking: [layers.masking as Maker, ['mask_value']],
  Maximum: [layers.maximum as Maker, []],
  Minimum: [layers.minimum as Maker, []],
  Multiply: [layers.multiply as Maker, []],
  RepeatVector: [layers.repeatVector as Maker, ['n']],
  Reshape: [layers.reshape as Maker, ['target_shape']],
  RMSNormalization: [layers.rootMeanSquareNormalization as Maker, ['axis', 'epsilon']],
  Subtract: [layers.subtract as Maker, []],
  AdditiveAttention: [layers.additiveAttention as Maker, ['use_scale', 'dropout', 'return_attention_scores']],
  Attention: [layers.attention as Maker, ['use_scale', 'score_mode', 'dropout', 'return_attention_scores']],
}

const recurrentLayers: Readonly<
  Record<string, readonly [make: Maker, options: readonly string[], gates: readonly number[]]>
> = {
  GRU: [layers.gru as Maker, [...recurrent, ...gated, 'reset_after'], [0, 1]],
  LSTM: [layers.lstm as Maker, [...recurrent, ...gated], [0, 1, 3]],
  SimpleRNN: [layers.simpleRNN as Maker, recurrent, []],
}

const cellLayers: Readonly<
  Record<string, readonly [make: (options: never) => Cell, options: readonly string[], gates: readonly number[]]>
> = {
  GRUCell: [gruCell as never, ['units', 'activation', 'recurrent_activation', 'use_bias', 'reset_after'], [0, 1]],
  LSTMCell: [lstmCell as never, ['units', 'activation', 'recurrent_activation', 'use_bias'], [0, 1, 3]],
  SimpleRNNCell: [simpleRNNCell as never, ['units', 'activation', 'use_bias'], []],
}

/**
 * The layer of ours for a saved one. What is not there is noted in `origin.problems`, and undefined given.
 */
export function layerOf(object: KerasObject, origin: Origin): Mapped | undefined {
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

  const plain = plainLayers[className]
  if (plain !== undefined && Object.hasOwn(plainLayers, className)) {
    const layer = made(plain[0], optionsOf(object, plain[1], origin))
    return mapped(layer, [{ path: [], ...adaption(object, origin) }])
  }
  if (Object.hasOwn(recurrentLayers, className)) {
    const [make, known, gates] = recurrentLayers[className] as (typeof recurrentLayers)[string]
    // Ours is true by default.
    const layer = made(make, { zeroOutputForMask: false, ...optionsOf(object, known, origin) })
    return mapped(layer, [{ path: ['cell'], ...gateAdaption(object, origin, gates) }])
  }
  if (className === 'RNN') return rnnOf(object, origin, made)
  if (className === 'Bidirectional') return bidirectionalOf(object, origin, made)
  if (className === 'TimeDistributed') {
    optionsOf(object, ['layer'], origin)
    const inner = layerOf(kerasObject(origin.where, config.layer), origin)
    if (inner === undefined) return undefined
    const layer = made(layers.timeDistributed as Maker, { layer: inner.layer })
    return mapped(
      layer,
      inner.parts.map((part) => ({ ...part, path: ['layer', ...part.path] })),
    )
  }
  if (className === 'MultiHeadAttention') {
    const known = ['num_heads', 'key_dim', 'value_dim', 'dropout', 'use_bias', 'return_attention_scores']
    // The shapes of its inputs say nothing that these do not.
    const others = ['output_shape', 'attention_axes', 'query_shape', 'key_shape', 'value_shape', 'flash_attention']
    const { outputShape, attentionAxes, queryShape, keyShape, valueShape, flashAttention, ...options } = optionsOf(
      object,
      [...known, ...others],
      origin,
    )
    if (!isDefault(outputShape) || !isDefault(attentionAxes, [1])) {
      origin.problems.add(`output_shape or attention_axes of the MultiHeadAttention '${name}'`)
    }
    const layer = made(layers.multiHeadAttention as Maker, options)
    return mapped(
      layer,
      ['query', 'key', 'value', 'output'].map((each) => ({ path: [`${each}_dense`] })),
    )
  }
  if (className === 'ReLU' || className === 'Softmax') {
    optionsOf(object, className === 'Softmax' ? ['axis'] : [], origin)
    if (className === 'Softmax' && !isDefault(config.axis, -1)) origin.problems.add(`axis of the Softmax '${name}'`)
    return mapped(made(layers.activation as Maker, { activation: className.toLowerCase() }), [])
  }
  if (className === 'SpatialDropout1D' || className === 'GaussianDropout') {
    origin.leftOut.push(`what the ${className} '${name}' does beyond dropout`)
    return mapped(made(layers.dropout as Maker, { rate: config.rate }), [])
  }
  if (className === 'GaussianNoise' || className === 'ActivityRegularization') {
    origin.leftOut.push(`the ${className} '${name}'`)
    return mapped(made(layers.activation as Maker, { activation: 'linear' }), [])
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
  const forward = kerasObject(origin.where, config.layer)
  const inner = layerOf(forward, origin)
  if (inner === undefined) return undefined
  if (config.backward_layer !== undefined && config.backward_layer !== null) {
    const backward = kerasObject(origin.where, config.backward_layer)
    const decisive = ({ className, config: options }: KerasObject) =>
      JSON.stringify([
        className,
        optionsOf({ className, name, config: { ...options, go_backwards: false }, beside: {} }, decisiveOptions, {
          ...origin,
          problems: new Unmapped(),
          leftOut: [],
        }),
      ])
    if (decisive(backward) !== decisive(forward)) {
      origin.problems.add(`the Bidirectional '${name}': its layers differ in more than the direction`)
    }
  }
  const mergeMode = config.merge_mode ?? null
  const layer = made(layers.bidirectional as Maker, { layer: inner.layer, mergeMode })
  const parts = ['forward_layer', 'backward_layer'].flatMap((side) =>
    inner.parts.map((part) => ({ ...part, path: [side, ...part.path] })),
  )
  return layer && { layer, parts }
}

function rnnOf(object: KerasObject, origin: Origin, made: Make): Mapped | undefined {
  const known = ['return_sequences', 'return_state', 'go_backwards', 'zero_output_for_mask', 'stateful']
  const options = optionsOf(object, ['cell', ...known], origin)
  delete options.cell
  const outer = kerasObject(origin.where, object.config.cell)
  const isStacked = outer.className === 'StackedRNNCells'
  if (isStacked) optionsOf(outer, ['cells'], origin)
  const given = isStacked ? listOf(origin.where, 'cells', outer.config.cells) : [outer]
  const objects = given.map((each) => (isStacked ? kerasObject(origin.where, each) : outer))
  const names = groupNames(objects)
  const cells: Cell[] = []
  const parts = objects.map((cell, index) => {
    const known = Object.hasOwn(cellLayers, cell.className) ? cellLayers[cell.className] : undefined
    if (known === undefined) origin.problems.add(`the cell ${cell.className} in the RNN '${object.name}'`)
    else cells.push(known[0](optionsOf(cell, known[1], origin) as never))
    const path = isStacked ? ['cell', 'cells', names[index] as string] : ['cell']
    return { path, ...gateAdaption(cell, origin, known?.[2] ?? []) }
  })
  if (cells.length < objects.length) return undefined
  const layer = made(layers.rnn as Maker, {
    zeroOutputForMask: false,
    ...options,
    cell: cells.length === 1 ? cells[0] : cells,
  })
  return layer && { layer, parts }
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

/** 0.2·x + 0.5 is relu6(1.2·x + 3) / 6: with weights 1.2 times as large, the one hard sigmoid is the other. */
const stretch = 1.2

const isOldHardSigmoid = (value: unknown, origin: Origin): boolean =>
  origin.hardSigmoid === 'keras2' && /^hard_?sigmoid$/i.test(typeof value === 'string' ? value : '')

function gateAdaption(object: KerasObject, origin: Origin, gates: readonly number[]): Pick<Part, 'adapt'> {
  const count = object.className.startsWith('LSTM') ? 4 : object.className.startsWith('GRU') ? 3 : 1
  if (isOldHardSigmoid(object.config.activation, origin)) {
    if (count === 1) return stretched([0], 1)
    // A state, or what a gate multiplies, goes through it too.
    origin.problems.add(`hard_sigmoid of Keras 2 as the activation of '${object.name}'`)
  }
  return stretched(isOldHardSigmoid(object.config.recurrent_activation, origin) ? gates : [], count)
}

function adaption(object: KerasObject, origin: Origin): Pick<Part, 'adapt'> {
  if (!isOldHardSigmoid(object.config.activation, origin)) return {}
  if (object.className === 'Dense') return stretched([0], 1)
  origin.problems.add(`hard_sigmoid of Keras 2 in the ${object.className} '${object.name}'`)
  return {}
}

/** Makes some of the gates' columns larger. */
function stretched(which: readonly number[], count: number): Pick<Part, 'adapt'> {
  if (which.length === 0) return {}
  return {
    adapt: (values, shape) => {
      const columns = shape.at(-1) ?? 1
      const width = columns / count
      for (let i = 0; i < values.length; i++) {
        if (which.includes(Math.floor((i % columns) / width))) values[i] = Math.fround((values[i] as number) * stretch)
      }
    },
  }
}
