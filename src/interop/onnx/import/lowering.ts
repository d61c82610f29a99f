import { defineCell } from '../../../cells/defineCell.js'
import { SeqloomError } from '../../../errors.js'
import type { SymbolicValue } from '../../../graph/trace/symbolic.js'
import { embedding } from '../../../layers/embedding.js'
import { lastStep } from '../../../layers/lastStep.js'
import type { AnyLayer, SymbolicTensor } from '../../../layers/layer.js'
import { rnn } from '../../../layers/rnn.js'
import type { Unmapped } from '../../format.js'
import { Builder, type Parts } from './builder.js'
import { Call, dataOf, first, type Operator } from './call.js'
import { add, type Dim, same, showDim, subtract } from './dim.js'
import { arranged, type Operandish, sameAlong, setApart, sideBySide } from './layout.js'
import type { Graph, Node } from './node.js'
import { metWith, rowsOf } from './ops/products.js'
import {
  type Atom,
  type Axes,
  atomOf,
  axisOf,
  type Computed,
  type Constant,
  hasBatch,
  malformed,
  type Order,
  type Ref,
  sizeOf,
  unsupported,
  type Value,
} from './values.js'

/** An input was read with its batch in another place than a node has it: all is done again. */
export class OtherBatch extends Error {
  constructor(
    readonly input: string,
    readonly axis: number,
  ) {
    super(`The batch of '${input}' is axis ${axis}`)
  }
}

/** What was taken for the batch is not it: nodes have one row, and another axis for what was taken. */
export class NoBatch extends Error {}

/** The names of a graph, and how often each is still read. */
export class Scope {
  readonly values = new Map<string, Value>()
  readonly #left = new Map<string, number>()
  readonly needed: ReadonlySet<Node>

  constructor(
    readonly graph: Graph,
    readonly outer: Scope | undefined,
  ) {
    const outputs = graph.proto.output.map(({ name }) => name ?? '')
    const wanted = new Set(outputs)
    const needed = new Set<Node>()
    for (const node of graph.nodes.toReversed()) {
      if (!node.outputs.some((name) => name !== '' && wanted.has(name))) continue
      needed.add(node)
      for (const name of readBy(node)) wanted.add(name)
    }
    this.needed = needed
    for (const name of [...outputs, ...[...needed].flatMap((node) => [...readBy(node)])]) {
      this.#left.set(name, (this.#left.get(name) ?? 0) + 1)
    }
  }

  isUsed(name: string): boolean {
    return (this.#left.get(name) ?? 0) > 0
  }

  find(name: string): Value | undefined {
    for (let scope: Scope | undefined = this; scope; scope = scope.outer) {
      const found = scope.values.get(name) ?? scope.graph.constants.get(name)
      if (found) return found
    }
    return undefined
  }

  /** Tells that a node has read what it reads. */
  done(node: Node): void {
    for (const name of readBy(node)) this.#left.set(name, (this.#left.get(name) ?? 0) - 1)
  }

  *live(): Generator<Computed> {
    for (const [name, value] of this.values) {
      if (!this.isUsed(name)) continue
      if (value.kind === 'computed') yield value
      if (value.kind === 'padded') yield value.windows
    }
  }
}

function* readBy(node: Node): Generator<string> {
  for (const name of node.inputs) if (name !== '') yield name
  for (const graph of node.graphs.values()) yield* graph.outer
}

/** Graphs within graphs at most. */
export const deepest = 16

/** Maps the nodes of a graph, or of the body of a loop, in their order. */
export class Lowering {
  readonly builder: Builder
  readonly #scopes: Scope[]
  /** The orders that values' rows are in, where that is not the batch's own. */
  readonly orders = new WeakMap<Value, Order | undefined>()
  /** In a loop: one step of a value from outside that the loop goes through, if that is what indices choose. */
  stepOf: ((data: Value, indices: Value, axis: number) => Value | undefined) | undefined

