import { createHash } from 'node:crypto'
import { isRecord } from '../options.js'

/** How many elements of an array are looked at. */
const most = 48

/** Tells data and settings from others: a hash of a sample of them, which takes a moment at any size. Functions and streams are not looked into. */
export function fingerprint(value: unknown): string {
  return createHash('sha256')
    .update(JSON.stringify(sample(value, 8)))
    .digest('hex')
    .slice(0, 16)
}

function sample(value: unknown, depth: number): unknown {
  if (depth === 0 || value === null || value === undefined) return null
  if (Array.isArray(value) || (ArrayBuffer.isView(value) && 'length' in value)) {
    const list = value as ArrayLike<unknown>
    const step = Math.max(1, list.length / most)
    const some = Array.from({ length: Math.min(list.length, most) }, (_, at) => list[Math.floor(at * step)])
    return [list.length, some.map((each) => sample(each, depth - 1))]
  }
  if (isRecord(value)) {
    const plain = [Object.prototype, null].includes(Object.getPrototypeOf(value))
    const tensor = 'shape' in value && 'data' in value
    if (!plain && !tensor) return value instanceof Date ? String(value) : null
    const names = tensor ? ['shape', 'data', 'lengths'] : Object.keys(value)
    return names.map((name) => [name, sample(value[name], depth - 1)])
  }
  return typeof value === 'object' || typeof value === 'function' ? typeof value : String(value)
}
