import { escaped, round, svg } from './svg.js'

/** Numbers as coloured squares: rows of units, columns of steps. */
export interface HeatMap {
  readonly title: string
  /** `[rows][columns]`. */
  readonly values: readonly (readonly number[])[]
  /** What stands above each column. */
  readonly columns: readonly string[]
}

const [cell, font, gap] = [14, 11, 18]

/** The colour of a value from -1 to 1: blue, white, red, told apart by the colour-blind, too. */
export function colourOf(value: number): string {
  const strength = Math.min(Math.abs(value), 1)
  const [red, green, blue] = value < 0 ? [5, 80, 160] : [178, 40, 20]
  const mixed = [red, green, blue].map((channel) => Math.round(255 + (channel - 255) * strength))
  return `rgb(${mixed.join(',')})`
}

/** One picture of several maps, one below the other; a value beyond -1 and 1 has the strongest colour. */
export function heatMaps(maps: readonly HeatMap[]): string {
  const parts: string[] = []
  let [top, width] = [0, 0]
  for (const { title, values, columns } of maps) {
    const longest = columns.reduce((most, column) => Math.max(most, [...column].length), 0)
    const head = 1.8 * font + (longest > 0 ? 0.62 * font * longest * Math.SQRT1_2 + font : 0)
    parts.push(`<text x="8" y="${round(top + 1.2 * font)}" font-weight="bold">${escaped(title)}</text>`)
    for (const [column, text] of columns.entries()) {
      const place = `translate(${round(8 + cell * (column + 0.6))} ${round(top + head - 4)}) rotate(-45)`
      parts.push(`<text transform="${place}">${escaped(text)}</text>`)
    }
    for (const [row, line] of values.entries()) {
      for (const [column, value] of line.entries()) {
        const place = `x="${8 + cell * column}" y="${round(top + head + cell * row)}" width="${cell - 1}" height="${cell - 1}"`
        const words = `${columns[column] ?? column}, unit ${row}: ${value.toPrecision(3)}`
        parts.push(`<rect ${place} fill="${colourOf(value)}"><title>${escaped(words)}</title></rect>`)
      }
    }
    top += head + cell * values.length + gap
    width = Math.max(
      width,
      16 + cell * (values[0]?.length ?? 0) + 0.62 * font * longest * Math.SQRT1_2,
      16 + 0.68 * font * [...title].length,
    )
  }
  return svg(width, top, font, parts)
}