  constructor(
    readonly operators: ReadonlyMap<string, Operator>,
    readonly parts: Parts,
    readonly opset: number,
    readonly problems: Unmapped,
    scope: Scope,
    isStep: boolean,
    readonly depth = 0,
  ) {
    if (depth > deepest) throw malformed(`graphs ${depth} deep within each other`)
    this.#scopes = [scope]
    this.builder = new Builder(parts, isStep, () => this.#live())
  }

  get scope(): Scope {
    return this.#scopes.at(-1) as Scope
  }

  *#live(): Generator<Computed> {
    for (const scope of this.#scopes) yield* scope.live()
  }

  run(): void {
    const { scope } = this
    for (const node of scope.graph.nodes) {
      if (!scope.needed.has(node)) continue
      this.#map(node, scope)
      scope.done(node)
    }
  }

  /** The outputs of a graph that stands in place of a node; its inputs are given by name. */
  inlined(graph: Graph, given: ReadonlyMap<string, Value> = new Map()): Value[] {
    if (this.#scopes.length > deepest) throw malformed(`graphs ${this.#scopes.length} deep within each other`)
    const scope = new Scope(graph, this.scope)
    for (const [name, value] of given) scope.values.set(name, value)
    this.#scopes.push(scope)
    try {
      this.run()
      return graph.proto.output.map(({ name = '' }) => scope.find(name) ?? { kind: 'unknown' })
    } finally {
      this.#scopes.pop()
    }
  }

  #map(node: Node, scope: Scope): void {
    const put = (values: readonly (Value | undefined)[]) => {
      for (const [at, name] of node.outputs.entries()) {
        if (name !== '') scope.values.set(name, values[at] ?? { kind: 'unknown' })
      }
    }
    const inputs = node.inputs.map((name) => {
      if (name === '') return undefined
      const found = scope.find(name)
      if (found) return found
      throw malformed(`${shown(node, this.opset)} reads '${name}', which nothing before it makes`)
    })
    const operator = this.operators.get(node.op)
    const known = operator !== undefined && node.domain === ''
    // An operator that is not known was told of before.
    if (!known || inputs.some((value) => value?.kind === 'unknown')) {
      put([])
      return
    }
    this.builder.where = shown(node, this.opset)
    try {
      const order = this.#orderOf(node, inputs, scope)
      const result = operator(new Call(this, node, inputs))
      const values: readonly (Value | undefined)[] = Array.isArray(result) ? result : [result as Value]
      if (order) for (const each of values) if (each && !this.orders.has(each)) this.orders.set(each, order)
      put(values)
    } catch (error) {
      if (!(error instanceof SeqloomError) || error.code === 'ERR_MEMORY' || error.code === 'ERR_IO') throw error
      const where = this.builder.where
      const message = error.message.startsWith(where) ? error.message : `${where}: ${error.message}`
      if (error.code === 'ERR_FORMAT') throw malformed(message)
      this.problems.add(message)
      put([])
    }
  }

  /** The order of the rows that a node reads, which must be the same for all. */
  #orderOf(node: Node, inputs: readonly (Value | undefined)[], scope: Scope): Order | undefined {
    const outer = [...node.graphs.values()].flatMap((graph) => [...graph.outer].map((name) => scope.find(name)))
    const read = [...inputs, ...outer].filter((each) => each?.kind === 'computed' && hasBatch(each.logical))
    const orders = new Set(read.map((each) => this.orders.get(each as Computed)))
    if (orders.size > 1) throw unsupported('rows of the batch in two orders meet')
    return [...orders][0]
  }

  // What operators do with layers of their own.

  /** Makes sure that an axis is the batch, and nothing but that. */
  requireBatch(x: Computed, axis: number): void {
    const atoms = x.logical[axis] as readonly Atom[]
    if (atoms.some(({ batch }) => batch)) return
    const origin = atoms.find((atom) => atom.origin)?.origin
    if (origin) throw new OtherBatch(origin.input, origin.axis)
    if (atoms.length === 0) {
      if (hasBatch(x.logical)) throw new NoBatch()
      return
    }
    throw unsupported(
      `axis ${axis} of its input should be the batch, and is ${showDim(sizeOf(atoms))} of something else`,
    )
  }

  lastStep(sequence: SymbolicTensor): SymbolicTensor {
    return lastStep().apply(sequence)
  }

  readonly #embeddings = new Map<Constant, AnyLayer>()

