import '../dispose.js'
import type { History } from '../callbacks/callback.js'
import { isStreamed } from '../data/sources.js'
import type { Data, DataSet, Streamed, Tensor, TensorLike } from '../data/tensor.js'
import { reading, SeqloomError } from '../errors.js'
import type { Shape } from '../graph/shape.js'
import type { AnyLayer, Layer, Outputs, SymbolicTensor } from '../layers/layer.js'
import { Preprocessing } from '../layers/preprocessing/preprocessing.js'
import type { Weight } from '../layers/weight.js'
import { checkOptions, oneOf } from '../options.js'
import { type Displayed, displayed, jupyterDisplay, pictureOf, showsInTslab } from '../pictures/display.js'
import type { CompileOptions } from './compile.js'
import { type ModelConfig, type Quantization, rebuild } from './config.js'
import { Engine } from './engine.js'
import { type GenerateOptions, singly } from './generate.js'
import type { Cotangents, GradientOptions, Gradients } from './gradients.js'
import type { Histogram } from './histogram.js'
import { beamSearch, generate, predict, predictSync, session } from './inference.js'
import { type MemoryOptions, type MemoryUse, memoryOf } from './memory.js'
import { ModelOptimizer } from './optimizer.js'
import type {
  BatchOptions,
  EvaluateOptions,
  EvaluateSyncOptions,
  FitOptions,
  PredictOptions,
  PredictSyncOptions,
  Scores,
  TrainBatchOptions,
} from './runOptions.js'
import { saveBytes, saveFolder } from './save.js'
import type { BeamSearchOptions, Hypothesis } from './search.js'
import type { Session, SessionOptions } from './session.js'
import { summarize } from './summary.js'
import { outputNames, reapply, type Topology } from './topology.js'
import {
  compile,
  evaluate,
  evaluateSync,
  gradients,
  gradientsSync,
  learningRate,
  resetStates,
  scoresOnBatch,
  setLearningRate,
  train,
} from './training.js'
import { copyWeights, countValues, getWeights, histograms, putWeights, setWeights } from './weights.js'
import { loadWeights, saveWeights } from './weightsFile.js'

/** The most rows that are computed at once. */
const most = 2 ** 31 - 1

/** Options of {@link Model.quantize}. */
export interface QuantizeOptions {
  /** How weights are stored. Default `'int8'`, which is all that there is. */
  readonly weights?: Quantization
}

/** What `predict` returns: a tensor, or one per output. */
export type Prediction = Tensor | Tensor[]

/** A recurrent network: made by `sequential`, `model` or `loadModel`. */
export abstract class Model<Out extends Prediction = Prediction> implements Disposable {
  /** The model's name. */
  readonly name: string
  /** Determines the initial weights, dropout and, unless `fit` is given another seed, the order of the rows. */
  readonly seed: number
  /** If a callback sets it to true, the training ends after this epoch. */
  stopTraining = false
  /** @internal What computes. */
  engine: Engine = new Engine(this)
  #history: History | undefined
  #quantization: Quantization | undefined

  /** @internal */
  protected constructor(name: string, seed: number) {
    this.name = name
    this.seed = seed
  }

  /** @internal The layers and how they are connected. */
  abstract topology(): Topology

  /** A model of this kind, name and seed with other layers. */
  protected abstract remade(topology: Topology): Model<Out>

  /** Whether results are arrays even for one output. */
  protected abstract returnsList(): boolean

  /** The configuration from which the model can be rebuilt, without weights. */
  abstract toJSON(): ModelConfig

  /** The configuration alone, without the class: `modelFromJSON({ className, config })` rebuilds the model. */
  getConfig(): ModelConfig['config'] {
    return this.toJSON().config
  }

  /** How the weights are stored, if the model was made by {@link quantize}. */
  get quantization(): Quantization | undefined {
    return this.#quantization
  }

