import { type AnyLayer, bidirectional, gru, lstm, rnn, type SymbolicTensor, simpleRNN } from '../../layers/index.js'
import type { Recurrence } from '../../layers/recurrence.js'
import { type FusedCell, type TaskCell, tracedCell } from './cell.js'

/** The recurrent layers of a task. */
export interface StackSettings {
  readonly cell: TaskCell
  readonly units: number
  readonly layers: number
  /** Default false. */
  readonly bidirectional?: boolean
}

interface CellOptions {
  readonly units: number
  readonly returnSequences: boolean
  readonly stateful?: boolean
}

const fused = {
  lstm: (options: CellOptions) => lstm(options),
  gru: (options: CellOptions) => gru(options),
  simpleRNN: (options: CellOptions) => simpleRNN(options),
}

/** A recurrent layer. */
export function recurrentLayer(cell: TaskCell, options: CellOptions): Recurrence {
  const { units, ...others } = options
  const traced = tracedCell(cell, units)
  return (traced ? rnn({ cell: traced, ...others }) : fused[cell as FusedCell](options)) as Recurrence
}

/** Recurrent layers above each other; the last one gives its last step, or with `sequences` every step. */
export function recurrentStack(settings: StackSettings, sequences: boolean): AnyLayer[] {
  return Array.from({ length: settings.layers }, (_, index) => {
    const returnSequences = sequences || index + 1 < settings.layers
    const layer = recurrentLayer(settings.cell, { units: settings.units, returnSequences })
    return settings.bidirectional ? bidirectional({ layer }) : (layer as AnyLayer)
  })
}

/** What layers make of a value, one after the other. */
export const through = (value: SymbolicTensor, layers: readonly AnyLayer[]): SymbolicTensor =>
  layers.reduce((made, layer) => layer.apply(made) as SymbolicTensor, value)
