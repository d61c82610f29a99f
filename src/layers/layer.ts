import type { Data, Tensor } from '../data/tensor.js'
import { describe, isInstance, reading, SeqloomError } from '../errors.js'
import type { LayerScope, Value, WeightRules } from '../graph/builder.js'
import { type Shape, showShape, unifyShapes, type ValueType } from '../graph/shape.js'
import { lowerOfValue } from '../graph/trace/expression.js'
import {
  type Check,
  checkOptions,
  custom,
  dimensions,
  flag,
  integer,
  isRecord,
  label,
  number,
  type OptionRules,
  orNull,
} from '../options.js'
import { penalty } from '../regularizers/penalty.js'
import { type Regularizer, regularizerCheck, resolveRegularizer } from '../regularizers/regularizer.js'
import { namesUpTo, stepsDroppedBy } from './naming.js'
import type { Weight } from './weight.js'
import { type GivenRegularizer, roleOf, ruleChecks, ruleConfig, rulesOf } from './weightRules.js'

/** A value that is known only by its shape: what `input` and `layer.apply` return. */
export class SymbolicTensor {
  constructor(
    /** The shape, batch first. */
    readonly shape: Shape,
    /** The call of a layer that makes this value. */
    readonly call: Call,
    /** The index of this value among the call's outputs. */
    readonly index: number,
  ) {}

  /** The element type: as the input declares it, and float32 for everything computed. */
  get dtype(): ValueType {
    return this.call.layer.outputType()
  }
}

/** One use of a layer. */
export interface Call {
  readonly layer: AnyLayer
  readonly inputs: readonly SymbolicTensor[]
  readonly outputs: readonly SymbolicTensor[]
}

/** What a layer's `apply` returns: one value, or several for layers that also return states. */
export type Outputs = SymbolicTensor | readonly SymbolicTensor[]

/** A layer with any kind of result. */
export type AnyLayer = Layer<Outputs>

/** What `apply` takes besides the input. */
export interface ApplyOptions {
  /**
   * The initial states of a recurrent layer: `[h]`, or `[h, c]` for an LSTM; for a bidirectional layer those of the
   * forward, then of the backward layer.
   */
  readonly initialState?: SymbolicTensor | readonly SymbolicTensor[]
  /** The constants of a traced cell by name: `{ memory: encoded }`. */
  readonly constants?: Readonly<Record<string, SymbolicTensor>>
}

/** Options of every layer. */
export interface LayerOptions {
  /** The layer's name, unique in its model; by default the layer's kind with a number. */
  readonly name?: string | null
  /** Whether training changes the layer's weights; default true. */
  readonly trainable?: boolean
  /**
   * A factor on the optimizer's learning rate for the layer's weights, as a parameter group of PyTorch has a rate of its
   * own; the weights of a layer inside this one have both factors. Default 1.
   */
  readonly learningRateMultiplier?: number
  /** In a `sequential` model's first layer: the input's shape without the batch, null for a free number of steps. */
  readonly inputShape?: readonly (number | null)[] | null
  /** What the layer's outputs add to the loss in training: the mean over the rows of what the regularizer gives for each. */
  readonly activityRegularizer?: GivenRegularizer
  /** Like `inputShape`, preceded by the batch size: null, or a fixed number of rows (see `input`). */
  readonly batchInputShape?: readonly (number | null)[] | null
  /** With `inputShape`: a fixed number of rows (see `input`). */
  readonly batchSize?: number | null
  /** Everything is computed in float32. */
  readonly dtype?: 'float32' | null
  /**
   * Initial values of the layer's weights, in the order of `getWeights`, instead of what the initializers draw. They
   * are checked when a model first uses the layer, and saved like any weights.
   */
  readonly weights?: readonly Data[] | null
}

