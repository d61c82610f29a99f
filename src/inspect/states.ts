import type { Cell } from '../cells/cell.js'
import { defineCell } from '../cells/defineCell.js'
import { gruRecurrence } from '../cells/gru.js'
import { lstmRecurrence } from '../cells/lstm.js'
import { simpleRNN } from '../cells/simpleRnn.js'
import type { Data, DataSet, Tensor } from '../data/tensor.js'
import { SeqloomError } from '../errors.js'
import { Bidirectional } from '../layers/bidirectional.js'
import { GRU } from '../layers/gru.js'
import type { Call, SymbolicTensor } from '../layers/layer.js'
import { LSTM } from '../layers/lstm.js'
import { Recurrence } from '../layers/recurrence.js'
import type { RecurrentLayer } from '../layers/recurrent.js'
import { RNN } from '../layers/rnn.js'
import { model as functional } from '../model/functional.js'
import type { Model } from '../model/model.js'
import { abortSignal, checkOptions, custom } from '../options.js'
import { type Displayed, displayed, jupyterDisplay, showing, showsInTslab } from '../pictures/display.js'
import { type HeatMap, heatMaps } from '../pictures/heatMap.js'
import { requireModel } from './model.js'
import { checkTokens, inOrder, validSteps } from './steps.js'

/** Options of {@link states}. */
export interface StatesOptions {
  /** The names of the layers to look into; default: all recurrent layers. */
  readonly layers?: readonly string[]
  /** Aborting it makes the call reject with an AbortError. */
  readonly signal?: AbortSignal
}

/** What a recurrent layer carried and computed at every step. */
export class LayerStates {
  /** The layer's name; for a bidirectional layer with that of the direction, `bidirectional/forward_lstm`. */
  readonly layer: string
  /**
   * By name, `[batch, time, units]` each, in the order of the input. For an LSTM `h`, `c` and the gates `input`,
   * `forget`, `candidate`, `output`; for a GRU `h`, `update`, `reset`, `candidate`; for a simple RNN `h`; for a traced
   * cell its outputs.
   */
  readonly values: Readonly<Record<string, Tensor>>

  /** @internal */
  constructor(layer: string, values: Readonly<Record<string, Tensor>>) {
    this.layer = layer
    this.values = values
  }

  /**
   * A picture (SVG) of one row of the batch: for each name a map of units by steps, blue below zero and red above it.
   * `tokens`, one for each step, stand above the steps; at most 64 units and 200 steps are drawn. Errors: `ERR_OPTION`;
   * `ERR_DATA` for another number of tokens.
   */
  svg(
    options: { readonly row?: number; readonly names?: readonly string[]; readonly tokens?: readonly string[] } = {},
  ) {
    checkOptions('svg', options, { accepted: { row: anInteger, names: listOfNames, tokens: listOfNames } })
    return heatMaps(this.maps(options))
  }

  /** @internal The maps of {@link svg}. */
  maps(
    options: { readonly row?: number; readonly names?: readonly string[]; readonly tokens?: readonly string[] } = {},
  ): HeatMap[] {
    const { row = 0, tokens, names = Object.keys(this.values) } = options
    return names.map((name): HeatMap => {
      const all = this.values[name]
      if (!all) {
        throw new SeqloomError(
          'ERR_OPTION',
          `svg: ${this.layer} has no '${name}'; it has ${Object.keys(this.values).join(', ')}`,
        )
      }
      const { data, shape } = all.row(row)
      const [steps = 0, width = 0] = [shape[0], data.length / Math.max(shape[0] ?? 1, 1)]
      if (tokens) checkTokens('svg', row, validSteps(all, row, all.shape[1] ?? 0).length, tokens)
      const drawn = Math.min(steps, mostSteps)
      const values = Array.from({ length: Math.min(width, mostUnits) }, (_, unit) =>
        Array.from({ length: drawn }, (_, step) => data[step * width + unit] as number),
      )
      return { title: `${this.layer}: ${name}`, values, columns: tokens?.slice(0, drawn) ?? [] }
    })
  }

  /** What a notebook shows. */
  [jupyterDisplay](): Displayed {
    return displayed(this.svg(), String(this))
  }

  /** The layer and the names of its values. */
  toString(): string {
    return `${this.layer}: ${Object.keys(this.values).join(', ')}`
  }

  static {
    showsInTslab(LayerStates.prototype)
  }
}

const [mostUnits, mostSteps] = [64, 200]
const anInteger = custom('an integer', Number.isInteger)
const listOfNames = custom(
  'an array of texts',
  (value) => Array.isArray(value) && value.every((each) => typeof each === 'string'),
)

