import { type AnyLayer, bidirectional, gru, lstm, simpleRNN } from '../../layers/index.js'

/** The recurrent layers of a task. */
export interface StackSettings {
  readonly cell: 'lstm' | 'gru' | 'simpleRNN'
  readonly units: number
  readonly layers: number
  /** Default false. */
  readonly bidirectional?: boolean
}

interface CellOptions {
  readonly units: number
  readonly returnSequences: boolean
}

const cells = {
  lstm: (options: CellOptions) => lstm(options),
  gru: (options: CellOptions) => gru(options),
  simpleRNN: (options: CellOptions) => simpleRNN(options),
}

/** Stacked recurrent layers; the last one returns its last step, or every step with `sequences`. */
export function recurrentStack(settings: StackSettings, sequences: boolean): AnyLayer[] {
  return Array.from({ length: settings.layers }, (_, index) => {
    const returnSequences = sequences || index + 1 < settings.layers
    const layer = cells[settings.cell]({ units: settings.units, returnSequences })
    return settings.bidirectional ? bidirectional({ layer }) : layer
  })
}
