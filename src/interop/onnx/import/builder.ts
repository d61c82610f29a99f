import { visible } from '../../../errors.js'
import type { Operand } from '../../../graph/trace/operands.js'
import type { SymbolicValue } from '../../../graph/trace/symbolic.js'
import { defineLayer } from '../../../layers/defineLayer.js'
import type { AnyLayer, Outputs, SymbolicTensor } from '../../../layers/layer.js'
import { type Dim, same } from './dim.js'
import { permuted, reshaped } from './layout.js'
import { type Argument, elementsOf, Segment, type SizeNames, type Weight } from './segment.js'
import { type Atom, type Axes, type Computed, type Constant, Ref, sizeOf } from './values.js'

/** A layer that was made, and its weights in the file: in the layer's order, or by their names in the layer. */
export interface Entry {
  readonly layer: AnyLayer
  readonly weights: readonly Weight[] | ReadonlyMap<string, Weight>
}

/** What a whole model consists of while it is being built. */
export class Parts {
  readonly entries: Entry[] = []
  readonly inputs: Computed[] = []
  /** How many steps of loops were written out. */
  written = 0
  readonly #names = new Set<string>()

  constructor(
    readonly sizes: SizeNames,
    readonly batch: Atom,
  ) {}

  /** A name for a layer: the node's, as far as it may be one. */
  nameFor(given: string | undefined): { name: string } | Record<never, never> {
    const base = visible(given ?? '')
      .replaceAll(/[/\\]/g, '_')
      .replace(/^_+/, '')
      .slice(0, 80)
    if (base === '') return {}
    let name = base
    for (let n = 1; this.#names.has(name); n++) name = `${base}_${n}`
    this.#names.add(name)
    return { name }
  }
}

/** Records operations, and makes layers of them. */
export class Builder {
  segment = new Segment()
  /** Values that are at hand besides those with names. */
  nearby: readonly Computed[] = []
  /** The node that is being mapped, for messages. */
  where = ''

  constructor(
    readonly parts: Parts,
    /** Whether it is one step of a recurrence, which holds no layers. */
    readonly isStep: boolean,
    /** Values that are known by a name and may still be read. */
    readonly live: () => Iterable<Computed>,
  ) {}

  get batch(): readonly Atom[] {
    return [this.parts.batch]
  }

  record(args: readonly Argument[], dims: readonly Dim[], run: (operands: readonly Operand[]) => SymbolicValue): Ref {
    return this.segment.record(this.where, args, dims, run)
  }

  /**
   * A constant of an operation, its elements in the order of axes (without the batch): a weight, or a value that does
   * not train, unless `trains` says that it does.
   */
  weight(constant: Constant, logical: Axes, axes: Axes, trains = constant.trainable): Argument {
    const { shape, constant: own } = permuted(constant, logical, axes)
    const first = shape.findIndex((size) => size !== 1)
    const trimmed = first < 0 ? [1] : shape.slice(first)
    const form = `${trimmed.join()}:${axes
      .flat()
      .map((atom) => logical.flat().indexOf(atom))
      .join()}`
    if (trains || this.isStep) return this.segment.weight(constant, form, trimmed, elementsOf(own))
    // Its rows are the batch's, so the axes in between must be there.
    return reshaped(this, this.#frozen(constant, form, trimmed, own), shape)
  }

  readonly #frozenOnes = new Map<Constant, Map<string, Ref>>()

  /** A layer of its own, since training leaves whole layers alone. */
  #frozen(constant: Constant, form: string, shape: readonly number[], own: Constant): Ref {
    const forms = this.#frozenOnes.get(constant) ?? new Map<string, Ref>()
    this.#frozenOnes.set(constant, forms)
    const known = forms.get(form)
    if (known) return known
    const [input] = this.parts.inputs as [Computed]
    const { dims, tensor } = input.ref
    const layer = defineLayer({
      name: 'constant',
      inputs: { x: dims.map((dim) => this.parts.sizes.of(dim)) },
      weights: { value: { shape, initializer: 'zeros' } },
      call({ x }, { value }) {
        const one = dims.reduce<SymbolicValue>((all, _, axis) => all.slice(0, 1, axis + 1), x)
        return one
          .less(one)
          .reshape(shape.map(() => 1))
          .add(value as SymbolicValue)
      },
    })({ trainable: false })
    const ref = new Ref(shape, layer.apply(tensor as SymbolicTensor) as SymbolicTensor)
    const weight = { name: 'value', shape, ...elementsOf(own) }
    this.parts.entries.push({ layer: layer as unknown as AnyLayer, weights: [weight] })
    forms.set(form, ref)
    return ref
  }

  /** A value whose axes of ours include an atom. */
  carrier(atom: Atom): Computed | undefined {
    for (const each of this.parts.inputs) if (!this.isStep && each.physical.flat().includes(atom)) return each
    for (const each of this.live()) if (each.physical.flat().includes(atom)) return each
    for (const each of this.nearby) if (each.physical.flat().includes(atom)) return each
    if (typeof atom.dim === 'number' || this.isStep) return undefined
    // Another of the same size, which the engine checks, takes its place.
    for (const each of this.parts.inputs) {
      const other = each.physical.flat().find(({ dim, batch }) => !batch && same(dim, atom.dim))
      if (other)
        return { ...each, physical: each.physical.map((axis) => axis.map((own) => (own === other ? atom : own))) }
    }
    return undefined
  }

  /** The tensors of values; the operations so far become a layer, unless they are tensors already. */
  tensors(refs: readonly Ref[]): SymbolicTensor[] {
    if (refs.some((ref) => ref.tensor === undefined)) this.close(refs)
    return refs.map((ref) => ref.tensor as SymbolicTensor)
  }

  /** Makes a layer of the operations so far. It returns what is read later. */
  close(needed: readonly Ref[] = []): void {
    const { segment } = this
    if (segment.isEmpty) return
    const wanted = new Set(needed.filter((ref) => ref.segment === segment && ref.tensor === undefined))
    for (const { ref } of this.live()) if (ref.segment === segment && ref.tensor === undefined) wanted.add(ref)
    this.segment = new Segment()
    if (wanted.size === 0) return
    const refs = [...wanted]
    const { sizes } = this.parts
    const layer = defineLayer({
      name: 'operations',
      inputs: Object.fromEntries(segment.inputs.map(({ name, ref }) => [name, ref.dims.map((dim) => sizes.of(dim))])),
      weights: Object.fromEntries(
        segment.weights.map(({ name, shape }) => [name, { shape, initializer: 'zeros' as const }]),
      ),
      call: (inputs, weights) => segment.replay(inputs, weights as never, refs),
    })()
    const given = segment.inputs.map(({ ref }) => ref.tensor as SymbolicTensor)
    const outputs = layer.apply(given) as Outputs
    for (const [at, ref] of refs.entries()) {
      ref.tensor = Array.isArray(outputs) ? (outputs[at] as SymbolicTensor) : (outputs as SymbolicTensor)
    }
    const weights = new Map(segment.weights.map((weight) => [weight.name, weight]))
    this.parts.entries.push({ layer: layer as unknown as AnyLayer, weights })
  }

  /** What a layer returned, with our axes behind the batch. */
  computed(tensor: SymbolicTensor, axes: Axes, logical: Axes, integer = false): Computed {
    const physical = [this.batch, ...axes]
    return { kind: 'computed', ref: new Ref(axes.map(sizeOf), tensor), physical, logical, integer }
  }
}
