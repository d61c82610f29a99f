const detached = () => {
  const array = new Float32Array(4)
  structuredClone(array.buffer, { transfer: [array.buffer] })
  return array
}

const revoked = () => {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  return proxy
}

const refuses = (target: object) => {
  const handler = new Proxy(
    {},
    {
      get: () => () => {
        throw new RangeError('mine')
      },
    },
  )
  return new Proxy(target, handler)
}

class Throwing {}
for (const name of ['length', 'shape', 'name', 'data', 'kind', 'units', 'toJSON', 'text', 'label']) {
  Object.defineProperty(Throwing.prototype, name, { get: refuses(() => 1) as () => unknown })
}

const cyclic = () => {
  const list: unknown[] = [1]
  list.push(list)
  return list
}

const knot = () => {
  const record: Record<string, unknown> = {}
  record.self = record
  return record
}

/** Leaves a hole, or an option out. */
export const missing = Symbol('missing')

/** Values that a program in plain JavaScript may hand over by mistake, by name, made anew for each use. */
export const junk: Readonly<Record<string, () => unknown>> = {
  missing: () => missing,
  undefined: () => undefined,
  null: () => null,
  NaN: () => Number.NaN,
  infinity: () => Number.NEGATIVE_INFINITY,
  fraction: () => 1.5,
  negative: () => -3,
  huge: () => 2 ** 53,
  bigint: () => 10n,
  symbol: () => Symbol('s'),
  function: () => () => 1,
  class: () => class Mine {},
  empty: () => '',
  NUL: () => 'a\0b',
  surrogate: () => 'a\ud800',
  text: () => 'constructor',
  'empty array': () => [],
  // biome-ignore lint/suspicious/noSparseArray: holes are what is tried.
  hole: () => [, 1],
  // biome-ignore lint/suspicious/noSparseArray: holes are what is tried.
  'nested hole': () => [[1, 2], , [1]],
  // biome-ignore lint/suspicious/noSparseArray: holes are what is tried.
  'hole in a row': () => [[1, , 2]],
  'array of holes': () => new Array(3),
  bigints: () => [[1n, 2n]],
  symbols: () => [Symbol('a')],
  functions: () => [() => 1],
  nulls: () => [null, undefined],
  objects: () => [{}, {}],
  BigInt64Array: () => new BigInt64Array(4),
  Float64Array: () => new Float64Array(4),
  Uint8ClampedArray: () => new Uint8ClampedArray(4),
  shared: () => new Float32Array(new SharedArrayBuffer(16)),
  detached,
  DataView: () => new DataView(new ArrayBuffer(8)),
  ArrayBuffer: () => new ArrayBuffer(8),
  'array of BigInt64Array': () => [new BigInt64Array(2), new BigInt64Array(2)],
  'array of detached': () => [detached(), detached()],
  'proxy that throws': () => refuses({}),
  'array proxy that throws': () => refuses([1, 2]),
  'function proxy that throws': () => refuses(() => 1),
  revoked,
  'getter that throws': () => ({
    get length() {
      throw new RangeError('mine')
    },
    get shape() {
      throw new RangeError('mine')
    },
    get name() {
      throw new RangeError('mine')
    },
  }),
  'instance that throws': () => new Throwing(),
  'array that throws': () => Object.defineProperty([1, 2], 0, { get: refuses(() => 1) as () => unknown }),
  'array of what throws': () => [refuses({}), refuses([])],
  'no text': () => ({ toString: null, valueOf: null, [Symbol.toPrimitive]: 1 }),
  bare: () => Object.create(null),
  'cyclic array': cyclic,
  'cyclic object': knot,
  date: () => new Date(Number.NaN),
  map: () => new Map([[1, 2]]),
  set: () => new Set([1]),
  boxed: () => Object(1n),
  'array-like': () => ({ length: 2 ** 31, 0: 1 }),
  'tensor of BigInt64Array': () => ({ data: new BigInt64Array(2), shape: [2] }),
  'tensor of holes': () => ({ data: new Float32Array(2), shape: new Array(2) }),
  'tensor with a shape that throws': () => ({ data: new Float32Array(2), shape: refuses([2]) }),
  'tensor of bigint shape': () => ({ data: new Float32Array(2), shape: [2n] }),
  'foreign tensor that throws': () => ({ shape: [2], dataSync: refuses(() => 1) }),
  'foreign tensor of holes': () => ({ shape: [2], dataSync: () => new Array(2) }),
  'detached tensor': () => ({ data: detached(), shape: [4] }),
  error: () => new Error('mine'),
  regexp: () => /a/g,
}

/** A part of some arguments: the keys that lead to it. */
export type Path = readonly (string | number)[]

const isOpen = (value: unknown): value is Record<string, unknown> | unknown[] =>
  Array.isArray(value) ||
  (typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype)

/** All places within arguments where something else can be put: the arguments themselves, options, rows, cells. */
export function places(args: readonly unknown[]): Path[] {
  const found: Path[] = []
  const walk = (value: unknown, path: Path) => {
    if (path.length > 0) found.push(path)
    if (path.length < 5 && isOpen(value)) for (const [key, part] of Object.entries(value)) walk(part, [...path, key])
  }
  walk(args, [])
  return found
}

/** Arguments with something else in one place. */
export function replaced(args: readonly unknown[], path: Path, value: unknown): unknown[] {
  const put = (whole: unknown, [key, ...rest]: Path): unknown => {
    if (key === undefined) return value
    const copy = (Array.isArray(whole) ? [...whole] : { ...(whole as object) }) as Record<string, unknown>
    const part = put(copy[key], rest)
    if (part === missing) delete copy[key]
    else copy[key] = part
    return copy
  }
  return put(args, path) as unknown[]
}
