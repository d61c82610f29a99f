import { SeqloomError } from '../errors.js'
import type { LayerScope, Value } from '../graph/builder.js'
import { type Dim, type Shape, showShape, type ValueType } from '../graph/shape.js'
import { custom } from '../options.js'
import { connectionsOf, type InnerModel, isInnerModel, lowerCalls, shapesThrough } from './inner.js'
import { type AnyLayer, type InnerLayers, Layer, type LayerOptions, type SavedOptions } from './layer.js'
import { Preprocessing } from './preprocessing/preprocessing.js'
import { layerConfig } from './serialize.js'

/** Options of {@link timeDistributed}. */
export interface TimeDistributedOptions extends LayerOptions {
  /** The layer, or the model, to apply at every step. */
  readonly layer: AnyLayer | InnerModel
}

/** The layer that {@link timeDistributed} makes. */
export class TimeDistributed extends Layer {
  static override readonly className = 'TimeDistributed'
  override readonly baseName = 'time_distributed'
  /** The layer, or the model, that is applied at every step. */
  readonly layer: AnyLayer | InnerModel

  constructor(options: TimeDistributedOptions) {
    super('layers.timeDistributed', options, {
      accepted: { layer: custom('a layer or a model', (v) => v instanceof Layer || isInnerModel(v)) },
      required: ['layer'],
    })
    this.layer = options.layer
    const refuse = (why: string) => new SeqloomError('ERR_UNSUPPORTED', `layers.timeDistributed: ${why}`)
    if (this.innerLayers().some(({ stateful }) => stateful)) throw refuse('what is inside it cannot be stateful')
    const early = this.innerLayers().find((layer) => layer instanceof Preprocessing)
    if (early) throw refuse(`'${early.label}' runs before the graph, so it cannot be inside it; apply it first`)
    if (this.layer instanceof Layer) {
      if (this.layer.returnsList()) throw refuse(`'${this.layer.label}' has several outputs; it takes layers with one`)
      return
    }
    const { inputs, outputs } = connectionsOf(this.layer)
    if (inputs.length === 1 && outputs.length === 1) return
    throw refuse(
      `model '${this.layer.name}' has ${inputs.length} inputs and ${outputs.length} outputs; it takes models with one of each`,
    )
  }

  static override fromConfig({ layer, ...others }: SavedOptions, inner: InnerLayers): TimeDistributed {
    return new TimeDistributed({ ...others, ...(layer === undefined ? {} : { layer: inner(layer) }) } as never)
  }

  override innerLayers(): readonly AnyLayer[] {
    return this.layer instanceof Layer ? [this.layer as AnyLayer] : connectionsOf(this.layer).layers
  }

  /** The input's shape that the options of the layer inside give. */
  get innerInputShape(): Shape | undefined {
    const own = this.layer instanceof Layer ? this.layer.inputShape : undefined
    return own && [null, ...own]
  }

  override inputType(): ValueType {
    return this.layer instanceof Layer
      ? this.layer.inputType()
      : (connectionsOf(this.layer).inputs[0]?.dtype ?? 'float32')
  }

  override acceptsType(dtype: ValueType): boolean {
    return this.layer instanceof Layer ? this.layer.acceptsType(dtype) : dtype === this.inputType()
  }

  override outputShapes(inputs: readonly Shape[]): readonly Shape[] {
    const tokens = this.inputType() === 'int32'
    const shape = this.single(inputs, tokens ? '[batch, time, …]' : '[batch, time, features]', tokens ? 2 : 3, 8)
    if (this.#isStepwise) return (this.layer as AnyLayer).outputShapes([shape])
    const [batch = null, steps = null, ...row] = shape
    const [made = []] = this.#rowShapes([batch, ...row])
    if (steps === null && !this.#keepsRows) {
      const what = this.layer instanceof Layer ? this.layer.className : `model '${this.layer.name}'`
      throw this.shapeError(
        `the number of steps must be known, since the ${what} is applied to each of them; got ${showShape(shape)}`,
      )
    }
    return [[batch, steps, ...made.slice(1)]]
  }

  #rowShapes(inputs: Shape): readonly Shape[] {
    if (this.layer instanceof Layer) return this.layer.outputShapes([inputs])
    const made = shapesThrough(connectionsOf(this.layer), [inputs])
    if ('wrong' in made) throw this.shapeError(`a step of the input of model '${this.layer.name}' is ${made.wrong}`)
    return made
  }

