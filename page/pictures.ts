import type { HistogramsEvent } from '../src/record/event.js'
import { byId, make, setText, short } from './dom.js'
import { HeatMap } from './heat.js'
import type { ByEpoch, Run } from './store.js'

/** The newest picture of a kind that is not of a later epoch. */
function upTo<T>(kind: ByEpoch<T>, epoch: number): T | undefined {
  let found: T | undefined
  for (const [at, each] of kind) if (at <= epoch) found = each
  return found
}

const levels = 40

/** How the values of a weight, or of its gradient, are distributed, epoch by epoch. */
class Distributions {
  readonly element: HTMLElement
  readonly #select = make('select', {})
  readonly #map: HeatMap
  readonly #facts = make('p', { class: 'readout' })
  readonly #of: 'weights' | 'gradients'
  #options = ''

  constructor(of: 'weights' | 'gradients', redraw: () => void) {
    this.#of = of
    const title = of === 'weights' ? 'Distribution of weights' : 'Distribution of gradients'
    this.#map = new HeatMap(title, make('label', {}, 'Of ', this.#select))
    this.element = this.#map.element
    this.element.append(this.#facts)
    this.#select.addEventListener('change', redraw)
  }

  show(run: Run, epoch: number): void {
    const all = run[this.#of]
    const last = upTo(all, epoch)
    this.element.hidden = last === undefined
    if (!last) return
    const names = last.histograms.map(({ name }) => name)
    if (names.join('\n') !== this.#options) {
      this.#options = names.join('\n')
      const before = this.#select.value
      this.#select.replaceChildren(...names.map((name) => make('option', { value: name }, name)))
      if (names.includes(before)) this.#select.value = before
    }
    const of = (event: HistogramsEvent) => event.histograms.find(({ name }) => name === this.#select.value)
    const shown = [...all]
      .filter(([at]) => at <= epoch)
      .flatMap(([at, event]) => {
        const histogram = of(event)
        return histogram ? [{ at, histogram }] : []
      })
    const least = Math.min(...shown.map(({ histogram }) => histogram.least))
    const most = Math.max(...shown.map(({ histogram }) => histogram.most))
    const height = (most - least || 1) / levels
    const values = Array.from({ length: levels }, () => new Array<number>(shown.length).fill(0))
    for (const [column, { histogram }] of shown.entries()) {
      const total = histogram.counts.reduce((sum, count) => sum + count, 0)
      const width = (histogram.most - histogram.least) / histogram.counts.length
      for (const [range, count] of histogram.counts.entries()) {
        const middle = histogram.least + (range + 0.5) * width
        const level = levels - 1 - Math.min(levels - 1, Math.max(0, Math.floor((middle - least) / height)))
        const row = values[level] as number[]
        row[column] = (row[column] as number) + count / total
      }
    }
    const rows = values.map((_, level) => short(most - (level + 0.5) * height))
    const columns = shown.map(({ at }) => String(at))
    this.#map.show({ rows, columns, values, axes: ['value', 'epoch'] })
    const now = shown.at(-1)?.histogram
    if (!now) return
    const facts = { mean: now.mean, deviation: now.deviation, least: now.least, most: now.most }
    const words = Object.entries(facts).map(([name, value]) => `${name} ${short(value)}`)
    if (now.notFinite > 0) words.push(`${now.notFinite} not finite`)
    setText(this.#facts, `Epoch ${shown.at(-1)?.at}: ${words.join(', ')}`)
  }
}

/** The pictures of a run's model. */
export class Pictures {
  readonly #slider = byId<HTMLInputElement>('epoch')
  readonly #weights = new Distributions('weights', () => this.#redraw())
  readonly #gradients = new Distributions('gradients', () => this.#redraw())
  readonly #confusion = new HeatMap('Confusion matrix')
  readonly #attention = new HeatMap('Attention')
  readonly #states = new HeatMap('Hidden states')
  readonly #samples = make('div', { class: 'samples', tabindex: '0', role: 'region', 'aria-label': 'Written texts' })
  readonly #written = make('figure', {}, make('h3', {}, 'Written texts'), this.#samples)
  #run: Run | undefined
  /** Whether the newest epoch is followed. */
  #follows = true
  #texts = ''

  constructor() {
    const all = [
      this.#written,
      this.#attention.element,
      this.#confusion.element,
      this.#states.element,
      this.#weights.element,
      this.#gradients.element,
    ]
    for (const element of all) element.hidden = true
    byId('pictures').append(...all)
    this.#slider.addEventListener('input', () => {
      this.#follows = this.#slider.value === this.#slider.max
      this.#redraw()
    })
  }

  show(run: Run | undefined): void {
    if (run !== this.#run) this.#follows = true
    this.#run = run
    this.#redraw()
  }

  #redraw(): void {
    const run = this.#run
    const epochs = run?.pictured ?? []
    byId('moment').hidden = epochs.length === 0
    byId('nothing').hidden = epochs.length > 0 || (run?.layers.length ?? 0) > 0
    if (!run) return
    this.#slider.max = String(Math.max(0, epochs.length - 1))
    if (this.#follows) this.#slider.value = this.#slider.max
    const epoch = epochs[Number(this.#slider.value)] ?? 0
    this.#slider.setAttribute('aria-valuetext', `epoch ${epoch}`)
    setText(byId('epoch-shown'), `${epoch}${this.#follows ? ' (the newest)' : ''}`)
    this.#weights.show(run, epoch)
    this.#gradients.show(run, epoch)
    const confusion = upTo(run.confusion, epoch)
    this.#confusion.element.hidden = !confusion
    if (confusion) {
      const { labels, counts } = confusion
      this.#confusion.show({ rows: labels, columns: labels, values: counts, axes: ['is', 'taken for'], written: true })
    }
    const attention = upTo(run.attention, epoch)
    this.#attention.element.hidden = !attention
    if (attention) this.#attention.show({ ...attention, values: attention.weights, axes: ['', 'attends to'] })
    const states = upTo(run.states, epoch)
    this.#states.element.hidden = !states
    if (states) {
      const columns = states.values[0]?.map((_, unit) => String(unit)) ?? []
      this.#states.show({ rows: states.tokens, columns, values: states.values, axes: ['after', 'unit'], signed: true })
    }
    this.#showTexts(run, epoch)
  }

  #showTexts(run: Run, epoch: number): void {
    const shown = [...run.sample.values()].filter((sample) => sample.epoch <= epoch).slice(-20)
    this.#written.hidden = shown.length === 0
    const key = `${run.name} ${shown.map((sample) => sample.epoch).join()}`
    if (key === this.#texts) return
    this.#texts = key
    const parts = shown.reverse().flatMap((sample) => {
      const title = sample.prompt === undefined ? `Epoch ${sample.epoch}` : `Epoch ${sample.epoch}: ${sample.prompt}`
      return [make('h4', { class: 'hint' }, title), make('p', {}, sample.text)]
    })
    this.#samples.replaceChildren(...parts)
  }
}
