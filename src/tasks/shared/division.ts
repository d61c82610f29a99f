import { type Split, type SplitRow, stratifiedSplit } from './split.js'

/** The default share of the rows that is held out for validation. */
export const defaultSplit = 0.1

/**
 * What a validation part needs to tell epochs apart. Over n independent rows an accuracy has a standard error of up to
 * 1/(2√n), 0.11 for 20: with fewer, even epochs that are 0.2 apart may be alike. With fewer than 5 labels for each
 * class, most classes are measured as never or always right.
 */
const least = { rows: 20, labelsPerClass: 5 } as const

/** Which epoch's weights a training ends with. */
export type Keep = 'best' | 'last'

/** The options that decide what is held out, and what for. */
export interface DivisionSettings {
  readonly validationSplit?: number
  readonly restoreBest?: boolean
}

/** Which epoch a training ends with, and what to tell the user about that when it begins. */
export interface Kept {
  readonly keep: Keep
  readonly warning?: string
}

/** The rows to train on and those held out, as indices, and which epoch is to be kept. */
export interface Division extends Split {
  readonly kept: Kept
}

/**
 * Splits rows, or takes what is `given` for validation. A part that cannot tell epochs apart decides nothing, and is
 * not even held out unless that was asked for: all rows are trained on.
 */
export function divide(
  where: string,
  rows: readonly SplitRow[],
  given: readonly SplitRow[] | undefined,
  settings: DivisionSettings,
  seed: number,
): Division {
  const { validationSplit, restoreBest } = settings
  const all = rows.map((_, row) => row)
  const split = given ? { training: all, validation: [] } : stratifiedSplit(rows, validationSplit ?? defaultSplit, seed)
  const held = given ?? split.validation.map((row) => rows[row] as SplitRow)
  if (validationSplit === 0 && !given) return { ...split, kept: { keep: 'best' } }
  const lacking = lacks(held, countClasses(rows, held))
  const onDemand = given !== undefined || validationSplit !== undefined
  const what = rows.length === 1 ? '1 row is' : `${rows.length} rows are`
  const kept = keep({ where, what, lacking, onDemand, restoreBest })
  return { ...(onDemand || !lacking ? split : { training: all, validation: [] }), kept }
}

/** The facts that decide which epoch is kept. */
export interface Weighing {
  readonly where: string
  /** What there is to train on, with its verb, for messages. */
  readonly what: string
  /** What the validation part lacks to tell epochs apart, if anything. */
  readonly lacking: string | undefined
  /** Whether it was asked for. */
  readonly onDemand: boolean
  readonly restoreBest: boolean | undefined
}

/** Which epoch to keep, and a warning if a validation part is too small to decide. */
export function keep({ where, what, lacking, onDemand, restoreBest }: Weighing): Kept {
  if (!lacking || (onDemand && restoreBest !== undefined)) return { keep: 'best' }
  const kept = restoreBest ? 'best' : 'last'
  const message = onDemand
    ? `the validation part is too small to tell epochs apart (${lacking}), so the last one is kept; give more, or restoreBest: true`
    : `${what} too few to keep a tenth apart that could tell epochs apart (${lacking}): all are trained on and the ${kept} epoch is kept; to measure, give validationData or validationSplit`
  return { keep: kept, warning: `${where}: ${message}` }
}

/** What rows lack to tell epochs apart, if anything. */
function lacks(held: readonly SplitRow[], classes: number): string | undefined {
  const rows = new Set(held.map(({ key }) => key)).size
  if (rows < least.rows) return `${rows} different ${rows === 1 ? 'row' : 'rows'}, ${least.rows} are needed`
  const labels = held.reduce((sum, row) => sum + Math.max(row.classes.length, 1), 0)
  const needed = least.labelsPerClass * classes
  return labels < needed
    ? `${labels} ${labels === 1 ? 'label' : 'labels'}, ${needed} are needed, ${least.labelsPerClass} for each class`
    : undefined
}

function countClasses(...parts: readonly (readonly SplitRow[])[]): number {
  const names = new Set<string>()
  for (const rows of parts) for (const { classes } of rows) for (const name of classes) names.add(name)
  return names.size
}
