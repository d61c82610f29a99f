import { describe, isInstance, SeqloomError, visible } from '../../../errors.js'
import { trainSpec } from '../../../model/compile.js'
import { lower } from '../../../model/lower.js'
import { Model } from '../../../model/model.js'
import { outputNames } from '../../../model/topology.js'
import { readingWeights } from '../../../model/weights.js'
import { checkOptions, custom, flag, integer, label } from '../../../options.js'
import { pathOf } from '../../../path.js'
import { warn } from '../../../warn.js'
import { Unmapped } from '../../format.js'
import { noteObstacles, onnxModel, type Written } from './model.js'
import type { Streamed } from './parts.js'
import { modelBytes, writeModel } from './write.js'

/** Options of `toOnnx`. */
export interface ToOnnxOptions {
  /** The version of ONNX's operators, from 13 to 21; default 17. */
  readonly opset?: number
  /**
   * Whether the number of valid steps of each row is an input of its own for every sequence, `<input>_lengths` (int32,
   * `[batch]`): for padded batches. Default false: all steps are valid, unless the model masks them itself (`maskZero`,
   * `layers.masking`).
   */
  readonly lengths?: boolean
  /**
   * Whether to write what a session does: the states of the recurrent layers are inputs, `<layer>_h`, and outputs,
   * `<layer>_h_next`; those of the first step are zeros. It takes any number of steps at a time. If the model has
   * inputs besides the one that comes step by step, as a decoder does, `'start'` writes the part before the first step:
   * its outputs are inputs of the other part, under the same names. Default false.
   */
  readonly stateful?: boolean | 'start'
  /** With `stateful`, the input that comes step by step; default the only one. */
  readonly step?: string
  /**
   * Whether to write the loss that the model was compiled with, too, as `evaluate` computes it: the targets are inputs,
   * `target_<output>`, and the output `loss` follows the others. Default false.
   */
  readonly loss?: boolean
  /**
   * Whether tensors of 1 KiB and more are written to a file beside the model, `<file>.data`, which must stay there: an
   * ONNX file alone holds at most 2 GiB. Default: only if the model is larger than that.
   */
  readonly externalData?: boolean
}

/** The operators' version by default: the first with layer normalization, and read by all runtimes of today. */
const defaultOpset = 17

/** Writes a model as an ONNX file. */
export async function toOnnx(model: Model, file: string | URL, options?: ToOnnxOptions): Promise<void>
/** The bytes of a model as an ONNX file. */
export async function toOnnx(model: Model, file?: undefined, options?: ToOnnxOptions): Promise<Uint8Array>
/**
 * Writes a model as an ONNX file, which runs wherever ONNX does, in browsers too; without a file, resolves to the
 * bytes.
 *
 * What is written is what `predict` computes: dropout, losses and metrics are left out. Inputs and outputs have the
 * model's names, shapes and types, with the batch and the time open. LSTM, GRU and simple RNN become the operators of
 * these names, other cells `Scan`. Rejects with `ERR_UNSUPPORTED` for operations that ONNX has not, naming all of them,
 * and for models that cannot run step by step with `stateful`; `ERR_OPTION`, `ERR_STATE`, `ERR_IO`.
 */
