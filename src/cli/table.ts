import { oneLine, shown } from './output.js'

/** A table of text: the first column to the left, the others to the right. */
export function table(cells: readonly (readonly string[])[]): string {
  const rows = cells.map((row) => row.map((cell) => shown(oneLine(cell))))
  const widths: number[] = []
  for (const row of rows) {
    row.forEach((cell, column) => {
      widths[column] = Math.max(widths[column] ?? 0, cell.length)
    })
  }
  return rows
    .map((row) =>
      row
        .map((cell, column) => pad(cell, widths[column] ?? 0, column === 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

function pad(cell: string, width: number, left: boolean): string {
  return left ? cell.padEnd(width) : cell.padStart(width)
}

/** A confusion table: a row for each true label, a column for each predicted one. */
export function confusionTable(labels: readonly string[], confusion: readonly (readonly number[])[]): string {
  const body = labels.map((label, row) => [label, ...(confusion[row] ?? []).map(String)])
  return table([['true \\ predicted', ...labels], ...body])
}
