import type { Operator } from '../call.js'
import { choiceOperators } from './choices.js'
import { constantOperators } from './constants.js'
import { controlOperators } from './control.js'
import { einsumOperators } from './einsum.js'
import { elementwiseOperators } from './elementwise.js'
import { joinOperators } from './joins.js'
import { listOperators } from './lists.js'
import { normalizationOperators } from './normalization.js'
import { oneHotOperators } from './oneHot.js'
import { paddingOperators } from './padding.js'
import { productOperators } from './products.js'
import { quantizationOperators } from './quantization.js'
import { recurrentOperators } from './recurrent.js'
import { reductionOperators } from './reductions.js'
import { resizingOperators } from './resizing.js'
import { rowOperators } from './rows.js'
import { shapeOperators } from './shapes.js'
import { sliceOperators } from './slices.js'
import { transposedConvolutionOperators } from './transposedConvolution.js'
import { windowOperators } from './windows.js'

/** The operators that are mapped, by their names. */
export const operators: ReadonlyMap<string, Operator> = new Map(
  Object.entries({
    ...elementwiseOperators,
    ...constantOperators,
    ...shapeOperators,
    ...sliceOperators,
    ...choiceOperators,
    ...oneHotOperators,
    ...joinOperators,
    ...listOperators,
    ...paddingOperators,
    ...productOperators,
    ...quantizationOperators,
    ...windowOperators,
    ...transposedConvolutionOperators,
    ...resizingOperators,
    ...einsumOperators,
    ...reductionOperators,
    ...normalizationOperators,
    ...recurrentOperators,
    ...rowOperators,
    ...controlOperators,
  }),
)
