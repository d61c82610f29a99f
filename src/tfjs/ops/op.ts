import { reading, SeqloomError } from '../../errors.js'
import { endScope, getTensorsInContainer, startScope } from '../engine.js'
import { recorded } from '../gradients/tape.js'
import { Tensor, TracedTensor } from '../tensor.js'

type AnyFunction = (...args: never[]) => unknown

/**
 * Makes a function of tensors that disposes what it makes besides its result, that records itself where one of its
 * arguments is traced or what is computed is differentiated, and that throws `ERR_DATA` for arguments of which nothing can be made.
 */
export function op<F extends AnyFunction>(name: string, run: (...args: Parameters<F>) => unknown): F {
  const wrapped = (...args: Parameters<F>): unknown => {
    const traced = tracedAmong(args)
    if (traced) return traced.record(name, args)
    startScope()
    let results: readonly Tensor[] = []
    try {
      const result = recorded(name, args, () => reading('ERR_DATA', name, () => run(...args)))
      results = tensorsIn(result)
      return result
    } finally {
      endScope(results)
    }
  }
  Object.defineProperty(wrapped, 'name', { value: name })
  return wrapped as unknown as F
}

/** {@link tidy} for a function that is made of others: what throws for wrong arguments is `ERR_DATA`. */
export const composed = <T>(name: string, run: () => T): T => tidy(() => reading('ERR_DATA', name, run))

/** All tensors in arrays and objects, each once. */
export const tensorsIn = (container: unknown): Tensor[] =>
  container instanceof Tensor
    ? [container]
    : getTensorsInContainer(container, (value): value is Tensor => value instanceof Tensor)

function tracedAmong(args: readonly unknown[]): TracedTensor | undefined {
  for (const each of args) {
    if (each instanceof TracedTensor) return each
    if (!Array.isArray(each)) continue
    for (const part of each) {
      if (typeof part !== 'object') break
      if (part instanceof TracedTensor) return part
    }
  }
  return undefined
}

/**
 * Runs a function and disposes all tensors made meanwhile, but for those of its result and those that are kept.
 * The function must be synchronous.
 */
export function tidy<T>(nameOrFn: string | (() => T), fn?: () => T): T {
  const run = typeof nameOrFn === 'function' ? nameOrFn : fn
  if (typeof run !== 'function') {
    throw new SeqloomError('ERR_OPTION', 'Please provide a function to tidy()')
  }
  startScope()
  let results: readonly Tensor[] = []
  try {
    const result = run()
    if (result instanceof Promise) console.error('Cannot return a Promise inside of tidy.')
    results = tensorsIn(result)
    return result
  } finally {
    endScope(results)
  }
}
