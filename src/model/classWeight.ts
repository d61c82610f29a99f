import type { Converted } from '../data/elements.js'
import { describe, reading, SeqloomError } from '../errors.js'
import { hasLabels, isBinary, isCategorical, isUnaligned } from '../losses/loss.js'
import { isRecord } from '../options.js'
import { losses } from '../table.js'
import type { TrainedOutput, TrainPlan } from './compile.js'

/** A factor for the loss of every row or step by its class: `{ 0: 1, 1: 10 }`. Classes that are left out have 1. */
export type ClassWeight = Readonly<Record<number, number>>

/** @inline Factors of classes; of several trained outputs in their order (null for ones) or by name. */
export type ClassWeights = ClassWeight | readonly (ClassWeight | null)[] | { readonly [output: string]: ClassWeight }

/** From the targets of all trained outputs, a factor for each row or step of each output. */
export type ClassFactors = (targets: readonly Converted[]) => readonly (Float32Array | undefined)[]

/** What becomes of factors of classes. */
export interface ReadClassWeight {
  /** Those that the native loss takes, in order; none for ones. */
  readonly native: readonly number[]
  /** Others, which become sample weights. */
  readonly factors?: (split?: number) => ClassFactors
  /** All of them in words. */
  readonly identity: string
}

const none: ReadClassWeight = { native: [], identity: '' }

/** Reads factors of classes. `ERR_OPTION` for wrong ones. */
export function classWeights(where: string, { trained }: TrainPlan, given: unknown): ReadClassWeight {
  if (given === undefined || given === null) return none
  const [output] = trained
  if (trained.length === 1 && output && !isByName(given, output.name)) {
    const factors = factorsOf(`${where}: classWeight`, output, given)
    const identity = factors.join()
    const { loss, metrics } = output
    const knowsClasses = isCategorical(loss) || isBinary(loss)
    const isNative = knowsClasses && Object.hasOwn(losses, loss.kind) && !metrics.some(({ weighted }) => weighted)
    return isNative
      ? { native: factors, identity }
      : { native: [], identity, factors: factorsByRow(trained, [factors]) }
  }
  const byOutput = perOutput(where, trained, given)
  return { native: [], identity: JSON.stringify(byOutput), factors: factorsByRow(trained, byOutput) }
}

/** Whether factors are given as those of the output with this name. */
const isByName = (given: unknown, name: string): boolean =>
  reading(
    'ERR_OPTION',
    'classWeight',
    () => isRecord(given) && isRecord(given[name]) && Object.keys(given).length === 1,
  )

/** The factors of each trained output; none for ones. */
function perOutput(where: string, trained: readonly TrainedOutput[], given: unknown): (readonly number[])[] {
  const names = trained.map(({ name }) => name)
  const wrong = (why: string) =>
    new SeqloomError(
      'ERR_OPTION',
      `${where}: classWeight ${why}; the trained outputs are ${names.join(', ')}: give the factors of each by its name`,
    )
  const each = reading('ERR_OPTION', `${where}: classWeight`, () => {
    if (Array.isArray(given)) {
      if (given.length !== names.length) throw wrong(`has ${given.length} entries`)
      return given as unknown[]
    }
    if (!isRecord(given)) throw wrong(`must be an object by output name, not ${describe(given)}`)
    const unknown = Object.keys(given).find((name) => !names.includes(name))
    if (unknown !== undefined) throw wrong(`names ${describe(unknown)}`)
    return names.map((name) => given[name])
  })
  return trained.map((output, at) =>
    each[at] == null ? [] : factorsOf(`${where}: classWeight of '${output.name}'`, output, each[at]),
  )
}

/**
 * The classes of an output: the columns, of which the largest target is the class, or two of a single column that is a
 * decision. 0 where there are none: decisions side by side, a single number, and losses of whole sequences.
 */
function classesOf({ loss, shape }: TrainedOutput): number {
  if (isUnaligned(loss) || loss.kind === 'crf') return 0
  const columns = shape.at(-1) as number
  const decides = isBinary(loss) || loss.kind === 'hinge' || loss.kind === 'squaredHinge'
  if (decides) return columns === 1 ? 2 : 0
  if (isCategorical(loss) || columns > 1) return columns
  return loss.kind === 'traced' ? 2 : 0
}

/** The factors of all classes of an output, in order. */
function factorsOf(what: string, output: TrainedOutput, given: unknown): readonly number[] {
  const classes = classesOf(output)
  if (classes === 0) {
    throw new SeqloomError(
      'ERR_OPTION',
      `${what} needs classes: those of a categorical cross-entropy, of one-hot targets, or of a binary loss of one value; the loss is ${output.loss.kind}`,
    )
  }
  if (output.shape.length > 3) {
    throw new SeqloomError('ERR_UNSUPPORTED', `${what} is for outputs of rows or steps, not of more dimensions`)
  }
  if (!isRecord(given)) {
    throw new SeqloomError('ERR_OPTION', `${what} must be an object of factors by class, not ${describe(given)}`)
  }
  const weights = new Array<number>(classes).fill(1)
  for (const [name, factor] of reading('ERR_OPTION', what, () => Object.entries(given))) {
    const index = Number(name)
    if (!Number.isInteger(index) || index < 0 || index >= classes) {
      throw new SeqloomError('ERR_OPTION', `${what} has the class '${name}'; classes are 0 to ${classes - 1}`)
    }
    if (typeof factor !== 'number' || !Number.isFinite(factor) || factor < 0) {
      throw new SeqloomError(
        'ERR_OPTION',
        `${what} of class ${name} must be a finite number of at least 0, not ${describe(factor)}`,
      )
    }
    weights[index] = factor
  }
  return weights
}

/** Factors of rows or steps by their targets; those of the share `split` at the end, which is validated, are 1. */
const factorsByRow =
  (trained: readonly TrainedOutput[], factors: readonly (readonly number[])[]) =>
  (split = 0): ClassFactors =>
  (targets) =>
    targets.map((target, at) => {
      const own = factors[at] as readonly number[]
      return own.length === 0 ? undefined : factorsOfTargets(trained[at] as TrainedOutput, own, target, split)
    })

function factorsOfTargets(
  { loss, shape }: TrainedOutput,
  factors: readonly number[],
  { data, shape: given }: Converted,
  split: number,
): Float32Array {
  const columns = hasLabels(loss) ? 1 : (shape.at(-1) as number)
  const count = data.length / columns
  const rows = given[0] as number
  const trains = (count / rows) * Math.floor(rows * (1 - split))
  const classOf = (position: number): number => {
    const first = position * columns
    if (columns === 1) return hasLabels(loss) ? (data[first] as number) : Number((data[first] as number) >= 0.5)
    let best = 0
    for (let column = 1; column < columns; column++) {
      if ((data[first + column] as number) > (data[first + best] as number)) best = column
    }
    return best
  }
  return Float32Array.from({ length: count }, (_, position) =>
    position < trains ? (factors[classOf(position)] ?? 1) : 1,
  )
}
