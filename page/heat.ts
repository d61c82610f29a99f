import { colour, make, setText, short } from './dom.js'

/** What a map shows. */
export interface HeatData {
  readonly rows: readonly string[]
  readonly columns: readonly string[]
  readonly values: readonly (readonly number[])[]
  /** What rows and columns are, for readouts: `from`, `to`. */
  readonly axes: readonly [row: string, column: string]
  /** Whether there are values below 0, which have a colour of their own. */
  readonly signed?: boolean
  /** Whether the values are written into the cells, where there is room. */
  readonly written?: boolean
}

const font = 12

/** A map of shades, whose cells the pointer and arrow keys read. */
export class HeatMap {
  readonly element: HTMLElement
  readonly #canvas = make('canvas')
  readonly #plot: HTMLElement
  readonly #readout: HTMLElement
  #data: HeatData | undefined
  #at: readonly [number, number] | undefined
  #place = { left: 0, top: 0, width: 1, height: 1 }

  constructor(title: string, ...controls: readonly HTMLElement[]) {
    this.#plot = make('div', { class: 'plot', tabindex: '0', role: 'group', 'aria-label': title }, this.#canvas)
    this.#readout = make('p', { class: 'readout', 'aria-live': 'polite' })
    this.element = make('figure', {}, make('h3', {}, title), ...controls, this.#plot, this.#readout)
    this.#plot.addEventListener('pointermove', (event) => this.#point(event))
    this.#plot.addEventListener('keydown', (event) => this.#key(event))
    new ResizeObserver(() => this.#draw()).observe(this.#plot)
  }

  show(data: HeatData): void {
    this.#data = data
    this.#draw()
    this.#say()
  }

  #draw(): void {
    const data = this.#data
    const { width, height } = this.#plot.getBoundingClientRect()
    const context = this.#canvas.getContext('2d')
    if (!data || !context || width === 0) return
    const scale = devicePixelRatio
    this.#canvas.width = Math.round(width * scale)
    this.#canvas.height = Math.round(height * scale)
    this.#canvas.style.width = `${width}px`
    this.#canvas.style.height = `${height}px`
    context.scale(scale, scale)
    context.font = `${font}px system-ui, sans-serif`
    const { rows, columns, values, signed = false, written = false } = data
    const widest = Math.max(...rows.map((text) => context.measureText(text).width), 0)
    const tallest = Math.max(...columns.map((text) => context.measureText(text).width), 0)
    const left = Math.min(widest + 8, width / 3)
    const top = Math.min(tallest * 0.8 + 14, height / 3)
    const cell = [
      (width - left - 4) / Math.max(columns.length, 1),
      (height - top - 4) / Math.max(rows.length, 1),
    ] as const
    this.#place = { left, top, width: cell[0], height: cell[1] }
    const most = Math.max(...values.map((row) => Math.max(...row.map(Math.abs))), 1e-12)
    const [shade, other] = [colour('heat'), '200 60 40']
    for (const [i, row] of values.entries()) {
      for (const [j, value] of row.entries()) {
        context.fillStyle = `rgb(${signed && value < 0 ? other : shade} / ${Math.abs(value) / most})`
        context.fillRect(
          left + j * cell[0],
          top + i * cell[1],
          Math.max(cell[0] - 0.5, 0.5),
          Math.max(cell[1] - 0.5, 0.5),
        )
      }
    }
    context.textBaseline = 'middle'
    context.textAlign = 'center'
    for (const [i, row] of written && cell[1] > font ? values.entries() : []) {
      for (const [j, value] of row.entries()) {
        const text = short(value)
        if (context.measureText(text).width > cell[0]) continue
        context.fillStyle = colour(value / most > 0.55 ? 'ground' : 'text')
        context.fillText(text, left + (j + 0.5) * cell[0], top + (i + 0.5) * cell[1])
      }
    }
    context.textAlign = 'start'
    context.fillStyle = colour('text')
    const every = (size: number) => Math.max(1, Math.ceil((font + 2) / size))
    for (let i = 0; i < rows.length; i += every(cell[1])) {
      context.fillText(fitting(context, rows[i] as string, left - 6), 2, top + (i + 0.5) * cell[1])
    }
    for (let j = 0; j < columns.length; j += every(cell[0])) {
      context.save()
      context.translate(left + (j + 0.5) * cell[0], top - 4)
      context.rotate(-Math.PI / 4)
      context.fillText(fitting(context, columns[j] as string, top * 1.2), 0, 0)
      context.restore()
    }
    if (this.#at) {
      const [i, j] = this.#at
      context.strokeStyle = colour('text')
      context.strokeRect(left + j * cell[0], top + i * cell[1], cell[0], cell[1])
    }
  }

  #point(event: PointerEvent): void {
    const { x, y } = this.#plot.getBoundingClientRect()
    const { left, top, width, height } = this.#place
    this.#go(Math.floor((event.clientY - y - top) / height), Math.floor((event.clientX - x - left) / width))
  }

  #key(event: KeyboardEvent): void {
    const moves: Readonly<Record<string, readonly [number, number]>> = {
      ...{ ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] },
    }
    const move = moves[event.key]
    if (!move) return
    event.preventDefault()
    const [i, j] = this.#at ?? [0, 0]
    this.#go(i + move[0], j + move[1])
  }

  #go(i: number, j: number): void {
    if (this.#data?.values[i]?.[j] === undefined) return
    this.#at = [i, j]
    this.#draw()
    this.#say()
  }

  #say(): void {
    const data = this.#data
    if (!data) return
    const [i, j] = this.#at ?? largest(data.values)
    const value = data.values[i]?.[j]
    const words = `${data.axes[0]} ${data.rows[i]}, ${data.axes[1]} ${data.columns[j]}: ${short(value)}`
    setText(this.#readout, value === undefined ? '' : this.#at ? words : `Largest: ${words}`)
  }
}

function largest(values: readonly (readonly number[])[]): readonly [number, number] {
  let best = [0, 0] as readonly [number, number]
  for (const [i, row] of values.entries()) {
    for (const [j, value] of row.entries())
      if (value > (values[best[0]]?.[best[1]] ?? Number.NEGATIVE_INFINITY)) best = [i, j]
  }
  return best
}

/** A text that is cut to a width. */
function fitting(context: CanvasRenderingContext2D, text: string, width: number): string {
  let end = text.length
  while (end > 1 && context.measureText(text.slice(0, end)).width > width) end--
  return end < text.length ? `${text.slice(0, Math.max(end - 1, 1))}…` : text
}