  /** @internal Says how the weights are stored, before there are any. */
  storeAs(quantization: Quantization | undefined): void {
    this.#quantization = quantization
  }

  /** The layers, inputs included, in the order of their use. */
  get layers(): readonly AnyLayer[] {
    return this.topology().layers
  }

  /** The model's inputs, as `input` returned them. */
  get inputs(): readonly SymbolicTensor[] {
    return this.topology().inputs
  }

  /** The model's outputs, as its layers returned them. */
  get outputs(): readonly SymbolicTensor[] {
    return this.topology().outputs
  }

  /** The only input; an array if there are several. */
  get input(): SymbolicTensor | readonly SymbolicTensor[] {
    return singleOf(this.inputs)
  }

  /** The only output; an array if there are several. */
  get output(): SymbolicTensor | readonly SymbolicTensor[] {
    return singleOf(this.outputs)
  }

  /** The shape of the only input, batch first; an array of shapes if there are several. */
  get inputShape(): Shape | readonly Shape[] {
    return singleOf(this.inputs.map(({ shape }) => shape))
  }

  /** The shape of the only output, batch first; an array of shapes if there are several. */
  get outputShape(): Shape | readonly Shape[] {
    return singleOf(this.outputs.map(({ shape }) => shape))
  }

  /** The names of the inputs, by which data can be given. */
  get inputNames(): readonly string[] {
    const { inputs, names } = this.topology()
    return inputs.map(({ call }) => names.get(call.layer) as string)
  }

  /** The names of the outputs, by which targets can be given. */
  get outputNames(): readonly string[] {
    return outputNames(this.topology())
  }

  /** All weights, in the order of `getWeights`. */
  get weights(): readonly Weight[] {
    return this.engine.weights
  }

  /** The weights of layers that train. */
  get trainableWeights(): readonly Weight[] {
    return this.weights.filter(({ trainable }) => trainable)
  }

  /** The weights of frozen layers. */
  get nonTrainableWeights(): readonly Weight[] {
    return this.weights.filter(({ trainable }) => !trainable)
  }

  /** Whether any layer trains. Setting it freezes or thaws all layers, those inside others too, from the next `compile` on. */
  get trainable(): boolean {
    return this.layers.some(({ trainable }) => trainable)
  }

  set trainable(value: boolean) {
    if (typeof value !== 'boolean') throw new SeqloomError('ERR_OPTION', 'trainable must be true or false')
    const set = (layers: readonly AnyLayer[]): void => {
      for (const layer of layers) {
        layer.trainable = value
        set(layer.innerLayers())
      }
    }
    set(this.layers)
  }

  /** Whether any layer carries states from batch to batch. */
  get stateful(): boolean {
    return this.layers.some(({ stateful }) => stateful)
  }

  /** The loss that the model was compiled with. Undefined before `compile`. */
  get loss(): CompileOptions['loss'] | undefined {
    return this.engine.plan?.saved.loss as CompileOptions['loss'] | undefined
  }

  /** The names of what `evaluate` returns: the loss, then the metrics. Empty before `compile`. */
  get metricsNames(): readonly string[] {
    const { plan } = this.engine
    return plan ? ['loss', ...plan.metricNames] : []
  }

  /** What the last `fit` resolved to. */
  get history(): History | undefined {
    return this.#history
  }

  /**
   * Uses the model within another one: its layers are applied to other values, with the same weights. Returns the
   * outputs, as an array if the model returns arrays. Errors: `ERR_OPTION` for a wrong number of values, `ERR_SHAPE`
   * for values that do not fit.
   */
  apply(inputs: SymbolicTensor | readonly SymbolicTensor[]): SymbolicTensor | SymbolicTensor[] {
    const made = reapply(this.topology(), this.name, inputs)
    return this.returnsList() ? made : (made[0] as SymbolicTensor)
  }

