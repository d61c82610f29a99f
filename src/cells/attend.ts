import type { SymbolicValue } from '../graph/trace/symbolic.js'

/** What a step reads from a memory. */
export interface Attended {
  /** The weights of the memory's steps, which sum to one over the valid ones: `[batch, steps]`. */
  readonly alignment: SymbolicValue
  /** The weighted sum of the memory: `[batch, size]`. */
  readonly context: SymbolicValue
}

/**
 * Reads a memory `[batch, steps, size]` by scores `[batch, steps]`: their softmax over the valid steps, and the
 * weighted sum.
 */
export function readMemory(scores: SymbolicValue, memory: SymbolicValue): Attended {
  const alignment = scores.softmax({ mask: memory.mask() })
  return { alignment, context: alignment.expandDims(1).matmul(memory).squeeze(1) }
}

/** The weights of {@link additiveScores}. */
export interface AdditiveWeights {
  /** `[units, attention]`. */
  readonly attention_query: SymbolicValue
  /** `[size, attention]`. */
  readonly attention_key: SymbolicValue
  /** `[attention]`. */
  readonly attention_bias: SymbolicValue
  /** `[attention, 1]`. */
  readonly attention_v: SymbolicValue
}

/** Declarations of the weights of additive attention, with `memory` features per step and `attention` hidden units. */
export const additiveWeights = (units: number, memory: string, attention: number) =>
  ({
    attention_query: [units, attention],
    attention_key: [memory, attention],
    attention_bias: [attention],
    attention_v: [attention, 1],
  }) as const

/** Scores of a memory's steps: v·tanh(h·query + memory·key + bias), `[batch, steps]`. */
export function additiveScores(h: SymbolicValue, memory: SymbolicValue, w: AdditiveWeights): SymbolicValue {
  const keys = memory.matmul(w.attention_key).add(w.attention_bias)
  return keys.add(h.matmul(w.attention_query).expandDims(1)).tanh().matmul(w.attention_v).squeeze(2)
}
