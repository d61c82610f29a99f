// What optimizers keep of weights, as TensorFlow.js names, orders and saves it.
import { describe, SeqloomError } from '../../errors.js'
import type { Engine } from '../../model/engine.js'
import { unsupported } from '../failure.js'
import { Tensor } from '../tensor.js'

/** A tensor with a name: how optimizers give what they keep. */
export interface NamedTensor {
  name: string
  tensor: Tensor
}

/** One kind of values that an optimizer keeps: TensorFlow.js's name, ours, and its place among those of steps by gradients. */
interface Kind {
  readonly ending: string
  readonly core: string
  readonly place: number
}

/** What an optimizer keeps of one weight, kind by kind; none where nothing is known yet. */
export interface KeptWeight {
  readonly name: string
  readonly shape: readonly number[]
  readonly values: readonly (Float32Array | undefined)[]
}

/** All that an optimizer keeps. */
export interface Kept {
  readonly iterations: number
  readonly weights: readonly KeptWeight[]
}

/** Where the optimizer of a model keeps what it knows of a weight. */
export interface Place {
  readonly name: string
  readonly shape: readonly number[]
  /** The weight's index in the engine. */
  readonly index: number
}

const kindsOf: Readonly<Record<string, readonly Kind[]>> = {
  SGD: [],
  Momentum: [{ ending: 'momentum', core: 'momentum', place: 0 }],
  Adagrad: [{ ending: 'accumulator', core: 'accumulator', place: 0 }],
  Adadelta: [
    { ending: 'accum_grad', core: 'square', place: 0 },
    { ending: 'accum_var', core: 'delta', place: 1 },
  ],
  Adam: [
    { ending: 'm', core: 'mean', place: 0 },
    { ending: 'v', core: 'variance', place: 1 },
  ],
  RMSProp: [
    { ending: 'rms', core: 'square', place: 0 },
    { ending: 'momentum', core: 'momentum', place: 2 },
    { ending: 'mg', core: 'mean', place: 1 },
  ],
}

/** The kinds of values that an optimizer keeps. `ERR_UNSUPPORTED` for adamax, as in TensorFlow.js. */
export function keptKinds(className: string, isCentered: boolean): readonly Kind[] {
  const kinds = kindsOf[className]
  if (!kinds)
    throw unsupported(`the state of tf.train.${className.toLowerCase()}`, 'save the model without its optimizer')
  return isCentered ? kinds : kinds.filter(({ ending }) => ending !== 'mg')
}

/** As TensorFlow.js orders it: the number of steps, and kind after kind, each of all weights. */
export function namedTensors(kinds: readonly Kind[], { iterations, weights }: Kept): NamedTensor[] {
  const iter = { name: 'iter', tensor: new Tensor([], 'int32', Int32Array.of(iterations)) }
  if (iterations === 0) return [iter]
  return [
    iter,
    ...kinds.flatMap(({ ending }, at) =>
      weights.map(({ name, shape, values }) => {
        const size = shape.reduce((product, each) => product * each, 1)
        const own = values[at] ?? new Float32Array(size)
        return { name: `${name}/${ending}`, tensor: new Tensor(shape, 'float32', Float32Array.from(own)) }
      }),
    ),
  ]
}

/** The number of steps, and the values by weight and kind. `ERR_SHAPE` unless there are as many for each kind. */
export function fromNamedTensors(kinds: readonly Kind[], given: readonly NamedTensor[]) {
  const [iter, ...rest] = given.map((each) => each?.tensor)
  const iterations = iter instanceof Tensor ? Number(iter.dataSync()[0]) : Number.NaN
  if (!Number.isSafeInteger(iterations) || iterations < 0 || !rest.every((each) => each instanceof Tensor)) {
    throw new SeqloomError(
      'ERR_DATA',
      `optimizer.setWeights: expected what getWeights gives, the number of steps first, not ${describe(given)}`,
    )
  }
  const count = rest.length / Math.max(1, kinds.length)
  if (!Number.isInteger(count)) {
    throw new SeqloomError(
      'ERR_SHAPE',
      `optimizer.setWeights: ${rest.length} tensors are no multiple of ${kinds.length}`,
    )
  }
  const tensors = rest as readonly Tensor[]
  const weights = Array.from({ length: kinds.length === 0 ? 0 : count }, (_, weight) =>
    kinds.map((_kind, at) => tensors[at * count + weight] as Tensor),
  )
  return { iterations, weights }
}

/** What the optimizer of a model keeps of its weights. */
export function keptByEngine(engine: Engine, places: readonly Place[], kinds: readonly Kind[]): Kept {
  const iterations = engine.steps()
  const values = new Map(engine.optimizerState().map(({ name, data }) => [name, data]))
  const weights = places.map(({ name, shape, index }) => {
    const path = engine.specs[index]?.name
    return { name, shape, values: kinds.map(({ core }) => values.get(`${path}/${core}`)) }
  })
  return { iterations, weights }
}

/** Puts back what the optimizer of a model kept. `ERR_SHAPE` unless it is of these weights. */
export function giveToEngine(
  engine: Engine,
  places: readonly Place[],
  kinds: readonly Kind[],
  { iterations, weights }: ReturnType<typeof fromNamedTensors>,
): void {
  const wanted = weights.length === 0 ? [] : places
  const given = new Map<string, Float32Array>()
  if (weights.length !== wanted.length) {
    throw new SeqloomError(
      'ERR_SHAPE',
      `optimizer.setWeights: values of ${weights.length} weights, but the model trains ${places.length}`,
    )
  }
  wanted.forEach(({ name, shape, index }, at) => {
    kinds.forEach(({ ending, core }, kind) => {
      const tensor = weights[at]?.[kind] as Tensor
      if (tensor.shape.join() !== shape.join()) {
        throw new SeqloomError(
          'ERR_SHAPE',
          `optimizer.setWeights: ${name}/${ending} must have the shape [${shape}], not [${tensor.shape}]`,
        )
      }
      given.set(`${engine.specs[index]?.name}/${core}`, Float32Array.from(tensor.dataSync()))
    })
  })
  const step = Float32Array.from({ length: 4 }, (_, digit) => Math.floor(iterations / 65536 ** digit) % 65536)
  engine.setOptimizerState(
    engine
      .optimizerState()
      .map(({ name, data }) => ({ name, data: name === 'step' ? step : (given.get(name) ?? data) })),
  )
}
