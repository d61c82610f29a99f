import { custom, oneOf } from '../options.js'
import { cellActivations, otherActivations } from '../table.js'

/**
 * Names of the activations of recurrent cells, all those of single elements. `gelu`, `silu` (`swish`), `mish` and `softplus` run step by step, which takes about three
 * times as long as the others. `hardSigmoid` is Keras 3's, relu6(x + 3) / 6; `hardSigmoidKeras2`, that of Keras 2 and TensorFlow.js, is 0.2·x + 0.5,
 * at least 0 and at most 1.
 */
export type CellActivation = Exclude<ActivationName, 'softmax' | 'logSoftmax'>

/** Names of all activations; `softmax` and `logSoftmax` are over the last dimension, `gelu` is the exact one. */
export type ActivationName = (typeof cellActivations)[number] | (typeof otherActivations)[number]

/** All of them. */
export const activationNames: readonly ActivationName[] = [...cellActivations, ...otherActivations]

/** The option check of activations of layers. */
export const activationCheck = oneOf(activationNames)

const recurrent = oneOf(activationNames.filter((name) => name !== 'softmax' && name !== 'logSoftmax'))

/** The option check of activations of recurrent cells. */
export const cellActivationCheck = custom(`${recurrent.expected} inside a recurrent layer`, recurrent.accepts)

/** Whether the kernels of recurrent layers compute an activation. */
export const isFused = (name: unknown): boolean => (cellActivations as readonly unknown[]).includes(name)
