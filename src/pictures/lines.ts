import { escaped, round, svg } from './svg.js'

/** Numbers by step or epoch. */
export interface Line {
  readonly label: string
  readonly values: readonly number[]
  readonly dashed?: boolean
}

/** Lines over the same axes. */
export interface Panel {
  readonly title: string
  readonly lines: readonly Line[]
  readonly logarithmic: boolean
  /** A step that stands out, and words for it. */
  readonly mark?: { readonly step: number; readonly label: string }
}

const [font, high, gap] = [13, 170, 16]
/** The height of a line of names. */
const legendLine = 20
const margin = { left: 64, right: 12, top: 26, bottom: 26 }
const colours = ['#0b57a4', '#b23a00', '#00704f', '#8a2f88', '#6b5900', '#a01244', '#006a7d', '#4b3fb3']

/** One picture (SVG) of panels, one below the other. `steps` are the numbers under the lines, which `words` says otherwise. */
export function lineCharts(
  panels: readonly Panel[],
  steps: readonly number[],
  width = 640,
  words: (step: number) => string = String,
): string {
  let y = 0
  const parts = panels.flatMap((panel) => {
    const legend = legendOf(panel, width)
    const found = drawn(panel, legend, steps, width, y, words)
    y += high + gap + legend.height
    return found
  })
  return svg(width, Math.max(y, high), font, parts)
}

/** Where the names of lines stand: their places, and what they take below the title. */
interface Legend {
  readonly places: readonly { readonly x: number; readonly y: number }[]
  readonly height: number
}

const wordWidth = (words: string): number => 0.62 * font * [...words].length
const entryWidth = (label: string): number => wordWidth(label) + 34

/** The names of lines stand to the right of the title; if there is no room, in lines of their own below it. */
function legendOf({ title, lines }: Panel, width: number): Legend {
  const [left, right] = [margin.left, width - margin.right]
  const total = lines.reduce((sum, { label }) => sum + entryWidth(label), 0)
  if (right - total >= left + wordWidth(title)) {
    let x = right - total
    const places = lines.map(({ label }) => {
      const at = x
      x += entryWidth(label)
      return { x: at, y: 0 }
    })
    return { places, height: 0 }
  }
  let [x, y] = [left, legendLine]
  const places = lines.map(({ label }) => {
    if (x > left && x + entryWidth(label) > right) [x, y] = [left, y + legendLine]
    const at = { x, y }
    x += entryWidth(label)
    return at
  })
  return { places, height: lines.length === 0 ? 0 : y }
}

function drawn(
  { title, lines, logarithmic, mark }: Panel,
  legend: Legend,
  steps: readonly number[],
  width: number,
  head: number,
  wordsOf: (step: number) => string,
): string[] {
  const scaled = (value: number) => (logarithmic ? Math.log10(value) : value)
  const all = lines.flatMap(({ values }) => values.map(scaled)).filter(Number.isFinite)
  const [least, most] = range(all)
  const [first, last] = [steps[0] ?? 0, steps.at(-1) ?? 0]
  const right = width - margin.right
  const y = head + legend.height
  const bottom = y + high - margin.bottom
  const across = (step: number) =>
    round(last > first ? margin.left + ((step - first) / (last - first)) * (right - margin.left) : margin.left)
  const down = (value: number) =>
    round(bottom - ((value - least) / (most - least)) * (high - margin.top - margin.bottom))
  const parts = [`<text x="${margin.left}" y="${head + 16}" font-weight="bold">${escaped(title)}</text>`]
  for (const value of ticks(least, most)) {
    const at = down(value)
    parts.push(`<line x1="${margin.left}" x2="${right}" y1="${at}" y2="${at}" stroke="#ddd"/>`)
    const words = short(logarithmic ? 10 ** value : value)
    parts.push(`<text x="${margin.left - 6}" y="${at + 4}" text-anchor="end" fill="#444">${words}</text>`)
  }
  for (const step of new Set(ticks(first, Math.max(last, first + 1)).map(Math.round))) {
    if (step < first || step > last) continue
    const at = across(step)
    parts.push(`<text x="${at}" y="${bottom + 18}" text-anchor="middle" fill="#444">${escaped(wordsOf(step))}</text>`)
  }
  if (mark) {
    const at = across(mark.step)
    parts.push(
      `<line x1="${at}" x2="${at}" y1="${y + margin.top}" y2="${bottom}" stroke="#444" stroke-dasharray="3 3"/>`,
    )
    parts.push(`<text x="${at + 5}" y="${bottom - 6}" fill="#444">${escaped(mark.label)}</text>`)
  }
  for (const [index, { label, values, dashed }] of [...lines.entries()].reverse()) {
    const colour = colours[index % colours.length] as string
    const style = `fill="none" stroke="${colour}" stroke-width="2"${dashed ? ' stroke-dasharray="6 4"' : ''}`
    // Values that are not finite interrupt the line. A metric that is not of all steps is of the last ones.
    let path = ''
    let begun = false
    for (const [at, value] of values.entries()) {
      const step = steps[at + steps.length - values.length] ?? at
      const finite = Number.isFinite(scaled(value))
      if (finite) path += `${begun ? 'L' : 'M'}${across(step)} ${down(scaled(value))}`
      begun = finite
    }
    if (path !== '') parts.push(`<path d="${path}" ${style}><title>${escaped(label)}</title></path>`)
    if (values.length === 1 && path !== '') {
      parts.push(`<circle cx="${across(first)}" cy="${down(scaled(values[0] as number))}" r="3" fill="${colour}"/>`)
    }
    const at = legend.places[index] as Legend['places'][number]
    const [x, line] = [at.x, head + at.y]
    parts.push(`<line x1="${round(x)}" x2="${round(x + 22)}" y1="${line + 12}" y2="${line + 12}" ${style}/>`)
    parts.push(`<text x="${round(x + 26)}" y="${line + 16}">${escaped(label)}</text>`)
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
