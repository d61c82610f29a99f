import type { Operator } from '../call.js'
import { controlOperators } from './control.js'
import { elementwiseOperators } from './elementwise.js'
import { productOperators } from './products.js'
import { recurrentOperators } from './recurrent.js'
import { reductionOperators } from './reductions.js'
import { shapeOperators } from './shapes.js'

/** The operators that are mapped, by their names. */
export const operators: ReadonlyMap<string, Operator> = new Map(
  Object.entries({
    ...elementwiseOperators,
    ...shapeOperators,
    ...productOperators,
    ...reductionOperators,
    ...recurrentOperators,
    ...controlOperators,
  }),
)
