import { SeqloomError } from '../../errors.js'
import type { DefinedLayer } from '../../layers/defineLayer.js'
import { input as coreInput } from '../../layers/input.js'
import { type AnyLayer, Layer as CoreLayer, type SymbolicTensor as Value } from '../../layers/layer.js'
import type { Engine } from '../../model/engine.js'
import { model as coreModel, type Model } from '../../model/index.js'
import { unsupported } from '../failure.js'
import { recordModel } from '../gradients/model.js'
import { standFor } from '../gradients/tape.js'
import { weightKey } from '../gradients/weights.js'
import { Tensor, TracedTensor } from '../tensor.js'
import type { DataType, DataValues } from '../types.js'
import { applied, coreShape, type Declared, recordCall } from './custom.js'
import type { InputSpec } from './inputSpec.js'
import { unmasked } from './masks.js'
import { numbered, snakeCased } from './names.js'
import { described, givenOnly, initializerOf, type StandardInitializers, weightConfig } from './options.js'
import { constraintOf, regularizerOf } from './penalties.js'
import { type Node, type Shape, SymbolicTensor } from './symbolic.js'
import { LayerVariable, type VariableOwner } from './variable.js'

/** Options of every layer. */
export interface LayerArgs {
  /** The shape of the first layer's input without the batch; a number for one dimension. */
  inputShape?: Shape | number
  /** The shape of the first layer's input, batch first. */
  batchInputShape?: Shape
  /** The batch's size, beside `inputShape`. */
  batchSize?: number
  dtype?: DataType
  /** By default the layer's class with a number: `lstm_LSTM1`. */
  name?: string
  /** Whether training changes the weights; default true. */
  trainable?: boolean
  /** The first values of the weights. */
  weights?: Tensor[]
  /** @internal Of old programs. */
  inputDType?: DataType
}

/** @inline What `call` and `apply` get besides their inputs. */
export interface Kwargs {
  // biome-ignore lint/suspicious/noExplicitAny: as in tfjs, whatever a layer takes.
  [key: string]: any
}

/** Options as saved models hold them. */
export interface ConfigDict {
  // biome-ignore lint/suspicious/noExplicitAny: as in tfjs, any value of JSON.
  [key: string]: any
}

/** @inline A function that is called when a layer of one's own is. */
export type CallHook = (inputs: Tensor | Tensor[], kwargs: Kwargs) => void

/** @inline What a layer can be applied to. */
export type Inputs = Tensor | Tensor[] | SymbolicTensor | SymbolicTensor[]

/** A weight of a layer: its name, its shape, the layer of ours that has it, and whether training changes it. */
export interface WeightSpec {
  readonly name: string
  readonly shape: readonly number[]
  readonly core: AnyLayer
  readonly isLearned: boolean
}

/** The weights of batch normalization that training changes without a gradient. */
const statistics: ReadonlySet<string> = new Set(['moving_mean', 'moving_variance'])

/** One or several of a thing. */
export const toList = <T>(given: T | readonly T[]): T[] => (Array.isArray(given) ? [...given] : [given as T])

/** One thing alone, several in a list. */
export const single = <T>(list: readonly T[]): T | T[] => (list.length === 1 ? (list[0] as T) : [...list])

/** Tensors as our models take them. */
export const coreTensor = (tensor: Tensor) => {
  const { values, shape } = tensor
  if (Array.isArray(values)) throw new SeqloomError('ERR_DATA', 'a model takes numbers, not a tensor of strings')
  return { data: values, shape: shape as number[] }
}

/** A tensor of what our models return. */
export const tensorOf = ({ data, shape }: { readonly data: unknown; readonly shape: readonly number[] }): Tensor =>
  new Tensor(shape, 'float32', data as DataValues)

/**
 * A layer: what `tf.layers.*` makes. Programs extend it by `build`, `call` and `computeOutputShape`; then `call` is
 * recorded once, when the layer is applied, and runs natively.
 */
