// What is recorded while a function is differentiated: each call of a function of tensors that depends on what the gradient
// is taken of, with how gradients go back through it.
import { SeqloomError } from '../../errors.js'
import { getTensorsInContainer } from '../engine.js'
import { unsupported } from '../failure.js'
import { Tensor } from '../tensor.js'

/** What a gradient can be taken of: a tensor by its id, or a weight of a layer. */
export type Key = number | string

/** The gradient of one argument, computed if it is asked for. */
export type Slope = (() => Tensor) | undefined

/**
 * How gradients go back through a call: from those of its results, its arguments and its results to one of each argument;
 * what is in a list among the arguments has one each.
 */
// biome-ignore lint/suspicious/noExplicitAny: the arguments are those of a function of tensors, of any kind.
export type Rule = (dys: Tensor[], args: any[], results: Tensor[]) => readonly Slope[]

interface Step {
  readonly inputs: readonly (Key | undefined)[]
  readonly outputs: readonly Key[]
  readonly backward: (dys: readonly (Tensor | undefined)[]) => readonly Slope[]
}

interface Tape {
  readonly watched: Set<Key>
  readonly steps: Step[]
  /** Arguments and results as they were when they were used, whatever the program disposes or assigns. */
  readonly held: Tensor[]
}

/** The tapes that record, the outermost first. */
let tapes: Tape[] = []
const rules = new Map<string, Rule>()
/** The keys of tensors that stand for others. */
const aliases = new WeakMap<Tensor, Key>()

/** Says how gradients go back through functions, by their names. */
export function setRules(given: Readonly<Record<string, Rule>>): void {
  for (const [name, rule] of Object.entries(given)) rules.set(name, rule)
}

/** The key of a tensor. */
export const keyOf = (tensor: Tensor): Key => aliases.get(tensor) ?? tensor.id

/** Lets a tensor stand for something else: gradients of one are those of the other. */
export function standFor(tensor: Tensor, key: Key): void {
  aliases.set(tensor, key)
}

/** Whether anything is being differentiated. */
export const isTaping = (): boolean => tapes.length > 0

const tensorsOf = (container: unknown): Tensor[] =>
  getTensorsInContainer(container, (value): value is Tensor => value instanceof Tensor)

/** Runs a function without recording it. */
function untaped<T>(run: () => T): T {
  const outer = tapes
  tapes = []
  try {
    return run()
  } finally {
    tapes = outer
  }
}

/** Arguments one by one, those of a list each by itself. */
const slots = (args: readonly unknown[]): unknown[] =>
  args.flatMap((arg) => (Array.isArray(arg) && arg.some((each) => each instanceof Tensor) ? arg : [arg]))

const watching = (keys: readonly (Key | undefined)[]): Tape[] =>
  tapes.filter(({ watched }) => keys.some((key) => key !== undefined && watched.has(key)))

/** The same values, which stay when the tensor is disposed or assigned; the outermost tape lets go of them. */
function hold(tensor: Tensor, { held }: Tape): Tensor {
  const same = new Tensor(tensor.shape, tensor.dtype, tensor.storage)
  same.kept = true
  aliases.set(same, keyOf(tensor))
  held.push(same)
  return same
}

/** Runs a function of tensors, and records it where what it is given depends on what is watched. */
export function recorded<T>(name: string, args: readonly unknown[], run: () => T): T {
  if (tapes.length === 0) return run()
  const given = slots(args)
  const inputs = given.map((each) => (each instanceof Tensor ? keyOf(each) : undefined))
  const all = watching(inputs)
  const [outermost] = all
  if (outermost === undefined) return run()
  const rule = rules.get(name)
  if (rule === undefined) return checked(name, all, run)
  const result = untaped(run)
  const keep = (value: unknown): unknown => {
    if (value instanceof Tensor) return hold(value, outermost)
    return Array.isArray(value) && value.some((each) => each instanceof Tensor) ? value.map(keep) : value
  }
  const results = ((Array.isArray(result) ? result : [result]) as Tensor[]).map((each) => hold(each, outermost))
  const kept = args.map(keep)
  record(all, inputs, results, (dys) => {
    const known = dys.map((dy, at) => dy ?? zerosOf(results[at] as Tensor))
    return rule(known, kept, results)
  })
  return result
}

const zerosOf = ({ shape, size }: Tensor): Tensor => new Tensor(shape, 'float32', new Float32Array(size))

