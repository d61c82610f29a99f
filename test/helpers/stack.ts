import { input, layers, model, tensor } from 'seqloom'
import type { CellName } from './gates.js'
import type { Values } from './safetensors.js'

/** A stack of recurrent layers as PyTorch and ONNX mean it: one kind, one size, perhaps both directions and given first states. */
export interface StackOptions {
  kind: CellName
  input: number
  hidden: number
  layers?: number
  direction?: 'forward' | 'reverse' | 'bidirectional'
  activation?: 'tanh' | 'relu'
  resetAfter?: boolean
  useBias?: boolean
  initialState?: boolean
}

/** A built functional model. */
export type BuiltModel = ReturnType<typeof model>

function recurrentLayer(options: StackOptions, name: string) {
  const common = {
    units: options.hidden,
    useBias: options.useBias ?? true,
    goBackwards: options.direction === 'reverse',
    returnSequences: true,
    returnState: true,
    name,
  }
  if (options.kind === 'LSTM') return layers.lstm(common)
  if (options.kind === 'GRU') return layers.gru({ ...common, resetAfter: options.resetAfter ?? true })
  return layers.simpleRNN({ ...common, activation: options.activation ?? 'tanh' })
}

/**
 * Builds the stack as a functional model. Its inputs are x and then, where there are first states, those of each layer:
 * h (and c) forward, then h (and c) backward. Its outputs are the last layer's sequence and the last states in the same order.
 */
export function recurrentStack(options: StackOptions): BuiltModel {
  const directions = options.direction === 'bidirectional' ? 2 : 1
  const statesPerLayer = directions * (options.kind === 'LSTM' ? 2 : 1)
  const x = input({ shape: [null, options.input], name: 'x' })
  const firstStates = []
  const lastStates = []
  let sequence = x
  for (let index = 0; index < (options.layers ?? 1); index++) {
    const inner = recurrentLayer(options, `recurrent${index}`)
    const layer = directions === 2 ? layers.bidirectional({ layer: inner, name: `both${index}` }) : inner
    const initialState = []
    if (options.initialState === true) {
      for (let state = 0; state < statesPerLayer; state++)
        initialState.push(input({ shape: [options.hidden], name: `state${index}_${state}` }))
    }
    const outputs = layer.apply(sequence, initialState.length > 0 ? { initialState } : {}) as (typeof x)[]
    sequence = outputs[0] as typeof x
    lastStates.push(...outputs.slice(1))
    firstStates.push(...initialState)
  }
  return model({ inputs: [x, ...firstStates], outputs: [sequence, ...lastStates] })
}

/** The states of a stack in the order of its inputs and outputs, out of [layers·directions, batch, hidden] arrays of h and c. */
export function statesOf(
  h: Values<Float32Array>,
  c: Values<Float32Array> | undefined,
  take: (values: Values<Float32Array>, index: number) => Values<Float32Array>,
): Values<Float32Array>[] {
  const count = h.shape[0] as number
  return Array.from({ length: count }, (_, index) =>
    c === undefined ? [take(h, index)] : [take(h, index), take(c, index)],
  ).flat()
}

/** The package's tensor of a golden array, with the lengths of its rows where they differ. */
export function asTensor(values: Values, lengths?: readonly number[] | null) {
  return tensor(values.data, [...values.shape], lengths ? { lengths: [...lengths] } : undefined)
}
