/** Sets a field of a row, whatever its name is: one called `__proto__`, too, which an assignment would not make. */
export function setField<Name extends string, Value>(row: Record<Name, Value>, name: Name, value: Value): void {
  if (name !== '__proto__') row[name] = value
  else Object.defineProperty(row, name, { value, configurable: true, enumerable: true, writable: true })
}