const commonChecks: Readonly<Record<string, Check>> = {
  name: orNull(label),
  trainable: flag,
  learningRateMultiplier: number(0),
  inputShape: orNull(dimensions),
  batchInputShape: orNull(dimensions),
  batchSize: orNull(integer(1)),
  activityRegularizer: regularizerCheck,
  weights: custom('an array of tensors, one for each weight', (value) => value === null || Array.isArray(value)),
}

/** Options of tfjs's layers that are accepted with these values only, which ask for nothing. */
const commonRefused: Readonly<Record<string, readonly unknown[]>> = {
  updatable: [true],
  inputDType: [null, 'float32'],
  dtype: [null, 'float32'],
  autocast: [true, false],
  quantizationConfig: [null],
}

/** Options that say what a first layer reads by its sizes. */
export interface SizeOptions {
  /** As the first layer of a `sequential` model: the number of features, in place of `inputShape`. */
  readonly inputDim?: number | null
}

/** The same for layers that read sequences. */
export interface SequenceSizeOptions extends SizeOptions {
  /** Beside `inputDim`: the number of steps, if it is fixed. */
  readonly inputLength?: number | null
}

const sizeChecks = (reads: 'features' | 'steps'): Readonly<Record<string, Check>> => ({
  inputDim: orNull(integer(1)),
  ...(reads === 'steps' && { inputLength: orNull(integer(1)) }),
})

function sizesOf(options: SequenceSizeOptions, reads: 'features' | 'steps'): Shape | undefined {
  const { inputDim, inputLength = null } = options
  if (inputDim === undefined || inputDim === null) return undefined
  return reads === 'steps' ? [inputLength, inputDim] : [inputDim]
}

/** Keeps the weights of layers. */
export interface WeightHost {
  layerWeights(layer: AnyLayer): Tensor[]
  weightsOf(layer: AnyLayer): readonly Weight[]
  setLayerWeights(layer: AnyLayer, weights: readonly Data[]): void
}

/** What a layer's constructor checks its options by. */
export interface LayerRules extends OptionRules {
  /** What options call the layer's weights: `'kernel'` for `kernelRegularizer` and `kernelConstraint`. */
  readonly roles?: readonly string[]
  /** Whether the options `inputDim` and `inputLength` may say what is read: features, or steps of them. */
  readonly reads?: 'features' | 'steps'
}

/** The options of a layer as read from a file; constructors check them. */
export type SavedOptions = Readonly<Record<string, unknown>>

/** Makes a layer from a saved configuration, whatever it holds. */
export type InnerLayers = (saved: unknown) => AnyLayer

/** A class of layers that saved models may contain. */
export interface LayerClass {
  readonly className: string
  fromConfig(config: SavedOptions, inner: InnerLayers): AnyLayer
}

/** A layer: options, shape rule and lowering to operations. */
export abstract class Layer<Out extends Outputs = SymbolicTensor> {
  /** The class's name in saved models, as in Keras. */
  static readonly className: string
  /** @internal The stem of automatic names, as in Keras. */
  abstract readonly baseName: string
  /** @internal Whether the layer treats every step alike, so that `timeDistributed` accepts it. */
  readonly stepwise: boolean = false
  /** @internal The name that was given, if any. */
  readonly givenName: string | undefined
  /** The input's shape without the batch, if the options give one. */
  readonly inputShape: Shape | undefined
  /** @internal The number of rows that the options fix, if they do. */
  readonly batchSize: number | null
  /** @internal Initial values of the weights, if the options give them, or what the layer was adapted to. */
  firstWeights: readonly Data[] | undefined
  #call: Call | undefined
  readonly #activityRegularizer: Regularizer | undefined
  readonly #rules: ReadonlyMap<string, WeightRules>
  /** What the layer is being applied to. */
  #applied: readonly SymbolicTensor[] | undefined
  /** Whether training changes the layer's weights; a change takes effect when the model is compiled. */
  trainable: boolean
  /**
   * The factor on the learning rate of the layer's weights; a change takes effect when the model is compiled, which
   * fails with `ERR_OPTION` unless it is a number of at least 0.
   */
  learningRateMultiplier: number
  /** Marks the result's type; never set. */
  declare readonly result: Out