export class Layer implements VariableOwner {
  /** The class's name in saved models. */
  static className: string
  readonly id: number
  name: string
  dtype: DataType
  batchInputShape: Shape | undefined
  built = false
  supportsMasking = false
  initialWeights: Tensor[] | null
  /** What layers of one's own say of their inputs. */
  inputSpec: InputSpec[] | null = null
  inboundNodes: Node[] = []
  outboundNodes: Node[] = []
  #trainable: boolean
  readonly #onTensors = new Map<string, Model>()
  #host: Model | undefined
  /** What `build` was given. */
  #builtFor: readonly Shape[] = []
  /** What a layer of one's own has declared and recorded, and the layers that it applies. */
  readonly #declared: Declared[] = []
  readonly #inner: Layer[] = []
  #recorded: DefinedLayer | undefined
  /** The layer whose `call` applies this one. */
  #outer: Layer | undefined
  #recordedShape: string | undefined
  #callHook: CallHook | undefined

  constructor(args: LayerArgs = {}) {
    this.id = nextId++
    const options = args ?? {}
    const className = this.getClassName()
    this.name = options.name ?? `${snakeCased(className)}_${numbered(className)}`
    this.dtype = options.dtype ?? options.inputDType ?? 'float32'
    this.#trainable = options.trainable ?? true
    this.initialWeights = options.weights ?? null
    this.batchInputShape = inputShapeOf(options)
  }

  getClassName(): string {
    return (this.constructor as typeof Layer).className
  }

