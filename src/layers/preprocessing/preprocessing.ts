import { runSync, type Sliced } from '../../data/slices.js'
import { isNumericArray, type NumericArray, Tensor } from '../../data/tensor.js'
import { describe, reading, SeqloomError } from '../../errors.js'
import type { Value } from '../../graph/builder.js'
import type { Shape, ValueType } from '../../graph/shape.js'
import { InputLayer } from '../input.js'
import { type Call, Layer, type SymbolicTensor } from '../layer.js'
import { areTexts, type Items, itemsOf, joined, type NestedTexts, rowsOf } from './items.js'

/** What layers before the graph read: texts or numbers, alone, in nested arrays or as a tensor. */
export type PreprocessingData = string | number | NestedTexts | readonly unknown[] | NumericArray | Tensor | object

/** A layer that runs before the graph, on data: texts or numbers in, ids or vectors out. It has no weights, and nothing of it is trained. */
export abstract class Preprocessing extends Layer {
  /** What it makes of some rows of its input, or of its inputs. */
  protected abstract run(...inputs: Items[]): Items

  /** Whether each row is read on its own, so that rows may be computed part by part. */
  protected readonly byRows: boolean = true

  /** @internal Takes functions that no configuration holds from the layer that this one is a copy of. */
  takeFunctions(_source: Preprocessing): void {}

  /** Everything is read as it comes. */
  override acceptsType(dtype: ValueType): boolean {
    return dtype === this.inputType()
  }

  override outputType(): ValueType {
    return 'int32'
  }

  protected override used(call: Call): void {
    for (const { call: source } of call.inputs) {
      if (source.layer instanceof InputLayer || source.layer instanceof Preprocessing) continue
      throw new SeqloomError(
        'ERR_UNSUPPORTED',
        `layer '${this.label}' (${this.className}): it runs before the model's graph, so it reads inputs and layers like itself, not '${source.layer.label}'`,
      )
    }
    super.used(call)
  }

  /** @internal */
  override lower(): readonly Value[] {
    throw new SeqloomError('ERR_STATE', `layer '${this.label}' runs before the graph`)
  }

  /** @internal What it makes of all rows, in parts between which others may run. */
  *compute(...inputs: Items[]): Sliced<Items> {
    const rows = inputs[0]?.shape[0] ?? 1
    if (rows <= rowsAtOnce || !this.byRows) return this.run(...inputs)
    const parts: Items[] = []
    for (let from = 0; from < rows; from += rowsAtOnce) {
      parts.push(this.run(...inputs.map((items) => rowsOf(items, from, from + rowsAtOnce))))
      yield
    }
    return joined(parts)
  }

  /**
   * What the layer makes of data, outside of any model: texts, numbers, nested arrays of them, or a tensor. Gives a
   * tensor, or nested arrays of texts for a lookup with `invert`. Errors: `ERR_DATA`, `ERR_SHAPE`; `ERR_STATE` for a
   * layer without a vocabulary.
   */
  call(data: PreprocessingData): Tensor {
    return this.made([data])
  }

  /** What it makes of what is given for each of its inputs. */
  protected made(given: readonly PreprocessingData[]): Tensor {
    const where = `layer '${this.label}'.call`
    const inputs = reading('ERR_DATA', where, () => given.map((data) => itemsOf(where, data)))
    const alone = inputs.every(({ shape }) => shape.length === 0)
    const made = runSync(this.compute(...(alone ? inputs.map(({ values }) => ({ values, shape: [1] })) : inputs)))
    const shape = alone && made.shape.length > 1 ? made.shape.slice(1) : alone && areSingle(made) ? [] : made.shape
    return resultOf({ ...made, shape })
  }

  /** `ERR_DATA` unless the items are texts. */
  protected requireTexts(items: Items): readonly string[] {
    if (areTexts(items) || items.values.length === 0) return items.values as readonly string[]
    throw this.dataError(`it reads texts, got ${describe(items.values[0])}`)
  }

  /** `ERR_DATA` unless the items are numbers. */
  protected requireNumbers(items: Items): ArrayLike<number> {
    if (!areTexts(items)) return items.values as ArrayLike<number>
    throw this.dataError(`it reads numbers, got ${describe(items.values[0])}`)
  }

  protected dataError(message: string): SeqloomError {
    return new SeqloomError('ERR_DATA', `layer '${this.label}' (${this.className}): ${message}`)
  }

  /** The only input's shape. */
  protected items(inputs: readonly Shape[]): Shape {
    return this.single(inputs, '[batch, …]', 1, 8)
  }
}

const rowsAtOnce = 512

const areSingle = ({ shape }: Items): boolean => shape.length === 1 && shape[0] === 1

/** Items for users. */
function resultOf(items: Items): Tensor {
  const { values, shape, lengths } = items
  if (areTexts(items)) return nested(items.values, shape) as never
  const data = isNumericArray(values) ? values : Int32Array.from(values as readonly number[])
  return new Tensor(data as Float32Array, [...shape], lengths && shape.length > 1 ? { lengths } : {})
}

function nested(values: readonly string[], [size, ...rest]: readonly number[]): unknown {
  if (size === undefined) return values[0]
  const width = rest.reduce((product, each) => product * each, 1)
  return Array.from({ length: size }, (_, at) => nested(values.slice(at * width, (at + 1) * width), rest))
}

/** The values that a model's graph reads, and the uses of layers that make some of them before. */
export interface Before {
  readonly calls: readonly Call[]
  readonly fed: readonly SymbolicTensor[]
}

/** Which uses of layers run before the graph. */
export function beforeGraph(
  inputs: readonly SymbolicTensor[],
  calls: readonly Call[],
  outputs: readonly SymbolicTensor[],
): Before {
  const own = calls.filter(({ layer }) => layer instanceof Preprocessing)
  if (own.length === 0) return { calls: own, fed: inputs }
  const after = calls.filter(({ layer }) => !(layer instanceof Preprocessing))
  const read = new Set([...after.flatMap((call) => call.inputs), ...outputs])
  const onlyBefore = new Set(own.flatMap((call) => call.inputs).filter((value) => !read.has(value)))
  return {
    calls: own,
    fed: [
      ...inputs.filter((value) => !onlyBefore.has(value)),
      ...own.flatMap((call) => call.outputs).filter((value) => read.has(value)),
    ],
  }
}
