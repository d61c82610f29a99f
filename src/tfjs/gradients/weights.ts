// Weights of layers as variables of gradients: each has a name of its own, by which an optimizer finds it again.
import { describe, SeqloomError } from '../../errors.js'
import { type Tensor, Variable, variablesByName } from '../tensor.js'
import { type Key, keyOf } from './tape.js'

/** A layer, as far as its weights are concerned. */
interface Owner {
  readonly id: number
  readonly trainable: boolean
  getWeights(): Tensor[]
  setWeights(weights: Tensor[]): void
}

interface Weight {
  readonly key: string
  readonly name: string
  readonly index: number
  /** Layers that nobody else uses may go. */
  readonly owner: WeakRef<Owner>
}

const byKey = new Map<string, Weight>()
const byName = new Map<string, Weight>()
const gone = new FinalizationRegistry<Weight>((weight) => {
  byKey.delete(weight.key)
  if (byName.get(weight.name) === weight) byName.delete(weight.name)
})

/** The key of a layer's weight. Of weights of one name, later ones get a number, as in tfjs. */
export function weightKey(owner: Owner, index: number, name: string): string {
  const key = `${owner.id}/${index}`
  if (byKey.has(key)) return key
  let unique = name
  for (let count = 1; byName.has(unique); count++) unique = `${name}_${count}`
  const weight: Weight = { key, name: unique, index, owner: new WeakRef(owner) }
  byKey.set(key, weight)
  byName.set(unique, weight)
  gone.register(owner, weight)
  return key
}

/** The weights among keys, with their names. */
export const weightsAmong = (keys: Iterable<Key>): [key: Key, name: string][] =>
  [...keys].flatMap((key): [Key, string][] => {
    const weight = byKey.get(String(key))
    return weight ? [[key, weight.name]] : []
  })

/** What a gradient can be taken of, and an optimizer can move. */
export interface Movable {
  readonly key: Key
  readonly name: string
  readonly trainable: boolean
  read(): Tensor
  assign(value: Tensor): void
}

const ofVariable = (variable: Variable): Movable => ({
  key: keyOf(variable as unknown as Tensor),
  name: variable.name,
  trainable: variable.trainable,
  read: () => variable as unknown as Tensor,
  assign: (value) => variable.assign(value),
})

function ofWeight({ key, name, index, owner }: Weight): Movable | undefined {
  const layer = owner.deref()
  return (
    layer && {
      key,
      name,
      trainable: layer.trainable,
      read: () => layer.getWeights()[index] as Tensor,
      assign: (value) => {
        const weights = layer.getWeights()
        weights[index] = value
        layer.setWeights(weights)
      },
    }
  )
}

/** A variable, or the weight of a layer that a tensor of `getWeights` is a copy of. */
export function movable(given: Tensor): Movable {
  if (given instanceof Variable) return ofVariable(given)
  const weight = byKey.get(String(keyOf(given)))
  const found = weight && ofWeight(weight)
  if (found) return found
  throw new SeqloomError(
    'ERR_DATA',
    `a list of variables must have what tf.variable() or a model's getWeights() returns, not ${describe(given)}`,
  )
}

/** The variable or the weight of a name. `ERR_DATA` if there is none. */
export function movableByName(name: string): Movable {
  const variable = variablesByName.get(name)
  if (variable) return ofVariable(variable)
  const weight = byName.get(name)
  const found = weight && ofWeight(weight)
  if (found) return found
  throw new SeqloomError('ERR_DATA', `there is no variable called ${describe(name)}`)
}
