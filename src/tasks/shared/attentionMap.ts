import { escaped, round, svg } from '../../pictures/svg.js'
import type { Alignment } from '../translator/index.js'

const [cell, font] = [28, 13]

/**
 * A picture (SVG) of what each token of a translation attends to: source tokens in columns, the translation's in rows;
 * darker is more.
 */
export function attentionMap({ source, target, weights }: Alignment): string {
  const left = 16 + 0.62 * font * longest(target)
  const top = 16 + 0.62 * font * longest(source) * Math.SQRT1_2 + font
  const [width, height] = [left + cell * source.length + top, top + cell * target.length + 16]
  const columns = source.map((token, j) => {
    const [x, y] = [left + cell * (j + 0.5), top - 6]
    return `<text transform="translate(${round(x)} ${round(y)}) rotate(-45)">${escaped(token)}</text>`
  })
  const rows = target.map((token, i) => {
    const y = top + cell * i
    const label = `<text x="${round(left - 8)}" y="${round(y + cell / 2 + font / 3)}" text-anchor="end">${escaped(token)}</text>`
    const squares = source.map((from, j) => {
      const weight = weights[i]?.[j] ?? 0
      const place = `x="${round(left + cell * j)}" y="${round(y)}" width="${cell - 1}" height="${cell - 1}"`
      const title = `<title>${escaped(token)} ← ${escaped(from)}: ${weight.toFixed(3)}</title>`
      return `<rect ${place} fill="#1f4e79" fill-opacity="${weight.toFixed(3)}" stroke="#ccc">${title}</rect>`
    })
    return label + squares.join('')
  })
  return svg(width, height, font, [...columns, ...rows])
}

const longest = (tokens: readonly string[]): number =>
  tokens.reduce((most, token) => Math.max(most, [...token].length), 1)