  protected constructor(where: string, options: LayerOptions, { roles = [], reads, ...rules }: LayerRules) {
    checkOptions(where, options, {
      ...rules,
      accepted: { ...rules.accepted, ...ruleChecks(roles), ...(reads && sizeChecks(reads)), ...commonChecks },
      refused: { ...commonRefused, ...rules.refused },
    })
    this.givenName = options.name ?? undefined
    this.trainable = options.trainable ?? true
    this.learningRateMultiplier = options.learningRateMultiplier ?? 1
    this.firstWeights = options.weights ?? undefined
    this.#activityRegularizer = resolveRegularizer(options.activityRegularizer)
    this.#rules = rulesOf(roles, options)
    const { inputShape, batchInputShape } = options
    if (batchInputShape?.length === 0) {
      throw new SeqloomError('ERR_OPTION', `${where}: batchInputShape must begin with the batch size, or null`)
    }
    this.inputShape =
      inputShape ?? batchInputShape?.slice(1) ?? (reads && sizesOf(options as SequenceSizeOptions, reads))
    this.batchSize = options.batchSize ?? batchInputShape?.[0] ?? null
  }

  /**
   * @internal Makes a layer of this class from a saved `config`, whatever it holds; `inner` makes the layers inside it.
   */
  static fromConfig(this: new (options: never) => AnyLayer, config: SavedOptions, _inner: InnerLayers): AnyLayer {
    return new this(config as never)
  }

  /** The layer's class in saved models, as in Keras. */
  get className(): string {
    return (this.constructor as typeof Layer).className
  }

  /** @internal The name in messages: the given one, or the one that a model of the layers so far would assign. */
  get label(): string {
    const inputs = this.#applied ?? this.#call?.inputs
    return this.givenName ?? (inputs && namesUpTo(this as AnyLayer, inputs).get(this as AnyLayer)) ?? this.baseName
  }

  /** @internal Whether the layer returns only the last step, so that later layers see no sequence. */
  get returnsLastStepAlone(): boolean {
    return false
  }

  /** @internal The shapes of the outputs for these inputs. `ERR_SHAPE` names the layer, the given and the expected shapes. */
  abstract outputShapes(inputs: readonly Shape[]): readonly Shape[]

  /** @internal Adds the layer's operations to a graph. */
  abstract lower(scope: LayerScope, inputs: readonly Value[]): readonly Value[]

  /** @internal The options that rebuild this layer, without name and trainable. */
  abstract config(): Record<string, unknown>

