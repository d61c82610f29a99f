import { types } from 'node:util'
import { describe, SeqloomError } from '../errors.js'
import { custom, oneOf } from '../options.js'
import { outputNames, type Topology } from './topology.js'

/** Which output of a model predicts the next token, and how. */
export interface HeadOptions {
  /** Its name, or its number from 0; default the first. */
  readonly output?: string | number
  /**
   * Whether that output is probabilities over the tokens, or logits. By default it follows from what is known of its
   * values: the output of a softmax is probabilities, even after a dropout, inside a cell or in a mixture; the output
   * of a linear dense layer is logits.
   */
  readonly from?: 'probabilities' | 'logits'
}

/** The check of options that list tokens. */
export const tokenList = custom(
  'an array of tokens',
  (value) =>
    (Array.isArray(value) || types.isInt32Array(value) || types.isUint32Array(value)) &&
    // Of a copy, in which holes are values.
    Array.from<unknown>(value).every(
      (token) => Number.isInteger(token) && (token as number) >= 0 && (token as number) < 2 ** 31,
    ),
)

/** The checks of {@link HeadOptions}. */
export const headChecks = {
  output: custom(
    'the name or the number of an output',
    (value) => typeof value === 'string' || Number.isInteger(value),
  ),
  from: oneOf(['probabilities', 'logits']),
}

/** The index of the output that options name; `ERR_OPTION`. */
export function outputNumber(what: string, topology: Topology, output: string | number = 0): number {
  const names = outputNames(topology)
  const found = typeof output === 'string' ? names.indexOf(output) : output
  if (found >= 0 && found < names.length) return found
  throw new SeqloomError(
    'ERR_OPTION',
    `${what}: output ${describe(output)} is none of the model's; the outputs are ${names.join(', ')}`,
  )
}
