import { deltas } from '../cells/stacked.js'
import { isInstance, SeqloomError } from '../errors.js'
import { checkOptions, custom, isRecord } from '../options.js'
import { asList, SymbolicTensor } from './layer.js'

/** What a layer reads whose cell asks for the times between steps. */
export interface TimedInputs {
  /** The sequence; an array if the cell has several inputs besides. */
  readonly inputs: SymbolicTensor | readonly SymbolicTensor[]
  /**
   * The time since the step before, which is the one before it that is not masked: `[batch, time]` or `[batch, time, 1]`,
   * in any unit. Where steps are read from the end, a step gets the time until the one that was read before it, which is
   * what that one says; the first that is read, the last of a row, gets 0.
   */
  readonly deltas: SymbolicTensor
}

/** What a layer that reads sequences may be applied to. */
export type SequenceInputs = SymbolicTensor | readonly SymbolicTensor[] | TimedInputs

/**
 * Inputs in the order in which a layer reads its sequences, whose names are given; `reader` says in errors who does.
 * `ERR_OPTION` for times that nobody asks for.
 */
export function inOrder(
  where: string,
  given: SequenceInputs,
  names: readonly string[],
  reader: string,
): SymbolicTensor | readonly SymbolicTensor[] {
  if (!isTimed(given)) return given
  checkOptions(where, given, {
    accepted: {
      inputs: custom('a symbolic value or an array of them', (v) => isInstance(v, SymbolicTensor) || Array.isArray(v)),
      deltas: custom('a symbolic value', (v) => isInstance(v, SymbolicTensor)),
    },
    required: ['inputs', 'deltas'],
  })
  const at = names.indexOf(deltas)
  if (at < 0) {
    throw new SeqloomError(
      'ERR_OPTION',
      `${where}: ${reader} does not ask for times between steps: it reads ${
        names.join(', ') || 'nothing'
      }; a cell that does has an input ${deltas} of size 1`,
    )
  }
  return [...asList(where, given.inputs)].toSpliced(at, 0, given.deltas)
}

const isTimed = (given: SequenceInputs): given is TimedInputs =>
  isRecord(given) && !Array.isArray(given) && !isInstance(given, SymbolicTensor)
