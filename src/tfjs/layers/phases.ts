// What `call` of a layer does in training, and otherwise: one program for both, where dropout is all that differs.
import type { TracedFunctionOf } from '../../graph/trace/function.js'
import type { Program } from '../../graph/trace/program.js'
import { warn } from '../../warn.js'
import type { Kwargs } from './layer.js'

/** Options of `call`, and whether it asked for `training`. */
export function askable(kwargs: Kwargs, training: boolean) {
  const asked = { training: false }
  const given: Kwargs = {
    get training() {
      asked.training = true
      return training
    },
    ...kwargs,
  }
  return { asked, given }
}

/**
 * Records `call` as it is outside of training and, if it asks for `training`, as it is then. Dropout does nothing outside of
 * training; where a program has nothing else more, it serves for both. Otherwise what `call` does in training is left out,
 * with a warning (`WARN_TRAINING`).
 */
export function inBothPhases(
  name: string,
  kwargs: Kwargs,
  record: (given: Kwargs) => TracedFunctionOf,
  recordTraining: (given: Kwargs) => TracedFunctionOf | undefined,
): TracedFunctionOf {
  const outside = askable(kwargs, false)
  const otherwise = record(outside.given)
  if (!outside.asked.training) return otherwise
  const inTraining = attempted(() => recordTraining(askable(kwargs, true).given))
  if (inTraining && stripped(inTraining.program) === stripped(otherwise.program)) return inTraining
  warn('WARN_TRAINING', `layer '${name}': what call() does in training alone is left out, unless it is tf.dropout()`)
  return otherwise
}

/** What a function gives; nothing if it fails, for what fails in training is left out. */
function attempted<T>(run: () => T): T | undefined {
  try {
    return run()
  } catch {
    return undefined
  }
}

/** The operations of a program but for dropout, as one text. */
function stripped({ inputs, weights, nodes, outputs }: Program): string {
  const first = inputs.length + weights.length
  const ids = Array.from({ length: first }, (_, id) => id)
  const kept: unknown[] = []
  for (const { op, attributes, inputs: from } of nodes) {
    const own = from.map((id) => ids[id])
    if (op === 'dropout') ids.push(own[0] as number)
    else ids.push(first + kept.push([op, attributes, own]) - 1)
  }
  return JSON.stringify([kept, outputs.map((id) => ids[id])])
}