  /** @internal The options of every layer, apart from its name and whether it trains, that rebuild this one. */
  ruleConfig(): Record<string, unknown> {
    const activity = this.#activityRegularizer
    const { learningRateMultiplier } = this
    return {
      ...ruleConfig(this.#rules),
      ...(activity && { activityRegularizer: activity }),
      ...(learningRateMultiplier === 1 ? {} : { learningRateMultiplier }),
    }
  }

  /** @internal What the options ask of a weight. */
  weightRules(name: string): WeightRules {
    return this.#rules.get(roleOf(name)) ?? {}
  }

  /** @internal Adds what the regularizer of the outputs gives to the loss. */
  penalise({ builder, path }: LayerScope, outputs: readonly Value[]): void {
    const regularizer = this.#activityRegularizer
    if (!regularizer || !builder.training) return
    for (const output of outputs) {
      const axes = output.shape.map((_, axis) => axis).slice(1)
      const name = `${path}/activityRegularizer`
      builder.addLoss(
        path,
        lowerOfValue(builder, name, output, (x) => penalty(x, regularizer, axes)),
      )
    }
  }

  /** @internal The element type of the layer's outputs. */
  outputType(): ValueType {
    return 'float32'
  }

  /** @internal The element type that the layer reads. */
  inputType(): ValueType {
    return 'float32'
  }

  /** @internal Whether the layer reads values of a type. */
  acceptsType(dtype: ValueType): boolean {
    return dtype === this.inputType()
  }

  /** Uses the layer on symbolic values; using it twice shares its weights. */
  apply(inputs: SymbolicTensor | readonly SymbolicTensor[], options: ApplyOptions = {}): Out {
    const where = `layer '${this.label}'.apply`
    checkOptions(where, options, {
      accepted: {
        initialState: custom('a symbolic value or an array of them', isSymbolic),
        constants: custom('an object of symbolic values by name', isRecord),
      },
    })
    const states = options.initialState
    const constants = this.#constants(options.constants)
    const all = [...asList(where, inputs), ...(states === undefined ? [] : asList(where, states)), ...constants]
    const symbolic = all.filter((value) => isInstance(value, SymbolicTensor))
    this.#applied = symbolic
    try {
      return this.#apply(all, states !== undefined)
    } catch (error) {
      throw this.#explained(error, symbolic)
    } finally {
      this.#applied = undefined
    }
  }

  #apply(all: readonly SymbolicTensor[], withStates: boolean): Out {
    for (const value of all) {
      if (!isInstance(value, SymbolicTensor)) {
        throw new SeqloomError(
          'ERR_OPTION',
          `layer '${this.label}': apply takes what input() or another layer's apply returns, not ${describe(value)}`,
        )
      }
    }
    if (withStates && !this.takesStates()) {
      throw new SeqloomError('ERR_OPTION', `layer '${this.label}' has no state, so it takes no initialState`)
    }
    const first = all[0]?.shape
    if (this.inputShape && first && !unifyShapes([null, ...this.inputShape], first)) {
      throw this.shapeError(
        `expected its inputShape ${showShape(this.inputShape)}, got ${showShape(first)} with the batch`,
      )
    }
    const shapes = this.outputShapes(all.map((value) => value.shape))
    for (const value of all) this.#checkType(value)
    const outputs: SymbolicTensor[] = []
    const call: Call = { layer: this as AnyLayer, inputs: all, outputs }
    shapes.forEach((shape, index) => {
      outputs.push(new SymbolicTensor(shape, call, index))
    })
    this.used(call)
    return (this.returnsList() ? outputs : outputs[0]) as Outputs as Out
  }

  /** @internal The layers inside this one. */
  innerLayers(): readonly AnyLayer[] {
    return []
  }

  /**
   * The input of the layer's first use in a model; several values for layers with several inputs. Errors: `ERR_STATE`
   * before that use.
   */
  get input(): Outputs {
    const { inputs } = this.#firstCall()
    return inputs.length === 1 ? (inputs[0] as SymbolicTensor) : inputs
  }

  /**
   * The output of the layer's first use in a model, for further layers, or as the output of another model that shares
   * this layer and the ones before it: `model({ inputs: m.inputs, outputs: m.getLayer('code').output })`. Errors:
   * `ERR_STATE` before that use.
   */
  get output(): Out {
    const { outputs } = this.#firstCall()
    return (this.returnsList() ? outputs : outputs[0]) as Outputs as Out
  }

  /** @internal The shape, without the batch, of the layer's input elsewhere. */
  get usedInputShape(): Shape | undefined {
    return this.#call?.inputs[0]?.shape.slice(1)
  }

  #firstCall(): Call {
    if (this.#call) return this.#call
    throw new SeqloomError('ERR_STATE', `layer '${this.label}' is in no model yet, so it has no input and no output`)
  }

  /**
   * Copies of the layer's weights, kernels before biases; they are the same in all of the layer's models. Errors:
   * `ERR_STATE` for a layer in no model.
   */
  getWeights(): Tensor[] {
    return this.#host('getWeights').layerWeights(this as AnyLayer)
  }

