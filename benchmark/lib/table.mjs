import { writeFileSync } from 'node:fs'

/** Cells as a table for a terminal. */
export function textTable(lines) {
  const widths = lines[0].map((_, column) => Math.max(...lines.map((line) => line[column].length)))
  return lines
    .map((line) =>
      line
        .map((cell, column) => cell.padEnd(widths[column]))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

/** Cells as a table of Markdown. */
export function markdownTable(lines) {
  const [head, ...rest] = lines.map((line) => `| ${line.join(' | ')} |`)
  return [head, `|${lines[0].map((_, column) => (column === 0 ? ' --- |' : ' ---: |')).join('')}`, ...rest].join('\n')
}

/** Prints a measurement's table under its title and writes both to the file `json`, if there is a name. */
export function publish(title, lines, json) {
  console.log(`${title}\n\n${textTable(lines)}`)
  if (json !== undefined) writeFileSync(json, `${JSON.stringify({ title, lines })}\n`)
}
