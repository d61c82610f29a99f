import stringWidth from 'string-width'

/** A table as text: the first column is aligned left, the others right. */
export function textTable(rows: readonly (readonly string[])[]): string {
  const widths: number[] = []
  for (const row of rows) {
    row.forEach((cell, column) => {
      widths[column] = Math.max(widths[column] ?? 0, stringWidth(cell))
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
  const space = ' '.repeat(Math.max(width - stringWidth(cell), 0))
  return left ? cell + space : space + cell
}
