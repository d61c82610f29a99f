import type { Tensor } from '../data/tensor.js'
import { describe, isInstance, requireReadable, SeqloomError } from '../errors.js'
import { Bidirectional } from '../layers/bidirectional.js'
import { Embedding } from '../layers/embedding.js'
import { InputLayer } from '../layers/input.js'
import { type AnyLayer, Layer, SymbolicTensor } from '../layers/layer.js'
import { TextVectorization } from '../layers/preprocessing/textVectorization.js'
import { TimeDistributed } from '../layers/timeDistributed.js'
import { checkOptions, custom, label, seed } from '../options.js'
import { configOf, type ModelConfig } from './config.js'
import { Engine } from './engine.js'
import { randomSeed } from './functional.js'
import { Model } from './model.js'
import { noteUser } from './ownership.js'
import { connect, type Topology } from './topology.js'

/** Options of {@link sequential}. */
export interface SequentialOptions {
  /** Default `'sequential'`. */
  readonly name?: string
  /** Determines the initial weights, dropout and the order of the rows; default: a random seed. */
  readonly seed?: number
}

/** A model whose layers follow each other. */
export class Sequential extends Model<Tensor> {
  #input: SymbolicTensor | undefined
  #output: SymbolicTensor | undefined
  #topology: Topology | undefined
  /** The output before each addition, the first of which is that of the input. */
  readonly #before: SymbolicTensor[] = []

  /** @internal */
  constructor(name: string, modelSeed: number) {
    super(name, modelSeed)
  }

  /** @internal A sequential model of layers that are connected already. */
  static from(topology: Topology, name: string, modelSeed: number): Sequential {
    const made = new Sequential(name, modelSeed)
    made.#topology = topology
    made.#input = topology.inputs[0]
    made.#output = topology.outputs[0]
    made.#before.push(...topology.calls.flatMap(({ inputs }) => inputs.slice(0, 1)))
    noteUser(made.engine, topology.layers)
    return made
  }

  /**
   * Adds a layer, or all layers of another model, at the end; the layers keep their weights and share them. The first
   * one needs an `inputShape`, or is an embedding or the result of `input`. Errors: `ERR_SHAPE` if the layer does not
   * fit, `ERR_OPTION` for anything but a layer, `ERR_STATE` once the model is compiled; see `pop`.
   */
  add(layer: AnyLayer | SymbolicTensor | Model): void {
    if (this.engine.plan) {
      throw new SeqloomError(
        'ERR_STATE',
        'add: the model is compiled for the layers that it has; add all layers before that, or take some away with pop first',
      )
    }
    const former = this.engine
    if (!former.built) {
      this.#append(layer)
      return
    }
    former.now('add', 'never', () => {
      this.#append(layer)
      this.#renew(former)
    })
  }

