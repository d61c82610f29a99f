import { assign, type Sliced } from '../data/index.js'
import { isNumericArray, type TensorLike } from '../data/tensor.js'
import { reading, SeqloomError } from '../errors.js'
import { type Shape, showShape } from '../graph/shape.js'
import type { SymbolicTensor } from '../layers/layer.js'
import { areTexts, type Items, itemsOf } from '../layers/preprocessing/items.js'
import type { Preprocessing } from '../layers/preprocessing/preprocessing.js'
import type { Topology } from './topology.js'

/**
 * Runs the layers before a model's graph on what was given for its inputs: gives what the graph reads, in its order or,
 * where it is a single value, alone.
 */
export function* preprocessed({ inputs, names, before }: Topology, given: unknown): Sliced<unknown> {
  const slots = inputs.map(({ call }) => {
    const name = names.get(call.layer) as string
    return { where: `input '${name}'`, name }
  })
  const found = new Map<SymbolicTensor, unknown>()
  for (const [at, value] of assign(slots, given, 'input').entries()) found.set(inputs[at] as SymbolicTensor, value)
  const items = new Map<SymbolicTensor, Items>()
  const readItems = (value: SymbolicTensor): Items => {
    const known = items.get(value)
    if (known) return known
    const { where } = slots[inputs.indexOf(value)] as { readonly where: string }
    const read = fitted(
      where,
      reading('ERR_DATA', where, () => itemsOf(where, found.get(value))),
      value,
    )
    items.set(value, read)
    return read
  }
  for (const {
    layer,
    inputs: sources,
    outputs: [output],
  } of before.calls) {
    const read = sources.map(readItems)
    const other = read.find(({ shape }) => shape[0] !== read[0]?.shape[0])
    if (other) {
      const counts = read.map(({ shape }) => shape[0]).join(' and ')
      throw new SeqloomError('ERR_SHAPE', `layer '${layer.label}': its inputs have ${counts} rows`)
    }
    const made = yield* (layer as Preprocessing).compute(...read)
    items.set(output as SymbolicTensor, made)
    found.set(output as SymbolicTensor, tensorOf(made))
  }
  const fed = before.fed.map((value) => found.get(value))
  return fed.length === 1 ? fed[0] : fed
}

function tensorOf({ values, shape, lengths }: Items): TensorLike {
  const data = isNumericArray(values) ? values : Int32Array.from(values as readonly number[])
  if (!lengths || shape.length < 2) return { data, shape }
  // Rows of no elements have no length that counts.
  if (lengths.every((length) => length > 0)) return { data, shape, lengths }
  const width = shape[1] as number
  return {
    data,
    shape,
    mask: Uint8Array.from({ length: lengths.length * width }, (_, at) =>
      Number(at % width < (lengths[Math.floor(at / width)] as number)),
    ),
  }
}

/** Items of the shape that an input declares; a last dimension of 1 may be left out or be there besides. */
function fitted(where: string, given: Items, { shape: wanted }: SymbolicTensor): Items {
  // A single text is a row.
  const items = given.shape.length === 0 ? { ...given, shape: [1] } : given
  const { shape } = items
  const fits = (form: readonly number[]): boolean =>
    form.length === wanted.length &&
    form.every((size, axis) => axis === 0 || wanted[axis] === null || wanted[axis] === size)
  if (shape[0] === 0) throw new SeqloomError('ERR_DATA', `${where} has no rows`)
  const forms: readonly (readonly number[])[] = [
    shape,
    [...shape, 1],
    ...(shape.at(-1) === 1 ? [shape.slice(0, -1)] : []),
  ]
  const found = forms.find(fits)
  // Ids in place of texts are sequences, whatever shape the texts have.
  if (found === undefined && !areTexts(items) && wanted.length <= 2 && shape.length === 2) return items
  if (found === undefined) {
    throw new SeqloomError(
      'ERR_SHAPE',
      `${where}: expected the shape ${showShape(wanted as Shape)}, got ${showShape(shape)}`,
    )
  }
  if (found === shape) return items
  const { lengths: _, ...others } = items
  return { ...others, shape: found }
}