/**
 * What the recurrent layers of a model carry from step to step, and the gates of LSTM and GRU, while it reads `x`,
 * which is what `predict` takes. Layers that return their last step alone are looked into at every step, too; those
 * inside other layers than `bidirectional` are not, and a stateful layer begins with zeros.
 *
 * ```ts
 * const [lstm] = await inspect.states(m, [[4, 8, 15]])
 * lstm.values.forget // [batch, time, units]
 * await writeFile('gates.svg', lstm.svg())
 * ```
 *
 * Rejects with `ERR_OPTION` for a model without recurrent layers or a layer that is none, and with what `predict`
 * rejects with.
 */
export async function states(model: Model, x: DataSet, options: StatesOptions = {}): Promise<LayerStates[]> {
  requireModel('inspect.states', model)
  checkOptions('inspect.states', options, { accepted: { layers: listOfNames, signal: abortSignal } })
  const { signal } = options
  const watched = chosen(model, options.layers).flatMap((call) => watchedCalls(model, call))
  const part = functional({ inputs: model.inputs, outputs: watched.flatMap(({ outputs }) => outputs) })
  try {
    for (const { layer, weights } of watched) layer.setWeights(weights)
    const found = (await part.predict(x, signal ? { signal } : {})) as Tensor[]
    let next = 0
    const all = watched.map(({ name, names, backward }) => {
      const values = names.map((each) => {
        const value = found[next++] as Tensor
        return [each, backward ? inOrder(value) : value] as const
      })
      return new LayerStates(name, Object.fromEntries(values))
    })
    return showing(all, () => displayed(heatMaps(all.flatMap((each) => each.maps())), all.join('\n')))
  } finally {
    part.dispose()
  }
}

/** A layer that gives all that another one computes. */
interface Watched {
  readonly name: string
  readonly names: readonly string[]
  readonly layer: RNN
  readonly outputs: readonly SymbolicTensor[]
  readonly weights: readonly Data[]
  readonly backward: boolean
}

/** The uses of recurrent layers. */
const recurrentCalls = (model: Model): Call[] =>
  model.topology().calls.filter(({ layer }) => layer instanceof Recurrence || layer instanceof Bidirectional)

/** @internal The names of a model's recurrent layers. */
export function recurrentLayers(model: Model): string[] {
  const { names } = model.topology()
  return recurrentCalls(model).map(({ layer }) => names.get(layer) as string)
}

/** The uses of the layers with these names, or of all that are recurrent. */
function chosen(model: Model, wanted: readonly string[] | undefined): Call[] {
  const recurrent = recurrentCalls(model)
  if (recurrent.length === 0) {
    throw new SeqloomError('ERR_OPTION', `inspect.states: model '${model.name}' has no recurrent layer`)
  }
  if (wanted === undefined) return recurrent
  const names = recurrentLayers(model)
  return wanted.map((name) => {
    const found = recurrent[names.indexOf(name)]
    if (found) return found
    throw new SeqloomError(
      'ERR_OPTION',
      `inspect.states: '${name}' is none of the recurrent layers (${names.join(', ')})`,
    )
  })
}

function watchedCalls(model: Model, { layer, inputs }: Call): Watched[] {
  const name = model.topology().names.get(layer) as string
  if (!(layer instanceof Bidirectional)) return [watchedCall(name, layer as Recurrence, inputs, false)]
  const { forwardLayer: ahead, backwardLayer: back } = layer
  const [before, behind] = layer.divided(inputs)
  return [watchedCall(`${name}/forward`, ahead, before, false), watchedCall(`${name}/backward`, back, behind, true)]
}

function watchedCall(
  name: string,
  recurrence: Recurrence,
  inputs: readonly SymbolicTensor[],
  backward: boolean,
): Watched {
  const cell = watchedCell(recurrence)
  const goBackwards = backward || recurrence.goBackwards
  const layer = new RNN({ cell, returnSequences: true, goBackwards })
  const made = layer.apply(inputs)
  const outputs = (Array.isArray(made) ? made : [made]) as readonly SymbolicTensor[]
  const names = cell.outputs.length === 1 && cell.outputs[0] === 'output' ? [firstState(cell)] : cell.outputs
  return { name, names, layer, outputs, weights: recurrence.getWeights(), backward: goBackwards }
}

/** What a traced cell's only output is called: the name of its first state, which it is by default. */
const firstState = (cell: Cell): string => cell.states[0] ?? 'output'

const inputs = { x: 'features' } as const

/** A cell whose outputs are all that a layer computes at each step. */
function watchedCell(recurrence: Recurrence): Cell {
  if (recurrence instanceof RNN) return recurrence.cell
  const options = (recurrence as RecurrentLayer).cellOptions()
  if (recurrence instanceof LSTM) {
    const outputs = ['h', 'c', 'input', 'forget', 'candidate', 'output'] as const
    return defineCell({ ...lstmRecurrence(options), inputs, outputs })
  }
  if (recurrence instanceof GRU) {
    return defineCell({ ...gruRecurrence(options), inputs, outputs: ['h', 'update', 'reset', 'candidate'] as const })
  }
  return simpleRNN(options)
}
