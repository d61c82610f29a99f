import type { AnyLayer } from '../layers/layer.js'

// Recurrent modules of PyTorch have two biases where ours have their sum, from which they cannot be told. So those of a file are kept beside the layer that
// got it, and go out again as long as the layer has that sum.

/** Two biases in our order of gates. */
export type Biases = readonly [Float32Array, Float32Array]

const kept = new WeakMap<AnyLayer, Map<number, Biases>>()

/** Keeps the two biases whose sum weight `at` of a layer has become. */
export function keepBiases(layer: AnyLayer, at: number, biases: Biases): void {
  const own = kept.get(layer) ?? new Map<number, Biases>()
  kept.set(layer, own)
  own.set(at, biases)
}

/** Biases that add up to what weight `at` of a layer is now: those that were kept, else the sum and zeros. */
export function biasesOf(layer: AnyLayer, at: number, sum: Float32Array): Biases {
  const biases = kept.get(layer)?.get(at)
  const isSame = biases !== undefined && sumOf(biases).every((value, place) => Object.is(value, sum[place]))
  return isSame ? biases : [sum, new Float32Array(sum.length)]
}

/** Their sum. */
export const sumOf = ([first, second]: Biases): Float32Array =>
  first.map((value, place) => value + (second[place] as number))
