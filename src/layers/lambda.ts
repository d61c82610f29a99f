import { SeqloomError } from '../errors.js'
import type { Shape } from '../graph/shape.js'
import { traceFunction } from '../graph/trace/function.js'
import type { Program } from '../graph/trace/program.js'
import { loadProgram, saveProgram } from '../graph/trace/saved.js'
import { type TracedShape, unify } from '../graph/trace/size.js'
import type { SymbolicValue } from '../graph/trace/symbolic.js'
import { custom, isCallable } from '../options.js'
import type { LayerOptions, SavedOptions, SymbolicTensor } from './layer.js'
import { TracedLayer } from './traced.js'

/** @inline The function of a {@link lambda} layer, of one value or of an array of several. */
// biome-ignore lint/suspicious/noExplicitAny: whether it takes one value or several shows when the layer is used.
export type LambdaFunction = (inputs: any) => SymbolicValue

/** Options of {@link lambda}. */
export interface LambdaOptions extends LayerOptions {
  /** The function, from symbolic values `[batch, …]` to one. */
  readonly function: LambdaFunction
}

const where = 'layers.lambda'

/** The layer that {@link lambda} makes. */
export class Lambda extends TracedLayer<SymbolicTensor> {
  static override readonly className = 'Lambda'
  override readonly baseName = 'lambda'
  protected override readonly outputCount = 1
  readonly #function: LambdaFunction | undefined
  /** What was traced, for inputs of each shape. */
  readonly #programs: Program[] = []

  constructor(options: LambdaOptions) {
    super(where, options, {
      accepted: { function: custom('a function of symbolic values', isCallable) },
      required: ['function'],
      refused: { outputShape: [null], mask: [null], arguments: [null] },
    })
    this.#function = options.function
  }

  /** A layer of a saved model: what was traced before it was saved. Nothing in it is executed. */
  static override fromConfig({ programs, ...others }: SavedOptions): Lambda {
    if (!Array.isArray(programs) || programs.length === 0 || programs.length > mostPrograms) {
      throw new SeqloomError('ERR_FORMAT', `${where}: the saved layer has no operations`)
    }
    const none = () => {
      throw new SeqloomError('ERR_STATE', `${where}: its function was traced for inputs of other shapes`)
    }
    const layer = new Lambda({ ...others, function: none })
    for (const each of programs) {
      const program = loadProgram(where, each)
      if (program.outputs.length !== 1) throw new SeqloomError('ERR_FORMAT', `${where}: it must have one output`)
      layer.#programs.push(program)
    }
    return layer
  }

  protected override program(inputs: readonly Shape[]): Program {
    const known = this.#programs.find((program) => fits(program, inputs))
    if (known) return known
    if (this.#programs.length === mostPrograms) {
      throw new SeqloomError('ERR_UNSUPPORTED', `${where}: it is used for inputs of more than ${mostPrograms} shapes`)
    }
    const names = inputs.map((_, index) => `x${index}`)
    const declared = Object.fromEntries(
      inputs.map((shape, index) => [
        names[index] as string,
        shape.slice(1).map((dim, axis) => dim ?? `${names[index]}_${axis + 1}`),
      ]),
    )
    const { program, outputCount } = traceFunction(where, declared, {}, (values: Record<string, SymbolicValue>) => {
      const all = names.map((name) => values[name] as SymbolicValue)
      return this.#called(all.length === 1 ? (all[0] as SymbolicValue) : all)
    })
    if (outputCount !== 1) {
      throw new SeqloomError('ERR_OPTION', `${where}: the function must return one value, not ${outputCount}`)
    }
    this.#programs.push(program)
    return program
  }

  #called(given: SymbolicValue | readonly SymbolicValue[]): SymbolicValue {
    try {
      return (this.#function as LambdaFunction)(given)
    } catch (error) {
      if (error instanceof SeqloomError) throw error
      const reason = error instanceof Error ? error.message : String(error)
      throw new SeqloomError(
        'ERR_OPTION',
        `${where}: the function cannot be traced: ${reason}. It is called once, on symbolic values that have no numbers yet, and has to compute with their methods, such as x.mul(2) or x.sum({ axis: 1 })`,
        { cause: error },
      )
    }
  }

  override config(): Record<string, unknown> {
    return { programs: this.#programs.map(saveProgram) }
  }
}

/** Shapes that a layer may be used for. */
const mostPrograms = 64

/** Whether a program was traced for inputs of these shapes. */
function fits({ inputs }: Program, shapes: readonly Shape[]): boolean {
  return (
    inputs.length === shapes.length &&
    inputs.every(({ shape }, index) => {
      const given = shapes[index] as TracedShape
      return (
        shape.length === given.length &&
        shape.every((dim, axis) => {
          if (axis === 0) return true
          const other = given[axis] ?? null
          return typeof dim === 'number' ? dim === other : typeof other !== 'number' && unify(dim, other) !== undefined
        })
      )
    })
  )
}

/**
 * A layer of a function of its input, which is called once, on symbolic values, when the layer is used:
 *
 * ```ts
 * const half = layers.lambda({ function: (x) => x.mul(0.5) })
 * const difference = layers.lambda({ function: ([a, b]) => a.sub(b).abs() })
 * ```
 *
 * The layer has no weights; for those there is `defineLayer`. A saved model holds the operations that were recorded, not
 * the function. Errors: `ERR_OPTION` for a function that cannot be traced, `ERR_SHAPE` naming its line.
 */
export function lambda(options: LambdaOptions): Lambda {
  return new Lambda(options)
}
