import type { Constraint } from '../constraints/constraint.js'
import { describe, SeqloomError } from '../errors.js'
import { type ComputedInitializer, drawnFor, isComputed } from '../initializers/computed.js'
import type { Initializer } from '../initializers/initializer.js'
import { Budget } from '../limits.js'
import type { Regularizer } from '../regularizers/regularizer.js'
import { operations } from '../table.js'
import type { DType, Shape } from './shape.js'
import { showShape } from './shape.js'
import type { GraphSpec, OperationName, SettingsOf, WireInput, WireNode, WireWeight } from './wire.js'

/** A value of the graph that is being built: its id and its shape. */
export interface Value {
  readonly id: number
  readonly shape: Shape
  /** The element type of an input; computed values are float32. */
  readonly dtype?: DType
}

/** What is asked of a weight in training. */
export interface WeightRules {
  /** What it adds to the loss. */
  readonly regularizer?: Regularizer
  /** What it is made to fulfil after every step. */
  readonly constraint?: Constraint
}

/** A weight of which something is asked, with its number in the graph. */
export interface RuledWeight extends WeightRules {
  readonly index: number
  readonly weight: WireWeight
}

/** Whose weights they are. */
export interface WeightOwner {
  readonly trainable: boolean
  /** A factor on the learning rate of its weights. */
  readonly learningRateMultiplier: number
  /** What is asked of the owner's weight of a name. */
  weightRules(name: string): WeightRules
}

/** A value whose mean a layer adds to the loss. */
export interface AddedLoss {
  /** The layer's path. */
  readonly name: string
  readonly value: Value
}

/**
 * Builds a graph for the native side: inputs first, then operations in an order in which every value exists before it
 * is used.
 */
export class GraphBuilder {
  /** Whether the graph is for training: layers may then do otherwise what they do faster in predictions. */
  readonly training: boolean
  readonly #inputs: WireInput[] = []
  readonly #weights: WireWeight[] = []
  readonly #nodes: WireNode[] = []
  readonly #weightIndices = new Map<object, Map<string, number>>()
  readonly #weightKeys: { readonly owner: object; readonly key: string }[] = []
  readonly #losses: AddedLoss[] = []
  readonly #ruled: RuledWeight[] = []
  readonly #computed = new Map<number, ComputedInitializer>()
  readonly #statistics = new Map<number, { readonly changes: boolean; value?: Value }>()
  readonly #decided: readonly boolean[] | undefined
  /** The names of nodes, each with the number that its next namesake is tried with. */
  readonly #nodeNames = new Map<string, number>()
  readonly #weightNames = new Map<string, number>()
  /** What the operations take; `ERR_UNSUPPORTED` for more than a model may have. */
  readonly budget = new Budget()
  /** The shapes of values, by their ids; none for outputs without a reader. */
  readonly shapes = new Map<number, Shape>()
  #nextId = 0

  /** `trained` says which weights training changes, where it is not what their owners say. */
  constructor(training = false, trained?: readonly boolean[]) {
    this.training = training
    this.#decided = trained
  }

  /** Declares an input. All inputs come before the first operation. */
  input(input: WireInput): Value {
    this.#inputs.push(input)
    const id = this.#nextId++
    this.shapes.set(id, input.shape)
    return { id, shape: input.shape, dtype: input.dtype }
  }

