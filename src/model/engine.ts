import { createHash } from 'node:crypto'
import type { Data, Tensor } from '../data/tensor.js'
import { callNative, SeqloomError } from '../errors.js'
import type { GraphSpec } from '../graph/wire.js'
import type { ComputedInitializer } from '../initializers/computed.js'
import type { AnyLayer } from '../layers/layer.js'
import type { Weight } from '../layers/weight.js'
import { type CancelFlag, type NativeModel, native } from '../native/index.js'
import { writtenRate } from '../optimizers/optimizer.js'
import type { LearningRate } from '../optimizers/schedule.js'
import { isRecord } from '../options.js'
import { cancellable, givingWay } from './cancel.js'
import { type LossFactors, type TrainPlan, trainSpec, withOptimizer } from './compile.js'
import type { Quantization } from './config.js'
import { ownedGraph } from './lower.js'
import { haveWeights, indicesOf, joinTurns, type LayerUser, SharedWeights } from './ownership.js'
import { rateOf } from './rate.js'
import { joinRanks } from './sampleWeight.js'
import type { Topology } from './topology.js'
import { Turns } from './turns.js'
import { getWeights, setWeights, undrawn } from './weights.js'

/** The model that an engine belongs to. */
interface Owner {
  readonly seed: number
  readonly quantization: Quantization | undefined
  topology(): Topology
}

/** A graph as its weights are stored. */
function stored(
  owned: ReturnType<typeof ownedGraph>,
  { quantization }: Pick<Owner, 'quantization'>,
): ReturnType<typeof ownedGraph> {
  if (quantization === undefined) return owned
  const weights = owned.graph.weights.map((weight) => ({ ...weight, trainable: false }))
  return { ...owned, graph: { ...owned.graph, weights, int8: true }, trained: owned.trained.map(() => false) }
}

const noFactors: LossFactors = { weighted: [], classWeights: [] }

/**
 * The native side of a model. It is made when it is first needed, may share weights with other models, and is used by
 * one call at a time.
 */
export class Engine implements LayerUser {
  readonly #owner: Owner
  #ownTurns = new Turns()
  /** Whether the model shares its turns with the other models that have its layers. */
  #joined = false
  #native: NativeModel | undefined
  #weights: SharedWeights | undefined
  #graph: ReturnType<typeof ownedGraph> | undefined
  #plan: TrainPlan | undefined
  #factors: LossFactors = noFactors
  /** Which weights training changes, in order: decided by `compile`, even if the layers' flags change later. */
  #trained: readonly boolean[] | undefined
  /** What the program gave for the optimizer that the model is compiled with. */
  #optimizers = new WeakSet<object>()
  /** The optimizer's state of weights that were trained before and are frozen now. */
  readonly #states = new Map<string, ReturnType<NativeModel['optimizerState']>[number]>()
  #disposed = false
  #int8: readonly boolean[] | undefined

  constructor(owner: Owner) {
    this.#owner = owner
  }

  get topology(): Topology {
    return this.#owner.topology()
  }

  /** Whether it was not disposed. */
  get alive(): boolean {
    return !this.#disposed
  }

  /** Whether the native side exists, so that layers can no longer be added. */
  get built(): boolean {
    return this.#native !== undefined
  }

  /** The weights, in order. */
  get specs(): GraphSpec['weights'] {
    return this.#ownedGraph().graph.weights
  }

  /** How the model trains, if it was compiled. */
  get plan(): TrainPlan | undefined {
    return this.#plan
  }

