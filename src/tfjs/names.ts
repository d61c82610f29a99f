import { confusionMatrix } from './ops/gather.js'

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
