import { checkOptions, integer } from '../options.js'
import { escaped, round, svg } from '../svg.js'

/** Options of `history.plot`. */
export interface PlotOptions {
  /** The width of the picture in pixels; default 640. */
  readonly width?: number
}

/** One number per epoch for each name, and the numbers of the epochs, from 0. */
export interface Curves {
  readonly history: Readonly<Record<string, readonly number[]>>
  readonly epoch: readonly number[]
}

interface Line {
  readonly label: string
  readonly values: readonly number[]
  readonly dashed: boolean
}

interface Panel {
  readonly title: string
  readonly lines: readonly Line[]
  readonly logarithmic: boolean
}

const [font, high, gap] = [13, 170, 16]
const margin = { left: 64, right: 12, top: 26, bottom: 26 }
const colours = ['#0b57a4', '#b23a00', '#00704f', '#8a2f88', '#6b5900', '#a01244', '#006a7d', '#4b3fb3']
const norm = 'gradient_norm/'

/**
 * A picture (SVG) of the losses and metrics by epoch: one panel for each, that of validation dashed, and one for the norms
 * of gradients on a logarithmic scale. `ERR_OPTION`.
 */
export function plot(curves: Curves, options: PlotOptions = {}): string {
  checkOptions('plot', options, { accepted: { width: integer(200, 10_000) } })
  const { width = 640 } = options
  const panels = panelsOf(curves.history)
  const parts = panels.flatMap((panel, at) => drawn(panel, curves.epoch, width, at * (high + gap)))
  return svg(width, Math.max(panels.length * (high + gap), high), font, parts)
}

function panelsOf(history: Curves['history']): Panel[] {
  const names = Object.keys(history)
  const own = names.filter((name) => !name.startsWith(norm) && !(name.startsWith('val_') && history[name.slice(4)]))
  const line = (label: string, name: string, dashed = false): Line => ({ label, values: history[name] ?? [], dashed })
  const panels: Panel[] = own.map((name) => {
    const validation = history[`val_${name}`] ? [line('validation', `val_${name}`, true)] : []
    return { title: name, lines: [line('training', name), ...validation], logarithmic: false }
  })
  const norms = names.filter((name) => name.startsWith(norm)).map((name) => line(name.slice(norm.length), name))
  return norms.length > 0 ? [...panels, { title: 'norm of gradients', lines: norms, logarithmic: true }] : panels
}

function drawn({ title, lines, logarithmic }: Panel, epochs: readonly number[], width: number, y: number): string[] {
  const scaled = (value: number) => (logarithmic ? Math.log10(value) : value)
  const all = lines.flatMap(({ values }) => values.map(scaled)).filter(Number.isFinite)
  const [least, most] = range(all)
  const [first, last] = [(epochs[0] ?? 0) + 1, (epochs.at(-1) ?? 0) + 1]
  const right = width - margin.right
  const bottom = y + high - margin.bottom
  const across = (epoch: number) =>
    round(last > first ? margin.left + ((epoch - first) / (last - first)) * (right - margin.left) : margin.left)
  const down = (value: number) =>
    round(bottom - ((value - least) / (most - least)) * (high - margin.top - margin.bottom))
  const parts = [`<text x="${margin.left}" y="${y + 16}" font-weight="bold">${escaped(title)}</text>`]
  for (const value of ticks(least, most)) {
    const at = down(value)
    parts.push(`<line x1="${margin.left}" x2="${right}" y1="${at}" y2="${at}" stroke="#ddd"/>`)
    const words = short(logarithmic ? 10 ** value : value)
    parts.push(`<text x="${margin.left - 6}" y="${at + 4}" text-anchor="end" fill="#444">${words}</text>`)
  }
  for (const epoch of new Set(ticks(first, Math.max(last, first + 1)).map(Math.round))) {
    if (epoch < first || epoch > last) continue
    const at = across(epoch)
    parts.push(`<text x="${at}" y="${bottom + 18}" text-anchor="middle" fill="#444">${epoch}</text>`)
  }
  let legend = width - margin.right
  for (const [index, { label, values, dashed }] of [...lines.entries()].reverse()) {
    const colour = colours[index % colours.length] as string
    const style = `fill="none" stroke="${colour}" stroke-width="2"${dashed ? ' stroke-dasharray="6 4"' : ''}`
    // Values that are not finite interrupt the line. A metric that is not of all epochs is of the last ones.
    let path = ''
    let begun = false
    for (const [at, value] of values.entries()) {
      const epoch = (epochs[at + epochs.length - values.length] ?? at) + 1
      const finite = Number.isFinite(scaled(value))
      if (finite) path += `${begun ? 'L' : 'M'}${across(epoch)} ${down(scaled(value))}`
      begun = finite
    }
    if (path !== '') parts.push(`<path d="${path}" ${style}><title>${escaped(label)}</title></path>`)
    if (values.length === 1 && path !== '') {
      parts.push(`<circle cx="${across(first)}" cy="${down(scaled(values[0] as number))}" r="3" fill="${colour}"/>`)
    }
    const size = 0.62 * font * [...label].length
    legend -= size + 34
    if (legend < margin.left + 0.62 * font * title.length) continue
    parts.push(`<line x1="${round(legend)}" x2="${round(legend + 22)}" y1="${y + 12}" y2="${y + 12}" ${style}/>`)
    parts.push(`<text x="${round(legend + 26)}" y="${y + 16}">${escaped(label)}</text>`)
  }
  return parts
}

function range(values: readonly number[]): readonly [number, number] {
  const least = values.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY)
  const most = values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY)
  if (values.length === 0) return [0, 1]
  return least < most ? [least, most] : [least - (Math.abs(least) / 2 || 1), most + (Math.abs(most) / 2 || 1)]
}

/** Round numbers between two others: about four. */
function ticks(least: number, most: number): number[] {
  const raw = (most - least) / 4
  const power = 10 ** Math.floor(Math.log10(raw))
  const step = power * ([1, 2, 5, 10].find((factor) => factor * power >= raw) as number)
  const found: number[] = []
  for (let at = Math.ceil(least / step); at * step <= most && found.length < 20; at++) found.push(at * step)
  return found
}

const short = (value: number): string =>
  value !== 0 && (Math.abs(value) < 1e-3 || Math.abs(value) >= 1e6)
    ? value.toExponential(0)
    : String(Number(value.toPrecision(4)))
