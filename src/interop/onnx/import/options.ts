import { types } from 'node:util'
import { type Data, isNumericArray, type NumericArray } from '../../../data/tensor.js'
import { describe, reading, SeqloomError, visible } from '../../../errors.js'
import { checkOptions, custom, dimensions, isRecord } from '../../../options.js'
import type { DimensionProto, ValueInfoProto } from '../proto/messages.js'
import { isFloat, typeName } from './tensors.js'
import { type Constant, count, known, mostKnown } from './values.js'

/** What an input is fixed to: a number for one without dimensions, otherwise nested arrays or a tensor. */
export type InputConstant = number | bigint | boolean | Data

/** What `interop.loadOnnx` takes besides the file. */
export interface LoadOnnxOptions {
  /**
   * Inputs that are fixed, by name: `{ sr: 16000 }`. They are inputs no longer, and what follows from them, such as the
   * branch of an `If`, is decided when the model is loaded. Inputs without dimensions must be fixed.
   */
  readonly constants?: { readonly [input: string]: InputConstant } | undefined
  /**
   * Sizes of inputs that the file leaves open, by name, with the axes in the file's order; null leaves one as it is:
   * `{ input: [null, 576] }`. Operations that need a known number of steps get it so.
   */
  readonly inputShapes?: { readonly [input: string]: readonly (number | null)[] } | undefined
}

const where = 'interop.loadOnnx'

const refused = (message: string): SeqloomError => new SeqloomError('ERR_OPTION', `${where}: ${message}`)

export function checkLoadOptions(options: LoadOnnxOptions): void {
  checkOptions(where, options, {
    accepted: {
      constants: custom('an object of values by the names of inputs', isRecord),
      inputShapes: custom(
        'an object of shapes (arrays of positive integers and nulls) by the names of inputs',
        (value) => isRecord(value) && Object.values(value).every(dimensions.accepts),
      ),
    },
  })
}

const dimsOf = ({ type }: ValueInfoProto): readonly DimensionProto[] | undefined => type?.tensorType?.shape?.dim

const shown = (dims: readonly DimensionProto[]): string =>
  `[${dims.map(({ dimValue = 0, dimParam = '' }) => (dimValue > 0 ? dimValue : visible(dimParam) || '?')).join(', ')}]`

function inputNamed(infos: readonly ValueInfoProto[], option: string, name: string): ValueInfoProto {
  const found = infos.find((info) => info.name === name)
  if (found) return found
  const names = infos.map((info) => `'${visible(info.name ?? '')}'`).join(', ')
  throw refused(`${option}: there is no input '${visible(name)}'; the inputs are ${names}`)
}

/** The inputs with the sizes that options give. */
export function withShapes(infos: readonly ValueInfoProto[], options: LoadOnnxOptions): readonly ValueInfoProto[] {
  const given = new Map(Object.entries(options.inputShapes ?? {}))
  for (const name of given.keys()) inputNamed(infos, 'inputShapes', name)
  return infos.map((info) => {
    const sizes = given.get(info.name ?? '')
    const dims = dimsOf(info)
    if (sizes === undefined || dims === undefined) return info
    const fits = sizes.length === dims.length && sizes.every((size, axis) => agrees(size, dims[axis]))
    if (!fits) {
      const shape = sizes.map((size) => size ?? 'null').join(', ')
      throw refused(`inputShapes: '${visible(info.name ?? '')}' is ${shown(dims)} in the file, not [${shape}]`)
    }
    const dim = dims.map((each, axis) => {
      const size = sizes[axis]
      return size ? { ...each, dimValue: size } : each
    })
    return { ...info, type: { ...info.type, tensorType: { ...info.type?.tensorType, shape: { dim } } } }
  })
}

function agrees(size: number | null | undefined, { dimValue = 0 }: DimensionProto = {}): boolean {
  return size == null || dimValue <= 0 || dimValue === size
}