  /**
   * The layer of this name, or with this number among `layers`; `ERR_OPTION` if there is none. For layers that return
   * states, say so: `getLayer<WithStates>('lstm')`.
   */
  getLayer<Out extends Outputs = SymbolicTensor>(name: string | number): Layer<Out> {
    const { names, layers } = this.topology()
    const found = typeof name === 'number' ? layers.at(name) : layers.find((layer) => names.get(layer) === name)
    if (!found) {
      throw new SeqloomError(
        'ERR_OPTION',
        `there is no layer ${typeof name === 'number' ? name : `'${name}'`}; the layers are ${[...names.values()].join(', ')}`,
      )
    }
    return found as Layer<Outputs> as Layer<Out>
  }

  /**
   * Sets how to train. The optimizer begins anew, unless it is the very one that the model was compiled with before
   * (`m.optimizer`): then it goes on, for weights that train now or again. If a loss reads an output as something it
   * cannot be, such as logits as probabilities, the process gets a `SeqloomWarning`. Errors: `ERR_OPTION`,
   * `ERR_UNSUPPORTED`, `ERR_STATE` during `fit`.
   */
  compile(
    options: Omit<CompileOptions, 'optimizer'> & { readonly optimizer: CompileOptions['optimizer'] | ModelOptimizer },
  ): void {
    const own = reading('ERR_OPTION', 'compile: optimizer', () => {
      const given = options?.optimizer
      return given instanceof ModelOptimizer ? given : undefined
    })
    compile(this.engine, own ? { ...options, optimizer: own.settings } : (options as CompileOptions))
  }

  /**
   * Trains on a native thread. Resolves to the values of every epoch. Errors: `ERR_STATE` before `compile` or during
   * another `fit`, `ERR_DATA`, `ERR_SHAPE`, `ERR_OPTION`, `ERR_NUMERIC` when the loss becomes NaN or infinite (the
   * weights stay those of the step before), an AbortError, or what a callback throws.
   */
  fit(x: DataSet, y: DataSet, options?: FitOptions): Promise<History>
  /**
   * The same with rows or batches that come one after another, from data of any size: they are read, a little ahead,
   * while the loop works on earlier ones. An epoch is one pass, or `stepsPerEpoch` batches. Further errors: `ERR_DATA`
   * for rows of other shapes, naming them, and for streams that end too early; what the source throws.
   *
   * ```ts
   * const rows = data.csv('logs/*.csv.gz', { x: ['a', 'b'], y: 'label', classes: ['no', 'yes'] })
   * await m.fit(rows.shuffle(10_000, { seed: 1 }), { batchSize: 64, validationData: data.csv('test.csv', …) })
   * ```
   */
  fit(data: Streamed, options?: FitOptions): Promise<History>
  async fit(x: DataSet | Streamed, y?: DataSet | FitOptions, options?: FitOptions): Promise<History> {
    const [target, settings] = targetAndOptions('fit', x, y, options)
    this.#history = await train(this as Model, this.engine, x, target, settings ?? {})
    return this.#history
  }

  /**
   * The loss and then the metrics, averaged over all rows; with `returnDict` by name, such as `{ loss, accuracy }`.
   * Errors as in `fit`.
   */
  evaluate(x: DataSet, y: DataSet, options: EvaluateOptions & { readonly returnDict: true }): Promise<Scores>
  evaluate(x: DataSet, y: DataSet, options?: EvaluateOptions & { readonly returnDict?: false }): Promise<number[]>
  evaluate(x: DataSet, y: DataSet, options?: EvaluateOptions): Promise<number[] | Scores>
  evaluate(data: Streamed, options: EvaluateOptions & { readonly returnDict: true }): Promise<Scores>
  evaluate(data: Streamed, options?: EvaluateOptions & { readonly returnDict?: false }): Promise<number[]>
  async evaluate(
    x: DataSet | Streamed,
    y?: DataSet | EvaluateOptions,
    options?: EvaluateOptions,
  ): Promise<number[] | Scores> {
    const [target, settings] = targetAndOptions('evaluate', x, y, options)
    return await evaluate(this as Model, this.engine, x, target, settings ?? {})
  }

