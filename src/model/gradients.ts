import { convertOne, looksLikeTensor, type Sliced, type Staged, stage } from '../data/index.js'
import { type Data, Tensor } from '../data/tensor.js'
import { reading, SeqloomError } from '../errors.js'
import type { GraphSpec } from '../graph/wire.js'
import type { NativeModel } from '../native/index.js'
import { isRecord } from '../options.js'
import { asTensor, cotangentSlots } from './slots.js'
import { outputNames, type Topology } from './topology.js'

/** What `gradients` returns. */
export interface Gradients {
  /** The loss, if targets were given. */
  readonly loss?: number
  /** The gradient of every trainable weight, by its name. */
  readonly weights: Record<string, Tensor>
  /** The gradient of every input, in order; null for tokens. */
  readonly inputs: (Tensor | null)[]
  /** The outputs, in order. */
  readonly outputs: Tensor[]
  /**
   * With `states`: the gradient with respect to each state of the recurrent layers after every step,
   * `[batch, time, …]`, zero at masked steps, by the layer's path and the state's name: `lstm/h`,
   * `bidirectional/forward_gru/h`. Steps are in the order of the input. Fused layers have h, traced ones all their
   * states. States that the loss does not depend on are left out.
   */
  readonly states?: Record<string, Tensor>
}

/** Options of {@link Model.gradients}. */
export interface GradientOptions {
  /**
   * Whether to return the gradients with respect to the states of recurrent layers at every step, too; default false.
   */
  readonly states?: boolean
  /** Aborting it makes the call reject with an AbortError. */
  readonly signal?: AbortSignal
}

/** Where gradients begin: one tensor per output (null for none). */
export interface Cotangents {
  readonly cotangents: Data | readonly (Data | null)[]
}

/** Whether gradients begin at the outputs and not at a loss. */
export function isCotangents(value: unknown): value is Cotangents {
  return reading('ERR_DATA', 'gradients', () => isRecord(value) && 'cotangents' in value && !('data' in value))
}

/** The gradients that a backward pass begins with, one for each output. Errors: `ERR_DATA`, `ERR_SHAPE`. */
export function* convertCotangents(topology: Topology, given: Cotangents['cotangents']): Sliced<(Staged | null)[]> {
  const slots = cotangentSlots(topology)
  const list = reading('ERR_DATA', 'gradients: cotangents', (): unknown[] =>
    isListOf(slots.length, given) ? [...given] : [given],
  )
  if (list.length !== slots.length) {
    const names = outputNames(topology).join(', ')
    throw new SeqloomError(
      'ERR_DATA',
      `gradients: expected one cotangent for each output (${names}), got ${list.length}`,
    )
  }
  const converted: (Staged | null)[] = []
  for (const [index, slot] of slots.entries()) {
    const value = list[index]
    const missing = value === null || value === undefined
    converted.push(missing ? null : yield* stage(yield* convertOne(slot, value)))
  }
  return converted
}

/** Whether the gradients of outputs are in a list: for one output, nested arrays are that output's own. */
function isListOf(outputs: number, given: unknown): given is readonly unknown[] {
  if (!Array.isArray(given)) return false
  return outputs > 1 || given.length === 1 || given.some((value) => value === null || looksLikeTensor(value))
}

/** What the engine found, by the names of weights and states. */
export function gradientsOf(
  found: Awaited<ReturnType<NativeModel['gradients']>>,
  specs: GraphSpec['weights'],
  states: boolean,
): Gradients {
  const weights: Record<string, Tensor> = {}
  specs.forEach(({ name, shape, trainable }, index) => {
    const data = found.weights[index]
    if (trainable && data) weights[name] = new Tensor(data, [...shape])
  })
  return {
    ...(found.loss === undefined ? {} : { loss: found.loss }),
    weights,
    inputs: found.inputs.map((gradient) => (gradient ? asTensor(gradient) : null)),
    outputs: found.outputs.map(asTensor),
    ...(states && {
      states: Object.fromEntries(found.states.map(({ name, gradient }) => [name, asTensor(gradient)])),
    }),
  }
}