  #append(layer: AnyLayer | SymbolicTensor | Model): void {
    if (isInstance(layer, Model)) {
      this.#addModel(layer)
      return
    }
    if (!isInstance(layer, Layer)) {
      if (!this.#input && isInstance(layer, SymbolicTensor) && layer.call.layer instanceof InputLayer) {
        this.#input = layer
        this.#output = layer
        return
      }
      throw new SeqloomError('ERR_OPTION', `sequential: expected a layer, got ${describe(layer)}`)
    }
    if (!this.#input && layer instanceof InputLayer) {
      this.#append(layer.output)
      return
    }
    const source = this.#output ?? inputOf(layer)
    const result = layer.apply(source)
    if (Array.isArray(result)) {
      throw new SeqloomError('ERR_SHAPE', `sequential: layer '${layer.label}' returns states; use model() for that`)
    }
    this.#input ??= source
    this.#before.push(source)
    this.#output = result as SymbolicTensor
    noteUser(this.engine, [layer])
    this.#topology = undefined
    this.engine.changed()
  }

  /**
   * Takes away what was added last, a layer or a whole model, so that other layers can follow: to give a trained model another head. All
   * layers keep their weights. The model must be compiled again. Errors: `ERR_STATE` for a model without layers, and while it is running.
   */
  pop(): void {
    const before = this.#before.pop()
    if (!before || !this.#output) throw new SeqloomError('ERR_STATE', 'pop: the model has no layers')
    const former = this.engine
    former.now('pop', 'never', () => {
      const { layers } = this.topology()
      this.#output = before
      this.#topology = undefined
      const left = new Set(this.topology().layers)
      if (former.built) keepWeights(layers.filter((layer) => !left.has(layer)))
      this.#renew(former)
    })
  }

  /** Computes with another engine, since the graph has changed; the layers that are left keep their weights. */
  #renew(former: Engine): void {
    this.engine = new Engine(this)
    noteUser(this.engine, this.topology().layers)
    former.dispose()
  }

  #addModel(added: Model): void {
    const { inputs, outputs } = added
    if (inputs.length !== 1 || outputs.length !== 1) {
      throw new SeqloomError(
        'ERR_SHAPE',
        `sequential: model '${added.name}' has ${inputs.length} inputs and ${outputs.length} outputs; use model() for that`,
      )
    }
    const result = this.#output ? added.apply(this.#output) : outputs[0]
    this.#before.push(this.#output ?? (inputs[0] as SymbolicTensor))
    this.#input ??= inputs[0]
    this.#output = (Array.isArray(result) ? result[0] : result) as SymbolicTensor
    noteUser(this.engine, added.layers)
    this.#topology = undefined
    this.engine.changed()
  }

  /** @internal */
  override topology(): Topology {
    if (!this.#input || !this.#output) throw new SeqloomError('ERR_STATE', 'sequential: the model has no layers yet')
    this.#topology ??= connect([this.#input], [this.#output])
    return this.#topology
  }

  protected override remade(topology: Topology): Sequential {
    return Sequential.from(topology, this.name, this.seed)
  }

  protected override returnsList(): boolean {
    return false
  }

  override toJSON(): ModelConfig {
    return configOf('Sequential', this.name, this.seed, this.topology(), false, this.quantization)
  }
}

/** Keeps the weights of layers that a model loses, for the next model that has them. */
function keepWeights(lost: readonly AnyLayer[]): void {
  for (const layer of lost) {
    const weights = layer.weights.length > 0 ? layer.getWeights() : []
    if (weights.length > 0) layer.firstWeights = weights
  }
}

/** The input that the first layer asks for. */
function inputOf(layer: AnyLayer): SymbolicTensor {
  const wraps = layer instanceof Bidirectional || layer instanceof TimeDistributed
  const own = wraps ? (layer.inputShape ?? layer.innerInputShape) : layer.inputShape
  const shape =
    own ??
    (layer instanceof Embedding
      ? [layer.inputLength ?? null]
      : layer instanceof TextVectorization
        ? [1]
        : layer.usedInputShape)
  if (!shape) {
    throw new SeqloomError(
      'ERR_SHAPE',
      `sequential: the first layer, '${layer.label}', needs an inputShape, such as [null, 5] for sequences of 5 features`,
    )
  }
  return new InputLayer({ shape, dtype: layer.inputType(), batchSize: layer.batchSize }).output
}

/**
 * A model whose layers follow each other:
 * `sequential([layers.lstm({ units: 8, inputShape: [null, 5] }), …], { seed: 7 })`, or layers added one by one. Errors:
 * `ERR_SHAPE` when a layer does not fit or the first has no input shape, `ERR_OPTION`.
 */
export function sequential(
  layers?:
    | readonly (AnyLayer | SymbolicTensor | Model)[]
    | (SequentialOptions & { readonly layers?: readonly AnyLayer[] }),
  options: SequentialOptions = {},
): Sequential {
  requireReadable('sequential', layers)
  const settings = layers === undefined || isList(layers) ? options : layers
  checkOptions('sequential', settings, {
    accepted: { name: label, seed, ...(isList(layers) ? {} : { layers: custom('an array of layers', Array.isArray) }) },
  })
  const list = isList(layers) ? layers : layers?.layers
  if (list?.length === 0) throw new SeqloomError('ERR_SHAPE', 'sequential: the array of layers is empty')
  const made = new Sequential(settings.name ?? 'sequential', settings.seed ?? randomSeed())
  for (const layer of list ?? []) made.add(layer)
  return made
}

function isList<T>(value: readonly T[] | object | undefined): value is readonly T[] {
  return Array.isArray(value)
}
