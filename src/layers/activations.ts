import { custom, oneOf } from '../options.js'
import { cellActivations, otherActivations } from '../table.js'

/** Names of the activations of recurrent cells. `hardSigmoid` is Keras 3's, relu6(x + 3) / 6. */
export type CellActivation = (typeof cellActivations)[number]

/** Names of all activations; `softmax` and `logSoftmax` are over the last dimension, `gelu` is the exact one. */
export type ActivationName = CellActivation | (typeof otherActivations)[number]

/** All of them. */
export const activationNames: readonly ActivationName[] = [...cellActivations, ...otherActivations]

/** The option check of activations of layers. */
export const activationCheck = oneOf(activationNames)

/** The option check of activations of recurrent cells. */
export const cellActivationCheck = custom(`${oneOf(cellActivations).expected} inside a recurrent layer`, (v) =>
  oneOf(cellActivations).accepts(v),
)
