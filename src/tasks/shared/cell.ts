import { Cell, cellFromConfig, labelOf } from '../../cells/cell.js'
import * as cells from '../../cells/index.js'
import { SymbolicValue } from '../../graph/trace/symbolic.js'
import { Trace } from '../../graph/trace/trace.js'
import { custom, isRecord, oneOf } from '../../options.js'
import type { Values } from './option.js'

/** Ready-made cells that need to know nothing but their size, by their names in `cells`. */
const ready = {
  peepholeLSTM: (units: number) => cells.peepholeLSTM({ units }),
  layerNormLSTM: (units: number) => cells.layerNormLSTM({ units }),
  minGRU: (units: number) => cells.minGRU({ units }),
  minLSTM: (units: number) => cells.minLSTM({ units }),
  indRNN: (units: number) => cells.indRNN({ units }),
  sru: (units: number) => cells.sru({ units }),
  qrnn: (units: number) => cells.qrnn({ units }),
  sLSTM: (units: number) => cells.sLSTM({ units }),
  mLSTM: (units: number) => cells.mLSTM({ units }),
  lru: (units: number) => cells.lru({ units }),
  s4d: (units: number) => cells.s4d({ units }),
  s5: (units: number) => cells.s5({ units }),
  mamba: (units: number) => cells.mamba({ units }),
  rwkv: (units: number) => cells.rwkv({ units }),
  gatedDeltaNet: (units: number) => cells.gatedDeltaNet({ units }),
  coRNN: (units: number) => cells.coRNN({ units }),
  cfc: (units: number) => cells.cfc({ units }),
  gruD: (units: number) => cells.gruD({ units }),
} as const

/** @inline The cells that are layers of their own. */
export type FusedCell = 'lstm' | 'gru' | 'simpleRNN'

/** A cell's name. */
export type CellName = FusedCell | keyof typeof ready

/**
 * A recurrent cell: its name, or what `cells.*`, `defineCell` or `layers.stackedRNNCells` makes, which reads one value at each
 * step. It may also ask for the time since the step before (`deltas`), which is 1 here, and for what is `present`: all.
 */
export type TaskCell = CellName | Cell

/** Recurrent cells, of which `fused` are those with kernels of their own. */
const cellValues = (fused: readonly FusedCell[]): Values<TaskCell> => {
  const names = [...fused, ...Object.keys(ready)]
  const named = oneOf(names)
  return {
    ...custom(
      `${named.expected}, or a cell with one input (besides deltas and present) and no constants, made by cells.* or defineCell`,
      (value) =>
        named.accepts(value) || (value instanceof Cell && readOf(value).length === 1 && value.constants.length === 0),
    ),
    type: 'TaskCell',
    from: ['TaskCell', './shared/cell.js'],
    flag: { name: '<kind>', choices: names, check: named },
  }
}

/** What the option of a cell is. */
export const cellSentence =
  'The recurrent cell: by its name in `layers` or `cells`, or what `cells.*` or `defineCell` makes, whose sizes are its own'

/** The cells of most tasks. */
export const anyCell = cellValues(['lstm', 'gru', 'simpleRNN'])

/** Those of a task without the simple one. */
export const gatedCell = cellValues(['lstm', 'gru'])

/** The inputs of a cell that are what the task reads. */
const readOf = ({ inputs }: Cell): readonly string[] => inputs.filter((name) => name !== 'deltas' && name !== 'present')

/** The cell that a name stands for, unless it is a layer of its own, or the cell that was given. */
export function tracedCell(cell: TaskCell, units: number): Cell | undefined {
  if (cell instanceof Cell) return regular(cell)
  return Object.hasOwn(ready, cell) ? regular(ready[cell as keyof typeof ready](units)) : undefined
}

/** A cell for steps that are one apart and complete. */
function regular(cell: Cell): Cell {
  const { name, inputs, states, outputs, program } = cell
  if (inputs.length === 1) return cell
  const [read] = readOf(cell)
  const kept = program.inputs.filter((each, at) => at >= inputs.length || each.name === read)
  const trace = new Trace(labelOf(name), kept, program.weights)
  const x = new SymbolicValue(trace, 0)
  const ones = x.equal(x)
  const given = inputs.map((each) => {
    const value = each === read ? x : each === 'deltas' ? ones.slice(0, 1) : ones
    return SymbolicValue.idIn(trace, value, each)
  })
  const own = kept.slice(1).map((_, at) => 1 + at)
  const weights = program.weights.map((_, at) => kept.length + at)
  const results = trace.inline(program, [...given, ...own], weights)
  return new Cell(name, { inputs: [read as string], states, constants: [], outputs }, trace.finish(results))
}

/** Settings as they are saved: a cell as its operations. */
export function savedSettings<T extends object>(settings: T): T {
  const { cell } = settings as { readonly cell?: unknown }
  return cell instanceof Cell ? { ...settings, cell: cell.config() } : settings
}

/** Settings as they were before {@link savedSettings}; `ERR_FORMAT` for a cell that is none. */
export function restoredSettings(saved: unknown): object {
  if (!isRecord(saved)) return saved as object
  return isRecord(saved.cell) ? { ...saved, cell: cellFromConfig(saved.cell) } : saved
}
