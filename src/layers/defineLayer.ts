import { SeqloomError } from '../errors.js'
import type { RowShape, ValuesOf, WeightDeclarations, WeightsOf } from '../graph/trace/declare.js'
import { type LayerContext, traceFunction } from '../graph/trace/function.js'
import type { Program } from '../graph/trace/program.js'
import { loadProgram, saveProgram } from '../graph/trace/saved.js'
import type { SymbolicValue } from '../graph/trace/symbolic.js'
import { checkOptions, custom, isRecord, label } from '../options.js'
import type { LayerOptions, Outputs, SavedOptions, SymbolicTensor } from './layer.js'
import { TracedLayer } from './traced.js'

/** What {@link defineLayer} takes. */
export interface LayerDefinition<
  Inputs extends Readonly<Record<string, RowShape>>,
  Weights extends WeightDeclarations,
  Result extends SymbolicValue | readonly SymbolicValue[],
> {
  /** The layer's name, for messages and weights; default `'layer'`. */
  readonly name?: string
  /**
   * The inputs with their shapes without the batch; default `{ x: 'features' }`. For sequences:
   * `{ x: ['time', 'features'] }`.
   */
  readonly inputs?: Inputs
  /** The weights; a name stands for a size that is known when the layer is used. */
  readonly weights?: Weights
  /**
   * The function, from symbolic values `[batch, …]` to the output, or an array of outputs. It is called once,
   * immediately.
   */
  readonly call: (inputs: ValuesOf<Inputs>, weights: WeightsOf<Weights>, context: LayerContext) => Result
}

/** @inline What a layer returns if its function returns this. */
type Returned<Result> = Result extends readonly SymbolicValue[]
  ? { readonly [I in keyof Result]: SymbolicTensor }
  : SymbolicTensor

const record = custom('an object', isRecord)

/** A layer that runs a traced function. */
export class DefinedLayer<Out extends Outputs = Outputs> extends TracedLayer<Out> {
  static override readonly className = 'Traced'
  override readonly baseName: string
  readonly #program: Program
  protected override readonly outputCount: number

  /** @internal */
  constructor(name: string, program: Program, outputCount: number, options: LayerOptions) {
    super(`layer '${name}'`, options, { accepted: {} })
    this.baseName = name
    this.#program = program
    this.outputCount = outputCount
  }

  /** A defined layer of a saved model; nothing in it is executed. */
  static override fromConfig({ kind, outputCount, program, ...others }: SavedOptions): DefinedLayer {
    if (!label.accepts(kind)) throw new SeqloomError('ERR_FORMAT', 'a traced layer has no name')
    const name = kind as string
    const loaded = loadProgram(labelOf(name), program)
    const count = outputCount as number
    if (!Number.isInteger(count) || count < 1 || count > loaded.outputs.length) {
      throw new SeqloomError('ERR_FORMAT', `${labelOf(name)} has no outputs`)
    }
    return new DefinedLayer(name, loaded, count, others)
  }

  protected override program(): Program {
    return this.#program
  }

  override config(): Record<string, unknown> {
    return { kind: this.baseName, outputCount: this.outputCount, program: saveProgram(this.#program) }
  }
}

const labelOf = (name: string): string => `layer '${name}'`

/**
 * Defines a layer by a function of symbolic values, as `defineCell` does for one step. Returns a function that makes
 * layers:
 *
 * ```ts
 * const highway = defineLayer({
 *   inputs: { x: ['time', 'features'] },
 *   weights: { gate: ['features', 'features'], kernel: ['features', 'features'] },
 *   call({ x }, w) {
 *     const gate = x.matmul(w.gate).sigmoid()
 *     return gate.mul(x.matmul(w.kernel).relu()).add(ops.sub(1, gate).mul(x))
 *   },
 * })
 * const y = highway({ name: 'first' }).apply(x)
 * ```
 *
 * Several inputs are given to `apply` as an array, in the order of `inputs`; tokens come as numbers. Errors name the
 * line: `ERR_SHAPE` for shapes that do not fit, `ERR_OPTION` for weights that are not declared and for results that are
 * not symbolic values.
 */
export function defineLayer<
  const Weights extends WeightDeclarations = Readonly<Record<never, never>>,
  const Inputs extends Readonly<Record<string, RowShape>> = { readonly x: 'features' },
  const Result extends SymbolicValue | readonly SymbolicValue[] = SymbolicValue,
>(
  definition: LayerDefinition<Inputs, Weights, Result>,
): (options?: LayerOptions) => DefinedLayer<Returned<Result> & Outputs> {
  checkOptions('defineLayer', definition, {
    accepted: {
      name: label,
      inputs: record,
      weights: record,
      call: custom('a function', (v) => typeof v === 'function'),
    },
    required: ['call'],
  })
  const { name = 'layer', inputs = { x: 'features' }, weights = {} } = definition
  const { program, outputCount } = traceFunction(labelOf(name), inputs, weights, definition.call as never)
  return (options = {}) => new DefinedLayer(name, program, outputCount, options)
}
