import type { AnyLayer, SymbolicTensor } from '../layers/layer.js'
import type { Topology } from '../model/topology.js'

/** Layers that leave every element where it is. */
const elementwise = /^(Activation|ReLU|LeakyReLU|PReLU|ELU|Softmax|.*Dropout|Gaussian\w+|.*Normalization)$/

/** Layers after which the last dimension still holds the channels of a convolution. */
const spatial = /^(Max|Average)Pooling\dD$|^(ZeroPadding|Cropping|UpSampling)\dD$/

const convolution = /^(Depthwise|Separable)?Conv\dD(Transpose)?$/

const before = ({ call }: SymbolicTensor): SymbolicTensor | undefined =>
  call.inputs.length === 1 ? call.inputs[0] : undefined

/**
 * The shape `[…places, channels]` of what a convolution gave, where a dense layer reads it flattened: PyTorch has the
 * channels first there, so that its columns are in another order. Undefined where the layer reads something else; a
 * layer in between that puts the channels first has put them in PyTorch's order already.
 */
export function flattenedBefore(topology: Topology, layer: AnyLayer): readonly number[] | undefined {
  let read = topology.calls.find((call) => call.layer === layer)?.inputs[0]
  while (read && elementwise.test(read.call.layer.className)) read = before(read)
  if (read?.call.layer.className !== 'Flatten') return undefined
  const given = before(read)
  let source = given
  while (source && (elementwise.test(source.call.layer.className) || spatial.test(source.call.layer.className))) {
    source = before(source)
  }
  if (!given || !source || !convolution.test(source.call.layer.className)) return undefined
  return given.shape.slice(1) as readonly number[]
}
