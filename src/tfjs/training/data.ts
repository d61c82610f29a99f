import { describe, SeqloomError } from '../../errors.js'
import { isRecord } from '../../options.js'
import { coreTensor } from '../layers/layer.js'
import { Tensor } from '../tensor.js'
import type { DataValues } from '../types.js'

/** @inline Inputs or targets: a tensor, several in order, or by name. */
export type TensorOrArrayOrMap = Tensor | Tensor[] | { [name: string]: Tensor }

/** Numbers with a shape, as our models take them. */
export interface Rows {
  readonly data: Exclude<DataValues, string[]>
  readonly shape: number[]
}

/** `ERR_SHAPE` for an input that does not have the shape of its place, in tfjs's words. */
function checkInput(
  where: 'input' | '',
  name: string,
  wanted: readonly (number | null)[],
  shape: readonly number[],
): void {
  if (shape.length !== wanted.length) {
    throw new SeqloomError(
      'ERR_SHAPE',
      `Error when checking ${where}: expected ${name} to have ${wanted.length} dimension(s). but got array with shape ${shape}`,
    )
  }
  if (shape.every((size, axis) => axis === 0 || wanted[axis] === null || wanted[axis] === size)) return
  const [own, row] = [wanted.slice(1), shape.slice(1)]
  throw new SeqloomError(
    'ERR_SHAPE',
    where === ''
      ? `Error when checking : expected ${name} to have shape [${wanted.map((size) => size ?? 'null')}] but got array with shape [${shape}].`
      : `input expected a batch of elements where each example has shape [${own}] (i.e.,tensor shape [*,${own}]) but the input received an input with ${shape[0]} examples, each with shape [${row}] (tensor shape [${shape}])`,
  )
}

/** Tensors for a model's inputs, in their order; `where` is empty for those of predictions, as in tfjs's messages. */
export function inputsFor(model: ModelInputs, given: unknown, where: 'input' | '' = 'input'): Rows[] {
  const inputs = tensorsFor('input', model.inputNames, given)
  inputs.forEach(({ shape }, at) => {
    checkInput(where, model.inputNames[at] as string, model.inputs[at]?.shape ?? [], shape)
  })
  return inputs
}

/** A model, as far as its inputs are concerned. */
interface ModelInputs {
  readonly inputNames: readonly string[]
  readonly inputs: readonly { readonly shape: readonly (number | null)[] }[]
}

/** Tensors for a model's inputs or outputs, in their order. */
export function tensorsFor(what: 'input' | 'target', names: readonly string[], given: unknown): Rows[] {
  const list = (): unknown[] => {
    if (Array.isArray(given)) return given
    if (given instanceof Tensor || !isRecord(given)) return [given]
    return names.map((name) => {
      if (given[name] !== undefined && given[name] !== null) return given[name]
      throw new SeqloomError('ERR_DATA', `No data provided for "${name}". Need data for each key in: ${names}`)
    })
  }
  const all = list()
  if (all.length !== names.length) {
    throw new SeqloomError(
      'ERR_DATA',
      `Error when checking model ${what}: the Array of Tensors that you are passing to your model is not the size the model expected. Expected to see ${names.length} Tensor(s), but instead got ${all.length}.`,
    )
  }
  return all.map((tensor, at) => {
    if (!(tensor instanceof Tensor)) {
      throw new SeqloomError(
        'ERR_DATA',
        `Error when checking model ${what}: '${names[at]}' must be a tensor, not ${describe(tensor)}; make one by tf.tensor()`,
      )
    }
    const { data, shape } = coreTensor(tensor)
    if (shape.length === 0) {
      throw new SeqloomError('ERR_SHAPE', 'Expected tensor to be at least 1D, but received a 0D tensor (scalar).')
    }
    return { data, shape: shape.length === 1 ? [shape[0] as number, 1] : shape }
  })
}

/** `ERR_SHAPE` unless all have the same number of rows, which is returned. */
export function rowsOf(inputs: readonly Rows[], targets: readonly Rows[]): number {
  const [first, ...others] = [...inputs, ...targets].map(({ shape }) => shape[0] as number)
  const different = others.find((rows) => rows !== first)
  if (different !== undefined) {
    throw new SeqloomError(
      'ERR_SHAPE',
      `Input Tensors should have the same number of samples as target Tensors. Found ${first} input sample(s) and ${different} target sample(s).`,
    )
  }
  return first ?? 0
}

/** The rows from one to another, which share their memory. */
export function sliceRows({ data, shape }: Rows, start: number, end: number): Rows {
  const [, ...row] = shape
  const size = row.reduce((product, each) => product * each, 1)
  return { data: data.subarray(start * size, end * size) as Rows['data'], shape: [end - start, ...row] }
}

/** Copies of the rows with these numbers. */
export function gatherRows({ data, shape }: Rows, indices: Uint32Array): Rows {
  const [, ...row] = shape
  const size = row.reduce((product, each) => product * each, 1)
  const gathered = new (data.constructor as new (length: number) => Float32Array)(indices.length * size)
  indices.forEach((index, at) => {
    gathered.set(data.subarray(index * size, (index + 1) * size) as Float32Array, at * size)
  })
  return { data: gathered, shape: [indices.length, ...row] }
}