  /** Of a quantized model, which weights are int8, in order. */
  get int8(): readonly boolean[] | undefined {
    if (this.quantized && !this.#native) this.now('summary', 'callbacks', () => this.ready())
    return this.#int8
  }

  /** Whether weights are stored as int8. */
  get quantized(): boolean {
    return this.#owner.quantization !== undefined
  }

  /** `ERR_UNSUPPORTED` for a model whose weights cannot be trained. */
  checkTrainable(what: string): void {
    if (!this.quantized) return
    throw new SeqloomError(
      'ERR_UNSUPPORTED',
      `${what}: the model was made by quantize, and its int8 weights cannot be trained; train the model that it was made of, then quantize that`,
    )
  }

  /** Which weights training changes, in order, if it was compiled. */
  get trained(): readonly boolean[] | undefined {
    return this.#trained
  }

  /** The ranks of the sample weights that the losses take. */
  get weighted(): readonly number[] {
    return this.#factors.weighted
  }

  get turns(): Turns {
    if (!this.#joined) this.#ownTurns = joinTurns(this.#ownTurns, this.topology.layers)
    this.#joined = true
    return this.#ownTurns.root
  }

  /** `ERR_STATE` after {@link dispose}. */
  checkAlive(what: string): void {
    if (this.#disposed) throw new SeqloomError('ERR_STATE', `${what}: the model was disposed`)
  }

  /** {@link Turns.now} of a model that was not disposed. */
  now<T>(what: string, during: 'callbacks' | 'never', call: () => T): T {
    this.checkAlive(what)
    return this.turns.now(what, during, call)
  }

  /** {@link Turns.queue} of a model that was not disposed. */
  async queue<T>(
    what: string,
    during: 'callbacks' | 'never',
    call: () => Promise<T>,
    signal?: AbortSignal,
    givesWay = false,
  ): Promise<T> {
    this.checkAlive(what)
    return await this.turns.queue(what, during, call, signal, givesWay)
  }

  /** {@link Turns.fit} of a model that was not disposed: for a loop that waits for callbacks. */
  async alone<T>(what: string, call: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    this.checkAlive(what)
    return await this.turns.fit(what, this, call, signal)
  }

  /** A native call that the signal cancels; later calls wait for work that outlives an abort. */
  cancellable<T>(signal: AbortSignal | undefined, call: (cancel: CancelFlag) => Promise<T>): Promise<T> {
    return cancellable(signal, call, (work) => this.turns.outlived(work))
  }

  /** A native call that synchronous calls may interrupt, after which it begins anew. It must change nothing until it ends. */
  async givingWay<T>(call: (cancel: CancelFlag) => Promise<T>): Promise<T> {
    return await givingWay(this.turns, (cancel) => {
      this.fetch()
      return call(cancel)
    })
  }

  /** The native side with the newest weights; only call it during a turn. */
  ready(): NativeModel {
    this.#native ??= this.#make(this.#ownedGraph().graph, this.#ownedGraph().computed)
    this.fetch()
    return this.#native
  }

  /** Makes the native side of a model that is loaded: no first values are drawn, nor are they looked at. */
  prepareToLoad(): void {
    this.#native ??= this.#make(undrawn(this.#ownedGraph().graph))
  }

  /** Forgets the graph after a layer was added. */
  changed(): void {
    this.#graph = undefined
    this.#plan = undefined
    this.#joined = false
  }

  /** Fetches the weights that other models have changed. */
  fetch(): void {
    this.#weights?.pull()
  }

  /** Tells the other models that weights have changed: all, or the marked ones. */
  tell(changed?: readonly boolean[]): void {
    this.#weights?.push(changed)
  }

  /** The indices of the weights of a layer and the layers inside it. */
  indicesOf(layer: AnyLayer): readonly number[] {
    return indicesOf(this.#ownedGraph().keys, layer)
  }

  weightsOf(layer: AnyLayer): readonly Weight[] {
    const wanted = this.indicesOf(layer)
    return this.weights.filter((_, index) => wanted.includes(index))
  }

  /** The weights, in order, for users. */
  get weights(): readonly Weight[] {
    // Lowered anew, since what is trainable may have changed.
    return stored(ownedGraph(this.topology), this.#owner).graph.weights.map(({ name, shape, trainable }, index) => ({
      name,
      shape,
      trainable,
      read: () => getWeights(this, [index])[0] as Tensor,
      assign: (values: Data) => setWeights(this, [values], [index]),
    }))
  }

  layerWeights(layer: AnyLayer): Tensor[] {
    return getWeights(this, this.indicesOf(layer))
  }

  setLayerWeights(layer: AnyLayer, weights: readonly Data[]): void {
    setWeights(this, weights, this.indicesOf(layer))
  }

  /** How the model trains; `ERR_STATE` before {@link compile}. */
  compiled(what: string): TrainPlan {
    if (!this.#plan) throw new SeqloomError('ERR_STATE', `${what}: call compile first`)
    return this.#plan
  }

  /**
   * Compiles; `trained` says which weights training changes, by default those of trainable layers. With the very
   * optimizer that it was compiled with before, the optimizer continues where it was.
   */
  compile(made: TrainPlan, trained?: readonly boolean[]): void {
    const engine = this.ready()
    const isOwn = made.given === this.#plan?.optimizer || this.#optimizers.has(made.given as object)
    if (this.#plan && isOwn) {
      this.#recompile(engine, made, noFactors, trained)
    } else {
      this.#compile(engine, made, noFactors, trained)
      this.#optimizers = new WeakSet()
      this.#states.clear()
    }
    if (isRecord(made.given)) this.#optimizers.add(made.given)
    this.#plan = made
  }

  /**
   * Compiles again when sample weights of these ranks are first given, or class weights change; the optimizer continues
   * where it was.
   */
  need(ranks: readonly number[], classWeights: readonly number[] = this.#factors.classWeights): void {
    const now = this.#factors
    const weighted = joinRanks(now.weighted, ranks)
    if (weighted.join() === now.weighted.join() && now.classWeights.join() === classWeights.join()) return
    this.#recompile(this.ready(), this.compiled('fit'), { weighted, classWeights }, this.#trained)
  }

  /** Compiles again, so that the optimizer continues where it was. */
  #recompile(engine: NativeModel, made: TrainPlan, factors: LossFactors, trained?: readonly boolean[]): void {
    const former = callNative(() => engine.optimizerState())
    const rate = callNative(() => engine.learningRate())
    this.#compile(engine, made, factors, trained)
    // There is state for the weights that train; that of frozen ones waits until they are thawed.
    for (const each of former) this.#states.set(each.name, each)
    const state = callNative(() => engine.optimizerState()).map((each) => this.#states.get(each.name) ?? each)
    callNative(() => engine.setOptimizerState(state))
    for (const { name } of state) this.#states.delete(name)
    if (typeof made.optimizer.learningRate === 'number') callNative(() => engine.setLearningRate(rate))
  }

  /** How many steps the optimizer has made. */
  steps(): number {
    const { gradientAccumulationSteps: each = 1 } = this.compiled('optimizer').optimizer
    return Math.floor(this.#batches() / Number(each))
  }

  /** What the optimizer keeps, by the names of weights and of what it is, and `step`; and what stateful layers carry. */
  optimizerState(): ReturnType<NativeModel['optimizerState']> {
    this.compiled('optimizer')
    return this.now('optimizer', 'callbacks', () => callNative(() => this.ready().optimizerState()))
  }

  /** Puts back what {@link optimizerState} gave. */
  setOptimizerState(state: ReturnType<NativeModel['optimizerState']>): void {
    this.compiled('optimizer')
    this.now('optimizer', 'callbacks', () => callNative(() => this.ready().setOptimizerState(state)))
  }

  /** Tells different weights apart. */
  fingerprint(): string {
    return callNative(() => this.ready().fingerprint())
  }

  /** Tells another model, or one that trains in another way, from this one, whatever their layers are called. */
  identity(): string {
    const made = this.compiled('fit')
    const spec = trainSpec(this.topology, made, this.#factors, this.#trained)
    const incidental = new Set(['name', 'seed', 'initializer'])
    const text = JSON.stringify([spec, made.saved.optimizer], (key, value) => (incidental.has(key) ? undefined : value))
    return createHash('sha256').update(text).digest('hex')
  }

  /** How many batches the optimizer has been given: what learning rates follow. */
  #batches(): number {
    return callNative(() => this.ready().optimizerBatches())
  }

  /** The learning rate of the next step. */
  learningRate(): number {
    const { learningRate } = this.compiled('learningRate').optimizer
    if (typeof learningRate === 'function') return rateOf(learningRate, this.#batches())
    return callNative(() => this.ready().learningRate())
  }

  /** Lets the learning rate be something else from the next step on. */
  setLearningRate(rate: LearningRate): void {
    const plan = this.compiled('learningRate')
    if (typeof rate === 'number') {
      callNative(() => this.ready().setLearningRate(rate))
      return
    }
    callNative(() => this.ready().setSchedule(JSON.stringify(writtenRate(rate))))
    this.#plan = withOptimizer(plan, { ...plan.optimizer, learningRate: rate })
  }

  /** Tells native code what a learning rate that is a function gives for so many batches. */
  giveRates(batches: number): void {
    const { learningRate } = this.compiled('fit').optimizer
    if (typeof learningRate !== 'function') return
    const first = this.#batches()
    const rates = Array.from({ length: batches + 1 }, (_, index) => rateOf(learningRate, first + index))
    callNative(() => this.ready().setRates(rates))
  }

  /** Takes weights and training over from a model of the same layers, if it has any. */
  takeOver(source: Engine): void {
    if (!source.built && !haveWeights(source.topology.layers)) return
    const engine = source.ready()
    const copy = this.#make(undrawn(this.#ownedGraph().graph))
    try {
      // Without a state of the optimizer, the order does not matter; integers have none.
      const compile = () => source.#plan && this.#compile(copy, source.#plan, source.#factors, source.#trained)
      if (!this.quantized) compile()
      callNative(() => copy.takeOver(engine))
      if (this.quantized) compile()
      if (typeof source.#plan?.optimizer.learningRate === 'number') {
        callNative(() => copy.setLearningRate(engine.learningRate()))
      }
    } catch (error) {
      copy.free()
      throw error
    }
    this.#native = copy
    this.#plan = source.#plan
  }

  /** Frees the native side, at once or when earlier calls have ended. */
  dispose(): void {
    if (this.#disposed) return
    const free = () => {
      this.#weights?.release()
      this.#weights = undefined
      this.#native?.free()
      this.#native = undefined
    }
    // Already now, so that its weights are kept for other models only.
    this.#disposed = true
    try {
      // A model that has not done anything yet needs no turn.
      if (this.#joined) this.turns.last('dispose', this, free)
      else free()
    } catch (error) {
      this.#disposed = false
      throw error
    }
  }

  #ownedGraph(): ReturnType<typeof ownedGraph> {
    this.#graph ??= stored(ownedGraph(this.topology), this.#owner)
    return this.#graph
  }

  /** Makes the native model; weights that other models already have are taken from them. */
  #make(graph: GraphSpec, computed: ReadonlyMap<number, ComputedInitializer> = new Map()): NativeModel {
    // Wrong environment variables of the engine are refused at its first use.
    callNative(() => native.backend())
    const made = callNative(() => new native.NativeModel(JSON.stringify(graph), this.#owner.seed))
    try {
      const weights = new SharedWeights(made, this.#ownedGraph().keys, graph.weights)
      const first = weights.firstValues(this.topology.layers, graph.weights, computed)
      if (first.size > 0) {
        callNative(() => made.setWeights(graph.weights.map((_, index) => first.get(index) ?? made.getWeight(index))))
      }
      this.#weights = weights
      if (this.quantized) this.#int8 = callNative(() => made.int8Weights())
    } catch (error) {
      made.free()
      throw error
    }
    return made
  }

  #compile(engine: NativeModel, made: TrainPlan, factors: LossFactors, trained?: readonly boolean[]): void {
    const whole = trainSpec(this.topology, made, factors, trained)
    const spec = this.quantized ? { ...whole, graph: { ...whole.graph, int8: true } } : whole
    callNative(() => engine.compile(JSON.stringify(spec), JSON.stringify(made.saved.optimizer)))
    this.#factors = factors
    const updated = new Set(spec.updates?.map(({ weight }) => weight))
    this.#trained = spec.graph.weights.map(({ trainable }, index) => trainable || updated.has(index))
  }
}
