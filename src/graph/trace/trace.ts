import { describe, SeqloomError } from '../../errors.js'
import { limits } from '../../limits.js'
import { Location } from './location.js'
import { type Attributes, comparisonKinds } from './operation.js'
import {
  inferAt,
  located,
  nameOf,
  type Program,
  type ProgramInput,
  type ProgramNode,
  type ProgramWeight,
} from './program.js'
import type { TracedShape } from './size.js'

/** The recording of one call of a user's function on symbolic values. */
export class Trace {
  readonly label: string
  readonly #inputs: readonly ProgramInput[]
  readonly #weights: readonly ProgramWeight[]
  readonly #nodes: ProgramNode[] = []
  readonly #shapes: TracedShape[]
  readonly #scalars = new Map<number, number>()
  #finished = false

  constructor(label: string, inputs: readonly ProgramInput[], weights: readonly ProgramWeight[]) {
    this.label = label
    this.#inputs = inputs
    this.#weights = weights
    this.#shapes = [...inputs.map(({ shape }) => shape), ...weights.map(({ shape }) => shape)]
  }

  /** The shape of a value. */
  shapeOf(id: number): TracedShape {
    return this.#shapes[id] as TracedShape
  }

  /** Adds an operation and returns its value. `ERR_SHAPE`, naming the user's line, where the operands do not fit. */
  add(op: string, inputs: readonly number[], attributes: Attributes = {}, at: Location = Location.here()): number {
    const name = nameOf(op, attributes)
    if (this.#finished) {
      throw new SeqloomError(
        'ERR_STATE',
        located(this.label, name, at, 'the function has been traced; its values cannot be used later'),
      )
    }
    if (this.#nodes.length >= limits.tracedOperations) {
      throw new SeqloomError(
        'ERR_OPTION',
        located(
          this.label,
          name,
          at,
          `the function made more than ${limits.tracedOperations} operations. It is called once, on symbols, so a loop must not wait for a value: ` +
            'loop a fixed number of times, or let the steps of the sequence do it',
        ),
      )
    }
    const shape = inferAt(
      this.label,
      op,
      inputs.map((id) => this.shapeOf(id)),
      attributes,
      at,
    )
    this.#nodes.push({ op, inputs, attributes, at })
    return this.#shapes.push(shape) - 1
  }

  /**
   * Adds the operations of another program to its inputs and weights, which are values of this trace; gives its
   * outputs.
   */
  inline({ nodes, outputs }: Program, inputs: readonly number[], weights: readonly number[]): number[] {
    const ids = [...inputs, ...weights]
    const idOf = (id: number) => ids[id] as number
    for (const { op, inputs: from, attributes, at } of nodes) ids.push(this.add(op, from.map(idOf), attributes, at))
    return outputs.map(idOf)
  }

  /** A number as a value. */
  scalar(value: number): number {
    const known = this.#scalars.get(value)
    if (known !== undefined) return known
    const id = this.add('scalar', [], { value })
    this.#scalars.set(value, id)
    return id
  }

  /** An error at the user's present line. */
  error(code: 'ERR_OPTION' | 'ERR_SHAPE', what: string, message: string): SeqloomError {
    return new SeqloomError(code, located(this.label, what, Location.here(), message))
  }

  /** Ends the recording: what no output needs is left out. `ERR_OPTION` for a comparison that nothing reads. */
  finish(outputs: readonly number[]): Program {
    this.#finished = true
    const first = this.#inputs.length + this.#weights.length
    const used = new Set<number>(outputs)
    for (let index = this.#nodes.length - 1; index >= 0; index--) {
      if (!used.has(first + index)) continue
      for (const id of (this.#nodes[index] as ProgramNode).inputs) used.add(id)
    }
    const read = new Set([...outputs, ...this.#nodes.flatMap(({ inputs }) => inputs)])
    this.#nodes.forEach(({ attributes: { kind }, at }, index) => {
      if (read.has(first + index) || !(comparisonKinds as readonly unknown[]).includes(kind)) return
      throw new SeqloomError(
        'ERR_OPTION',
        located(
          this.label,
          String(kind),
          at,
          "the result is never used. A JavaScript 'if', '?:', '&&', '!' or loop cannot look into a symbolic value, which has no number yet: " +
            'use condition.where(a, b), which takes a where the condition holds and b elsewhere',
        ),
      )
    })
    const ids = new Map<number, number>()
    for (let id = 0; id < first; id++) ids.set(id, id)
    const nodes: ProgramNode[] = []
    this.#nodes.forEach((node, index) => {
      if (!used.has(first + index)) return
      ids.set(first + index, first + nodes.length)
      nodes.push({ ...node, inputs: node.inputs.map((id) => ids.get(id) as number) })
    })
    return {
      label: this.label,
      inputs: this.#inputs,
      weights: this.#weights,
      nodes,
      outputs: outputs.map((id) => ids.get(id) as number),
    }
  }

  /** The values by name for the user's function; an unknown name is `ERR_OPTION` with the user's line. */
  record<T>(what: string, values: Readonly<Record<string, T>>): Readonly<Record<string, T>> {
    return new Proxy(values, {
      get: (target, name) => {
        if (typeof name !== 'string' || Object.hasOwn(target, name)) return Reflect.get(target, name)
        const names = Object.keys(target)
        const known = names.length > 0 ? `there are ${names.map((each) => `'${each}'`).join(', ')}` : 'there is none'
        throw this.error('ERR_OPTION', 'the function', `there is no ${what} '${name}'; ${known}`)
      },
      set: (_, name) => {
        throw this.error('ERR_OPTION', 'the function', `${what} ${describe(name)} cannot be assigned`)
      },
    })
  }
}