/** Runs a function that is made of others, which record themselves; fails for one whose result depends on none of them. */
function checked<T>(name: string, all: readonly Tape[], run: () => T): T {
  const result = run()
  const isLost = ({ watched }: Tape) =>
    tensorsOf(result).some((each) => each.dtype === 'float32' && !watched.has(keyOf(each)))
  if (!all.some(isLost)) return result
  throw unsupported(`the gradient of tf.${name}`, 'use other functions of tensors, or give it by tf.customGrad')
}

/** Records a step on tapes. */
function record(all: readonly Tape[], inputs: Step['inputs'], results: readonly Tensor[], backward: Step['backward']) {
  const outputs = results.map(keyOf)
  for (const { watched, steps } of all) {
    steps.push({ inputs, outputs, backward })
    // There are no slopes of integers and booleans.
    for (const each of results) if (each.dtype === 'float32') watched.add(keyOf(each))
  }
}

/**
 * Records something that is no function of tensors, such as a model: what it depends on, what it gave, and how gradients go
 * back. With `leaves`, it depends on these, whether they were watched or not.
 */
export function recordStep(
  inputs: readonly (Key | undefined)[],
  results: readonly Tensor[],
  backward: Step['backward'],
  leaves: readonly Key[] = [],
): void {
  for (const { watched } of leaves.length > 0 ? tapes : []) for (const key of leaves) watched.add(key)
  const all = watching([...inputs, ...leaves])
  if (all.length > 0) record(all, [...inputs, ...leaves], results, backward)
}

/** Runs a function whose gradient the program gives. */
export function recordCustom(
  inputs: readonly Tensor[],
  run: (save: (tensors: Tensor[]) => void) => {
    readonly value: Tensor
    readonly gradFunc: (dy: Tensor, saved: Tensor[]) => Tensor | Tensor[]
  },
): Tensor {
  const all = watching(inputs.map(keyOf))
  const saved: Tensor[] = []
  const [outermost] = all
  const save = (tensors: Tensor[]) => {
    if (outermost) saved.push(...tensors.map((each) => hold(each, outermost)))
  }
  const { value, gradFunc } = untaped(() => run(save))
  record(all, inputs.map(keyOf), [value], ([dy]) => {
    const found = gradFunc(dy as Tensor, saved)
    const list = Array.isArray(found) ? found : [found]
    if (list.length !== inputs.length) {
      throw new SeqloomError(
        'ERR_DATA',
        'The function f passed in customGrad(f) must return an object where `obj.gradFunc` is a function that returns ' +
          `the same number of tensors as inputs passed to f(...): ${inputs.length}, not ${list.length}`,
      )
    }
    return list.map((each) => () => each)
  })
  return value
}

/** What a function gives, and the gradients of it that were asked for, those that there are. */
export interface Differentiated {
  readonly value: Tensor
  readonly gradients: ReadonlyMap<Key, Tensor>
}

/**
 * Runs a function and goes back from what it gives to `keys`, or to those that `found` names when it has run. `sum` adds
 * two gradients. `dy` is that of the result, by default ones.
 */
export function differentiate(
  f: () => unknown,
  keys: readonly Key[],
  sum: (a: Tensor, b: Tensor) => Tensor,
  dy?: Tensor | null,
): Differentiated {
  const tape: Tape = { watched: new Set(keys), steps: [], held: [] }
  tapes = [...tapes, tape]
  let value: unknown
  try {
    value = f()
  } catch (error) {
    for (const each of tape.held) each.dispose()
    throw error
  } finally {
    tapes = tapes.filter((each) => each !== tape)
  }
  try {
    if (!(value instanceof Tensor)) {
      throw new SeqloomError('ERR_DATA', 'The result y returned by f() must be a tensor.')
    }
    return { value, gradients: back(tape, value, dy ?? onesOf(value), sum) }
  } finally {
    for (const each of tape.held) each.dispose()
  }
}

const onesOf = ({ shape, size }: Tensor): Tensor => new Tensor(shape, 'float32', new Float32Array(size).fill(1))

function back({ watched, steps }: Tape, value: Tensor, dy: Tensor, sum: (a: Tensor, b: Tensor) => Tensor) {
  const gradients = new Map<Key, Tensor>()
  if (watched.has(keyOf(value))) gradients.set(keyOf(value), dy)
  for (const { inputs, outputs, backward } of steps.toReversed()) {
    const dys = outputs.map((key) => gradients.get(key))
    if (dys.every((each) => each === undefined)) continue
    const slopes = backward(dys)
    inputs.forEach((key, at) => {
      const slope = slopes[at]
      if (key === undefined || slope === undefined || !watched.has(key)) return
      const before = gradients.get(key)
      const own = slope()
      gradients.set(key, before ? sum(before, own) : own)
    })
  }
  return gradients
}
