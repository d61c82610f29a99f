import { describe } from '../../errors.js'
import { declareInputs, declareWeights, weightRecord } from './declare.js'
import type { Program } from './program.js'
import { hasBatch, show } from './size.js'
import { SymbolicValue } from './symbolic.js'
import { Trace } from './trace.js'

/** What a layer's function can do besides computing. */
export interface LayerContext {
  /**
   * Adds the mean of a value, `[batch]`, `[batch, time]` (valid steps only) or a single number, to the loss of
   * training.
   */
  readonly addLoss: (value: SymbolicValue) => void
}

/** A traced function: its outputs, then what it adds to the loss. */
export interface TracedFunctionOf {
  readonly program: Program
  readonly outputCount: number
}

/** Calls a function of inputs and weights on symbols. `ERR_OPTION` and `ERR_SHAPE`, naming the user's line. */
export function traceFunction(
  where: string,
  inputs: unknown,
  weights: unknown,
  call: (inputs: never, weights: never, context: LayerContext) => unknown,
): TracedFunctionOf {
  const declared = declareInputs(where, 'inputs', inputs)
  const declaredWeights = declareWeights(where, weights)
  const trace = new Trace(where, declared, declaredWeights.weights)
  const values = Object.fromEntries(declared.map(({ name }, id) => [name, new SymbolicValue(trace, id)]))
  const losses: number[] = []
  const addLoss = (value: SymbolicValue): void => {
    const id = SymbolicValue.idIn(trace, value, 'addLoss')
    const shape = trace.shapeOf(id)
    if (shape.length > 0 && (!hasBatch(shape) || shape.length > 2)) {
      throw trace.error('ERR_SHAPE', 'addLoss', `expected [batch], [batch, time] or one number, got ${show(shape)}`)
    }
    losses.push(id)
  }
  const result = call(
    trace.record('input', values) as never,
    trace.record('weight', weightRecord(trace, declared.length, declaredWeights)) as never,
    { addLoss },
  )
  const results: readonly unknown[] = Array.isArray(result) ? result : [result]
  if (results.length === 0) {
    throw trace.error('ERR_OPTION', 'the function', `it must return an output, not ${describe(result)}`)
  }
  const outputs = results.map((value) => {
    const id = SymbolicValue.idIn(trace, value, 'the result')
    if (hasBatch(trace.shapeOf(id))) return id
    throw trace.error('ERR_SHAPE', 'the result', `expected [batch, …], got ${show(trace.shapeOf(id))}`)
  })
  return { program: trace.finish([...outputs, ...losses]), outputCount: outputs.length }
}
