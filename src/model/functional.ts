import { randomInt } from 'node:crypto'
import type { Tensor } from '../data/tensor.js'
import { requireReadable, SeqloomError } from '../errors.js'
import type { SymbolicTensor } from '../layers/layer.js'
import { checkOptions, custom, label, seed } from '../options.js'
import { configOf, type ModelConfig } from './config.js'
import { Model, type Prediction } from './model.js'
import { noteUser } from './ownership.js'
import { connect, type Topology } from './topology.js'

/** Options of {@link model}. */
export interface FunctionalOptions<Outputs = SymbolicTensor | readonly SymbolicTensor[]> {
  /** What `input` returned. */
  readonly inputs: SymbolicTensor | readonly SymbolicTensor[]
  /** What layers returned. For a single value, results are tensors; for an array, results are arrays. */
  readonly outputs: Outputs
  /** Default `'model'`. */
  readonly name?: string
  /** Determines the initial weights, dropout and the order of the rows; default: a random seed. */
  readonly seed?: number
}

/** A seed for a model that was given none. */
export const randomSeed = (): number => randomInt(2 ** 47)

/** A model of connected layers. */
export class Functional<Out extends Prediction = Prediction> extends Model<Out> {
  readonly #topology: Topology
  readonly #list: boolean

  /** @internal */
  constructor(topology: Topology, name: string, modelSeed: number, list: boolean) {
    super(name, modelSeed)
    this.#topology = topology
    this.#list = list
    noteUser(this.engine, topology.layers)
  }

  /** @internal */
  override topology(): Topology {
    return this.#topology
  }

  protected override remade(topology: Topology): Functional<Out> {
    return new Functional(topology, this.name, this.seed, this.#list)
  }

  protected override returnsList(): boolean {
    return this.#list
  }

  override toJSON(): ModelConfig {
    return configOf('Functional', this.name, this.seed, this.#topology, this.#list, this.quantization)
  }
}

/**
 * A model of layers that were connected with `apply`. Errors: `ERR_OPTION` for inputs or outputs that are not symbolic
 * tensors, for outputs that depend on an input that is not listed, or for two layers with the same name.
 */
export function model(options: FunctionalOptions<SymbolicTensor>): Functional<Tensor>
export function model(options: FunctionalOptions<readonly SymbolicTensor[]>): Functional<Tensor[]>
export function model(options: FunctionalOptions): Functional {
  requireReadable('model', options)
  const values = custom('a symbolic value or an array of them', (v) => typeof v === 'object' && v !== null)
  checkOptions('model', options, {
    accepted: { inputs: values, outputs: values, name: label, seed },
    required: ['inputs', 'outputs'],
  })
  const { inputs, outputs, name = 'model', seed: given } = options
  const list = Array.isArray(outputs)
  const all = (list ? outputs : [outputs]) as readonly SymbolicTensor[]
  const sources = (Array.isArray(inputs) ? inputs : [inputs]) as readonly SymbolicTensor[]
  if (sources.length === 0 || all.length === 0) {
    throw new SeqloomError('ERR_OPTION', `model: there must be an ${sources.length === 0 ? 'input' : 'output'}`)
  }
  return new Functional(connect(sources, all), name, given ?? randomSeed(), list)
}
