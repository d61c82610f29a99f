import '../dispose.js'
import type { History } from '../callbacks/callback.js'
import type { Data, DataSet, Tensor, TensorLike } from '../data/tensor.js'
import { SeqloomError } from '../errors.js'
import type { AnyLayer, Layer, Outputs, SymbolicTensor } from '../layers/layer.js'
import type { CompileOptions } from './compile.js'
import { type ModelConfig, rebuild } from './config.js'
import { Engine } from './engine.js'
import { type GenerateOptions, singly } from './generate.js'
import type { Cotangents, GradientOptions, Gradients } from './gradients.js'
import { beamSearch, generate, predict, predictSync, session } from './inference.js'
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
import { reapply, type Topology } from './topology.js'
import {
  compile,
  evaluate,
  evaluateSync,
  gradients,
  learningRate,
  onBatch,
  resetStates,
  setLearningRate,
  train,
} from './training.js'
import { copyWeights, countValues, getWeights, putWeights, setWeights } from './weights.js'

/** What `predict` gives: a tensor, or one for each output. */
export type Prediction = Tensor | Tensor[]

/** A recurrent network: made by `sequential`, `model` or `loadModel`. */
export abstract class Model<Out extends Prediction = Prediction> implements Disposable {
  /** The model's name. */
  readonly name: string
  /** Decides the first weights, dropout and, unless `fit` is given another, the order of the rows. */
  readonly seed: number
  /** Set to true in a callback, it ends the training after this epoch. */
  stopTraining = false
  /** @internal What computes. */
  readonly engine: Engine = new Engine(this)

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

  /** The layers, inputs included, in the order of their use. */
  get layers(): readonly AnyLayer[] {
    return this.topology().layers
  }

  /** What the model reads, as `input` returned it. */
  get inputs(): readonly SymbolicTensor[] {
    return this.topology().inputs
  }

  /** What the model gives, as its layers returned it. */
  get outputs(): readonly SymbolicTensor[] {
    return this.topology().outputs
  }

  /**
   * Uses the model within another one: its layers on other values, with the same weights. Gives the outputs, an array where the model
   * gives arrays. Errors: `ERR_OPTION` for another number of values, `ERR_SHAPE` for values that do not fit.
   */
  apply(inputs: SymbolicTensor | readonly SymbolicTensor[]): SymbolicTensor | SymbolicTensor[] {
    const made = reapply(this.topology(), this.name, inputs)
    return this.returnsList() ? made : (made[0] as SymbolicTensor)
  }

  /** The layer of this name; `ERR_OPTION` if there is none. For layers that return states, say so: `getLayer<WithStates>('lstm')`. */
  getLayer<Out extends Outputs = SymbolicTensor>(name: string): Layer<Out> {
    const { names, layers } = this.topology()
    const found = layers.find((layer) => names.get(layer) === name)
    if (!found) {
      throw new SeqloomError(
        'ERR_OPTION',
        `there is no layer '${name}'; the layers are ${[...names.values()].join(', ')}`,
      )
    }
    return found as Layer<Outputs> as Layer<Out>
  }

  /**
   * Says how to train. A loss that reads an output as what it cannot be, such as logits as probabilities, is a `SeqloomWarning` of the process.
   * Errors: `ERR_OPTION`, `ERR_UNSUPPORTED`, `ERR_STATE` during `fit`.
   */
  compile(options: CompileOptions): void {
    compile(this.engine, options)
  }

  /**
   * Trains on a native thread. Resolves to the values of every epoch. Errors: `ERR_STATE` before `compile` or during another `fit`,
   * `ERR_DATA`, `ERR_SHAPE`, `ERR_OPTION`, `ERR_NUMERIC` when the loss becomes NaN or infinite (the weights stay those of the step before),
   * an AbortError, or what a callback throws.
   */
  fit(x: DataSet, y: DataSet, options: FitOptions = {}): Promise<History> {
    return train(this as Model, this.engine, x, y, options)
  }

