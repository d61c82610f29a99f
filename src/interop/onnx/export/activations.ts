import { SeqloomError } from '../../../errors.js'
import type { Place } from './values.js'

interface CellActivation {
  readonly name: string
  readonly alpha?: number
  readonly beta?: number
}

/** Activations that recurrent operators of ONNX have: names, with their alpha and beta where they have them. */
export const cellActivations: Readonly<Record<string, CellActivation>> = {
  linear: { name: 'Affine', alpha: 1, beta: 0 },
  relu: { name: 'Relu' },
  sigmoid: { name: 'Sigmoid' },
  tanh: { name: 'Tanh' },
  hardSigmoid: { name: 'HardSigmoid', alpha: 1 / 6, beta: 0.5 },
  hardSigmoidKeras2: { name: 'HardSigmoid', alpha: 0.2, beta: 0.5 },
  softsign: { name: 'Softsign' },
  elu: { name: 'Elu', alpha: 1 },
  leakyRelu: { name: 'LeakyRelu', alpha: 0.2 },
}

const plain: Readonly<Record<string, string>> = {
  relu: 'Relu',
  sigmoid: 'Sigmoid',
  tanh: 'Tanh',
  softsign: 'Softsign',
  softplus: 'Softplus',
  elu: 'Elu',
  selu: 'Selu',
  exponential: 'Exp',
}

/** An activation of a value. */
export function activated({ writer, constants }: Place, kind: string, x: string): string {
  const opType = plain[kind]
  if (opType !== undefined) return writer.node(opType, [x], kind)
  switch (kind) {
    case 'linear':
      return x
    case 'hardSigmoid':
    case 'hardSigmoidKeras2': {
      const { name, alpha, beta } = cellActivations[kind] as Required<CellActivation>
      return writer.node(name, [x], kind, { alpha: { float: alpha }, beta: { float: beta } })
    }
    case 'silu':
    case 'swish':
      return writer.node('Mul', [x, writer.node('Sigmoid', [x], 'gate')], kind)
    case 'mish':
      return writer.node('Mul', [x, writer.node('Tanh', [writer.node('Softplus', [x], 'softplus')], 'gate')], kind)
    case 'relu6':
      return writer.node('Min', [writer.node('Relu', [x], 'positive'), constants.float(6)], kind)
    case 'leakyRelu':
      return writer.node('LeakyRelu', [x], kind, { alpha: { float: 0.2 } })
    case 'gelu': {
      const scaled = writer.node('Mul', [x, constants.float(Math.SQRT1_2)], 'scaled')
      const normal = writer.node('Add', [writer.node('Erf', [scaled], 'erf'), constants.float(1)], 'normal')
      return writer.node('Mul', [writer.node('Mul', [x, normal], 'twice'), constants.float(0.5)], kind)
    }
    case 'softmax':
      return writer.node('Softmax', [x], kind, { axis: { int: -1 } })
    case 'logSoftmax':
      return writer.node('LogSoftmax', [x], kind, { axis: { int: -1 } })
    default:
      throw new SeqloomError('ERR_UNSUPPORTED', `interop.toOnnx: the activation '${kind}' cannot be written`)
  }
}
