import { matched, upcastType } from './ops/elementwise.js'
import { confusionMatrix } from './ops/gather.js'
import { tensorsIn } from './ops/op.js'
import type { Tensor } from './tensor.js'
import type { DataType } from './types.js'

export { upcastType }

/** The dtype of a sum of values of a dtype. */
export const sumOutType = (type: DataType): DataType => upcastType(type, 'int32')

export const tensor_util = {
  getTensorsInContainer: tensorsIn,
  isTensorInList: (tensor: Tensor, list: readonly Tensor[]): boolean => list.some(({ id }) => id === tensor.id),
  makeTypesMatch: (a: Tensor, b: Tensor): [Tensor, Tensor] => [...matched('makeTypesMatch', a, b)],
}

export const math = { confusionMatrix }

/** The version of TensorFlow.js whose behaviour this entry has. */
export const version_core = '4.22.0'
export const version_layers = version_core
export const version: Readonly<Record<'tfjs' | 'tfjs-core' | 'tfjs-data' | 'tfjs-layers', string>> = {
  tfjs: version_core,
  'tfjs-core': version_core,
  'tfjs-data': version_core,
  'tfjs-layers': version_core,
}
