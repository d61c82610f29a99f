import '../dispose.js'
import type { History } from '../callbacks/callback.js'
import { convertAll, runSliced, runSync, stage } from '../data/index.js'
import type { Data, DataSet, Tensor, TensorLike } from '../data/tensor.js'
import { callNative, describe, fromNative, reading, SeqloomError } from '../errors.js'
import type { GraphSpec } from '../graph/wire.js'
import type { AnyLayer, Layer, Outputs, SymbolicTensor } from '../layers/layer.js'
import { type CancelFlag, type NativeModel, type NativeTensor, native, type StagedArray } from '../native/index.js'
import { abortSignal, checkOptions, flag, isRecord } from '../options.js'
import { cancellable } from './cancel.js'
import { classWeights } from './classWeight.js'
import { type CompileOptions, type LossFactors, plan, type TrainPlan, trainSpec } from './compile.js'
import { type ModelConfig, rebuild } from './config.js'
import { checkSplit, runFit } from './fit.js'
import { format } from './folder.js'
import { warnOfForms } from './forms.js'
import { checkPrompt, type GenerateOptions, generation, portionsOf, singly } from './generate.js'
import {
  type Cotangents,
  convertCotangents,
  type GradientOptions,
  type Gradients,
  gradientsOf,
  isCotangents,
} from './gradients.js'
import { modelGraph, ownedGraph } from './lower.js'
import { haveWeights, joinTurns, SharedWeights } from './ownership.js'
import {
  type BatchOptions,
  checkEvaluate,
  checkEvaluateSync,
  checkFit,
  checkPredict,
  checkPredictSync,
  checkTestBatch,
  checkTrainBatch,
  defaultBatchSize,
  type EvaluateOptions,
  type EvaluateSyncOptions,
  type FitOptions,
  type PredictOptions,
  type PredictSyncOptions,
  type Scores,
  type TrainBatchOptions,
} from './runOptions.js'
import { saveBytes, saveFolder } from './save.js'
import { type BeamSearchOptions, checkBeamSearch, type Hypothesis, runBeamSearch } from './search.js'
import { Session, type SessionOptions, sessionPlan } from './session.js'
import { asTensor, convertExamples, type Examples, inputSlots } from './slots.js'
import { summarize } from './summary.js'
import { reapply, type Topology } from './topology.js'
import { Turns } from './turns.js'
import { countValues, readWeights, undrawn, writeWeights } from './weights.js'

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
  #ownTurns = new Turns()
  /** Whether turns are taken together with the other models that have these layers. */
  #joined = false
  #native: NativeModel | undefined
  #weights: SharedWeights | undefined
  #graph: ReturnType<typeof ownedGraph> | undefined
  #plan: TrainPlan | undefined
  #factors: LossFactors = noFactors
  /** Which weights train, in order: decided by compile, whatever becomes of the layers' flags afterwards. */
  #trained: readonly boolean[] | undefined
  #disposed = false

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

  /** @internal */
  get alive(): boolean {
    return !this.#disposed
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
    this.#compile(options, undefined)
  }

  /** @internal Compiles as it was when the model was saved; `trained` says which weights train, by default those of trainable layers. */
  compileAsSaved(options: CompileOptions, trained: unknown): void {
    const count = this.#modelGraph().graph.weights.length
    const flags = Array.isArray(trained) && trained.length === count && trained.every((v) => typeof v === 'boolean')
    if (trained !== undefined && !flags) {
      throw new SeqloomError('ERR_FORMAT', 'what is said of the trained weights does not fit the model')
    }
    this.#compile(options, trained as readonly boolean[] | undefined)
  }

  #compile(options: CompileOptions, trained: readonly boolean[] | undefined): void {
    const made = plan(this.topology(), options)
    this.#now('compile', 'never', () => {
      const engine = this.#engine()
      this.#compileNative(engine, made, noFactors, trained)
      this.#plan = made
      warnOfForms(
        made.trained,
        callNative(() => engine.outputForms()),
      )
    })
  }

  /**
   * Trains on a native thread. Resolves to the values of every epoch. Errors: `ERR_STATE` before `compile` or during another `fit`,
   * `ERR_DATA`, `ERR_SHAPE`, `ERR_OPTION`, `ERR_NUMERIC` when the loss becomes NaN or infinite (the weights stay those of the step before),
   * an AbortError, or what a callback throws.
   */
  async fit(x: DataSet, y: DataSet, options: FitOptions = {}): Promise<History> {
    checkFit(options)
    if (options.shuffle === true && this.layers.some(({ stateful }) => stateful)) {
      throw new SeqloomError('ERR_OPTION', 'fit: stateful layers need their rows in order, so shuffle must be false')
    }
    const compiled = this.#compiled('fit')
    this.#checkAlive('fit')
    return await this.#turns.fit(async () => {
      const engine = this.#engine()
      const { signal, sampleWeight, validationData } = options
      const weighted = sampleWeight !== undefined || validationData?.[2] !== undefined
      this.#need(engine, weighted, classWeights('fit', compiled, options.classWeight))
      const data = await this.#examples({ x, y, sampleWeight, searched: true }, signal)
      checkSplit(data[0]?.shape[0] ?? 0, options.validationSplit ?? 0)
      const validation = validationData && (await this.#examples(validationExamples(validationData), signal))
      const turns = this.#turns
      const weights = { fetch: () => this.#weights?.pull(), tell: () => this.#weights?.push(this.#trained) }
      const model = this as Model
      return await runFit({ model, native: engine, turns, weights, plan: compiled, data, validation, options })
    }, options.signal)
  }

  /** The loss and then the metrics, averaged over all rows; with `returnDict` by name, such as `{ loss, accuracy }`. Errors as in `fit`. */
  evaluate(x: DataSet, y: DataSet, options: EvaluateOptions & { readonly returnDict: true }): Promise<Scores>
  evaluate(x: DataSet, y: DataSet, options?: EvaluateOptions & { readonly returnDict?: false }): Promise<number[]>
  evaluate(x: DataSet, y: DataSet, options?: EvaluateOptions): Promise<number[] | Scores>
  async evaluate(x: DataSet, y: DataSet, options: EvaluateOptions = {}): Promise<number[] | Scores> {
    checkEvaluate(options)
    const compiled = this.#compiled('evaluate')
    const { signal, sampleWeight, batchSize = defaultBatchSize } = options
    return await this.#queue(
      'evaluate',
      'callbacks',
      async () => {
        const engine = this.#engine()
        if (sampleWeight !== undefined) this.#needWeights(engine, 'evaluate')
        const data = await this.#examples({ x, y, sampleWeight }, signal)
        const scores = await this.#cancellable(signal, (cancel) => engine.evaluate(data, batchSize, cancel))
        return options.returnDict ? named(compiled, scores) : scores
      },
      signal,
    )
  }

  /** As `evaluate`, on this thread: for so few rows that waiting would cost more. */
  evaluateSync(x: DataSet, y: DataSet, options: EvaluateSyncOptions & { readonly returnDict: true }): Scores
  evaluateSync(x: DataSet, y: DataSet, options?: EvaluateSyncOptions & { readonly returnDict?: false }): number[]
  evaluateSync(x: DataSet, y: DataSet, options?: EvaluateSyncOptions): number[] | Scores
  evaluateSync(x: DataSet, y: DataSet, options: EvaluateSyncOptions = {}): number[] | Scores {
    checkEvaluateSync(options)
    const compiled = this.#compiled('evaluateSync')
    const { sampleWeight, batchSize = defaultBatchSize } = options
    return this.#now('evaluateSync', 'callbacks', () => {
      const engine = this.#engine()
      if (sampleWeight !== undefined) this.#needWeights(engine, 'evaluateSync')
      const data = runSync(convertExamples(this.topology(), compiled, { x, y, sampleWeight }, this.#factors.weighted))
      const scores = callNative(() => engine.evaluateSync(data, batchSize))
      return options.returnDict ? named(compiled, scores) : scores
    })
  }

  /** The outputs for inputs. Errors: `ERR_DATA`, `ERR_SHAPE`, `ERR_OPTION`, `ERR_MEMORY`, `ERR_STATE` during `fit`, an AbortError. */
  async predict(x: DataSet, options: PredictOptions = {}): Promise<Out> {
    checkPredict(options)
    const { signal, batchSize = defaultBatchSize } = options
    return await this.#queue(
      'predict',
      'callbacks',
      async () => {
        const engine = this.#engine()
        const data = await runSliced(convertAll(inputSlots(this.topology()), x, 'input'), signal)
        return this.#result(await this.#cancellable(signal, (cancel) => engine.predict(data, batchSize, cancel)))
      },
      signal,
    )
  }

  /** @internal As `predict`, for the outputs with these numbers alone. */
  async predictOutputs(x: DataSet, wanted: readonly number[], options: PredictOptions = {}): Promise<Tensor[]> {
    const { signal, batchSize = defaultBatchSize } = options
    return await this.#queue(
      'predict',
      'callbacks',
      async () => {
        const engine = this.#engine()
        const data = await runSliced(convertAll(inputSlots(this.topology()), x, 'input'), signal)
        const outputs = await this.#cancellable(signal, (cancel) =>
          engine.predict(data, batchSize, cancel, [...wanted]),
        )
        return outputs.map(asTensor)
      },
      signal,
    )
  }

  /** As `predict`, on this thread: for inputs so small that waiting would cost more. */
  predictSync(x: DataSet, options: PredictSyncOptions = {}): Out {
    checkPredictSync(options)
    return this.#now('predictSync', 'callbacks', () => {
      const engine = this.#engine()
      const data = runSync(convertAll(inputSlots(this.topology()), x, 'input'))
      return this.#result(callNative(() => engine.predictSync(data, options.batchSize ?? defaultBatchSize)))
    })
  }

  /** One training step. Resolves to the loss, then the metrics, before the step. Errors as in `fit`. */
  async trainOnBatch(x: DataSet, y: DataSet, options: TrainBatchOptions = {}): Promise<number[]> {
    checkTrainBatch(options)
    return await this.#onBatch('trainOnBatch', x, y, options)
  }

  /** The loss, then the metrics, of one batch. Errors as in `fit`. */
  async testOnBatch(x: DataSet, y: DataSet, options: BatchOptions = {}): Promise<number[]> {
    checkTestBatch(options)
    return await this.#onBatch('testOnBatch', x, y, options)
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
  async gradients(x: DataSet, target: DataSet | Cotangents, options: GradientOptions = {}): Promise<Gradients> {
    checkOptions('gradients', options, { accepted: { states: flag, signal: abortSignal } })
    const { states = false, signal } = options
    const cotangents = isCotangents(target) ? target.cotangents : undefined
    if (cotangents === undefined) this.#compiled('gradients')
    return await this.#queue(
      'gradients',
      'callbacks',
      async () => {
        const engine = this.#engine()
        const result = await this.#cancellable(signal, async (cancel) => {
          if (cotangents === undefined) {
            const examples = await this.#examples({ x, y: target as DataSet, sampleWeight: undefined }, signal)
            return await engine.gradients(examples, undefined, states, cancel)
          }
          const inputs = await runSliced(convertAll(inputSlots(this.topology()), x, 'input'), signal)
          return await engine.gradients(inputs, await convertCotangents(this.topology(), cotangents), states, cancel)
        })
        return gradientsOf(result, this.#modelGraph().graph.weights, states)
      },
      signal,
    )
  }

  /** Copies of all weights, in order, made on this thread: of 100 MB that takes some hundredths of a second. */
  getWeights(): Tensor[] {
    return this.#now('getWeights', 'callbacks', () => readWeights(this.#engine(), this.#modelGraph().graph.weights))
  }

  /** Replaces all weights, or none if one does not fit, on this thread, as `getWeights` does. Errors: `ERR_SHAPE`, `ERR_DATA`, `ERR_STATE`. */
  setWeights(weights: readonly Data[]): void {
    this.#now('setWeights', 'callbacks', () => {
      reading('ERR_DATA', 'setWeights', () => writeWeights(this.#engine(), this.#modelGraph().graph.weights, weights))
      this.#weights?.push()
    })
  }

  /** @internal */
  layerWeights(layer: AnyLayer): Tensor[] {
    return this.#now('getWeights', 'callbacks', () => {
      const engine = this.#engine()
      return readWeights(engine, this.#modelGraph().graph.weights, this.#weights?.indicesOf(layer))
    })
  }

  /** @internal */
  setLayerWeights(layer: AnyLayer, weights: readonly Data[]): void {
    this.#now('setWeights', 'callbacks', () => {
      const engine = this.#engine()
      const indices = this.#weights?.indicesOf(layer) ?? []
      const specs = this.#modelGraph().graph.weights
      reading('ERR_DATA', 'setWeights', () => writeWeights(engine, specs, weights, indices))
      this.#weights?.push(specs.map((_, index) => indices.includes(index)))
    })
  }

  /** @internal As `getWeights`, off this thread. */
  async copyWeights(): Promise<TensorLike[]> {
    return await this.#queue('getWeights', 'callbacks', async () => {
      const copies = await this.#cancellable(undefined, () => this.#engine().copyWeights())
      return this.#modelGraph().graph.weights.map(({ shape }, index) => ({
        data: copies[index] as Float32Array,
        shape: [...shape],
      }))
    })
  }

  /** @internal As `setWeights` for what {@link copyWeights} gave, without holding this thread. */
  async putWeights(weights: readonly TensorLike[]): Promise<void> {
    await this.#queue('setWeights', 'callbacks', async () => {
      const staged: (Float32Array | StagedArray)[] = []
      for (const weight of weights) {
        const { data, shape } = weight as { data: Float32Array; shape: number[] }
        staged.push((await runSliced(stage({ data, shape }))).data as Float32Array | StagedArray)
      }
      await this.#cancellable(undefined, () => this.#engine().putWeights(staged))
      this.#weights?.push()
    })
  }

  /** Copies of all weights by their names: `lstm/kernel`. */
  namedWeights(): Record<string, Tensor> {
    const values = this.getWeights()
    return Object.fromEntries(
      this.#modelGraph().graph.weights.map(({ name }, index) => [name, values[index] as Tensor]),
    )
  }

  /** The number of values in all weights. */
  countParams(): number {
    return countValues(this.#modelGraph().graph.weights)
  }

  /**
   * The optimizer's step size of the next step. It may be changed between epochs, unless it follows a schedule: that is `ERR_STATE`. Errors:
   * `ERR_STATE` before `compile`, `ERR_OPTION`.
   */
  get learningRate(): number {
    this.#compiled('learningRate')
    return this.#now('learningRate', 'callbacks', () => callNative(() => this.#engine().learningRate()))
  }

  set learningRate(value: number) {
    this.#compiled('learningRate')
    if (typeof value !== 'number' || !Number.isFinite(value) || value < 0) {
      throw new SeqloomError('ERR_OPTION', `learningRate must be a finite number of at least 0, not ${describe(value)}`)
    }
    this.#now('learningRate', 'callbacks', () => {
      callNative(() => this.#engine().setLearningRate(value))
    })
  }

  /**
   * Lets stateful layers begin with states of zero at the next `trainOnBatch`, which otherwise goes on from the one before. `fit` does so by
   * itself at every epoch; `evaluate`, `predict` and `testOnBatch` always begin so, and leave the states of training alone. Errors: `ERR_STATE`
   * before `compile` and during `fit`.
   */
  resetStates(): void {
    this.#compiled('resetStates')
    this.#now('resetStates', 'never', () => callNative(() => this.#engine().resetStates()))
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
    const engine = this.#now('session', 'callbacks', () => this.#engine())
    const { batchSize, step, slot, constants } = sessionPlan(options, inputSlots(this.topology()))
    return new Session<Out>(
      callNative(() => engine.session(batchSize, step, [...constants])),
      batchSize,
      slot,
      this.returnsList(),
    )
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
  async beamSearch(options: BeamSearchOptions): Promise<Hypothesis[][]> {
    checkBeamSearch(options)
    return await this.#queue(
      'beamSearch',
      'callbacks',
      () => runBeamSearch(this.#engine(), this.topology(), options),
      options.signal,
    )
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
    const { maxTokens, sampling, signal } = generation(options, this.topology())
    const tokens = checkPrompt(prompt)
    const generator = this.#now('generate', 'callbacks', () =>
      callNative(() => this.#engine().generate(tokens, maxTokens, sampling)),
    )
    return portionsOf(generator, signal)
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
    return this.#now('clone', 'callbacks', () => {
      const copy: Model<Out> = this.remade(rebuild(JSON.parse(JSON.stringify(this.toJSON()))).topology)
      if (this.#native || haveWeights(this.layers)) copy.#takeOver(this, this.#engine())
      return copy as this
    })
  }

  /**
   * Frees the native side at once or, while calls are running or waiting, as soon as they have ended; every later call is `ERR_STATE`. So a server can
   * exchange one model for another under load. Errors: `ERR_STATE` during `fit`, and in its callbacks.
   */
  dispose(): void {
    if (this.#disposed) return
    const free = () => {
      this.#weights?.release()
      this.#weights = undefined
      this.#native?.free()
      this.#native = undefined
    }
    // A model that has done nothing yet disturbs nobody.
    if (this.#joined) this.#turns.last('dispose', free)
    else free()
    this.#disposed = true
  }

  [Symbol.dispose](): void {
    this.dispose()
  }

  /** @internal What saving needs: the files of the weights and, if it is wanted, of the optimizer's state, made on another thread. */
  async snapshot(withState: boolean): Promise<Snapshot> {
    return await this.#queue('save', 'callbacks', async () => {
      const engine = this.#engine()
      const header = { format }
      const specs = modelGraph(this.topology()).weights
      const current = specs.map(({ trainable }) => trainable)
      const training = this.#plan && {
        options: this.#plan.saved,
        ...(String(this.#trained) === String(current) ? {} : { trained: this.#trained as readonly boolean[] }),
        learningRate: callNative(() => engine.learningRate()),
      }
      try {
        const weights = await engine.weightsFile(header)
        const state = training && withState ? { state: await engine.stateFile(header) } : {}
        return { weights, ...(training ? { training: { ...training, ...state } } : {}) }
      } catch (error) {
        throw fromNative(error)
      }
    })
  }

  /** @internal Makes the native side of a model whose weights come from a file: drawing others would be wasted work. */
  prepareToRead(): void {
    this.#native ??= this.#makeNative(undrawn(this.#modelGraph().graph))
  }

  /** @internal Replaces the weights by those of a file; `ERR_FORMAT` if they are not the model's. */
  async readWeights(bytes: StagedArray): Promise<void> {
    await this.#read((engine) => engine.readWeights(bytes))
    this.#weights?.push()
  }

  /** @internal Puts the optimizer's state of a file back; `ERR_FORMAT` if it is not this optimizer's. */
  async readTraining(bytes: StagedArray): Promise<void> {
    await this.#read((engine) => engine.readState(bytes))
  }

  async #read(read: (engine: NativeModel) => Promise<undefined>): Promise<void> {
    await this.#queue('loadModel', 'callbacks', async () => {
      await read(this.#engine()).catch((error: unknown) => {
        throw fromNative(error)
      })
    })
  }

  /** @internal Puts a saved learning rate back, unless it follows a schedule. */
  restoreLearningRate(learningRate: number): void {
    if (!isRecord(this.#compiled('loadModel').optimizer.learningRate)) this.learningRate = learningRate
  }

  /** @internal What the model was compiled with, as it is saved. */
  compileOptions(): Readonly<Record<string, unknown>> {
    return JSON.parse(JSON.stringify(this.#compiled('fit').saved))
  }

  /** @internal The weight with the most values, of a model that has any. */
  largestWeight(): GraphSpec['weights'][number] {
    const sized = this.#modelGraph().graph.weights.map((weight) => ({ weight, values: countValues([weight]) }))
    return sized.reduce((most, next) => (next.values > most.values ? next : most)).weight
  }

  /** @internal Whether the native side exists, so that layers can no longer be added. */
  get built(): boolean {
    return this.#native !== undefined
  }

  /** Forgets the graph after a layer was added. */
  protected changed(): void {
    this.#graph = undefined
    this.#plan = undefined
    this.#joined = false
  }

  get #turns(): Turns {
    if (!this.#joined) this.#ownTurns = joinTurns(this.#ownTurns, this.layers)
    this.#joined = true
    return this.#ownTurns.root
  }

  #modelGraph(): ReturnType<typeof ownedGraph> {
    this.#graph ??= ownedGraph(this.topology())
    return this.#graph
  }

  #checkAlive(what: string): void {
    if (this.#disposed) throw new SeqloomError('ERR_STATE', `${what}: the model was disposed`)
  }

  /** {@link Turns.now} of a model that was not disposed. */
  #now<T>(what: string, during: 'callbacks' | 'never', call: () => T): T {
    this.#checkAlive(what)
    return this.#turns.now(what, during, call)
  }

  /** {@link Turns.queue} of a model that was not disposed. */
  async #queue<T>(
    what: string,
    during: 'callbacks' | 'never',
    call: () => Promise<T>,
    signal?: AbortSignal,
  ): Promise<T> {
    this.#checkAlive(what)
    return await this.#turns.queue(what, during, call, signal)
  }

  #engine(): NativeModel {
    this.#native ??= this.#makeNative(this.#modelGraph().graph)
    this.#weights?.pull()
    return this.#native
  }

  /** Makes the native side; weights that other models have already are theirs. */
  #makeNative(graph: GraphSpec): NativeModel {
    // What the environment asks of the engine, and it cannot do, is refused at its first use.
    callNative(() => native.backend())
    const made = callNative(() => new native.NativeModel(JSON.stringify(graph), this.seed))
    try {
      const weights = new SharedWeights(made, this.#modelGraph().keys, graph.weights)
      const first = weights.firstValues(this.layers, graph.weights)
      if (first.size > 0) {
        callNative(() => made.setWeights(graph.weights.map((_, index) => first.get(index) ?? made.getWeight(index))))
      }
      this.#weights = weights
    } catch (error) {
      made.free()
      throw error
    }
    return made
  }

  /** Takes weights and training over from a model of the same layers. */
  #takeOver(source: Model<Out>, engine: NativeModel): void {
    const { graph } = this.#modelGraph()
    const copy = this.#makeNative(undrawn(graph))
    try {
      if (source.#plan) this.#compileNative(copy, source.#plan, source.#factors, source.#trained)
      callNative(() => copy.takeOver(engine))
      if (source.#plan && !isRecord(source.#plan.optimizer.learningRate)) {
        callNative(() => copy.setLearningRate(engine.learningRate()))
      }
    } catch (error) {
      copy.free()
      throw error
    }
    this.#native = copy
    this.#plan = source.#plan
  }

  #compiled(what: string): TrainPlan {
    if (!this.#plan) throw new SeqloomError('ERR_STATE', `${what}: call compile first`)
    return this.#plan
  }

  #compileNative(engine: NativeModel, made: TrainPlan, factors: LossFactors, trained?: readonly boolean[]): void {
    const spec = trainSpec(this.topology(), made, factors, trained)
    callNative(() => engine.compile(JSON.stringify(spec), JSON.stringify(made.optimizer)))
    this.#factors = factors
    this.#trained = spec.graph.weights.map(({ trainable }) => trainable)
  }

  /** Compiles again when weights of rows are first given, or other ones of classes; the optimizer goes on where it was. */
  #need(engine: NativeModel, weighted: boolean, classWeights: readonly number[]): void {
    const now = this.#factors
    if ((now.weighted || !weighted) && now.classWeights.join() === classWeights.join()) return
    const state = callNative(() => engine.optimizerState())
    const rate = callNative(() => engine.learningRate())
    const compiled = this.#compiled('fit')
    this.#compileNative(engine, compiled, { weighted: now.weighted || weighted, classWeights }, this.#trained)
    callNative(() => engine.setOptimizerState(state))
    if (!isRecord(compiled.optimizer.learningRate)) callNative(() => engine.setLearningRate(rate))
  }

  #needWeights(engine: NativeModel, what: string): void {
    if (!this.#factors.weighted) this.#turns.check(`${what} with sampleWeight`, 'never')
    this.#need(engine, true, this.#factors.classWeights)
  }

  async #examples(examples: Examples, signal?: AbortSignal): Promise<NativeTensor[]> {
    const converted = convertExamples(this.topology(), this.#compiled('fit'), examples, this.#factors.weighted)
    return await runSliced(converted, signal)
  }

  async #onBatch(
    what: 'trainOnBatch' | 'testOnBatch',
    x: DataSet,
    y: DataSet,
    { sampleWeight, classWeight, signal }: TrainBatchOptions,
  ): Promise<number[]> {
    const compiled = this.#compiled(what)
    return await this.#queue(
      what,
      what === 'trainOnBatch' ? 'never' : 'callbacks',
      async () => {
        const engine = this.#engine()
        if (sampleWeight !== undefined) this.#needWeights(engine, what)
        if (what === 'trainOnBatch') this.#need(engine, false, classWeights(what, compiled, classWeight))
        const data = await this.#examples({ x, y, sampleWeight }, signal)
        try {
          return await this.#cancellable(signal, (cancel) => engine[what](data, cancel))
        } finally {
          if (what === 'trainOnBatch') this.#weights?.push(this.#trained)
        }
      },
      signal,
    )
  }

  #cancellable<T>(signal: AbortSignal | undefined, call: (cancel: CancelFlag) => Promise<T>): Promise<T> {
    return cancellable(signal, call, (work) => this.#turns.outlived(this.#native, work))
  }

  #result(outputs: readonly NativeTensor[]): Out {
    const tensors = outputs.map(asTensor)
    return (this.returnsList() ? tensors : tensors[0]) as Out
  }
}

/** What a model's files are made of. */
export interface Snapshot {
  readonly weights: Uint8Array
  readonly training?: {
    readonly options: Readonly<Record<string, unknown>>
    /** Which weights train, in order, where that is no longer what their layers say. */
    readonly trained?: readonly boolean[]
    readonly learningRate: number
    readonly state?: Uint8Array
  }
}

const noFactors: LossFactors = { weighted: false, classWeights: [] }

/** The loss and the metrics by name. */
const named = ({ metricNames }: TrainPlan, [loss = Number.NaN, ...metrics]: readonly number[]): Scores => ({
  loss,
  ...Object.fromEntries(metricNames.map((name, index) => [name, metrics[index] as number])),
})

function validationExamples(given: NonNullable<FitOptions['validationData']>): Examples {
  const [x, y, sampleWeight] = reading('ERR_DATA', 'fit: validationData', () => [...given])
  return { x, y, sampleWeight, searched: true } as Examples
}