  /** Like `evaluate`, but on this thread: for so few rows that waiting would cost more. */
  evaluateSync(x: DataSet, y: DataSet, options: EvaluateSyncOptions & { readonly returnDict: true }): Scores
  evaluateSync(x: DataSet, y: DataSet, options?: EvaluateSyncOptions & { readonly returnDict?: false }): number[]
  evaluateSync(x: DataSet, y: DataSet, options?: EvaluateSyncOptions): number[] | Scores
  evaluateSync(x: DataSet, y: DataSet, options: EvaluateSyncOptions = {}): number[] | Scores {
    return evaluateSync(this.engine, x, y, options)
  }

  /**
   * The outputs for inputs. Errors: `ERR_DATA`, `ERR_SHAPE`, `ERR_OPTION`, `ERR_MEMORY`, `ERR_STATE` during `fit`, an
   * AbortError. Rows or batches may come one after another, too; the outputs are all held in memory.
   */
  predict(x: DataSet | Streamed, options: PredictOptions = {}): Promise<Out> {
    return predict<Out>(this as Model, this.engine, x, options, this.returnsList())
  }

  /** @internal Like `predict`, only for the outputs with these indices. */
  predictOutputs(x: DataSet, wanted: readonly number[], options: PredictOptions = {}): Promise<Tensor[]> {
    return predict<Tensor[]>(this as Model, this.engine, x, options, true, wanted)
  }

  /** Like `predict`, but on this thread: for inputs so small that waiting would cost more. */
  predictSync(x: DataSet, options: PredictSyncOptions = {}): Out {
    return predictSync<Out>(this.engine, x, options, this.returnsList())
  }

  /** One training step. Resolves to the loss, then the metrics, before the step. Errors as in `fit`. */
  trainOnBatch(x: DataSet, y: DataSet, options: TrainBatchOptions & { readonly returnDict: true }): Promise<Scores>
  trainOnBatch(x: DataSet, y: DataSet, options?: TrainBatchOptions): Promise<number[]>
  trainOnBatch(x: DataSet, y: DataSet, options: TrainBatchOptions = {}): Promise<number[] | Scores> {
    return scoresOnBatch(this.engine, 'trainOnBatch', x, y, options)
  }

  /** The loss, then the metrics, of one batch. Errors as in `fit`. */
  testOnBatch(x: DataSet, y: DataSet, options: BatchOptions & { readonly returnDict: true }): Promise<Scores>
  testOnBatch(x: DataSet, y: DataSet, options?: BatchOptions): Promise<number[]>
  testOnBatch(x: DataSet, y: DataSet, options: BatchOptions = {}): Promise<number[] | Scores> {
    return scoresOnBatch(this.engine, 'testOnBatch', x, y, options)
  }

  /** Predicts all rows at once. Errors as in `predict`. */
  async predictOnBatch(x: DataSet): Promise<Out> {
    return await predict<Out>(this as Model, this.engine, x, { batchSize: most }, this.returnsList())
  }

  /** Does nothing: `trainOnBatch` and `testOnBatch` report their batch alone. In Keras, metrics go on from call to call. */
  resetMetrics(): void {}

  /**
   * The gradients of the loss with targets, or of the sum of outputs times cotangents. For tests and research: nothing
   * is trained. Errors: `ERR_STATE` for targets before `compile`, `ERR_DATA`, `ERR_SHAPE`, `ERR_OPTION`.
   *
   * ```ts
   * const { states } = await m.gradients(x, y, { states: true })
   * states['lstm/h'] // dL/dh at every step: [batch, time, units]
   * ```
   */
  gradients(
    x: DataSet,
    target: DataSet | Cotangents,
    options: GradientOptions & { readonly states: true },
  ): Promise<Gradients & { readonly states: Record<string, Tensor> }>
  gradients(x: DataSet, target: DataSet | Cotangents, options?: GradientOptions): Promise<Gradients>
  gradients(x: DataSet, target: DataSet | Cotangents, options: GradientOptions = {}): Promise<Gradients> {
    return gradients(this.engine, x, target, options)
  }