  /**
   * Replaces the layer's weights, or none if one does not fit, in all models that contain the layer. Errors:
   * `ERR_SHAPE`, `ERR_DATA`; `ERR_STATE` for a layer in no model, and while one of its models is running.
   */
  setWeights(weights: readonly Data[]): void {
    this.#host('setWeights').setLayerWeights(this as AnyLayer, weights)
  }

  /** The weights of the layer and of those inside it; none for a layer in no model. */
  get weights(): readonly Weight[] {
    return Layer.host(this as AnyLayer)?.weightsOf(this as AnyLayer) ?? []
  }

  /** The weights that training changes. */
  get trainableWeights(): readonly Weight[] {
    return this.weights.filter(({ trainable }) => trainable)
  }

  /** The weights that training leaves alone. */
  get nonTrainableWeights(): readonly Weight[] {
    return this.weights.filter(({ trainable }) => !trainable)
  }

  /** The number of values in the layer's weights. Errors: `ERR_STATE` for a layer in no model. */
  countParams(): number {
    const all = this.#host('countParams').weightsOf(this as AnyLayer)
    return all.reduce((sum, { shape }) => sum + shape.reduce((product, size) => product * size, 1), 0)
  }

  /** The layer's name: the given one, or the one that a model of the layers so far assigns. */
  get name(): string {
    return this.label
  }

  /** The shape of the output of the layer's first use in a model, batch first; several for several outputs. */
  get outputShape(): Shape | readonly Shape[] {
    const shapes = this.#firstCall().outputs.map(({ shape }) => shape)
    return this.returnsList() ? shapes : (shapes[0] as Shape)
  }

  /** The shape of the output for an input of a shape, batch first; several for several outputs. Errors: `ERR_SHAPE`. */
  computeOutputShape(inputShape: Shape | readonly Shape[]): Shape | readonly Shape[] {
    const isList = Array.isArray(inputShape[0])
    const shapes = this.outputShapes(isList ? (inputShape as readonly Shape[]) : [inputShape as Shape])
    return this.returnsList() ? shapes : (shapes[0] as Shape)
  }

  /** The options that rebuild the layer, its name among them; `fromConfig` of its class reads them. */
  getConfig(): Record<string, unknown> {
    return { name: this.label, trainable: this.trainable, ...this.config(), ...this.ruleConfig() }
  }

  /** The class's name, as in Keras. */
  getClassName(): string {
    return this.className
  }

  /** @internal The model that keeps the weights of a layer, if the layer is in any. */
  static host: (layer: AnyLayer) => WeightHost | undefined = () => undefined

