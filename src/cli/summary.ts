import { loadModel } from '../model/index.js'
import { print } from './output.js'

/** Prints the layers, shapes and numbers of parameters of a saved model. */
export async function summary(options: { readonly model: string }): Promise<void> {
  const model = await loadModel(options.model)
  print(model.summary())
}
