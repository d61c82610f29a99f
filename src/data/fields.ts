import { isRecord } from '../options.js'

/** Sets a field of a row, whatever its name is: one called `__proto__`, too, which an assignment would not make. */
export function setField<Name extends string, Value>(row: Record<Name, Value>, name: Name, value: Value): void {
  if (name !== '__proto__') row[name] = value
  else Object.defineProperty(row, name, { value, configurable: true, enumerable: true, writable: true })
}

/** The value of a field: the object's own of this name, or, where a point is in it, that of an object within. */
export function fieldIn(value: Readonly<Record<string, unknown>>, name: string): unknown {
  if (Object.hasOwn(value, name)) return value[name]
  for (let at = name.indexOf('.'); at > 0; at = name.indexOf('.', at + 1)) {
    const first = name.slice(0, at)
    const inner = Object.hasOwn(value, first) ? value[first] : undefined
    const found = isRecord(inner) ? fieldIn(inner, name.slice(at + 1)) : undefined
    if (found !== undefined) return found
  }
  return undefined
}

/** The names that {@link fieldIn} takes for an object as JSON has it, those of objects within included. */
export const fieldNames = (value: Readonly<Record<string, unknown>>): string[] =>
  Object.entries(value).flatMap(([name, inner]) => {
    const names = isPlain(inner) ? Object.keys(inner) : []
    return names.length === 0 ? [name] : names.map((each) => `${name}.${each}`)
  })

const isPlain = (value: unknown): value is Record<string, unknown> =>
  isRecord(value) && Object.getPrototypeOf(value) === Object.prototype

/** Where each name is in a list: of equal ones, the first. */
export const placesOf = (names: readonly string[]): ReadonlyMap<string, number> => {
  const places = new Map<string, number>()
  for (const [at, name] of names.entries()) if (!places.has(name)) places.set(name, at)
  return places
}