  /** The index of an owner's weight; asking twice gives the same weight, so a layer that is applied twice shares it. */
  weight(owner: object, key: string, weight: WireWeight, rules: WeightRules = {}): number {
    let indices = this.#weightIndices.get(owner)
    if (!indices) {
      indices = new Map()
      this.#weightIndices.set(owner, indices)
    }
    const known = indices.get(key)
    if (known !== undefined) {
      const first = this.#weights[known] as WireWeight
      if (first.shape.join() !== weight.shape.join()) {
        throw new SeqloomError(
          'ERR_SHAPE',
          `${weight.name} has the shape ${showShape(first.shape)} from its layer's first use; this use needs ${showShape(weight.shape)}`,
        )
      }
      return known
    }
    const index = this.#weights.length
    const { initializer } = weight
    const added = {
      ...weight,
      trainable: this.#decided?.[index] ?? weight.trainable,
      initializer: drawnFor(initializer),
    }
    if (isComputed(initializer)) this.#computed.set(index, initializer)
    indices.set(key, index)
    if (!this.#weightNames.has(weight.name)) this.#weightNames.set(weight.name, index)
    this.#weightKeys.push({ owner, key })
    this.#weights.push(added)
    if (rules.regularizer || rules.constraint) this.#ruled.push({ ...rules, index, weight: added })
    return index
  }

  /** As {@link weight}, for one without a gradient: while its owner trains, every step makes it what it is {@link replace}d by. */
  statistic(owner: object, key: string, weight: WireWeight): number {
    const index = this.weight(owner, key, weight)
    if (this.#statistics.has(index)) return index
    const { trainable: changes, ...rest } = this.#weights[index] as WireWeight
    this.#statistics.set(index, { changes })
    this.#weights[index] = { ...rest, trainable: false }
    return index
  }

  /** Whether training changes a weight, by a gradient or as a statistic. */
  changes(weight: number): boolean {
    return this.#statistics.get(weight)?.changes ?? this.#weights[weight]?.trainable ?? false
  }

  /** Which weights training changes. */
  get trained(): readonly boolean[] {
    return this.#weights.map((_, index) => this.changes(index))
  }

  /** Makes a statistic a value after every step of training; of its owner's uses the last one decides. */
  replace(statistic: number, value: Value): void {
    const known = this.#statistics.get(statistic)
    if (known) known.value = value
  }

  /** What a statistic becomes by an earlier use of its owner. */
  replacement(statistic: number): Value | undefined {
    return this.#statistics.get(statistic)?.value
  }

  /** What statistics become after every step. */
  get replaced(): readonly { readonly weight: number; readonly value: Value }[] {
    return [...this.#statistics].flatMap(([weight, { value }]) => (value ? [{ weight, value }] : []))
  }

  /** The index and shape of the weight of this name, if there is one yet. */
  weightNamed(name: string): { readonly index: number; readonly shape: readonly number[] } | undefined {
    const index = this.#weightNames.get(name)
    const found = index === undefined ? undefined : this.#weights[index]
    return found && { index: index as number, shape: found.shape }
  }

  /** What each weight belongs to: its owner, and its name there. */
  get weightKeys(): readonly { readonly owner: object; readonly key: string }[] {
    return this.#weightKeys
  }

  /** The weights whose first values are computed from what the engine draws. */
  get computed(): ReadonlyMap<number, ComputedInitializer> {
    return this.#computed
  }

  /** Adds the mean of a value to the loss of training. */
  addLoss(name: string, value: Value): void {
    this.#losses.push({ name, value })
  }

  /** What layers add to the loss. */
  get losses(): readonly AddedLoss[] {
    return this.#losses
  }

  /** The weights of which something is asked. */
  get ruled(): readonly RuledWeight[] {
    return this.#ruled
  }

  /** Adds an operation and returns the outputs whose shapes are given. If it has more, nothing reads those. */
  node<Op extends OperationName>(
    op: Op,
    name: string,
    inputs: readonly Value[],
    weights: readonly number[],
    outputs: readonly Shape[],
    attributes: SettingsOf<Op>,
    stateful = false,
  ): Value[] {
    this.budget.take(outputs)
    const values = outputs.map((shape) => ({ id: this.#nextId++, shape }))
    for (const { id, shape } of values) this.shapes.set(id, shape)
    const ids = values.map(({ id }) => id)
    while (ids.length < operations[op].outputs[0]) ids.push(this.#nextId++)
    this.#nodes.push({
      name: this.#uniqueName(name),
      op,
      inputs: inputs.map((value) => value.id),
      weights,
      outputs: ids,
      attributes,
      ...(stateful ? { stateful } : {}),
    })
    return values
  }

  /** The operation that makes a value; undefined for inputs. */
  maker(value: Value): WireNode | undefined {
    return this.#nodes.findLast(({ outputs }) => outputs.includes(value.id))
  }

  /** The finished graph. */
  finish(outputs: readonly Value[]): GraphSpec {
    return {
      version: 1,
      inputs: this.#inputs,
      weights: this.#weights,
      nodes: this.#nodes,
      outputs: outputs.map((value) => value.id),
    }
  }

  #uniqueName(name: string): string {
    let unique = name
    let count = this.#nodeNames.get(name) ?? 0
    for (; this.#nodeNames.has(unique); count++) unique = `${name}:${Math.max(count, 1)}`
    this.#nodeNames.set(name, count)
    if (unique !== name) this.#nodeNames.set(unique, 0)
    return unique
  }
}

/** What a layer needs to lower itself: the builder, the layer's path in the model and whether its weights train. */
export class LayerScope {
  constructor(
    readonly builder: GraphBuilder,
    readonly path: string,
    readonly owner: WeightOwner,
    readonly trainable: boolean,
    readonly learningRateMultiplier: number = owner.learningRateMultiplier,
  ) {}

  /** The index of one of the layer's weights; what is asked of it, if the layer's options do not say so. */
  weight(name: string, shape: readonly number[], initializer: Initializer, rules?: WeightRules): number {
    const { trainable, learningRateMultiplier: rate } = this
    if (!(Number.isFinite(rate) && rate >= 0)) {
      throw new SeqloomError(
        'ERR_OPTION',
        `the learningRateMultiplier of '${this.path}/${name}' must be a finite number of at least 0, not ${describe(rate)}`,
      )
    }
    const wire = {
      ...{ name: `${this.path}/${name}`, shape, trainable },
      ...(rate === 1 ? {} : { learningRateMultiplier: rate }),
      initializer,
    }
    return this.builder.weight(this.owner, name, wire, { ...this.owner.weightRules(name), ...rules })
  }

  /** The index of one of the layer's weights that is a {@link GraphBuilder.statistic}. */
  statistic(name: string, shape: readonly number[], initializer: Initializer): number {
    const wire = { name: `${this.path}/${name}`, shape, trainable: this.trainable, initializer }
    return this.builder.statistic(this.owner, name, wire)
  }

  /** Adds an operation with one output. */
  node<Op extends OperationName>(
    op: Op,
    inputs: readonly Value[],
    weights: readonly number[],
    shape: Shape,
    attributes: SettingsOf<Op>,
    part?: string,
  ): Value {
    const name = part ? `${this.path}/${part}` : this.path
    return this.builder.node(op, name, inputs, weights, [shape], attributes)[0] as Value
  }

  /** Adds an operation with several outputs. */
  nodes<Op extends OperationName>(
    op: Op,
    inputs: readonly Value[],
    weights: readonly number[],
    shapes: readonly Shape[],
    attributes: SettingsOf<Op>,
    stateful = false,
  ): Value[] {
    return this.builder.node(op, this.path, inputs, weights, shapes, attributes, stateful)
  }

  /** The same scope for weights that training does not change. */
  frozen(): LayerScope {
    return new LayerScope(this.builder, this.path, this.owner, false)
  }

  /** The scope of a layer inside this one. */
  inside(part: string, owner: WeightOwner): LayerScope {
    const rate = this.learningRateMultiplier * owner.learningRateMultiplier
    return new LayerScope(this.builder, `${this.path}/${part}`, owner, this.trainable && owner.trainable, rate)
  }
}