export async function toOnnx(model: Model, file?: string | URL, options: ToOnnxOptions = {}): Promise<unknown> {
  const where = 'interop.toOnnx'
  if (!isInstance(model, Model)) {
    throw new SeqloomError('ERR_OPTION', `${where}: expected a model, not ${describe(model)}`)
  }
  checkOptions(where, options, {
    accepted: {
      opset: integer(13, 21),
      lengths: flag,
      stateful: custom("true, false or 'start'", (v) => typeof v === 'boolean' || v === 'start'),
      step: label,
      loss: flag,
      externalData: flag,
    },
  })
  const path = file === undefined ? undefined : pathOf(`${where}: the file`, file)
  const { opset = defaultOpset, lengths = false, stateful = false, externalData = false } = options
  if (externalData && path === undefined) {
    throw new SeqloomError('ERR_OPTION', `${where}: externalData is for models that are written to a file`)
  }
  const topology = model.topology()
  if (topology.before.calls.length > 0) {
    const all = topology.before.calls.map(({ layer }) => `'${topology.names.get(layer)}'`).join(', ')
    warn('WARN_LEFT_OUT', `${where}: the file reads what these layers make of texts and categories: ${visible(all)}`)
  }
  const { builder, outputs } = lower(topology)
  if (options.loss && stateful) {
    throw new SeqloomError('ERR_OPTION', `${where}: a loss is that of whole sequences; it is not written with stateful`)
  }
  const { graph, losses } = options.loss
    ? withLosses(model, outputs.length)
    : { graph: builder.finish(outputs), losses: [] }
  const problems = new Unmapped()
  noteObstacles(graph.nodes, graph.outputs, problems)
  problems.check(`${where}: there are operations that ONNX has not`, 'ERR_UNSUPPORTED')
  const streamed = stateful ? streamedOf(model, stateful === 'start' ? 'start' : 'step', options.step) : undefined
  if (!stateful && options.step !== undefined) {
    throw new SeqloomError('ERR_OPTION', `${where}: step is for models that are written with stateful`)
  }
  return await readingWeights<unknown>(model.engine, async (weight) => {
    const written: Written = {
      name: model.name,
      graph,
      outputNames: outputNames(topology),
      outputShapes: outputs.map(({ shape }) => shape),
      losses,
      shapeOf: (id) => builder.shapes.get(id) ?? [],
      weight,
    }
    const made = onnxModel(written, { opset, lengths, streamed })
    if (path === undefined) return await modelBytes(where, made)
    return await writeModel(path, made, externalData)
  })
}

/**
 * The graph that `evaluate` runs, with its losses behind the model's outputs. `ERR_STATE` before `compile`,
 * `ERR_UNSUPPORTED` for losses that depend on how many positions count.
 */
function withLosses(model: Model, outputs: number): Pick<Written, 'graph' | 'losses'> {
  const plan = model.engine.compiled('interop.toOnnx: the loss')
  const counting = plan.trained.find(
    ({ loss }) => loss.kind !== 'traced' && (loss.ignoreClass !== undefined || loss.reduction === 'sum'),
  )
  if (counting) {
    throw new SeqloomError(
      'ERR_UNSUPPORTED',
      `interop.toOnnx: the loss of '${counting.name}' has ignoreClass or reduction 'sum', which the file cannot tell; compile it without them`,
    )
  }
  const { graph, losses } = trainSpec(model.topology(), plan, { weighted: [], classWeights: [] })
  const means = losses.map(({ output }) => graph.outputs[output] as number)
  const inputs = graph.inputs.map((input) => ({ ...input, name: input.name.replace(/^target /, 'target_') }))
  return {
    graph: { ...graph, inputs, outputs: [...graph.outputs.slice(0, outputs), ...means] },
    losses: losses.map(({ weight }) => weight),
  }
}

/** Which input comes step by step. `ERR_UNSUPPORTED` for a model that cannot run so. */
function streamedOf(model: Model, part: Streamed['part'], step: string | undefined): Streamed {
  const where = 'interop.toOnnx'
  const { before, names } = model.topology()
  const inputs = before.fed
  const labels = inputs.map(({ call }) => names.get(call.layer) as string)
  const input = step === undefined ? 0 : labels.indexOf(step)
  if (input < 0) {
    throw new SeqloomError(
      'ERR_OPTION',
      `${where}: step: there is no input '${step}'; the inputs are ${labels.join(', ')}`,
    )
  }
  if (step === undefined && inputs.length > 1) {
    throw new SeqloomError(
      'ERR_OPTION',
      `${where}: step must say which input comes step by step; the inputs are ${labels.join(', ')}`,
    )
  }
  if (part === 'start' && inputs.length === 1) {
    throw new SeqloomError(
      'ERR_OPTION',
      `${where}: a model with one input has nothing that is computed before the first step`,
    )
  }
  // Whether it can is known where sessions are made.
  const constants = inputs.flatMap((value, index) => {
    if (index === input) return []
    const shape = [1, ...value.shape.slice(1).map((size) => size ?? 1)]
    const count = shape.reduce((product, size) => product * size)
    const data = value.dtype === 'int32' ? new Int32Array(count) : new Float32Array(count)
    return [[labels[index] as string, { data, shape }] as const]
  })
  model.session({ batchSize: 1, constants: Object.fromEntries(constants) }).dispose()
  return { input, part }
}