  /** The loss and then the metrics, averaged over all rows; with `returnDict` by name, such as `{ loss, accuracy }`. Errors as in `fit`. */
  evaluate(x: DataSet, y: DataSet, options: EvaluateOptions & { readonly returnDict: true }): Promise<Scores>
  evaluate(x: DataSet, y: DataSet, options?: EvaluateOptions & { readonly returnDict?: false }): Promise<number[]>
  evaluate(x: DataSet, y: DataSet, options?: EvaluateOptions): Promise<number[] | Scores>
  evaluate(x: DataSet, y: DataSet, options: EvaluateOptions = {}): Promise<number[] | Scores> {
    return evaluate(this.engine, x, y, options)
  }

  /** As `evaluate`, on this thread: for so few rows that waiting would cost more. */
  evaluateSync(x: DataSet, y: DataSet, options: EvaluateSyncOptions & { readonly returnDict: true }): Scores
  evaluateSync(x: DataSet, y: DataSet, options?: EvaluateSyncOptions & { readonly returnDict?: false }): number[]
  evaluateSync(x: DataSet, y: DataSet, options?: EvaluateSyncOptions): number[] | Scores
  evaluateSync(x: DataSet, y: DataSet, options: EvaluateSyncOptions = {}): number[] | Scores {
    return evaluateSync(this.engine, x, y, options)
  }

  /** The outputs for inputs. Errors: `ERR_DATA`, `ERR_SHAPE`, `ERR_OPTION`, `ERR_MEMORY`, `ERR_STATE` during `fit`, an AbortError. */
  predict(x: DataSet, options: PredictOptions = {}): Promise<Out> {
    return predict<Out>(this.engine, x, options, this.returnsList())
  }

  /** @internal As `predict`, for the outputs with these numbers alone. */
  predictOutputs(x: DataSet, wanted: readonly number[], options: PredictOptions = {}): Promise<Tensor[]> {
    return predict<Tensor[]>(this.engine, x, options, true, wanted)
  }

  /** As `predict`, on this thread: for inputs so small that waiting would cost more. */
  predictSync(x: DataSet, options: PredictSyncOptions = {}): Out {
    return predictSync<Out>(this.engine, x, options, this.returnsList())
  }

  /** One training step. Resolves to the loss, then the metrics, before the step. Errors as in `fit`. */
  trainOnBatch(x: DataSet, y: DataSet, options: TrainBatchOptions = {}): Promise<number[]> {
    return onBatch(this.engine, 'trainOnBatch', x, y, options)
  }

  /** The loss, then the metrics, of one batch. Errors as in `fit`. */
  testOnBatch(x: DataSet, y: DataSet, options: BatchOptions = {}): Promise<number[]> {
    return onBatch(this.engine, 'testOnBatch', x, y, options)
  }

  /**
   * The gradients of the loss with targets, or of the sum of outputs times cotangents. For tests and research: nothing is trained.
   * Errors: `ERR_STATE` for targets before `compile`, `ERR_DATA`, `ERR_SHAPE`, `ERR_OPTION`.
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

  /** Copies of all weights, in order, made on this thread: of 100 MB that takes some hundredths of a second. */
  getWeights(): Tensor[] {
    return getWeights(this.engine)
  }

  /** Replaces all weights, or none if one does not fit, on this thread, as `getWeights` does. Errors: `ERR_SHAPE`, `ERR_DATA`, `ERR_STATE`. */
  setWeights(weights: readonly Data[]): void {
    setWeights(this.engine, weights)
  }

  /** @internal As `getWeights`, off this thread. */
  copyWeights(): Promise<TensorLike[]> {
    return copyWeights(this.engine)
  }

  /** @internal As `setWeights` for what {@link copyWeights} gave, without holding this thread. */
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
   * The optimizer's step size of the next step. It may be changed between epochs, unless it follows a schedule: that is `ERR_STATE`. Errors:
   * `ERR_STATE` before `compile`, `ERR_OPTION`.
   */
  get learningRate(): number {
    return learningRate(this.engine)
  }

  set learningRate(value: number) {
    setLearningRate(this.engine, value)
  }

  /**
   * Lets stateful layers begin with states of zero at the next `trainOnBatch`, which otherwise goes on from the one before. `fit` does so by
   * itself at every epoch; `evaluate`, `predict` and `testOnBatch` always begin so, and leave the states of training alone. Errors: `ERR_STATE`
   * before `compile` and during `fit`.
   */
  resetStates(): void {
    resetStates(this.engine)
  }