  embedding(call: Call, tokens: Ref, key: Constant, table: Constant): SymbolicTensor {
    const [inputDim, outputDim] = table.shape as [number, number]
    let layer = this.#embeddings.get(key)
    if (layer === undefined) {
      const made = embedding({
        ...this.parts.nameFor(call.node.name),
        inputDim,
        outputDim,
        embeddingsInitializer: 'zeros',
      })
      layer = made as unknown as AnyLayer
      this.#embeddings.set(key, layer)
      const weight = { name: 'embeddings', shape: table.shape, read: () => table.read(), stored: table.stored }
      this.parts.entries.push({ layer, weights: [weight] })
    }
    return layer.apply(tokens.tensor as SymbolicTensor) as SymbolicTensor
  }

  /** The steps of an axis from the last to the first. */
  flipped(x: Computed, axis: number): Computed {
    const { builder } = this
    const steps = x.logical[axis] as readonly Atom[]
    const size = sizeOf(steps)
    if (builder.isStep) {
      if (typeof size !== 'number' || size > 1024)
        throw unsupported(`${showDim(size)} steps are turned round within a step`)
      throw unsupported('steps are turned round within a step')
    }
    const rest = x.physical
      .slice(1)
      .flat()
      .filter((atom) => !steps.includes(atom))
    const ref = arranged(builder, x, [builder.batch, steps, rest], true)
    const [tensor] = builder.tensors([ref]) as [SymbolicTensor]
    const width = sizeOf(rest)
    const same = defineCell({
      name: 'same',
      inputs: { x: this.parts.sizes.of(width) },
      states: { count: 1 },
      step: (values) => ({ count: values.count, output: values.x }),
    })
    const layer = rnn({ cell: same, goBackwards: true, returnSequences: true })
    return { ...x, ...builder.computed(layer.apply(tensor) as SymbolicTensor, [steps, rest], x.logical, x.integer) }
  }

  /** Computed values, and constants, one after the other along an axis. */
  concatenated(call: Call, data: readonly (Computed | Constant)[], axis: number): Computed {
    const { builder } = this
    const batchAxis = data.flatMap((each) =>
      each.kind === 'computed' ? [each.logical.findIndex((axis) => axis.some(({ batch }) => batch))] : [],
    )[0] as number
    const all = data.map((each) => {
      if (each.kind === 'computed' || batchAxis < 0 || each.dims[batchAxis] === 1) return rowsOf(call, each)
      const alike = sameAlong(each, batchAxis)
      if (alike === undefined) throw unsupported('a constant that differs from row to row of the batch')
      const rows = rowsOf(call, { ...alike, dims: each.dims.with(batchAxis, 1) })
      return { ...rows, logical: rows.logical.with(batchAxis, builder.batch) }
    })
    const whole = all.map(({ physical, logical }): Operandish => ({ physical, logical }))
    setApart(whole)
    const tails = whole.map((each): Operandish => ({ physical: [], logical: [each.logical[axis] as readonly Atom[]] }))
    const leads = whole.map(
      (each): Operandish => ({ physical: each.physical, logical: each.logical.toSpliced(axis, 1) }),
    )
    const lead = metWith(leads, tails)
    const along = tails.map(({ logical }) => logical[0] as readonly Atom[])
    if (along.some((atoms) => atoms.some(({ batch }) => batch))) throw unsupported('values are joined along the batch')
    const held = new Set<Atom>(
      leads.flatMap(({ physical }, at) =>
        physical.flat().filter((atom) => !(along[at] as readonly Atom[]).includes(atom)),
      ),
    )
    const main = leads.toSorted((a, b) => b.physical.flat().length - a.physical.flat().length)[0] as Operandish
    const own = along[leads.indexOf(main)] as readonly Atom[]
    const kept = main.physical.slice(1).map((part) => part.filter((atom) => !own.includes(atom) && held.has(atom)))
    const seen = new Set(kept.flat())
    const others = lead.flat().filter((atom) => held.has(atom) && !seen.has(atom) && !atom.batch)
    const rest: Axes = [...kept.filter((part) => part.length > 0), ...others.map((atom) => [atom])]
    const found = main.physical.slice(1).findIndex((part) => own.length > 0 && part.includes(own[0] as Atom))
    const before = found < 0 ? rest.length : kept.slice(0, found + 1).filter((part) => part.length > 0).length
    // An axis that lies within another of ours goes behind it.
    const place = Math.min(before, rest.length)
    builder.nearby = all.map((each, at) => ({ ...each, physical: (leads[at] as Operandish).physical }))
    const refs = all.map(({ ref }, at) =>
      arranged(
        builder,
        { ref, physical: (leads[at] as Operandish).physical },
        [builder.batch, ...rest.toSpliced(place, 0, along[at] as readonly Atom[])] as Axes,
        true,
      ),
    )
    builder.nearby = []
    const size = along.map(sizeOf).reduce(add, 0)
    const joined = axisOf(size)
    const physical: Axes = [builder.batch, ...rest.toSpliced(place, 0, joined)]
    const ref = builder.record(refs, physical.slice(1).map(sizeOf), (values) =>
      sideBySide(builder.isStep, values as SymbolicValue[], place + 1),
    )
    return {
      kind: 'computed',
      ref,
      physical,
      logical: lead.toSpliced(axis, 0, joined),
      integer: all.every(({ integer }) => integer),
    }
  }

