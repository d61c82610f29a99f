export {
  BaseCallback,
  Callback,
  CallbackList,
  CustomCallback,
  callbacks,
  EarlyStopping,
  History,
} from './callbacks/index.js'
export * from './core.js'
export * as layers from './layers/index.js'
export { input } from './layers/input.js'
export { registerClass } from './layers/registry.js'
export { SymbolicTensor } from './layers/symbolic.js'
export { LayerVariable } from './layers/variable.js'
export { LayersModel } from './models/model.js'
export { model, Sequential, sequential } from './models/sequential.js'
