import stringWidth from 'string-width'
import { textTable } from '../pictures/textTable.js'
import type { ClassReport } from '../tasks/index.js'
import { shown as escaped, oneLine } from './output.js'

/** The most classes whose confusion is shown as a table; a row for more would not fit on a line of a terminal. */
const mostColumns = 20

/** The most columns of a terminal that a name takes. */
const widest = 32

/** A table as text, safe for a terminal: the first column is aligned left, the others right. */
export const table = (cells: readonly (readonly string[])[]): string =>
  textTable(cells.map((row) => row.map((cell) => escaped(oneLine(cell)))))

/** A name that is not too wide and has no characters that a terminal obeys. */
function shown(name: string): string {
  const plain = escaped(oneLine(name))
  if (stringWidth(plain) <= widest) return plain
  let [text, width] = ['', 0]
  for (const character of plain) {
    width += stringWidth(character)
    if (width >= widest) break
    text += character
  }
  return `${text}…`
}

/**
 * A confusion table: a row for each true label, a column for each predicted one. If there are many labels, it has the
 * most frequent mistakes.
 */
export function confusionTable({ labels, confusion }: Pick<ClassReport, 'labels' | 'confusion'>): string {
  const names = labels.map(shown)
  if (labels.length > mostColumns) return mistakes(names, confusion)
  const body = names.map((name, row) => [name, ...(confusion[row] ?? []).map(String)])
  return table([['true \\ predicted', ...names], ...body])
}

function mistakes(names: readonly string[], confusion: ClassReport['confusion']): string {
  const found: [string, string, number][] = []
  for (const [row, counts] of confusion.entries()) {
    for (const [column, count] of counts.entries()) {
      if (count > 0 && row !== column) found.push([names[row] as string, names[column] as string, count])
    }
  }
  const most = found.sort(([, , a], [, , b]) => b - a).slice(0, mostColumns)
  const body = most.map(([truth, predicted, count]) => [truth, predicted, String(count)])
  return table([['true', 'mistaken for', 'times'], ...body])
}

/** Precision, recall, F1 and support of each class, and means. */
export function reportTable(
  { classes, macro, weighted }: Pick<ClassReport, 'classes'> & Partial<Pick<ClassReport, 'macro' | 'weighted'>>,
  what: string,
): string {
  const support = classes.reduce((sum, each) => sum + each.support, 0)
  const row = (name: string, each: { precision: number; recall: number; f1: number }, examples: number) => [
    ...[name, each.precision.toFixed(4), each.recall.toFixed(4), each.f1.toFixed(4), String(examples)],
  ]
  return table([
    [what, 'precision', 'recall', 'f1', 'support'],
    ...classes.map((each) => row(shown(each.label), each, each.support)),
    ...(macro ? [row('(macro mean)', macro, support)] : []),
    ...(weighted ? [row('(weighted mean)', weighted, support)] : []),
  ])
}
