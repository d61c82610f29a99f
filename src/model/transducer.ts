import type { Tensor } from '../data/tensor.js'
import { callNative, SeqloomError } from '../errors.js'
import type { SymbolicTensor } from '../layers/layer.js'
import { TransducerJoint } from '../layers/transducerJoint.js'
import type { NativeTransducerSearch } from '../native/index.js'
import { type Functional, model } from './functional.js'
import type { Model, Prediction } from './model.js'

/** The networks of an RNN transducer: models of their own that share the layers of the whole one. */
export interface TransducerNetworks {
  /** From the input to `[batch, time, width]`. */
  readonly encoder: Functional<Tensor>
  /** From symbols to `[batch, labels, width]`. */
  readonly predictor: Functional<Tensor>
  readonly joint: TransducerJoint
}

const known = new WeakMap<object, TransducerNetworks>()

/**
 * The networks of a model whose first output `layers.transducerJoint` makes. Errors: `ERR_UNSUPPORTED` for other models,
 * and where encoder and predictor share an input or the predictor reads anything but symbols.
 */
export function transducerNetworks(where: string, whole: Model<Prediction>): TransducerNetworks {
  const found = known.get(whole)
  if (found) return found
  const { outputs, inputs } = whole.topology()
  const call = outputs[0]?.call
  const joint = call?.layer
  const [encoded, predicted] = call?.inputs ?? []
  if (!(joint instanceof TransducerJoint) || !encoded || !predicted) {
    throw new SeqloomError('ERR_UNSUPPORTED', `${where}: the model's output must be that of layers.transducerJoint`)
  }
  const [read, written] = [sourcesOf(encoded), sourcesOf(predicted)]
  const shared = inputs.find((input) => read.has(input) && written.has(input))
  if (shared) {
    throw new SeqloomError(
      'ERR_UNSUPPORTED',
      `${where}: encoder and predictor both read the input '${shared.call.layer.label}', so they cannot run apart`,
    )
  }
  const [symbols, ...others] = inputs.filter((input) => written.has(input))
  if (symbols?.dtype !== 'int32' || symbols.shape.length !== 2 || others.length > 0) {
    throw new SeqloomError(
      'ERR_UNSUPPORTED',
      `${where}: the predictor must read one input, of symbols: input({ shape: [null], dtype: 'int32' })`,
    )
  }
  // First values are drawn for the whole model.
  whole.engine.now(where, 'callbacks', () => whole.engine.ready())
  const encoder = model({ inputs: inputs.filter((input) => read.has(input)), outputs: encoded })
  const networks = { encoder, predictor: model({ inputs: symbols, outputs: predicted }), joint }
  known.set(whole, networks)
  return networks
}

/** What a value is computed from. */
function sourcesOf(value: SymbolicTensor): ReadonlySet<SymbolicTensor> {
  const found = new Set([value])
  // A set that grows while it is gone through.
  for (const { call } of found) for (const input of call.inputs) found.add(input)
  return found
}

/** How a search is made. */
export interface TransducerSearchSettings {
  readonly blank: number
  /** Symbols that are never written. */
  readonly exclude: ArrayLike<number>
  readonly start: number
  readonly beamWidth: number
  readonly nBest: number
  readonly maxSymbols: number
  readonly scored: boolean
  readonly weight: number
  readonly insertionBonus: number
}

/** A search for some rows. Errors: `ERR_OPTION`, `ERR_SHAPE`, `ERR_UNSUPPORTED` for a predictor that cannot stream. */
export function transducerSearch(
  where: string,
  { predictor, joint }: TransducerNetworks,
  { exclude, ...settings }: TransducerSearchSettings,
  rows: number,
): NativeTransducerSearch {
  const [kernel, bias = new Float32Array(joint.units)] = joint.getWeights().map(({ data }) => data as Float32Array)
  for (const symbol of Array.from(exclude)) {
    if (symbol === settings.blank || symbol >= joint.units) {
      const why = symbol === settings.blank ? 'is the blank' : `is not one of the ${joint.units} symbols`
      throw new SeqloomError('ERR_OPTION', `${where}: exclude: ${symbol} ${why}`)
    }
    bias[symbol] = -1e9
  }
  const { engine } = predictor
  const native = engine.now(where, 'callbacks', () => engine.ready())
  const options = JSON.stringify({ ...settings, activation: joint.activation })
  const session = callNative(() => native.session(1, [0], []))
  try {
    return callNative(() => session.transduce(kernel as Float32Array, bias, options, rows))
  } finally {
    session.free()
  }
}
