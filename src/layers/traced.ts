import type { LayerScope, Value } from '../graph/builder.js'
import type { Shape, ValueType } from '../graph/shape.js'
import { lowerProgram, type Sink } from '../graph/trace/lower.js'
import { type Program, type Resolved, resolve } from '../graph/trace/program.js'
import { batch, type TracedShape, wireShape } from '../graph/trace/size.js'
import { Layer, type Outputs } from './layer.js'

/** A layer that is a traced function of its inputs. */
export abstract class TracedLayer<Out extends Outputs = Outputs> extends Layer<Out> {
  /** The function for inputs of these shapes: its outputs, then what is added to the loss. */
  protected abstract program(inputs: readonly Shape[]): Program
  /** How many of the program's outputs the layer returns. */
  protected abstract readonly outputCount: number

  override returnsList(): boolean {
    return this.outputCount > 1
  }

  /** Tokens too: they come as numbers. */
  override acceptsType(dtype: ValueType): boolean {
    return dtype !== 'string'
  }

  override outputShapes(inputs: readonly Shape[]): readonly Shape[] {
    const { program, shapes } = this.#resolve(inputs)
    return program.outputs.slice(0, this.outputCount).map((id) => wireShape(shapes[id] as TracedShape))
  }

  /** @internal */
  override lower(scope: LayerScope, inputs: readonly Value[]): readonly Value[] {
    const resolved = this.#resolve(inputs.map((value) => value.shape))
    const floats = inputs.map((value) =>
      value.dtype === 'int32' ? scope.node('cast', [value], [], value.shape, {}, 'cast') : value,
    )
    const weights = resolved.program.weights.map(({ name, shape, initializer, ...rules }) =>
      scope.weight(name, shape as number[], initializer, rules),
    )
    const outputs = lowerProgram(resolved, modelSink(scope), floats, weights)
    for (const value of outputs.slice(this.outputCount)) scope.builder.addLoss(scope.path, value)
    return outputs.slice(0, this.outputCount)
  }

  #resolve(inputs: readonly Shape[]): Resolved {
    const program = this.program(inputs)
    if (inputs.length !== program.inputs.length) {
      const names = program.inputs.map(({ name }) => name).join(', ')
      throw this.shapeError(`takes ${program.inputs.length} inputs, ${names}; got ${inputs.length}`)
    }
    const given = inputs.map((shape): TracedShape => [batch, ...shape.slice(1)])
    return this.inLayer(() => resolve(program, given))
  }
}

/** Operations of a traced function in a model's own graph. */
function modelSink(scope: LayerScope): Sink {
  const node: Sink['node'] = (op, inputs, weights, shape, attributes = {}) =>
    scope.node(op, inputs, weights, shape, attributes, op)
  return { stepwise: false, node, mask: (_, value) => node('sequenceMask', [value], [], value.shape.slice(0, 2)) }
}
