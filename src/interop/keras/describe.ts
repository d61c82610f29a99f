import { visible } from '../../errors.js'
import { Bidirectional } from '../../layers/bidirectional.js'
import type { InnerModel } from '../../layers/inner.js'
import { InputLayer } from '../../layers/input.js'
import type { AnyLayer, Call } from '../../layers/layer.js'
import { Recurrence } from '../../layers/recurrence.js'
import type { Engine } from '../../model/engine.js'
import type { Model } from '../../model/model.js'
import { Sequential } from '../../model/sequential.js'
import { readingWeights } from '../../model/weights.js'
import { warn } from '../../warn.js'
import { Unmapped } from '../format.js'
import type { Adapt, Dialect } from './classes.js'
import { nodesOf, sourcesOf } from './connections.js'
import { type DescribedPart, describeLayer, type LayerDescription } from './describeLayer.js'
import { groupNames } from './layers.js'
import { kerasOrder } from './order.js'
import { mayBeMasked, padsCount } from './padding.js'

/** A weight as Keras keeps it. */
export interface DescribedWeight {
  /** Its name among all weights: `lstm/lstm_cell/kernel`, in tfjs `lstm/kernel`. */
  readonly name: string
  /** The groups of a Keras 3 weights file that lead to it: `layers`, `lstm`, `cell`; there it is a variable, numbered in order. */
  readonly groups: readonly string[]
  /** Its shape in Keras. */
  readonly shape: readonly number[]
  /** Which of the model's weights it is; their elements have the same order. */
  readonly index: number
  /** Changes a copy of our values into what Keras's mean. */
  readonly adapt?: Adapt | undefined
}

/** A layer as Keras describes it. */
export interface DescribedLayer {
  readonly name: string
  /** The groups of a Keras 3 weights file that are its own. */
  readonly groups: readonly string[]
  /** In Keras's order. */
  readonly weights: readonly DescribedWeight[]
  /** What a Keras 3 file keeps by name beside the weights. */
  readonly variables?: Readonly<Record<string, Float32Array>>
}

/** A model as Keras describes it. */
export interface DescribedModel {
  /** The object with `class_name` and `config`. */
  readonly config: Readonly<Record<string, unknown>>
  /** All layers, those without weights too, in the order of the config. */
  readonly layers: readonly DescribedLayer[]
}

/**
 * Describes a model for Keras 3, Keras 2 or tfjs: its layers as they are configured and connected there, and where its weights go. What matters only in training
 * is left out with a warning; initial values and how the model is compiled are not described. `where` is for messages. Throws `ERR_UNSUPPORTED`, naming all
 * layers and options that the program has not.
 */
export function describeModel(
  model: Model,
  dialect: Dialect,
  where: string,
  engine: Engine = model.engine,
): DescribedModel {
  const topology = model.topology()
  const { names, calls } = topology
  const inSequence = model instanceof Sequential && isChain(calls)
  // tfjs finds weights by their names alone.
  const layers = inSequence || dialect === 'tfjs' ? topology.layers : kerasOrder(topology)
  const problems = new Unmapped()
  const leftOut: string[] = []
  const innerModel = (inner: InnerModel) => describeInner(inner, dialect, where, engine)
  const described = layers.map((layer) => {
    const name = names.get(layer) as string
    if (layer instanceof InputLayer)
      return { name, className: layer.className, config: inputConfig(layer, name, dialect), parts: [] }
    const given = describeLayer(layer, name, { dialect, problems, leftOut, engine, innerModel })
    return given && { name, ...given }
  })
  const differsAtPadding = calls.filter(
    (call) => !checkPadding(call, names.get(call.layer) as string, dialect, problems),
  )
  problems.check(`${where}: what ${programs[dialect]} has not`, 'ERR_UNSUPPORTED')
  if (leftOut.length > 0) {
    warn('WARN_LEFT_OUT', `${where}: left out, since it only matters in training: ${visible(leftOut.join(', '))}`)
  }
  if (differsAtPadding.length > 0) {
    const all = differsAtPadding.map(({ layer }) => names.get(layer)).join(', ')
    warn(
      'WARN_PADDING',
      `${where}: at padded steps, where ours are zero, outputs repeat the last one there: ${visible(all)}`,
    )
  }
  // Nothing is undefined where there are no problems.
  const all = described as Described[]
  const groups = groupNames(all)
  const orders = new Map(all.flatMap(({ states }, at) => (states ? [[layers[at] as AnyLayer, states] as const] : [])))
  const source = sourcesOf(calls, names, orders)
  const nodes = nodesOf(calls, source, orders, dialect)
  const objects = all.map(({ name, className, config }, at) => ({
    ...(dialect === 'keras3' && { module: 'keras.layers' }),
    class_name: className,
    config,
    ...(dialect === 'keras3' && { registered_name: null }),
    ...(!inSequence && { name, inbound_nodes: nodes.get(layers[at] as AnyLayer) }),
  }))
  const outputs = topology.outputs.map(source)
  const [only] = outputs
  // Keras 3 tells a model that returns one tensor from one that returns a list of one.
  const isOne = dialect === 'keras3' && outputs.length === 1 && model.toJSON().config.returnsList === false
  const config = inSequence
    ? { name: model.name, layers: objects }
    : {
        name: model.name,
        trainable: true,
        layers: objects,
        input_layers: topology.inputs.map(source),
        output_layers: isOne ? only : outputs,
      }
  return {
    config: { ...classes[dialect][inSequence ? 'sequential' : 'functional'], config },
    layers: all.map(({ name, parts, variables }, at) => ({
      name,
      ...(variables && { variables }),
      groups: ['layers', groups[at] as string],
      weights: parts.flatMap(({ path, scope, weights }) =>
        weights.map(({ name: own, ...weight }) => ({
          ...weight,
          name: [name, ...scope, own].join('/'),
          groups: ['layers', groups[at] as string, ...path],
        })),
      ),
    })),
  }
}

