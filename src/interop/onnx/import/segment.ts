import { SeqloomError } from '../../../errors.js'
import type { Operand } from '../../../graph/trace/operands.js'
import type { Size } from '../../../graph/trace/size.js'
import type { SymbolicValue } from '../../../graph/trace/symbolic.js'
import type { SymbolicTensor } from '../../../layers/layer.js'
import { add, type Dim, divide, multiply, type Polynomial, same, showDim, subtract, symbol, termsOf } from './dim.js'
import { type Constant, type Elements, Ref, type Stored, unsupported } from './values.js'

/** A constant as a weight of a layer. */
export interface Weight {
  readonly name: string
  readonly shape: readonly number[]
  read(): Promise<Elements>
  /** Where `read` takes them from, if the file has them as they are. */
  readonly stored?: Stored | undefined
  /** Whether infinities become the largest numbers: additive masks have them, and no weight may. */
  readonly clamps?: boolean
}

/** What a weight is, whatever it is called. */
export type WeightElements = Omit<Weight, 'name' | 'shape'>

/** The elements of a constant of an operation. */
export const elementsOf = (constant: Constant): WeightElements => ({
  ...{ stored: constant.stored, clamps: true },
  read: () => constant.read(),
})

/** What an operation is recorded with. */
export type Argument = Ref | Weight | number

/** Names that traced functions give to sizes that are known only per call. */
export class SizeNames {
  readonly #names = new Map<string, string>()
  #symbols = 0

  /** A size that nothing is known of. */
  fresh(): Polynomial {
    return symbol(`n${this.#symbols++}`)
  }

  /** A size of a name in the graph. */
  named(name: string): Polynomial {
    const known = this.#names.get(`=${name}`) ?? `n${this.#symbols++}`
    this.#names.set(`=${name}`, known)
    return symbol(known)
  }

  readonly #quotients = new Map<string, Dim>()
  readonly #computed = new Set<string>()
  /** By the keys of the symbols. */
  readonly #maxima = new Map<string, { readonly symbol: Polynomial; readonly of: Dim }>()

  /** A size divided by a number, rounded down. Where it is not exact, a symbol stands for the number of windows. */
  quotient(dim: Dim, by: number): Dim {
    const exact = divide(dim, by)
    if (exact !== undefined) return exact
    const rest = new Map([...termsOf(dim)].filter(([, coefficient]) => coefficient % by !== 0))
    const constant = rest.get('') ?? 0
    rest.delete('')
    const open = [...rest].reduce<Dim>((sum, [names, coefficient]) => {
      return add(
        sum,
        names.split('*').reduce<Dim>((all, name) => multiply(all, symbol(name)), coefficient),
      )
    }, 0)
    // How many windows of so many steps as a stride, or fewer, there are: that is what sizes are divided for.
    const reach = (((constant % by) + by) % by) - by
    const shift = (constant - reach) / by - 1
    const whole = divide(subtract(subtract(dim, open), constant), by) as Dim
    if (open === 0) return add(whole, Math.floor(constant / by))
    const key = `${showDim(add(open, reach))}/${by}`
    const known = this.#quotients.get(key) ?? this.#computedSymbol()
    this.#quotients.set(key, known)
    return add(add(whole, known), shift)
  }