  /**
   * The gradients of the sum of outputs times cotangents, computed on this thread: for small models, where waiting for
   * another thread takes longer than the work. Errors: `ERR_DATA`, `ERR_SHAPE`, `ERR_OPTION`, `ERR_STATE` while the
   * model trains.
   */
  gradientsSync(x: DataSet, target: Cotangents): Gradients {
    return gradientsSync(this.engine, x, target)
  }

  /** Copies of all weights, in order, made on this thread; 100 MB take some hundredths of a second. */
  getWeights(): Tensor[] {
    return getWeights(this.engine)
  }

  /**
   * Replaces all weights, or none if one does not fit, on this thread. Errors: `ERR_SHAPE`, `ERR_DATA`, `ERR_STATE`.
   */
  setWeights(weights: readonly Data[]): void {
    setWeights(this.engine, weights)
  }

  /** @internal As `getWeights`, off this thread. */
  copyWeights(): Promise<TensorLike[]> {
    return copyWeights(this.engine)
  }

  /** @internal The distributions of the first `most` weights, or of their gradients in the last step of training. */
  histograms(of: 'weights' | 'gradients', most: number): Promise<Histogram[]> {
    return histograms(this.engine, of, most)
  }

  /** @internal Like `setWeights`, for what {@link copyWeights} returned, without blocking this thread. */
  putWeights(weights: readonly TensorLike[]): Promise<void> {
    return putWeights(this.engine, weights)
  }

  /** Copies of all weights by their names: `lstm/kernel`. */
  namedWeights(): Record<string, Tensor> {
    const values = this.getWeights()
    return Object.fromEntries(this.engine.specs.map(({ name }, index) => [name, values[index] as Tensor]))
  }

  /** The number of values in all weights. */
  countParams(): number {
    return countValues(this.engine.specs)
  }

  /**
   * Bytes of memory that a step of training takes, or of `predict` before `compile`: known before any of it is taken.
   * What the process and the data take besides is not counted. Errors: `ERR_OPTION`, also if `time` is needed, or is not that of a
   * model with fixed sizes.
   */
  memory(options: MemoryOptions = {}): MemoryUse {
    return memoryOf(this.engine, this.inputs, options)
  }

  /**
   * The learning rate of the next step. It may be changed between epochs, unless it follows a schedule (`ERR_STATE`).
   * Errors: `ERR_STATE` before `compile`, `ERR_OPTION`.
   */
  get learningRate(): number {
    return learningRate(this.engine)
  }

  set learningRate(value: number) {
    setLearningRate(this.engine, value)
  }

  /**
   * The optimizer: its kind, its steps so far, its learning rate. Given to `compile` again, it continues where it was.
   * Errors: `ERR_STATE` before `compile`.
   */
  get optimizer(): ModelOptimizer {
    this.engine.compiled('optimizer')
    return new ModelOptimizer(this.engine)
  }

  /**
   * Makes stateful layers begin with zero states at the next `trainOnBatch`, which otherwise continues from the
   * previous one. `fit` does this by itself at every epoch. `evaluate`, `predict` and `testOnBatch` always begin with
   * zeros, and leave the states of training alone. Errors: `ERR_STATE` before `compile` and during `fit`.
   */
  resetStates(): void {
    resetStates(this.engine)
  }

  /** A table of the layers, their output shapes and numbers of parameters. */
  summary(): string {
    return summarize(this.name, this.topology(), this.engine.int8)
  }

  /** @internal What a notebook shows: the summary. */
  [jupyterDisplay](): Displayed {
    const summary = this.summary()
    return displayed(pictureOf(summary), summary)
  }

