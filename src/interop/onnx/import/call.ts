import type { Operand } from '../../../graph/trace/operands.js'
import type { SymbolicValue } from '../../../graph/trace/symbolic.js'
import type { Builder } from './builder.js'
import type { Lowering } from './lowering.js'
import type { Inputs, Node } from './node.js'
import { type Computed, type Constant, dimsOf, known, malformed, numbersIn, unsupported, type Value } from './values.js'

/** One node with the values of its inputs. */
export class Call {
  constructor(
    readonly lowering: Lowering,
    readonly node: Node,
    readonly inputs: Inputs,
  ) {}

  get builder(): Builder {
    return this.lowering.builder
  }

  get opset(): number {
    return this.lowering.opset
  }

  /** Whether an output is read by anything. */
  isUsed(output: number): boolean {
    const name = this.node.outputs[output]
    return name !== undefined && name !== '' && this.lowering.scope.isUsed(name)
  }

  given(index: number): Value | undefined {
    return this.inputs[index]
  }

  value(index: number): Value {
    const found = this.inputs[index]
    if (found === undefined) throw malformed(`input ${index} is missing`)
    return found
  }

  /** An input as a computed value or a constant. */
  data(index: number): Computed | Constant {
    return dataOf(this.value(index))
  }

  computed(index: number): Computed {
    const found = this.value(index)
    if (found.kind === 'computed') return found
    throw unsupported(`input ${index} is constant, or follows from shapes`)
  }

  constant(index: number, what: string): Constant {
    const found = this.data(index)
    if (found.kind === 'constant') return found
    throw unsupported(`${what} must be constant`)
  }

  /** Small whole numbers: an input, or in older operator sets an attribute. */
  numbers(index: number, attribute: string): readonly number[] | undefined {
    const found = this.inputs[index]
    if (found !== undefined) return numbersIn(found, attribute)
    return this.node.ints(attribute)
  }

  /** An axis counted from the front. */
  axis(given: number, rank: number): number {
    const axis = given < 0 ? given + rank : given
    if (Number.isInteger(axis) && axis >= 0 && axis < Math.max(rank, 1)) return axis
    throw malformed(`there is no axis ${given} among ${rank}`)
  }
}

/** A value with numbers that are known only per call, or a constant. */
export function dataOf(value: Value): Computed | Constant {
  if (value.kind === 'computed' || value.kind === 'constant') return value
  if (value.kind === 'sizes' && value.items.every((item) => typeof item === 'number')) {
    return known(value.items as number[], value.scalar ? [] : [value.items.length])
  }
  if (value.kind === 'list' || value.kind === 'parts') throw unsupported('a list of values is used as a value')
  if (value.kind === 'padded')
    throw unsupported('padding that depends on the number of steps, for anything but windows')
  if (value.kind === 'rows') throw unsupported('numbers of rows of the batch are used as numbers')
  throw unsupported('a size that is known only per call is used as a number')
}

export const rankOf = (value: Value): number => dimsOf(value).length

/** What an operation of one operand does. */
export const first =
  (run: (x: SymbolicValue) => SymbolicValue) =>
  ([x]: readonly Operand[]): SymbolicValue =>
    run(x as SymbolicValue)

export type Operator = (call: Call) => Value | readonly (Value | undefined)[]