  #computedSymbol(): Polynomial {
    const made = this.fresh()
    for (const name of made.terms.keys()) this.#computed.add(name)
    return made
  }

  /** A size, or zero where it is negative. */
  positive(dim: Dim): Dim {
    if (typeof dim === 'number') return Math.max(dim, 0)
    const known = [...this.#maxima.values()].find(({ of }) => same(of, dim))
    if (known) return known.symbol
    const made = this.#computedSymbol()
    this.#maxima.set(made.key, { symbol: made, of: dim })
    return made
  }

  /** The strides and the reach of windows that need so much before and behind an axis, one window for each stride. */
  sameWindows(size: Dim, before: Dim, after: Dim): { readonly stride: number; readonly span: number } | undefined {
    const all = add(before, after)
    const maximum = typeof all === 'number' ? undefined : this.#maxima.get(all.key)
    if (maximum === undefined || !same(before, this.quotient(all, 2))) return undefined
    // The end of the last window.
    const end = add(maximum.of, size)
    for (const [names, stride] of termsOf(end)) {
      if (names === '' || !(stride > 1)) continue
      const places = this.quotient(add(size, stride - 1), stride)
      const span = subtract(end, multiply(subtract(places, 1), stride))
      if (typeof span === 'number' && span >= 1) return { stride, span }
    }
    return undefined
  }

  of(dim: Dim): Size {
    if (typeof dim === 'number') {
      if (dim < 1) throw unsupported(`a size of ${dim}`)
      return dim
    }
    const isComputed = dim.terms.size > 1 && [...dim.terms.keys()].some((name) => this.#computed.has(name))
    const sum =
      !isComputed &&
      [...dim.terms].every(([names, coefficient]) =>
        names === '' ? coefficient > 0 : coefficient === 1 && !names.includes('*'),
      )
    if (sum) return dim.key.replaceAll('1*', '').replaceAll('+', ' + ')
    const known = this.#names.get(dim.key) ?? `m${this.#symbols++}`
    this.#names.set(dim.key, known)
    return known
  }
}

interface Step {
  readonly args: readonly (Ref | Weight | number)[]
  readonly run: (operands: readonly Operand[]) => SymbolicValue
  readonly where: string
}

/** Plain operations one after the other, which become one traced function. */
export class Segment {
  /** What the function reads, and how it calls that. */
  readonly inputs: { readonly name: string; readonly ref: Ref }[] = []
  readonly weights: Weight[] = []
  readonly #steps: Step[] = []
  readonly #made = new Map<Constant, Map<string, Weight>>()
  readonly #names = new Set<string>()
  readonly #tensors = new Map<SymbolicTensor, Ref>()

  get isEmpty(): boolean {
    return this.#steps.length === 0
  }

  /** Declares an input that is no tensor of the model: what a step reads. */
  declare(name: string, dims: readonly Dim[]): Ref {
    const ref = new Ref(dims, undefined, this, -1 - this.inputs.length)
    this.inputs.push({ name, ref })
    return ref
  }

  record(
    where: string,
    args: readonly Argument[],
    dims: readonly Dim[],
    run: (operands: readonly Operand[]) => SymbolicValue,
  ): Ref {
    const own = args.map((arg) => (arg instanceof Ref ? this.#own(arg) : arg))
    return new Ref(dims, undefined, this, this.#steps.push({ args: own, run, where }) - 1)
  }

  #own(ref: Ref): Ref {
    if (ref.segment === this) return ref
    const { tensor } = ref
    if (tensor === undefined) throw new SeqloomError('ERR_UNSUPPORTED', 'a value from outside that is not computed yet')
    const known = this.#tensors.get(tensor)
    if (known) return known
    this.inputs.push({ name: `c${this.inputs.length}`, ref })
    this.#tensors.set(tensor, ref)
    return ref
  }

  /** A constant as a weight, whose elements are `own`; the same one in the same form is one weight. */
  weight(constant: Constant, form: string, shape: readonly number[], own: WeightElements): Weight {
    const forms = this.#made.get(constant) ?? new Map<string, Weight>()
    this.#made.set(constant, forms)
    const known = forms.get(form)
    if (known) return known
    const weight: Weight = { name: this.#nameOf(constant.name), shape, ...own }
    forms.set(form, weight)
    this.weights.push(weight)
    return weight
  }

  #nameOf(given: string): string {
    const base = given
      .replaceAll(/\W/g, '_')
      .slice(-60)
      .replace(/^(?=\d|$)/, 'w')
    let name = base
    for (let n = 1; this.#names.has(name); n++) name = `${base}_${n}`
    this.#names.add(name)
    return name
  }

  /** Records everything in a traced function, with its values for the inputs and weights; gives those of refs. */
  replay(
    inputs: Readonly<Record<string, SymbolicValue>>,
    weights: Readonly<Record<string, SymbolicValue>>,
    wanted: readonly Ref[],
  ): SymbolicValue[] {
    const given = new Map<Ref | Weight, SymbolicValue>()
    for (const { name, ref } of this.inputs) given.set(ref, inputs[name] as SymbolicValue)
    for (const weight of this.weights) given.set(weight, weights[weight.name] as SymbolicValue)
    const results: SymbolicValue[] = []
    const operandOf = (arg: Argument): Operand => {
      if (typeof arg === 'number') return arg
      return given.get(arg) ?? (results[(arg as Ref).id] as SymbolicValue)
    }
    for (const { args, run, where } of this.#steps) {
      try {
        results.push(run(args.map(operandOf)))
      } catch (error) {
        if (!(error instanceof SeqloomError)) throw error
        throw new SeqloomError('ERR_UNSUPPORTED', `${where}: ${error.message}`, { cause: error })
      }
    }
    return wanted.map((ref) => {
      const known = given.get(ref.tensor ? (this.#tensors.get(ref.tensor) ?? ref) : ref)
      return known ?? (results[ref.id] as SymbolicValue)
    })
  }
}

/** The sizes after one axis was put beside another. */
export const joined = (dims: readonly Dim[]): Dim => dims.reduce(add, 0)
