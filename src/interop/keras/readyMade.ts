import type { Cell } from '../../cells/cell.js'
import { stackedRNNCells } from '../../cells/stacked.js'
import { type SavedProgram, saveProgram } from '../../graph/trace/saved.js'
import { activationNames } from '../../layers/activations.js'
import { cells as classes } from './classes.js'

/** A cell that Keras has, too. */
export interface ReadyMade {
  readonly className: string
  /** Its options, under our names. */
  readonly options: Readonly<Record<string, unknown>>
  /** What the names of its weights begin with in a layer. */
  readonly prefix: string
  readonly cell: Cell
}

/**
 * The ready-made cells that a cell is, or is a stack of; undefined for any other cell. A cell is its operations alone, so candidates are made and their
 * operations compared.
 */
export function readyMade(cell: Cell): readonly ReadyMade[] | undefined {
  const saved = saveProgram(cell.program)
  const prefixes = [...new Set(saved.weights.map(({ name }) => name.slice(0, name.lastIndexOf('/') + 1)))]
  const found: ReadyMade[] = []
  const made = (all: readonly ReadyMade[]): Cell =>
    cell.name === 'stacked'
      ? stackedRNNCells({ cells: all.map((each) => each.cell) as [Cell] })
      : (all[0] as ReadyMade).cell
  let done = 0
  for (const prefix of prefixes) {
    // A linear activation is no operation, so the candidate that does most is the one.
    const [next] = candidates(saved, prefix)
      .map((candidate) => ({ candidate, nodes: saveProgram(candidate.cell.program).nodes }))
      .filter(({ nodes }) => follow(saved, done, nodes))
      .toSorted((a, b) => b.nodes.length - a.nodes.length)
    if (next === undefined) return undefined
    found.push(next.candidate)
    done += next.nodes.length
  }
  return found.length > 0 && isSame(saved, saveProgram(made(found).program)) ? found : undefined
}

/** All cells that have weights of the shapes of those with a prefix. */
function candidates(saved: SavedProgram, prefix: string): ReadyMade[] {
  const shapeOf = (name: string) => saved.weights.find((weight) => weight.name === prefix + name)?.shape
  const [units, columns] = shapeOf('recurrent_kernel') ?? []
  if (typeof units !== 'number' || typeof columns !== 'number') return []
  const bias = shapeOf('bias')
  const drops = saved.nodes.flatMap(({ op, attributes }) => (op === 'dropout' ? [attributes] : []))
  const rates = new Set([0, ...drops.map(({ rate }) => rate as number)])
  const seed = drops[0]?.seed ?? null
  const kinds = new Set(saved.nodes.map(({ attributes }) => attributes.kind))
  const activations = activationNames.filter(
    (name) => name === 'linear' || kinds.has(name === 'exponential' ? 'exp' : name),
  )
  const all: ReadyMade[] = []
  for (const [className, { make, options: known, gates }] of Object.entries(classes)) {
    if (columns !== gates * units) continue
    const resets = !known.includes('reset_after') ? [{}] : [{ resetAfter: true }, { resetAfter: false }]
    const gateActivations = !known.includes('recurrent_activation')
      ? [{}]
      : activations.map((recurrentActivation) => ({ recurrentActivation }))
    for (const reset of resets) {
      for (const gate of gateActivations) {
        for (const activation of activations) {
          for (const dropout of rates) {
            for (const recurrentDropout of rates) {
              const rest = { useBias: bias !== undefined, dropout, ...(recurrentDropout > 0 && { recurrentDropout }) }
              const options = { units, activation, ...gate, ...reset, ...rest }
              all.push({ className, options, prefix, cell: make({ ...options, seed } as never) })
            }
          }
        }
      }
    }
  }
  return all
}

/** Whether a program does something from one of its operations on, whatever with. */
function follow({ nodes: all }: SavedProgram, from: number, nodes: SavedProgram['nodes']): boolean {
  return nodes.every(({ op, attributes }, at) => {
    const node = all[from + at]
    return node?.op === op && JSON.stringify(node.attributes) === JSON.stringify(attributes)
  })
}

/** Whether programs do the same with weights of the same names and shapes. */
function isSame(a: SavedProgram, b: SavedProgram): boolean {
  const compared = ({ inputs, weights, nodes, outputs }: SavedProgram) =>
    JSON.stringify([inputs, weights.map(({ name, shape }) => [name, shape]), nodes, outputs])
  return compared(a) === compared(b)
}