  /** Whether all steps can be computed at once, as they are. */
  get #isStepwise(): boolean {
    return this.layer instanceof Layer && this.layer.stepwise
  }

  /** Whether each step's elements stay what they are, in another shape. */
  get #keepsRows(): boolean {
    return this.layer instanceof Layer && (this.layer.className === 'Flatten' || this.layer.className === 'Reshape')
  }

  /** @internal */
  override lower(scope: LayerScope, inputs: readonly Value[]): readonly Value[] {
    if (this.#isStepwise) return this.#lowerLayer(scope, this.layer as AnyLayer, inputs)
    const [x] = inputs as [Value]
    const [shape] = this.outputShapes([x.shape]) as [Shape]
    const [batch = null, steps = null, ...row] = shape
    if (this.#keepsRows) return [masked(scope, x, scope.node('reshape', [x], [], shape, { shape: [steps, ...row] }))]
    const numbers = x.dtype === 'int32' ? scope.node('cast', [x], [], x.shape, {}, 'cast') : x
    const size = x.shape.slice(2) as number[]
    const made = Array.from({ length: steps as number }, (_, step) => {
      const cut = { axis: 1, start: step, end: step + 1 }
      const one = scope.node('slice', [numbers], [], [batch, 1, ...size], cut, 'step')
      const alone = scope.node('reshape', [one], [], [batch, ...size], { shape: size }, 'step')
      const [output] = this.#lowerRow(scope, alone)
      return scope.node('reshape', [output as Value], [], [batch, 1, ...row], { shape: [1, ...row] }, 'output')
    })
    const all =
      made.length === 1 ? (made[0] as Value) : scope.node('concatenate', made, [], shape, { axis: 1 }, 'steps')
    return [masked(scope, numbers, all)]
  }

  #lowerLayer(scope: LayerScope, layer: AnyLayer, inputs: readonly Value[]): readonly Value[] {
    const inner = scope.inside(layer.givenName ?? layer.baseName, layer)
    const outputs = layer.lower(inner, inputs)
    layer.penalise(inner, outputs)
    return outputs
  }

  /** The layer, or the model, for one step. */
  #lowerRow(scope: LayerScope, row: Value): readonly Value[] {
    if (this.layer instanceof Layer) return this.#lowerLayer(scope, this.layer as AnyLayer, [row])
    const { inputs, outputs, calls, names } = connectionsOf(this.layer)
    const values = new Map([[inputs[0] as (typeof inputs)[number], row]])
    const { name } = this.layer
    lowerCalls(calls, values, (layer) => scope.inside(`${name}/${names.get(layer)}`, layer))
    return outputs.map((value) => values.get(value) as Value)
  }

  override config(): Record<string, unknown> {
    return { layer: this.layer instanceof Layer ? layerConfig(this.layer as AnyLayer) : this.layer.toJSON() }
  }
}

/** A value whose steps are as valid as those of another one; both have the same steps. */
function masked(scope: LayerScope, source: Value, value: Value): Value {
  const [inner, wanted] = [source.shape.length - 2, value.shape.length - 2]
  if (inner < wanted || wanted < 1) return value
  // Zeros that have the mask of the source, with a dimension of 1 for each that the value has beside the steps.
  const axes = (from: number, to: number) => Array.from({ length: to - from }, (_, at) => from + at)
  const steps: Dim[] = source.shape.slice(0, 2) as Dim[]
  const dropped = axes(2, 2 + inner - wanted)
  const first =
    dropped.length === 0
      ? source
      : scope.node(
          'reduce',
          [source],
          [],
          [...steps, ...source.shape.slice(2 + dropped.length)],
          { kind: 'max', axes: dropped, keepDims: false },
          'mask',
        )
  const ones = [...steps, ...Array<number>(wanted).fill(1)]
  const kept = scope.node(
    'reduce',
    [first],
    [],
    ones,
    { kind: 'max', axes: axes(2, 2 + wanted), keepDims: true },
    'mask',
  )
  const zeros = scope.node('elementwise', [kept, kept], [], ones, { kind: 'less' }, 'mask')
  return scope.node('elementwise', [value, zeros], [], value.shape, { kind: 'add' }, 'masked')
}

/**
 * Applies a layer, or a model, to every step of a sequence with the same weights.
 *
 * Input `[batch, time, …]`; output `[batch, time, …]`, with the mask of the input. Layers that treat every step alike anyway
 * (dense, activation, dropout, embedding, the normalizations) take any number of steps, as do flatten and reshape; any other layer, and
 * models of one input and one output, are applied step after step, so that the number of steps must be known. Errors: `ERR_OPTION`, `ERR_SHAPE`; `ERR_UNSUPPORTED`
 * for stateful layers and for several outputs.
 */
export function timeDistributed(options: TimeDistributedOptions): TimeDistributed {
  return new TimeDistributed(options)
}