/** The constants that options make of inputs, by name. */
export function constantsOf(infos: readonly ValueInfoProto[], options: LoadOnnxOptions): Map<string, Constant> {
  return new Map(
    Object.entries(options.constants ?? {}).flatMap(([name, value]): (readonly [string, Constant])[] => {
      if (value === undefined) return []
      const info = inputNamed(infos, 'constants', name)
      return [[name, reading('ERR_OPTION', where, () => constantOf(info, value))]]
    }),
  )
}

function constantOf(info: ValueInfoProto, value: InputConstant): Constant {
  const what = `constants: '${visible(info.name ?? '')}'`
  const dims = dimsOf(info)
  const type = typeName(info.type?.tensorType?.elemType, `the input '${visible(info.name ?? '')}'`)
  const { data, shape } = elementsOf(what, value, dims)
  if (dims && !(shape.length === dims.length && shape.every((size, axis) => agrees(size, dims[axis])))) {
    throw refused(`${what} is ${shown(dims)} in the file, and the value has the shape [${shape.join(', ')}]`)
  }
  const isAccepted =
    type === 'bool'
      ? (v: number) => v === 0 || v === 1
      : isFloat(type)
        ? () => true
        : (v: number) => Number.isSafeInteger(v) && (v >= 0 || !type.startsWith('u'))
  const wrong = data.findIndex((element) => !isAccepted(element))
  if (wrong >= 0) throw refused(`${what} is ${type} in the file, and ${data[wrong]} is none`)
  // As exact as the file's own constants.
  const elements = type === 'float32' ? Float32Array.from(data) : data
  return known(elements, shape, { name: info.name ?? '', integer: !isFloat(type) })
}

function elementsOf(
  what: string,
  value: unknown,
  dims: readonly DimensionProto[] | undefined,
): { readonly data: readonly number[]; readonly shape: readonly number[] } {
  const fail = (found: unknown) =>
    refused(`${what} must be a number, nested arrays of numbers, a typed array or a tensor, not ${describe(found)}`)
  const checked = (size: number) => {
    if (size > mostKnown) throw refused(`${what} has more than ${mostKnown} elements`)
  }
  const single = scalarOf(value)
  if (single !== undefined) return { data: [single], shape: [] }
  const flat = typedOf(value)
  if (flat) {
    checked(flat.length)
    // By itself, it has the shape that the file says, if that is known.
    const sizes = dims?.map(({ dimValue = 0 }) => dimValue) ?? []
    const isShape = sizes.length > 0 && sizes.every((size) => size > 0) && count(sizes) === flat.length
    return { data: Array.from(flat, Number), shape: isShape ? sizes : [flat.length] }
  }
  if (isRecord(value) && Array.isArray(value.shape)) {
    const elements = typedOf(typeof value.dataSync === 'function' ? value.dataSync() : value.data)
    if (elements === undefined || count(value.shape as number[]) !== elements.length) throw fail(value)
    checked(elements.length)
    return { data: Array.from(elements, Number), shape: value.shape as number[] }
  }
  const shape: number[] = []
  let level: unknown[] = [value]
  for (;;) {
    const lists = level.map((each) => typedOf(each) ?? (Array.isArray(each) ? each : undefined))
    if (lists.every((each) => each === undefined)) break
    const [first] = lists
    if (first === undefined || shape.length === 8 || lists.some((each) => each?.length !== first.length)) {
      throw refused(`${what}: the nested arrays are not all equally long and deep`)
    }
    checked(first.length * level.length)
    shape.push(first.length)
    level = lists.flatMap((each) => Array.from(each as ArrayLike<unknown>))
  }
  const data = level.map((each) => {
    const number = scalarOf(each)
    if (number === undefined) throw fail(each)
    return number
  })
  return { data, shape }
}

const scalarOf = (value: unknown): number | undefined =>
  typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean' ? Number(value) : undefined

const typedOf = (value: unknown): NumericArray | BigInt64Array | BigUint64Array | undefined =>
  isNumericArray(value) || types.isBigInt64Array(value) || types.isBigUint64Array(value) ? value : undefined