  /** An axis of a size: one that an input has, so that it can be made, or a new one. */
  axisNamed(dim: Dim): readonly Atom[] {
    if (typeof dim === 'number') return axisOf(dim)
    const { batch } = this.parts
    if (same(batch.dim, dim)) return [batch]
    const found = [...this.#atoms()].find(([atom]) => same(atom.dim, dim))?.[0]
    return [found ?? atomOf(dim)]
  }

  /** The axes that values have in memory, besides the batch, each with such a value. */
  *#atoms(): Generator<readonly [Atom, Computed]> {
    const { parts, builder } = this
    for (const each of [...parts.inputs, ...builder.live()]) {
      for (const atom of each.physical.flat()) if (!atom.batch) yield [atom, each]
    }
  }

  /** A value as numbers; a size that is known only per call is counted along a value that has as many elements. */
  numberOf(value: Value): Computed | Constant {
    if (value.kind !== 'sizes' || value.items.length !== 1 || typeof value.items[0] === 'number') return dataOf(value)
    const [dim] = value.items as [Dim]
    const { builder } = this
    for (const [atom, like] of this.#atoms()) {
      const more = subtract(dim, atom.dim)
      if (typeof more !== 'number' || (builder.isStep && this.parts.inputs.includes(like))) continue
      const rest = like.physical
        .slice(1)
        .flat()
        .filter((each) => each !== atom)
      const long = arranged(builder, like, [builder.batch, [atom], rest])
      const ref = builder.record(
        [long],
        [1],
        first((v) => {
          const one = v.slice(0, 1, 2)
          return one.less(one).add(1).sum({ axis: 1 }).add(more)
        }),
      )
      return { kind: 'computed', ref, physical: [builder.batch, []], logical: value.scalar ? [] : [[]], integer: true }
    }
    return dataOf(value)
  }

  /** The numbers from `start` on, as many as a sequence has steps. */
  counted(_call: Call, length: Dim, start: Dim): Computed {
    const { builder } = this
    const steps = this.axisNamed(length)
    const like = builder.carrier(steps[0] as Atom)
    if (like === undefined || typeof start !== 'number' || steps[0]?.batch) {
      throw unsupported(`numbers from ${showDim(start)} on, ${showDim(length)} of them`)
    }
    const rest = like.physical
      .slice(1)
      .flat()
      .filter((atom) => atom !== steps[0])
    const long = arranged(builder, like, [builder.batch, steps, rest])
    const ref = builder.record(
      [long],
      [length],
      first((v) => {
        const one = v.slice(0, 1, 2)
        return one
          .less(one)
          .add(1)
          .cumulativeSum({ axis: 1 })
          .add(start - 1)
          .squeeze(2)
      }),
    )
    return { kind: 'computed', ref, physical: [builder.batch, steps], logical: [steps], integer: true }
  }
}

/** A node as messages name it. */
export function shown(node: Node, opset: number): string {
  const domain = node.domain === '' ? '' : `${node.domain}.`
  const name = node.name === '' ? `that makes '${node.outputs[0] ?? ''}'` : `'${node.name}'`
  return `${domain}${node.op} ${name} (opset ${opset})`
}