  /** A table of the layers, their output shapes and numbers of parameters. */
  summary(): string {
    return summarize(this.name, this.topology())
  }

  /**
   * Runs the model one step at a time: `m.session({ batchSize: 1 })`, and for a model of several inputs, such as a decoder with attention,
   * `m.session({ constants: { source } })` with all inputs but the one that comes step by step. Errors: `ERR_UNSUPPORTED` for models that cannot
   * stream, such as bidirectional ones; `ERR_OPTION`, `ERR_DATA` and `ERR_SHAPE` for unsuitable constants.
   */
  session(options: SessionOptions = {}): Session<Out> {
    return session<Out>(this.engine, options, this.returnsList())
  }

  /**
   * Writes the most probable sequences of tokens: for each row of the constants, such as an encoder's input, a decoder writes token after token, each of
   * `beamWidth` hypotheses going on with the tokens its output finds most probable, until it ends. All of it runs natively, for all rows at once. The
   * greedy hypothesis keeps a place in the beam, so that the best one never scores below it.
   *
   * Resolves to the `nBest` hypotheses of each row, the best one first. Rejects with `ERR_OPTION`, `ERR_DATA` or `ERR_SHAPE` for unsuitable options and
   * constants, with `ERR_UNSUPPORTED` for models that cannot stream or whose output is not `[batch, time, tokens]`, with `ERR_STATE` during `fit`
   * and with an AbortError.
   */
  beamSearch(options: BeamSearchOptions): Promise<Hypothesis[][]> {
    return beamSearch(this.engine, options)
  }

  /**
   * Goes on a sequence of tokens, natively and off this thread, one token after the other as the loop that reads them asks for more; who stops
   * reading stops the work. The model takes tokens and gives the next one's probabilities, or logits, at each step. Errors: `ERR_DATA`;
   * `ERR_OPTION`, also where it cannot be known which of the two an output is; `ERR_UNSUPPORTED` for models that cannot stream; an AbortError.
   */
  generate(prompt: Int32Array | readonly number[], options: GenerateOptions = {}): AsyncGenerator<number, void, void> {
    return singly(this.generateInPortions(prompt, options))
  }

  /** @internal As {@link generate}, the tokens in the portions in which they become ready. */
  generateInPortions(
    prompt: Int32Array | readonly number[],
    options: GenerateOptions = {},
  ): AsyncGenerator<Int32Array, void, void> {
    return generate(this.engine, prompt, options)
  }

  /**
   * Saves the model to a folder: layers, weights and, where it is compiled, how it trains and the optimizer's state. A crash at any moment
   * leaves the model that was there before, or this one. It takes the place of whatever model of this library is there; other files stay as they are. Errors:
   * `ERR_IO`, also for a `model.json` that is not ours; `ERR_OPTION` for what is no path.
   */
  async save(folder: string | URL): Promise<void> {
    await saveFolder(folder, { model: this as Model }, { overwrite: true })
  }

  /**
   * What `save` would write, as one array of bytes, for a database or the network; `loadModel` reads it. It is a tar archive of the model's
   * folder. Errors: `ERR_MEMORY`, `ERR_STATE` during `fit`.
   */
  async toBytes(): Promise<Uint8Array> {
    return await saveBytes({ model: this as Model })
  }

  /**
   * A model of the same layers with the same weights, compiled as this one and with the optimizer's state: it goes on like this one would,
   * and neither changes the other from then on. Weights are copied only where one of the two changes them first. In a callback of `fit` it
   * keeps the model of an epoch. Errors: `ERR_STATE` while another call is running; `ERR_MEMORY`.
   */
  clone(): this {
    return this.engine.now('clone', 'callbacks', () => {
      const copy: Model<Out> = this.remade(rebuild(JSON.parse(JSON.stringify(this.toJSON()))).topology)
      copy.engine.takeOver(this.engine)
      return copy as this
    })
  }

  /**
   * Frees the native side at once or, while calls are running or waiting, as soon as they have ended; every later call is `ERR_STATE`. So a server can
   * exchange one model for another under load. Errors: `ERR_STATE` during `fit`, and in its callbacks.
   */
  dispose(): void {
    this.engine.dispose()
  }

  [Symbol.dispose](): void {
    this.dispose()
  }
}