  #host(what: string): WeightHost {
    const host = Layer.host(this as AnyLayer)
    if (host) return host
    throw new SeqloomError('ERR_STATE', `${what}: layer '${this.label}' is in no model yet, so it has no weights`)
  }

  /** Whether the layer carries states from batch to batch. */
  get stateful(): boolean {
    return false
  }

  /**
   * An error about shapes with this layer's name, and with the remedy if an earlier layer returned only its last step.
   */
  #explained(error: unknown, inputs: readonly SymbolicTensor[]): unknown {
    if (!(error instanceof SeqloomError) || error.code !== 'ERR_SHAPE') return error
    const own = `layer '${this.label}'`
    const inner = error.message.startsWith('layer ') && !error.message.startsWith(own)
    const message = inner ? `${own} (${this.className}): ${error.message}` : error.message
    const droppers = inputs.map((value) => stepsDroppedBy(value))
    const names = namesUpTo(this as AnyLayer, inputs)
    const cure = [...new Set(droppers.flatMap((layer) => (layer ? `'${names.get(layer)}'` : [])))].join(' and ')
    if (
      cure === '' ||
      !this.#accepts(
        inputs.map(({ shape: [batch = null, ...row] }, at) => {
          return droppers[at] ? [batch, 1, ...row] : [batch, ...row]
        }),
      )
    ) {
      return message === error.message ? error : new SeqloomError('ERR_SHAPE', message, { cause: error })
    }
    return new SeqloomError('ERR_SHAPE', `${message}; set returnSequences: true on ${cure}`, { cause: error })
  }

  #accepts(shapes: readonly Shape[]): boolean {
    try {
      return this.outputShapes(shapes).length > 0
    } catch {
      return false
    }
  }

  /** Records a use of the layer. */
  protected used(call: Call): void {
    this.#call ??= call
  }

  /** @internal Whether `apply` returns an array. */
  returnsList(): boolean {
    return false
  }

  /** @internal How many of its inputs, the first ones, are sequences of which it reads a step each at a time. */
  sequenceCount(): number {
    return 0
  }

  /** @internal The names of the constants that the layer takes. */
  constantNames(): readonly string[] {
    return []
  }

  /** Whether the layer takes initial states. */
  takesStates(): boolean {
    return false
  }

  /** `ERR_SHAPE` with the layer's name. */
  protected shapeError(message: string): SeqloomError {
    return new SeqloomError('ERR_SHAPE', `layer '${this.label}' (${this.className}): ${message}`)
  }

  /** Runs a traced function of the layer; errors are prefixed with the layer's name. */
  protected inLayer<T>(work: () => T): T {
    try {
      return work()
    } catch (error) {
      if (!(error instanceof SeqloomError)) throw error
      throw new SeqloomError(error.code, `layer '${this.label}' (${this.className}): ${error.message}`, {
        cause: error,
      })
    }
  }

  /** The only input's shape, whose rank must be within bounds. */
  protected single(inputs: readonly Shape[], expected: string, minRank: number, maxRank: number = minRank): Shape {
    const shape = inputs[0]
    if (shape === undefined || inputs.length !== 1) {
      throw this.shapeError(`expected one input of shape ${expected}, got ${inputs.length} inputs`)
    }
    if (shape.length < minRank || shape.length > maxRank) {
      throw this.shapeError(`expected an input of shape ${expected}, got ${showShape(shape)}`)
    }
    return shape
  }

  /** The last dimension, which must be known. */
  protected features(shape: Shape): number {
    const size = shape.at(-1)
    if (typeof size !== 'number') {
      throw this.shapeError(`the last dimension must be known, got ${showShape(shape)}`)
    }
    return size
  }

  /** The given constants in the layer's order. */
  #constants(given: Readonly<Record<string, SymbolicTensor>> = {}): SymbolicTensor[] {
    const names = this.constantNames()
    const unknown = Object.keys(given).find((name) => !names.includes(name))
    if (unknown !== undefined) {
      const known = names.length > 0 ? `; it takes ${names.join(', ')}` : ''
      throw new SeqloomError('ERR_OPTION', `layer '${this.label}' takes no constant '${unknown}'${known}`)
    }
    if (Object.keys(given).length === 0) return []
    return names.map((name) => given[name] as SymbolicTensor)
  }

  #checkType(value: SymbolicTensor): void {
    const wanted = this.inputType()
    if (this.acceptsType(value.dtype)) return
    const source = value.call.layer
    // As in Keras and tfjs, an input without a stated type that feeds an embedding has integers.
    if (source instanceof Layer && 'assumeType' in source && (source as TypedByUse).assumeType(wanted)) return
    throw new SeqloomError(
      'ERR_SHAPE',
      `layer '${this.label}' (${this.className}): expected ${wanted} values, got ${value.dtype} from '${source.label}'`,
    )
  }
}

interface TypedByUse {
  assumeType(dtype: ValueType): boolean
}

/** One value or several as a list. `ERR_OPTION` where reading them fails. */
export function asList(where: string, values: SymbolicTensor | readonly SymbolicTensor[]): readonly SymbolicTensor[] {
  return reading('ERR_OPTION', where, () => (Array.isArray(values) ? [...values] : [values as SymbolicTensor]))
}

function isSymbolic(value: unknown): boolean {
  return value instanceof SymbolicTensor || (Array.isArray(value) && value.every((v) => v instanceof SymbolicTensor))
}
