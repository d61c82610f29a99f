import { unsupported } from './failure.js'

/** @inline A function that is not there. */
export type Refused = (...args: unknown[]) => never

/** A function that says what to use in its place. */
export const refused =
  (name: string, instead: string): Refused =>
  () => {
    throw unsupported(`tf.${name}`, instead)
  }

/** An object whose functions, whatever their names are, are refused. */
export const refusedFunctions = (name: string, instead: string): Readonly<Record<string, Refused>> =>
  new Proxy<Record<string, Refused>>(
    {},
    { get: (_, key) => (typeof key === 'string' && key !== 'then' ? refused(`${name}.${key}`, instead) : undefined) },
  )