  static {
    showsInTslab(Model.prototype)
  }

  /**
   * Runs the model one step at a time: `m.session({ batchSize: 1 })`. For a model with several inputs, such as a
   * decoder with attention, use `m.session({ constants: { source } })` with all inputs except the one that comes step
   * by step. Sequences that a cell reads side by side come step by step together: `session.step({ x, deltas })`.
   * Errors: `ERR_UNSUPPORTED` for models that cannot stream, such as bidirectional ones; `ERR_OPTION`, `ERR_DATA` and
   * `ERR_SHAPE` for unsuitable constants.
   */
  session(options: SessionOptions = {}): Session<Out> {
    return session<Out>(this.engine, options, this.returnsList())
  }

  /**
   * Finds the most probable sequences of tokens. For each row of the constants, such as an encoder's input, a decoder
   * writes token after token: each of `beamWidth` hypotheses continues with the most probable tokens until it ends. All
   * of it runs natively, for all rows at once. The greedy hypothesis keeps a slot in the beam, so that the best one
   * never scores below it.
   *
   * Resolves to the `nBest` hypotheses of each row, the best one first. Rejects with `ERR_OPTION`, `ERR_DATA` or
   * `ERR_SHAPE` for unsuitable options and constants, with `ERR_UNSUPPORTED` for models that cannot stream or whose
   * output is not `[batch, time, tokens]`, with `ERR_STATE` during `fit` and with an AbortError.
   */
  beamSearch(options: BeamSearchOptions): Promise<Hypothesis[][]> {
    return beamSearch(this.engine, options)
  }

  /**
   * Continues a sequence of tokens, natively and off this thread, one token after another as the consumer asks for
   * more. Generation stops when the consumer stops reading. The model must take tokens and give the probabilities, or
   * logits, of the next token at each step. Errors: `ERR_DATA`; `ERR_OPTION`, also if it cannot be known which of the
   * two an output is; `ERR_UNSUPPORTED` for models that cannot stream; an AbortError.
   */
  generate(prompt: Int32Array | readonly number[], options: GenerateOptions = {}): AsyncGenerator<number, void, void> {
    return singly(this.generateInPortions(prompt, options))
  }

  /** @internal Like {@link generate}, with the tokens in portions as they become ready. */
  generateInPortions(
    prompt: Int32Array | readonly number[],
    options: GenerateOptions = {},
  ): AsyncGenerator<Int32Array, void, void> {
    return generate(this.engine, prompt, options)
  }

  /**
   * Saves the model to a folder: layers, weights and, if it is compiled, how it trains and the optimizer's state. A
   * crash at any moment leaves the model that was there before, or this one. Any Seqloom model in the folder is
   * replaced; other files stay as they are. Of several ranks, rank 0 writes, and the others do not wait for it. Errors:
   * `ERR_IO`, also for a `model.json` that is not Seqloom's; `ERR_OPTION` for anything but a path.
   */
  async save(folder: string | URL): Promise<void> {
    await saveFolder(folder, { model: this as Model }, { overwrite: true })
  }

  /**
   * Writes all weights to a `.safetensors` file, which `loadWeights` of a model with the same layers reads, and other
   * programs. The file holds the old weights or the new ones, never a part. Of several ranks, rank 0 writes, as for
   * {@link save}. Errors: `ERR_OPTION` for another ending,
   * `ERR_IO`, `ERR_STATE` during `fit` except in callbacks.
   */
  async saveWeights(file: string | URL): Promise<void> {
    await saveWeights(this as Model, file)
  }

  /**
   * Gives the model the weights of a file that `saveWeights` wrote, or of the folder of a saved model: all, by their
   * names, or none if one does not fit. How the model is compiled, and the optimizer's state, stay. Errors:
   * `ERR_FORMAT` for a damaged file, or one of another model; `ERR_IO`, `ERR_OPTION`, `ERR_MEMORY`, `ERR_STATE` as for
   * `setWeights`.
   */
  async loadWeights(from: string | URL): Promise<void> {
    await loadWeights(this as Model, from)
  }

