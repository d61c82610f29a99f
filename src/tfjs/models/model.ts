import { describe, SeqloomError } from '../../errors.js'
import type { AnyLayer, SymbolicTensor as Value } from '../../layers/layer.js'
import { model as coreModel, type Model } from '../../model/index.js'
import { connect, reapply } from '../../model/topology.js'
import type { History } from '../callbacks/index.js'
import { unsupported } from '../failure.js'
import { recordModel } from '../gradients/model.js'
import { isTaping } from '../gradients/tape.js'
import type { IOHandler, SaveConfig, SaveResult } from '../io/types.js'
import { InputLayer } from '../layers/input.js'
import { type ConfigDict, Layer, single, tensorOf, toList, type WeightSpec } from '../layers/layer.js'
import { unmasked } from '../layers/masks.js'
import { numbered } from '../layers/names.js'
import { RNNLayer } from '../layers/recurrent.js'
import type { Shape } from '../layers/symbolic.js'
import { SymbolicTensor } from '../layers/symbolic.js'
import type { LayerVariable } from '../layers/variable.js'
import type { Optimizer } from '../optimizer.js'
import type { NamedTensorMap, Scalar, Tensor } from '../tensor.js'
import { Tensor as TensorClass } from '../tensor.js'
import { type Compiled, compileModel, type ModelCompileArgs } from '../training/compile.js'
import { inputsFor, rowsOf, type TensorOrArrayOrMap, tensorsFor } from '../training/data.js'
import {
  type Batches,
  type DatasetLike,
  fitDataset,
  type ModelFitDatasetArgs,
  testDataset,
} from '../training/dataset.js'
import { fitTensors, type ModelFitArgs, whileTraining } from '../training/fit.js'
import { giveToEngine, type Kept, keptByEngine, type Place } from '../training/optimizerState.js'
import { checkBatchSize, predictRows, testRowsSync, trainRows } from '../training/step.js'
import { CarriedPredictions } from './carried.js'
import { type Graph, graphOf } from './graph.js'
import { type PrintFn, printSummary } from './summary.js'

/** What a model is made of. */
export interface ContainerArgs {
  inputs: SymbolicTensor | SymbolicTensor[]
  outputs: SymbolicTensor | SymbolicTensor[]
  name?: string
}

/** Options of `predict`. */
export interface ModelPredictArgs {
  /** How many rows are computed at once; default 32. */
  batchSize?: number
  verbose?: boolean
}

/** Options of `evaluate`. */
export interface ModelEvaluateArgs extends Omit<ModelPredictArgs, 'verbose'> {
  verbose?: 0 | 1 | boolean
  sampleWeight?: Tensor
  steps?: number
}

/** A model of connected layers: what `tf.model` makes. It can itself be used as a layer. */
export class LayersModel extends Layer {
  static override className = 'Model'
  stopTraining = false
  /** The last training's. */
  history: History | undefined
  /** @internal Whether a training runs. */
  isTraining = false
  /** What the model was compiled with. */
  loss: ModelCompileArgs['loss'] | undefined
  metrics: ModelCompileArgs['metrics'] | undefined
  #inputs: SymbolicTensor[] = []
  #outputs: SymbolicTensor[] = []
  #graph: Graph | undefined
  #core: Model | undefined
  #compiled: Compiled | undefined
  #rate: number | undefined
  #metadata: object | undefined
  #carried: CarriedPredictions | undefined
  /** How often states had been set to zero when training last began with zeros. */
  #resetsSeen = 0

  constructor(args: ContainerArgs | { readonly name?: string | undefined }) {
    super({ name: args.name ?? numbered('model') })
    if ('inputs' in args) this.setEnds(toList(args.inputs), toList(args.outputs))
  }

  /** @internal Sets what the model is between. */
  protected setEnds(inputs: readonly SymbolicTensor[], outputs: readonly SymbolicTensor[]): void {
    for (const [what, all] of [
      ['inputs', inputs],
      ['outputs', outputs],
    ] as const) {
      const wrong = all.find((each) => !(each instanceof SymbolicTensor))
      if (wrong !== undefined || all.length === 0) {
        throw new SeqloomError(
          'ERR_OPTION',
          `tf.model: ${what} must be what tf.input() or a layer's apply() returns, not ${describe(all.length === 0 ? [] : wrong)}`,
        )
      }
    }
    const computed = inputs.find(({ sourceLayer }) => !(sourceLayer instanceof InputLayer))
    if (computed) {
      throw new SeqloomError(
        'ERR_UNSUPPORTED',
        `tf.model: the input '${computed.name}' is computed by a layer; a model begins with what tf.input() returns`,
      )
    }
    this.#inputs = [...inputs]
    this.#outputs = [...outputs]
    this.#graph = graphOf(outputs)
    this.#core = undefined
    this.#carried = undefined
    this.#compiled = undefined
    this.built = true
  }

