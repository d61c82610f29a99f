import { layers } from 'seqloom'

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
]

function optionsOf({ config }: KerasObject): Record<string, unknown> {
  const options: Record<string, unknown> = {}
  for (const key of kept) {
    if (!Object.hasOwn(config, key)) continue
    const value = config[key]
    options[camelCase(key)] = typeof value === 'string' ? camelCase(value) : value
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
}

function layerOf(object: KerasObject, first: Record<string, unknown>): Layer {
  if (object.class_name === 'Bidirectional' || object.class_name === 'TimeDistributed') {
    const layer = layerOf(object.config.layer as KerasObject, {})
    return object.class_name === 'TimeDistributed'
      ? (layers.timeDistributed({ layer, ...first } as never) as unknown as Layer)
      : (layers.bidirectional({ layer, mergeMode: object.config.merge_mode, ...first } as never) as unknown as Layer)
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