  /**
   * What `save` would write, as one array of bytes, for a database or the network; `loadModel` reads it. It is a tar
   * archive of the model's folder. Errors: `ERR_MEMORY`, `ERR_STATE` during `fit`.
   */
  async toBytes(): Promise<Uint8Array> {
    return await saveBytes({ model: this as Model })
  }

  /**
   * A model with the same layers and weights, compiled like this one, with the optimizer's state. It continues as this
   * one would, and neither changes the other from then on. Weights are copied only when one of the two changes them. In
   * a callback of `fit` it keeps the model of an epoch. Errors: `ERR_STATE` while another call is running;
   * `ERR_MEMORY`.
   */
  clone(): this {
    return this.engine.now('clone', 'callbacks', () => this.#copied(this.quantization))
  }

  /**
   * A model with the same layers whose weights are int8, for inference: files and weights in memory of about a quarter
   * of the size, and faster predictions, most of all step by step. This model stays as it is.
   *
   * Kernels of fused cells, dense layers, convolutions and traced cells (with at least 32 inputs) and tables of
   * embeddings (of at least 8 values) are rounded to integers from −127 to 127 times a scale for each output channel,
   * or for each row of a table. What is multiplied with them is rounded in the same manner when it is computed, each
   * row with a scale of its own; sums are exact. Other weights, states, gates and activations stay float32. See Jacob
   * et al., “Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference” (CVPR 2018).
   *
   * It predicts, streams, generates, searches and, compiled like this one, evaluates; `fit`, `trainOnBatch` and
   * `gradients` are `ERR_UNSUPPORTED`. `setWeights` rounds what it is given. Errors: `ERR_OPTION`; `ERR_STATE` while
   * another call is running; `ERR_MEMORY`.
   *
   * ```ts
   * const small = m.quantize()
   * await small.save('small')
   * ```
   */
  quantize(options: QuantizeOptions = {}): this {
    checkOptions('quantize', options, { accepted: { weights: oneOf(['int8']) } })
    return this.engine.now('quantize', 'callbacks', () => this.#copied(options.weights ?? 'int8'))
  }

  /** A model with the same layers and weights, which are stored in this way. */
  #copied(quantization: Quantization | undefined): this {
    const copy: Model<Out> = this.remade(rebuild(JSON.parse(JSON.stringify(this.toJSON()))).topology)
    copy.storeAs(quantization)
    const [own, made] = [this, copy].map((model) => model.topology().before.calls)
    made?.forEach(({ layer }, at) => {
      if (layer instanceof Preprocessing) layer.takeFunctions(own?.[at]?.layer as Preprocessing)
    })
    copy.engine.takeOver(this.engine)
    return copy as this
  }

  /**
   * Frees the native memory at once or, if calls are running or waiting, as soon as they have ended; every later call
   * is `ERR_STATE`. So a server can exchange one model for another under load. Errors: `ERR_STATE` during `fit`, and in
   * its callbacks.
   */
  dispose(): void {
    this.engine.dispose()
  }

  [Symbol.dispose](): void {
    this.dispose()
  }
}

/** Targets and options: a stream brings its own targets. */
function targetAndOptions<Options>(
  where: string,
  x: unknown,
  y: DataSet | Options | undefined,
  options: Options | undefined,
): [target: DataSet | undefined, options: Options | undefined] {
  if (!isStreamed(x)) return [y as DataSet, options]
  if (options === undefined) return [undefined, y as Options | undefined]
  throw new SeqloomError(
    'ERR_OPTION',
    `${where}: the rows of a stream bring their own targets: give options alone after it`,
  )
}

const singleOf = <T>(values: readonly T[]): T | readonly T[] => (values.length === 1 ? (values[0] as T) : values)
