import { cells, input, layers, model, type SymbolicTensor } from 'seqloom'

/** An object of a saved Keras model: its class and its options under Keras's names. */
export interface KerasObject {
  class_name: string
  config: Record<string, unknown>
}

type Layer = ReturnType<typeof layers.dense>

const camelCase = (name: string): string => name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())

/** What decides a trained layer's values; initializers and the like do not. */
const kept = [
  ...['units', 'activation', 'recurrent_activation', 'use_bias', 'reset_after', 'return_sequences', 'go_backwards'],
  ...['zero_output_for_mask', 'input_dim', 'output_dim', 'mask_zero', 'mask_value', 'epsilon', 'center', 'scale'],
  ...['n', 'return_state', 'use_scale', 'score_mode', 'name'],
]

/** What decides a trained cell's values. */
const keptInCells = ['units', 'activation', 'recurrent_activation', 'use_bias', 'reset_after']

function optionsOf({ config }: KerasObject, keys: readonly string[] = kept): Record<string, unknown> {
  const options: Record<string, unknown> = {}
  for (const key of keys) {
    if (!Object.hasOwn(config, key)) continue
    const value = config[key]
    options[camelCase(key)] = typeof value === 'string' && key !== 'name' ? camelCase(value) : value
  }
  return options
}

const makers: Record<string, (options: never) => Layer> = {
  SimpleRNN: layers.simpleRNN as never,
  LSTM: layers.lstm as never,
  GRU: layers.gru as never,
  Dense: layers.dense as never,
  Embedding: layers.embedding as never,
  Masking: layers.masking as never,
  LayerNormalization: layers.layerNormalization as never,
  GlobalAveragePooling1D: layers.globalAveragePooling1d as never,
  RepeatVector: layers.repeatVector as never,
  Concatenate: layers.concatenate as never,
  Attention: layers.attention as never,
  AdditiveAttention: layers.additiveAttention as never,
}

const cellMakers: Record<string, (options: never) => ReturnType<typeof cells.lstm>> = {
  SimpleRNNCell: cells.simpleRNN as never,
  LSTMCell: cells.lstm,
  GRUCell: cells.gru as never,
}

function cellOf(object: KerasObject): ReturnType<typeof cells.lstm> {
  if (object.class_name === 'StackedRNNCells') {
    return layers.stackedRNNCells({ cells: (object.config.cells as KerasObject[]).map(cellOf) as never }) as never
  }
  const make = cellMakers[object.class_name]
  if (make === undefined) throw new Error(`this test does not know the cell ${object.class_name}`)
  return make(optionsOf(object, keptInCells) as never)
}

function layerOf(object: KerasObject, first: Record<string, unknown>): Layer {
  if (object.class_name === 'Bidirectional' || object.class_name === 'TimeDistributed') {
    const layer = layerOf(object.config.layer as KerasObject, {})
    return object.class_name === 'TimeDistributed'
      ? (layers.timeDistributed({ layer, ...first } as never) as unknown as Layer)
      : (layers.bidirectional({ layer, mergeMode: object.config.merge_mode, ...first } as never) as unknown as Layer)
  }
  if (object.class_name === 'RNN') {
    const cell = cellOf(object.config.cell as KerasObject)
    return layers.rnn({ cell, ...optionsOf(object), ...first } as never) as unknown as Layer
  }
  const make = makers[object.class_name]
  if (make === undefined) throw new Error(`this test does not know the layer ${object.class_name}`)
  return make({ ...optionsOf(object), ...first } as never)
}

/** Our layers for a saved Keras Sequential model; the first gets the input's shape without the batch. */
export function kerasLayers(saved: KerasObject): Layer[] {
  const [input, ...rest] = saved.config.layers as KerasObject[]
  const inputShape = ((input as KerasObject).config.batch_shape as (number | null)[]).slice(1)
  return rest.map((object, index) => layerOf(object, index === 0 ? { inputShape } : {}))
}

/** A value in a saved Keras model: a layer's name, which of its uses, and which of its outputs. */
type History = readonly [layer: string, use: number, output: number]

/** Our model for a saved Keras functional model whose layers are each used once. */
export function kerasFunctional(saved: KerasObject) {
  const values = new Map<string, readonly SymbolicTensor[]>()
  const find = (given: unknown): SymbolicTensor | readonly SymbolicTensor[] => {
    if (Array.isArray(given)) return given.flatMap(find)
    const [name, , index] = (given as KerasObject).config.keras_history as History
    return values.get(name)?.[index] as SymbolicTensor
  }
  const {
    layers: objects,
    input_layers: sources,
    output_layers: results,
  } = saved.config as {
    layers: (KerasObject & { inbound_nodes: { args: unknown[]; kwargs: { initial_state?: unknown } }[] })[]
    input_layers: History | History[]
    output_layers: History | History[]
  }
  for (const object of objects) {
    const name = object.config.name as string
    if (object.class_name === 'InputLayer') {
      const { batch_shape: shape, dtype } = object.config as {
        batch_shape: (number | null)[]
        dtype: 'float32' | 'int32'
      }
      values.set(name, [input({ shape: shape.slice(1), dtype, name })])
      continue
    }
    const [use] = object.inbound_nodes
    const initial = use?.kwargs.initial_state
    const options = initial === undefined ? {} : { initialState: find(initial) }
    values.set(name, [layerOf(object, {}).apply(find(use?.args[0]), options)].flat())
  }
  const all = (given: History | History[]) => (Array.isArray(given[0]) ? (given as History[]) : [given as History])
  const take = (given: History | History[]) =>
    all(given).map(([name, , index]) => values.get(name)?.[index] as SymbolicTensor)
  return model({ inputs: take(sources), outputs: take(results)[0] as SymbolicTensor })
}
