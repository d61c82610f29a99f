import uPlot from 'uplot'
import { colour, make, ofNumber, short, swatch } from './dom.js'
import type { Point } from './store.js'

/** A line of a chart. */
export interface Line {
  readonly label: string
  /** The number of its colour. */
  readonly number: number
  readonly dashed?: boolean
  readonly points: readonly Point[]
}

/** How many rows the table of a chart has at most. */
const mostRows = 100

/** A chart of lines over epochs, for eyes, keys and ears. */
export class LineChart {
  readonly element: HTMLElement
  readonly #title: string
  readonly #plot: HTMLElement
  readonly #readout: HTMLElement
  readonly #numbers: HTMLDetailsElement
  #chart: uPlot | undefined
  #shape = ''
  #lines: readonly Line[] = []
  #data: uPlot.AlignedData = [[]]
  #at = -1
  #log = false
  /** What the readout says, and in which colours. */
  #said = ''

  constructor(title: string) {
    this.#title = title
    const keys = { tabindex: '0', role: 'slider', 'aria-label': `${title} by epoch`, 'aria-valuenow': '0' }
    this.#plot = make('div', { class: 'plot', ...keys })
    this.#readout = make('p', { class: 'readout' })
    this.#numbers = make('details', {}, make('summary', {}, `Numbers of ${title}`))
    this.element = make('figure', {}, make('h3', {}, title), this.#plot, this.#readout, this.#numbers)
    this.#plot.addEventListener('keydown', (event) => this.#key(event))
    this.#numbers.addEventListener('toggle', () => this.#tabulate())
    new ResizeObserver(() => this.#resize()).observe(this.#plot)
  }

  show(lines: readonly Line[], log: boolean): void {
    this.#lines = lines
    this.#log = log
    const tables = lines.map(({ points }) => [
      points.map(([x]) => x),
      points.map(([, y]) => (Number.isFinite(y) && !(log && y <= 0) ? y : null)),
    ])
    this.#data = (tables.length > 0 ? uPlot.join(tables as uPlot.AlignedData[]) : [[]]) as uPlot.AlignedData
    const shape = JSON.stringify([
      log,
      colour('text'),
      lines.map(({ label, number, dashed }) => [label, ofNumber(number), dashed]),
    ])
    if (shape !== this.#shape || !this.#chart) {
      this.#shape = shape
      this.#draw()
    } else this.#chart.setData(this.#data)
    this.#say()
    this.#tabulate()
  }

  #draw(): void {
    this.#chart?.destroy()
    const axis = {
      stroke: colour('soft'),
      grid: { stroke: colour('line'), width: 1 },
      ticks: { stroke: colour('line') },
    }
    const { width, height } = this.#plot.getBoundingClientRect()
    this.#chart = new uPlot(
      {
        ...{ width: Math.max(width, 50), height: Math.max(height, 50) },
        legend: { show: false },
        cursor: { drag: { x: false, y: false } },
        scales: { x: { time: false }, y: this.#log ? { distr: 3 } : {} },
        axes: [axis, { ...axis, size: 70, values: (_, splits) => splits.map(tick) }],
        series: [
          {},
          ...this.#lines.map(({ label, number, dashed, points }) => ({
            ...{ label, stroke: ofNumber(number), width: 2, spanGaps: true },
            ...(dashed && { dash: [6, 4] }),
            points: { show: points.length < 3 },
          })),
        ],
        hooks: { setCursor: [({ cursor }) => this.#move(cursor.idx ?? -1)] },
      },
      this.#data,
      this.#plot,
    )
  }

  #resize(): void {
    const { width, height } = this.#plot.getBoundingClientRect()
    if (width > 0) this.#chart?.setSize({ width, height })
  }

  #move(at: number): void {
    this.#at = at
    this.#say()
  }

  #key(event: KeyboardEvent): void {
    const last = (this.#data[0]?.length ?? 0) - 1
    const from = this.#at < 0 ? last : this.#at
    const moves: Readonly<Record<string, number>> = { ArrowLeft: from - 1, ArrowRight: from + 1, Home: 0, End: last }
    const to = moves[event.key]
    if (to === undefined || last < 0 || !this.#chart) return
    event.preventDefault()
    const at = Math.max(0, Math.min(last, to))
    const left = this.#chart.valToPos(this.#data[0]?.[at] as number, 'x')
    this.#chart.setCursor({ left, top: 0 })
    this.#move(at)
  }

  /** The newest values, or those under the cursor. */
  #say(): void {
    const xs = this.#data[0] ?? []
    const at = this.#at >= 0 && this.#at < xs.length ? this.#at : xs.length - 1
    const values = this.#lines.flatMap(({ label, number, dashed }, index) => {
      const own = this.#data[index + 1]
      // Lines have values at other places, too.
      let place = at
      while (place > 0 && (own?.[place] ?? undefined) === undefined && this.#at < 0) place--
      const value = own?.[place]
      return typeof value === 'number' ? [{ text: `${label} ${short(value)}`, number, dashed }] : []
    })
    const place = `Epoch ${short(xs[at] as number)}:`
    const text = xs.length === 0 ? 'No values yet.' : `${place} ${values.map((each) => each.text).join(', ')}`
    const key = values.map(({ number }) => ofNumber(number)).join() + text
    if (this.#said !== key) {
      this.#said = key
      const parts = values.map(({ text, number, dashed }) =>
        make('span', { class: 'value' }, swatch(number, dashed), text),
      )
      this.#readout.replaceChildren(...(xs.length === 0 ? [text] : [place, ...parts]))
    }
    const state = { min: xs[0] ?? 0, max: xs.at(-1) ?? 0, now: xs[at] ?? 0, text }
    for (const [name, value] of Object.entries(state)) this.#plot.setAttribute(`aria-value${name}`, String(value))
  }

  #tabulate(): void {
    if (!this.#numbers.open) return
    const [xs = []] = this.#data
    const from = Math.max(0, xs.length - mostRows)
    const cell = (value: unknown) => make('td', {}, typeof value === 'number' ? short(value) : '')
    const head = make(
      'tr',
      {},
      ...['Epoch', ...this.#lines.map(({ label }) => label)].map((text) => make('th', { scope: 'col' }, text)),
    )
    const rows = Array.from(xs)
      .slice(from)
      .map((x, at) => make('tr', {}, cell(x), ...this.#lines.map((_, line) => cell(this.#data[line + 1]?.[from + at]))))
      .reverse()
    const caption = make('caption', {}, from > 0 ? `${this.#title}: the last ${mostRows} points` : this.#title)
    const table = make('table', {}, caption, make('thead', {}, head), make('tbody', {}, ...rows))
    const scroll = make(
      'div',
      { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': `Numbers of ${this.#title}` },
      table,
    )
    this.#numbers.replaceChildren(this.#numbers.firstElementChild as Element, scroll)
  }
}

/** A number at an axis. */
const tick = (value: number | null): string =>
  value === null
    ? ''
    : value !== 0 && (Math.abs(value) < 1e-3 || Math.abs(value) >= 1e7)
      ? value.toExponential(0)
      : String(Number(value.toPrecision(6)))
