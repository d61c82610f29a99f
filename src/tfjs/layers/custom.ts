import { describe, SeqloomError } from '../../errors.js'
import type { DefinedLayer } from '../../layers/defineLayer.js'
import type { SymbolicTensor as Value } from '../../layers/layer.js'
import { unsupported } from '../failure.js'
import type { Tensor } from '../tensor.js'
import type { Kwargs } from './layer.js'
import { Recorded } from './recorded.js'
import type { LayerVariable } from './variable.js'
import { writtenLayer } from './written.js'

/** A weight that `addWeight` has declared. */
export interface Declared {
  readonly variable: LayerVariable
  readonly initializer: never
}

/** A layer of one's own, as far as its recording is concerned. */
export interface Custom {
  readonly name: string
  readonly trainable: boolean
  call(inputs: Tensor | Tensor[], kwargs: Kwargs): Tensor | Tensor[]
}

/** A layer of ours that does what `call` does, which is called once. */
export function recordCall(
  layer: Custom,
  name: string,
  declared: readonly Declared[],
  values: readonly Value[],
  kwargs: Kwargs,
): DefinedLayer {
  const weights = Object.fromEntries(
    declared.map(({ variable, initializer }, at) => {
      if (variable.shape.some((size) => size === null) || variable.shape.length === 0) {
        throw new SeqloomError(
          'ERR_SHAPE',
          `layer '${layer.name}': the weight '${variable.name}' must have a known shape of one dimension or more, not ${describe(variable.shape)}`,
        )
      }
      return [weightName(variable, at), { shape: variable.shape as number[], initializer }]
    }),
  )
  return writtenLayer(
    layer.name,
    values,
    (inputs, given) => {
      declared.forEach(({ variable }, at) => {
        variable.traced = new Recorded(given[weightName(variable, at)] as never)
      })
      try {
        // As in a model of tfjs, where inputs come in an array even if there is one.
        const result = layer.call(inputs.map((each) => new Recorded(each)) as Tensor[], { training: false, ...kwargs })
        return [result].flat().map((each) => resultOf(layer, each))
      } finally {
        for (const { variable } of declared) variable.traced = undefined
      }
    },
    weights,
    { name, trainable: layer.trainable },
  )
}

function resultOf(layer: Custom, given: unknown) {
  if (given instanceof Recorded && !given.meanOfRows) return given.symbolic
  throw unsupported(
    `what call() of layer '${layer.name}' returns, ${describe(given)},`,
    "return what functions of tensors made of the inputs, or write the layer with defineLayer of 'seqloom'",
  )
}

const weightName = ({ name }: LayerVariable, at: number): string => {
  const own = name.slice(name.lastIndexOf('/') + 1)
  return /^[A-Za-z_]\w*$/.test(own) ? own : `weight${at}`
}