/** Describes a model within a layer of a model, whose engine has its weights. */
export function describeInner(model: InnerModel, dialect: Dialect, where: string, engine: Engine): LayerDescription {
  const { config, layers } = describeModel(model as Model, dialect, where, engine)
  const parts = layers.flatMap(({ weights }) =>
    weights.map(({ name, groups, ...weight }) => {
      const names = name.split('/')
      return { path: groups, scope: names.slice(0, -1), weights: [{ ...weight, name: names.at(-1) as string }] }
    }),
  )
  return { object: config, className: String(config.class_name), config: {}, parts }
}

interface Described {
  readonly name: string
  readonly className: string
  readonly config: Readonly<Record<string, unknown>>
  readonly parts: readonly DescribedPart[]
  readonly states?: readonly number[] | undefined
  readonly variables?: Readonly<Record<string, Float32Array>>
}

const programs: Readonly<Record<Dialect, string>> = { keras3: 'Keras 3', keras2: 'Keras 2', tfjs: 'TensorFlow.js' }

const keras2Classes = { sequential: { class_name: 'Sequential' }, functional: { class_name: 'Functional' } }

const classes = {
  keras3: {
    sequential: { module: 'keras', class_name: 'Sequential', registered_name: null },
    functional: { module: 'keras.src.models.functional', class_name: 'Functional', registered_name: 'Functional' },
  },
  keras2: keras2Classes,
  tfjs: { ...keras2Classes, functional: { class_name: 'Model' } },
} as const

function inputConfig(layer: InputLayer, name: string, dialect: Dialect): Record<string, unknown> {
  const shape = dialect === 'keras3' ? { batch_shape: layer.shape } : { batch_input_shape: layer.shape }
  return { ...shape, dtype: layer.outputType(), sparse: false, name }
}

/** Whether a use of a layer makes the same of padding in the other program; it is noted if other results depend on it. */
function checkPadding({ layer, inputs }: Call, name: string, dialect: Dialect, problems: Unmapped): boolean {
  const [first] = inputs
  if (first === undefined || !mayBeMasked(first)) return true
  const what = `'${name}' (${layer.className})`
  if (layer instanceof Recurrence && layer.goBackwards && layer.returnSequences) {
    problems.add(`${what}: going backwards over padded sequences, its outputs stand at other steps there`)
  }
  if (padsCount(layer.className, dialect)) problems.add(`${what}: padded steps count there`)
  if (dialect !== 'tfjs') return true
  const recurrent = layer instanceof Bidirectional ? layer.innerLayers()[0] : layer
  return !(
    recurrent instanceof Recurrence &&
    recurrent.returnSequences &&
    recurrent.config().zeroOutputForMask === true
  )
}

/** Whether each layer reads what the one before it makes, and nothing else. */
function isChain(calls: readonly Call[]): boolean {
  const layers = new Set(calls.map(({ layer }) => layer))
  return (
    layers.size === calls.length &&
    calls.every(({ inputs, outputs }, at) => {
      const before = calls[at - 1]?.outputs
      return outputs.length === 1 && inputs.length === (at === 0 ? 0 : 1) && inputs[0] === before?.[0]
    })
  )
}

/** Has `use` read a model's weights as Keras means them, one by one, each as a copy of its own. */
export async function readingValues<T>(
  model: Model,
  use: (valuesOf: (weight: DescribedWeight) => Float32Array) => Promise<T>,
): Promise<T> {
  return await readingWeights(model.engine, (weight) =>
    use(({ index, adapt, shape }) => {
      const data = weight(index)
      adapt?.(data, shape)
      return data
    }),
  )
}