  /** @internal Makes the model empty again. */
  protected clearEnds(): void {
    this.#inputs = []
    this.#outputs = []
    this.#graph = undefined
    this.#core = undefined
    this.#compiled = undefined
  }

  get inputs(): SymbolicTensor[] {
    return this.#inputs
  }

  get outputs(): SymbolicTensor[] {
    return this.#outputs
  }

  override get input(): SymbolicTensor | SymbolicTensor[] {
    return single(this.#inputs)
  }

  override get output(): SymbolicTensor | SymbolicTensor[] {
    return single(this.#outputs)
  }

  override get inputShape(): Shape | Shape[] {
    return single(this.#inputs.map(({ shape }) => shape))
  }

  override get outputShape(): Shape | Shape[] {
    return single(this.#outputs.map(({ shape }) => shape))
  }

  get inputNames(): string[] {
    return this.#inputs.map(({ sourceLayer }) => sourceLayer.name)
  }

  get feedInputNames(): string[] {
    return this.inputNames
  }

  get outputNames(): string[] {
    return this.#outputs.map(({ sourceLayer }) => sourceLayer.name)
  }

  get inputLayers(): Layer[] {
    return this.#inputs.map(({ sourceLayer }) => sourceLayer)
  }

  get outputLayers(): Layer[] {
    return this.#outputs.map(({ sourceLayer }) => sourceLayer)
  }

  /** The layers, those next to the inputs first. */
  get layers(): Layer[] {
    return [...this.graph.layers]
  }

  /** @internal */
  get graph(): Graph {
    if (this.#graph) return this.#graph
    throw new SeqloomError('ERR_STATE', `Model "${this.name}" has no layers yet: add one with an inputShape`)
  }

  /** @internal The model of ours, which computes. */
  get core(): Model {
    if (this.#core) return this.#core
    this.graph
    // Losses of tfjs know no masks: padded steps count.
    const outputs = this.#outputs.map(({ value }) => unmasked(value))
    this.#core = coreModel({ inputs: this.#inputs.map(({ value }) => value), outputs }) as unknown as Model
    return this.#core
  }

  override cores(): readonly AnyLayer[] {
    return this.layers.flatMap((layer) => layer.cores())
  }

  override holders(): readonly Layer[] {
    return this.layers.flatMap((layer) => layer.holders())
  }

  override lower(values: readonly Value[]): readonly Value[] {
    const [inputs, outputs] = [this.#inputs, this.#outputs].map((all) => all.map(({ value }) => value))
    return reapply(connect(inputs as Value[], outputs as Value[]), this.name, values)
  }

  override get trainable(): boolean {
    return super.trainable
  }

  override set trainable(value: boolean) {
    super.trainable = value
    if (this.#graph) for (const layer of this.layers) layer.trainable = value
  }

  /** The layer of a name or of an index. `ERR_OPTION` if there is none. */
  getLayer(name?: string | number | null, index?: number): Layer {
    const layers = this.layers
    const at = index ?? (typeof name === 'number' ? name : undefined)
    if (at !== undefined) {
      const found = layers[at]
      if (found) return found
      throw new SeqloomError(
        'ERR_OPTION',
        `Was asked to retrieve layer at index ${at}, but model only has ${layers.length} layer(s).`,
      )
    }
    if (name === undefined || name === null) {
      throw new SeqloomError('ERR_OPTION', 'Provide either a layer name or layer index')
    }
    const found = layers.find((layer) => layer.name === name)
    if (found) return found
    throw new SeqloomError(
      'ERR_OPTION',
      `No such layer: ${name}; the layers are ${layers.map((layer) => layer.name).join(', ')}`,
    )
  }

  /** @internal */
  override specs(): readonly WeightSpec[] {
    return this.#graph ? this.layers.flatMap((layer) => layer.specs()) : []
  }

  override get weights(): LayerVariable[] {
    return [...this.trainableWeights, ...this.nonTrainableWeights]
  }

  override get trainableWeights(): LayerVariable[] {
    return this.trainable ? this.layers.flatMap((layer) => layer.trainableWeights) : []
  }

  override get nonTrainableWeights(): LayerVariable[] {
    return this.trainable
      ? this.layers.flatMap((layer) => layer.nonTrainableWeights)
      : this.layers.flatMap((layer) => layer.weights)
  }

  /** Copies of all weights, those that are trained first. */
  override getWeights(trainableOnly = false): Tensor[] {
    const values = new Map<Layer, Tensor[]>()
    return this.#places().flatMap(({ layer, at, isTrained }) => {
      if (trainableOnly && !isTrained) return []
      const own = values.get(layer) ?? layer.getWeights()
      values.set(layer, own)
      return own[at] as Tensor
    })
  }

  /** Replaces all weights, in the order of {@link getWeights}. */
  override setWeights(weights: Tensor[]): void {
    const places = this.#places()
    if (weights.length !== places.length) {
      throw new SeqloomError(
        'ERR_SHAPE',
        `You called setWeights(weights) on model "${this.name}" with a weight list of length ${weights.length}, but the model was expecting ${places.length} weights.`,
      )
    }
    const given = new Map<Layer, Tensor[]>()
    places.forEach(({ layer, at }, index) => {
      const own = given.get(layer) ?? []
      given.set(layer, own)
      own[at] = weights[index] as Tensor
    })
    for (const [layer, own] of given) layer.setWeights(own)
  }

  /** The layers with the weights of models within, and whether all around them are trained. */
  #parts(): (readonly [layer: Layer, isTrained: boolean])[] {
    return this.layers.flatMap((layer): (readonly [Layer, boolean])[] =>
      layer instanceof LayersModel
        ? layer.#parts().map(([inner, isTrained]) => [inner, isTrained && this.trainable])
        : [[layer, this.trainable]],
    )
  }

  /** Where each weight is, in the order of `weights`: those that are trained first. */
  #places() {
    const all = this.#parts().flatMap(([layer, isTrained]) =>
      layer.specs().map(({ isLearned }, at) => ({ layer, at, isTrained: isTrained && layer.trainable && isLearned })),
    )
    return [...all.filter(({ isTrained }) => isTrained), ...all.filter(({ isTrained }) => !isTrained)]
  }

  /** Replaces weights by their names. With `strict` false, names that are unknown or missing are left out. */
  loadWeights(weights: NamedTensorMap, strict = true): void {
    const left = new Map(Object.entries(weights))
    const take = (variable: LayerVariable): Tensor | undefined => {
      const found = left.get(variable.name)
      left.delete(variable.name)
      if (found === undefined && strict) {
        throw new SeqloomError('ERR_FORMAT', `Provided weight data has no target variable: ${variable.name} is missing`)
      }
      return found
    }
    const given = this.#parts().map(([layer]) => {
      const variables = layer.weights
      return { layer, values: variables.map(take), variables }
    })
    if (strict && left.size > 0) {
      throw new SeqloomError(
        'ERR_FORMAT',
        `${left.size} of ${Object.keys(weights).length} weights are not set: ${[...left.keys()].join(', ')}`,
      )
    }
    for (const { layer, values, variables } of given) {
      if (values.every((value) => value === undefined)) continue
      layer.setWeights(values.map((value, at) => value ?? (variables[at] as LayerVariable).read()))
    }
  }

  /** @internal The weights by name. */
  namedWeights(): { readonly name: string; readonly tensor: Tensor }[] {
    const found = new Map<Layer, { readonly values: Tensor[]; readonly variables: LayerVariable[] }>()
    return this.#places().map(({ layer, at }) => {
      const own = found.get(layer) ?? { values: layer.getWeights(), variables: layer.weights }
      found.set(layer, own)
      return { name: (own.variables[at] as LayerVariable).name, tensor: own.values[at] as Tensor }
    })
  }

  /** Prints a table of the layers: their shapes and numbers of parameters. */
  summary(lineLength?: number, positions?: number[], printFn: PrintFn = console.log): void {
    const count = (all: readonly LayerVariable[]) =>
      all.reduce((sum, { shape }) => sum + shape.reduce<number>((product, size) => product * (size ?? 1), 1), 0)
    const { layers, graph, trainableWeights, nonTrainableWeights } = this
    printSummary(
      { layers, graph, trainableCount: count(trainableWeights), nonTrainableCount: count(nonTrainableWeights) },
      lineLength,
      positions,
      printFn,
    )
  }

  /** Says how to train. */
  compile(args: ModelCompileArgs): void {
    const { outputNames: names } = this
    const shapes = this.#outputs.map(({ shape }) => shape)
    this.#compiled = compileModel(this.core, { names, shapes }, args)
    this.#rate = this.#compiled.optimizer.effectiveRate
    this.#compiled.optimizer.model = this
    this.loss = args.loss
    this.metrics = args.metrics ?? []
  }

  /** Where the optimizer's engine has the weights that are trained. */
  #trainedPlaces(): Place[] {
    const trained = this.#places().filter(({ isTrained }) => isTrained)
    return trained.map(({ layer, at }) => {
      const specs = layer.specs()
      const { core, shape } = specs[at] as WeightSpec
      const before = specs.slice(0, at).filter((each) => each.core === core).length
      const index = this.core.engine.indicesOf(core)[before] as number
      return { name: (layer.weights[at] as LayerVariable).name, shape, index }
    })
  }

  /** @internal */
  optimizerSteps(): number {
    return this.core.engine.steps()
  }

  /** @internal */
  keptByOptimizer(): Kept {
    return keptByEngine(this.core.engine, this.#trainedPlaces(), this.optimizer.kinds)
  }

  /** @internal */
  giveToOptimizer(kept: Parameters<typeof giveToEngine>[3]): void {
    giveToEngine(this.core.engine, this.#trainedPlaces(), this.optimizer.kinds, kept)
  }

  get #training(): Compiled {
    if (this.#compiled) return this.#compiled
    throw new SeqloomError('ERR_STATE', 'The model needs to be compiled before being used.')
  }

  /** @internal Applies a learning rate that the program has changed. */
  prepareTraining(): { readonly core: Model } {
    const { optimizer } = this.#training
    const rate = optimizer.effectiveRate
    if (typeof rate === 'number' && rate !== this.#rate) {
      this.core.learningRate = rate
      this.#rate = rate
    }
    if (this.stateful && this.#resets !== this.#resetsSeen) {
      if (this.layers.some((layer) => layer instanceof RNNLayer && layer.hasGivenStates)) {
        throw unsupported(
          'resetStates(states) before a training',
          'make them inputs of the model, and the initialState',
        )
      }
      this.core.resetStates()
      this.#resetsSeen = this.#resets
    }
    return { core: this.core }
  }

  /** The optimizer that the model was compiled with; undefined before that, as in tfjs. */
  get optimizer(): Optimizer {
    return this.#compiled?.optimizer as Optimizer
  }

  /** Goes on with another optimizer. */
  set optimizer(optimizer: Optimizer) {
    this.#training
    this.compile({
      optimizer,
      loss: this.loss as ModelCompileArgs['loss'],
      ...(this.metrics && { metrics: this.metrics }),
    })
  }

  /** The names of the loss and the metrics in logs and histories; undefined for a model that was not compiled. */
  get metricsNames(): string[] {
    return (this.#compiled && [...this.#compiled.metricsNames]) as string[]
  }

  /** Trains; resolves to the history. */
  async fit(x: TensorOrArrayOrMap, y: TensorOrArrayOrMap, args: ModelFitArgs = {}): Promise<History> {
    this.#training
    return await whileTraining(this, () => fitTensors(this, x, y, args ?? {}))
  }

  /** Trains on the batches of a data set. */
  async fitDataset(dataset: DatasetLike, args: ModelFitDatasetArgs): Promise<History> {
    this.#training
    return await whileTraining(this, () => fitDataset(this, dataset, args))
  }

  /** One step of training; resolves to the loss before it, or to it and the metrics. */
  async trainOnBatch(x: TensorOrArrayOrMap, y: TensorOrArrayOrMap): Promise<number | number[]> {
    this.#training
    const [inputs, targets] = this.#examples(x, y)
    return single(await trainRows(this, inputs, targets, undefined))
  }

  #examples(x: TensorOrArrayOrMap, y: TensorOrArrayOrMap) {
    const inputs = inputsFor(this, x)
    const targets = tensorsFor('target', this.outputNames, y)
    rowsOf(inputs, targets)
    return [inputs, targets] as const
  }

  /** The loss, or the loss and the metrics, of rows. */
  evaluate(x: TensorOrArrayOrMap, y: TensorOrArrayOrMap, args: ModelEvaluateArgs = {}): Scalar | Scalar[] {
    this.#training
    const batchSize = args?.batchSize ?? 32
    checkBatchSize(batchSize)
    const [inputs, targets] = this.#examples(x, y)
    return single(testRowsSync(this, inputs, targets, batchSize).map(scalarOf))
  }

  /** The same over the batches of a data set. */
  async evaluateDataset(
    dataset: DatasetLike | Batches,
    args: { batches?: number; verbose?: 0 | 1 } = {},
  ): Promise<Scalar | Scalar[]> {
    this.#training
    const means = await testDataset(this, dataset, args?.batches)
    return single(this.metricsNames.map((name) => scalarOf(means[name] ?? Number.NaN)))
  }

  /** The outputs for inputs. */
  predict(x: Tensor | Tensor[] | NamedTensorMap, args: ModelPredictArgs = {}): Tensor | Tensor[] {
    const batchSize = args?.batchSize ?? 32
    checkBatchSize(batchSize)
    const inputs = inputsFor(this, x, '')
    rowsOf(inputs, [])
    if (!this.stateful) {
      const outputs = predictRows(this, inputs, batchSize).map(tensorOf)
      const byName = x as NamedTensorMap
      const given =
        x instanceof TensorClass || Array.isArray(x) ? toList(x) : this.inputNames.map((name) => byName[name])
      recordModel(this.core, this.holders(), given as Tensor[], outputs)
      return single(outputs)
    }
    if (isTaping()) throw unsupported('the gradient of a stateful model', 'give its states as inputs')
    this.#carried ??= new CarriedPredictions(this.#inputs, this.#outputs, this.graph)
    return single(this.#carried.predict(inputs, batchSize).map(tensorOf))
  }

  /** The outputs for inputs, all rows at once. */
  predictOnBatch(x: Tensor | Tensor[]): Tensor | Tensor[] {
    const [first] = toList(x)
    return this.predict(x, { batchSize: Math.max(1, first?.shape[0] ?? 1) })
  }

  /** The values of outputs, or of what layers return, for inputs. */
  execute(
    inputs: Tensor | Tensor[] | NamedTensorMap,
    outputs: string | SymbolicTensor | (string | SymbolicTensor)[],
  ): Tensor | Tensor[] {
    const wanted = toList<string | SymbolicTensor>(outputs).map((each) =>
      each instanceof SymbolicTensor ? each : (toList(this.getLayer(each).output)[0] as SymbolicTensor),
    )
    const other = new LayersModel({ inputs: this.#inputs, outputs: wanted, name: this.name })
    const values = toList(other.predict(inputs))
    return Array.isArray(outputs) ? values : (values[0] as Tensor)
  }

  /** Saves the model: `'file://folder'`, or by a handler of `tf.io`. */
  save(handlerOrURL: IOHandler | string, config?: SaveConfig): Promise<SaveResult> {
    return LayersModel.saving.save(this, handlerOrURL, config)
  }

  /** The description of the layers and their connections, as text; as an object if `returnString` is false. */
  toJSON(unused?: unknown, returnString?: true): string
  toJSON(unused: unknown, returnString: false): ConfigDict
  toJSON(_unused?: unknown, returnString = true): string | ConfigDict {
    const described = LayersModel.saving.describe(this)
    return returnString ? JSON.stringify(described) : described
  }

  /** @internal How models are described and saved, which needs all kinds of models. */
  static saving: {
    save(model: LayersModel, to: IOHandler | string, config?: SaveConfig): Promise<SaveResult>
    describe(model: LayersModel): ConfigDict
    config(model: LayersModel): ConfigDict
  }

  override get stateful(): boolean {
    return this.#graph !== undefined && this.layers.some((layer) => layer.stateful)
  }

  /** Makes stateful layers begin with zeros. */
  override resetStates(): void {
    for (const layer of this.layers) if (layer.stateful) layer.resetStates()
  }

  /** How often the states of the layers were set to zero. */
  get #resets(): number {
    return this.layers.reduce((sum, layer) => sum + ((layer as { readonly resets?: number }).resets ?? 0), 0)
  }

  /** Notes something beside the model, which is saved with it. */
  setUserDefinedMetadata(metadata: object): void {
    this.#metadata = metadata
  }

  getUserDefinedMetadata(): object | undefined {
    return this.#metadata
  }

  override computeOutputShape(inputShape: Shape | Shape[]): Shape | Shape[] {
    return super.computeOutputShape(inputShape)
  }

  override getConfig(): ConfigDict {
    return LayersModel.saving.config(this)
  }

  /** Frees the native memory; layers of other models keep their weights. */
  override dispose() {
    const numDisposedVariables = this.#graph ? this.specs().length : 0
    this.#core?.dispose()
    this.#core = undefined
    return { refCountAfterDispose: 0, numDisposedVariables }
  }
}

const scalarOf = (value: number): Scalar => new TensorClass([], 'float32', Float32Array.of(value)) as Scalar