  /** @internal The layers of ours that hold the weights. */
  cores(): readonly AnyLayer[] {
    return [...(this.#recorded ? [this.#recorded] : []), ...this.#inner.flatMap((layer) => layer.cores())]
  }

  /** @internal Applies the layers of ours; a layer of one's own is recorded. */
  lower(values: readonly Value[], kwargs: Kwargs): readonly Value[] {
    if (this.call === Layer.prototype.call) return values
    const shape = JSON.stringify(values.map((value) => value.shape))
    const isKnown = this.#recordedShape === shape || this.#declared.length > 0
    const before = isKnown ? this.#recorded : undefined
    const { outputs, recorded, applied: inner } = recordCall(this, this.#declared, values, kwargs, before)
    this.#recorded = recorded
    this.#recordedShape = shape
    for (const layer of inner) if (!this.#inner.includes(layer)) this.#inner.push(layer)
    return this.#saysOneOutput(values) ? outputs.slice(0, 1) : outputs
  }

  /** Whether a layer of one's own says that it has one output: as in tfjs, what else `call` returns is left out. */
  #saysOneOutput(values: readonly Value[]): boolean {
    if (this.computeOutputShape === Layer.prototype.computeOutputShape) return false
    const shape = this.computeOutputShape(single(values.map((value): Shape => [...value.shape])))
    return Array.isArray(shape) && !Array.isArray(shape[0])
  }

  /** @internal Applies the layer to values that `call` of another one gives it. */
  lowerInside(outer: Layer, values: readonly Value[], kwargs: Kwargs): readonly Value[] {
    const isNew = !this.built
    this.prepare(values.map(({ shape }) => [...shape]))
    const outputs = this.lower(values, kwargs)
    this.#outer ??= outer
    if (isNew && this.initialWeights) this.setWeights(this.initialWeights)
    return outputs
  }

  /** Declares a weight; layers of one's own call it in `build`. */
  addWeight(
    name: string,
    shape: Shape,
    dtype: DataType = 'float32',
    initializer?: string | object,
    regularizer?: string | object | null,
    trainable = true,
    constraint?: string | object | null,
  ): LayerVariable {
    const where = `layer '${this.name}': weight '${name}'`
    if (dtype !== null && dtype !== 'float32') {
      throw new SeqloomError('ERR_UNSUPPORTED', `${where} must be float32, not ${dtype}`)
    }
    const isLearned = trainable ?? true
    const variable = new LayerVariable(`${this.name}/${name}`, [...shape], isLearned, this, this.#declared.length)
    this.#declared.push({
      variable,
      initializer: initializerOf(where, initializer ?? 'zeros'),
      ...(isLearned && regularizer != null && { regularizer: regularizerOf(where, regularizer) as never }),
      ...(constraint != null && { constraint: constraintOf(where, constraint) as never }),
    })
    return variable
  }

  /** @internal The weights that `build` has declared. */
  get declared(): readonly Declared[] {
    return this.#declared
  }

  /** @internal The element type that the layer reads. */
  readsTokens(): boolean {
    return false
  }

  get trainable(): boolean {
    return this.#trainable
  }

  set trainable(value: boolean) {
    this.#trainable = value
    for (const core of this.cores()) core.trainable = value
  }

  /** Makes the weights; layers of one's own call `addWeight` here. */
  build(inputShape: Shape | Shape[]): void {
    this.#builtFor = (Array.isArray(inputShape?.[0]) ? inputShape : [inputShape]) as Shape[]
    this.built = true
  }

  /** The layer's function; layers of one's own give it. */
  call(inputs: Tensor | Tensor[], kwargs: Kwargs = {}): Tensor | Tensor[] {
    return this.#called(toList(inputs), kwargs ?? {})
  }

  /** Uses the layer on symbolic values, or at once on tensors. Using it twice shares its weights. */
  // biome-ignore lint/suspicious/noExplicitAny: tfjs's result is a union that its users cast; what it is depends on the inputs.
  apply(inputs: Inputs, kwargs: Kwargs = {}): any {
    const list = toList<Tensor | SymbolicTensor>(inputs)
    if (list.length > 0 && list.every((each) => each instanceof SymbolicTensor)) {
      return this.applyToSymbols(list, kwargs ?? {})
    }
    if (list.length > 0 && list.every((each) => each instanceof Tensor)) return this.#called(list, kwargs ?? {})
    throw new SeqloomError(
      'ERR_DATA',
      `Arguments to apply() of layer '${this.name}' must be all SymbolicTensors or all Tensors`,
    )
  }

  /** @internal */
  protected applyToSymbols(list: readonly SymbolicTensor[], kwargs: Kwargs): SymbolicTensor | SymbolicTensor[] {
    const wasBuilt = this.built
    this.prepare(list.map(({ shape }) => shape))
    const values = this.lower(
      list.map(({ value }) => value),
      kwargs,
    )
    this.built = true
    const outputs = this.connect(list, values)
    if (!wasBuilt && this.initialWeights) this.setWeights(this.initialWeights)
    return single(outputs)
  }

  /** @internal Records a use of the layer that made some values. */
  protected connect(inputs: readonly SymbolicTensor[], values: readonly Value[]): SymbolicTensor[] {
    const outputs: SymbolicTensor[] = []
    const node: Node = { layer: this, index: this.inboundNodes.length, inputs, outputs }
    this.inboundNodes.push(node)
    const rows = inputs[0]?.shape[0] ?? null
    values.forEach((value, index) => {
      const shape = [value.shape[0] ?? rows, ...value.shape.slice(1)]
      outputs.push(new SymbolicTensor(shape, value.dtype, value, node, index))
    })
    for (const each of inputs) each.sourceLayer.outboundNodes.push(node)
    return outputs
  }

  /** @internal Builds the layer if it was not built. */
  protected prepare(shapes: readonly Shape[]): void {
    if (this.built) return
    this.build(single(shapes))
    this.built = true
  }

  #called(tensors: readonly Tensor[], kwargs: Kwargs): Tensor | Tensor[] {
    const isRecorded = tensors.some((each) => each instanceof TracedTensor)
    return isRecorded ? single(applied(this, tensors, kwargs)) : this.#applyToTensors(tensors, kwargs)
  }

  #applyToTensors(tensors: readonly Tensor[], kwargs: Kwargs): Tensor | Tensor[] {
    if (this.call !== Layer.prototype.call) {
      this.prepare(tensors.map(({ shape }) => [...shape]))
      if (this.#declared.length === 0) return this.call(single(tensors), kwargs)
    }
    const key = JSON.stringify(tensors.map(({ shape }) => shape.slice(1)))
    let model = this.#onTensors.get(key)
    if (model === undefined) {
      this.prepare(tensors.map(({ shape }) => [null, ...shape.slice(1)]))
      const dtype = this.readsTokens() ? 'int32' : 'float32'
      const inputs = tensors.map(({ shape }) => coreInput({ shape: shape.slice(1), dtype }))
      // Tensors have no masks.
      model = coreModel({ inputs, outputs: this.lower(inputs, kwargs).map(unmasked) }) as unknown as Model
      this.#onTensors.set(key, model)
      if (this.inboundNodes.length === 0) this.#host ??= model
      if (this.initialWeights) this.setWeights(this.initialWeights)
      this.initialWeights = null
    }
    const given = model.predictSync(tensors.map(coreTensor), { batchSize: Math.max(1, tensors[0]?.shape[0] ?? 1) })
    const outputs = toList(given).map(tensorOf)
    recordModel(model, this.holders(), tensors, outputs)
    return single(outputs)
  }

  /** @internal The layers that have the weights: itself, or those within. */
  holders(): readonly Layer[] {
    return [this]
  }

  /** @internal The engine that keeps the weights of a layer of ours; none for one that stands for others alone. */
  engineOf(core: AnyLayer): Engine | undefined {
    const found = CoreLayer.host(core)
    if (found) return found as Engine
    if (this.inboundNodes.length === 0 && this.#outer) return this.#outer.engineOf(core)
    const [node] = this.inboundNodes
    if (node === undefined) {
      throw new SeqloomError(
        'ERR_STATE',
        `layer '${this.name}' has not been built: apply it, or add it to a model first`,
      )
    }
    const outputs = node.outputs.map(({ value }) => value)
    this.#host = coreModel({ inputs: sourcesOf(outputs), outputs }) as unknown as Model
    return CoreLayer.host(core) as Engine | undefined
  }

  /** Gives the weights of a layer that was built, but not applied yet, a place. */
  #hostBuilt(): boolean {
    const shapes = this.#builtFor.map((shape) => shape.slice(1))
    if (shapes.length === 0 || shapes.flat().includes(null) || this.call !== Layer.prototype.call) return false
    const inputs = shapes.map((shape) => coreInput({ shape, dtype: this.readsTokens() ? 'int32' : 'float32' }))
    this.#host = coreModel({ inputs, outputs: this.lower(inputs, {}).map(unmasked) }) as unknown as Model
    return true
  }

  /** @internal The names, shapes and places of the weights, and whether training changes them. */
  specs(): readonly WeightSpec[] {
    const isPlaced = this.inboundNodes.length > 0 || this.#host !== undefined || this.#outer !== undefined
    if (!isPlaced && !this.#hostBuilt()) return []
    return this.cores().flatMap((core) => {
      const engine = this.engineOf(core)
      if (engine === undefined) return []
      return engine.indicesOf(core).map((index, at) => {
        const { name: path, shape } = engine.specs[index] as { name: string; shape: readonly number[] }
        const name = path.slice(path.lastIndexOf('/') + 1)
        const variable = core === this.#recorded ? this.#declared[at]?.variable : undefined
        const isLearned = variable?.trainable ?? !(core.className === 'BatchNormalization' && statistics.has(name))
        return { name, shape: (variable?.shape as number[]) ?? shape, core, isLearned }
      })
    })
  }

  /** @internal The names of the weights within the layer. */
  protected weightNames(): string[] {
    return this.specs().map(({ name }) => name)
  }

  /** The layer's weights as variables. */
  get weights(): LayerVariable[] {
    const names = this.weightNames()
    return this.specs().map(({ shape, isLearned }, index) => {
      return new LayerVariable(`${this.name}/${names[index]}`, [...shape], this.trainable && isLearned, this, index)
    })
  }

  get trainableWeights(): LayerVariable[] {
    return this.weights.filter(({ trainable }) => trainable)
  }

  get nonTrainableWeights(): LayerVariable[] {
    return this.weights.filter(({ trainable }) => !trainable)
  }

  /** Accepts what layers of one's own set: the weights of layers that `call` applies are theirs without it. */
  set trainableWeights(_weights: LayerVariable[]) {}

  set nonTrainableWeights(_weights: LayerVariable[]) {}

  /** Copies of the layer's weights. In `call` of a layer of one's own, what stands for those that it has declared. */
  getWeights(trainableOnly = false): Tensor[] {
    const traced = this.#declared.flatMap(({ variable }) => variable.traced ?? [])
    if (traced.length > 0) return traced
    const specs = this.specs()
    if (specs.length === 0) return []
    const tensors = this.cores().flatMap((core) => (this.engineOf(core) ? core.getWeights().map(tensorOf) : []))
    return tensors.flatMap((tensor, at) => {
      const { name, shape, isLearned } = specs[at] as WeightSpec
      if (trainableOnly && !(this.trainable && isLearned)) return []
      const copy = shape.length === 0 ? new Tensor([], 'float32', tensor.values) : tensor
      standFor(copy, weightKey(this, at, `${this.name}/${name}`))
      return copy
    })
  }

  /** Replaces the layer's weights in all models that have the layer. */
  setWeights(weights: Tensor[]): void {
    const specs = this.specs()
    if (specs.length !== weights.length) {
      throw new SeqloomError(
        'ERR_SHAPE',
        `You called setWeights(weights) on layer "${this.name}" with a weight list of length ${weights.length}, but the layer was expecting ${specs.length} weights.`,
      )
    }
    let next = 0
    for (const core of this.cores()) {
      const count = specs.filter((spec) => spec.core === core).length
      const own = weights.slice(next, next + count).map((tensor) => {
        const { data, shape } = coreTensor(tensor)
        return { data, shape: [...coreShape(shape)] }
      })
      if (count > 0) core.setWeights(own)
      next += count
    }
  }

  /** The number of values in the weights. */
  countParams(): number {
    return this.specs().reduce((sum, { shape }) => sum + shape.reduce((product, size) => product * size, 1), 0)
  }

  #firstNode(what: string): Node {
    const [node] = this.inboundNodes
    if (node) return node
    throw new SeqloomError('ERR_STATE', `Layer ${this.name} is not connected, no ${what} to return.`)
  }

  /** The input of the layer's first use. */
  get input(): SymbolicTensor | SymbolicTensor[] {
    return single(this.#firstNode('input').inputs)
  }

  /** The output of the layer's first use. */
  get output(): SymbolicTensor | SymbolicTensor[] {
    return single(this.#firstNode('output').outputs)
  }

  getInputAt(index: number): SymbolicTensor | SymbolicTensor[] {
    return single((this.inboundNodes[index] ?? this.#firstNode('input')).inputs)
  }

  getOutputAt(index: number): SymbolicTensor | SymbolicTensor[] {
    return single((this.inboundNodes[index] ?? this.#firstNode('output')).outputs)
  }

  get inputShape(): Shape | Shape[] {
    return single(this.#firstNode('input').inputs.map(({ shape }) => shape))
  }

  get outputShape(): Shape | Shape[] {
    return single(this.#firstNode('output').outputs.map(({ shape }) => shape))
  }

  computeOutputShape(inputShape: Shape | Shape[]): Shape | Shape[] {
    const shapes = (Array.isArray(inputShape[0]) ? inputShape : [inputShape]) as Shape[]
    const values = shapes.map((shape) => coreInput({ shape: shape.slice(1) }))
    const [rows = null] = shapes[0] as Shape
    return single(this.lower(values, {}).map(({ shape }): Shape => [rows, ...shape.slice(1)]))
  }

  computeMask(_inputs: Tensor | Tensor[], mask?: Tensor | Tensor[]): Tensor | Tensor[] | null {
    return this.supportsMasking ? (mask ?? null) : null
  }

  /** Whether the layer carries states from batch to batch. */
  get stateful(): boolean {
    return false
  }

  /** Makes a stateful layer begin with zeros, or predictions of a recurrent one with given states. */
  resetStates(_states?: Tensor | Tensor[]): void {}

  /** The options that rebuild the layer. */
  getConfig(): ConfigDict {
    const config: ConfigDict = { name: this.name, trainable: this.trainable }
    if (this.batchInputShape) config.batchInputShape = this.batchInputShape
    if (this.dtype) config.dtype = this.dtype
    return config
  }

  /** Sets a function that `invokeCallHook` calls. */
  setCallHook(hook: CallHook | null): void {
    this.#callHook = hook ?? undefined
  }

  clearCallHook(): void {
    this.#callHook = undefined
  }

  /** What `call` of a layer of one's own calls first. */
  protected invokeCallHook(inputs: Tensor | Tensor[], kwargs: Kwargs): void {
    this.#callHook?.(inputs, kwargs)
  }

  /** Not there: what a layer adds to the loss is written with defineLayer. */
  addLoss(_losses: unknown): never {
    throw unsupported('layer.addLoss', "use a regularizer, or addLoss in defineLayer of 'seqloom'")
  }

  /** Accepts every input: shapes are checked where layers are connected. */
  protected assertInputCompatibility(_inputs: Inputs): void {}

  /** Frees nothing: weights are freed with the models that have them. */
  dispose(): { refCountAfterDispose: number; numDisposedVariables: number } {
    return { refCountAfterDispose: 0, numDisposedVariables: 0 }
  }
}

let nextId = 0

function inputShapeOf(args: LayerArgs): Shape | undefined {
  if (args.batchInputShape) return [...args.batchInputShape]
  if (args.inputShape === undefined || args.inputShape === null) return undefined
  return [args.batchSize ?? null, ...toList<number | null>(args.inputShape)]
}

/** The inputs that values of ours are computed from. */
export function sourcesOf(outputs: readonly Value[]): Value[] {
  const sources: Value[] = []
  const seen = new Set<Value>()
  const pending = [...outputs].reverse()
  for (let value = pending.pop(); value !== undefined; value = pending.pop()) {
    if (seen.has(value)) continue
    seen.add(value)
    if (value.call.inputs.length === 0) sources.push(value)
    else pending.push(...[...value.call.inputs].reverse())
  }
  return sources
}

/** A layer whose options say all of it, and that layers of ours compute. */
export abstract class StandardLayer<Args extends LayerArgs = LayerArgs> extends Layer {
  protected readonly args: Partial<Args>
  protected readonly initializers: StandardInitializers = {}
  #core: AnyLayer | undefined

  constructor(args: Args) {
    super(args)
    this.args = givenOnly(args ?? ({} as Args))
  }

  /** Makes the layer of ours. */
  protected abstract make(): AnyLayer

  /** The layer of ours. */
  get core(): AnyLayer {
    if (this.#core === undefined) {
      this.#core = this.make()
      this.#core.trainable = this.trainable
    }
    return this.#core
  }

  override cores(): readonly AnyLayer[] {
    return this.core === undefined ? [] : [this.core]
  }

  override lower(values: readonly Value[], kwargs: Kwargs): readonly Value[] {
    return toList(this.core.apply(values, this.applyOptions(values, kwargs))) as Value[]
  }

  /** What the layer of ours is given besides values. */
  protected applyOptions(_values: readonly Value[], _kwargs: Kwargs): Record<string, never> {
    return {}
  }

  protected get where(): string {
    return `layer '${this.name}'`
  }

  /** The initializer of a weight, as it is given or by default. */
  protected initializer(role: string): never {
    const given = (this.args as Readonly<Record<string, unknown>>)[`${role}Initializer`]
    return initializerOf(this.where, given ?? this.initializers[role])
  }

  override getConfig(): ConfigDict {
    const {
      inputShape: _,
      batchInputShape: __,
      batchSize: ___,
      weights: ____,
      inputDType: _____,
      ...own
    } = this.args as LayerArgs
    const config = configured(own) as ConfigDict
    return { ...super.getConfig(), ...config, ...weightConfig(this.initializers, config) }
  }
}

/** Options as JSON: value objects by their class and configuration. */
export function configured(value: unknown): unknown {
  if (value instanceof Layer) return { className: value.getClassName(), config: value.getConfig() }
  const object = described(value)
  if (object) return { className: object.className, config: object.config }
  if (Array.isArray(value)) return value.map(configured)
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, configured(each)]))
  }
  return value
}
