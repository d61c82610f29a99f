import { custom, oneOf } from '../options.js'

/** Activations that recurrent cells compute inside their kernels. */
export const cellActivations = ['linear', 'relu', 'sigmoid', 'tanh', 'hardSigmoid', 'softsign'] as const

/** Names of the activations of recurrent cells. `hardSigmoid` is Keras 3's, relu6(x + 3) / 6. */
export type CellActivation = (typeof cellActivations)[number]

const otherActivations = ['softplus', 'elu', 'selu', 'gelu', 'silu', 'exponential', 'softmax', 'logSoftmax'] as const

/** Names of all activations; `softmax` and `logSoftmax` are over the last dimension, `gelu` is the exact one. */
export type ActivationName = CellActivation | (typeof otherActivations)[number]

/** The option check of activations of layers. */
export const activationCheck = oneOf([...cellActivations, ...otherActivations])

/** The option check of activations of recurrent cells. */
export const cellActivationCheck = custom(`${oneOf(cellActivations).expected} inside a recurrent layer`, (v) =>
  oneOf(cellActivations).accepts(v),
)
