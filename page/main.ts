import type { ListedRun, RunEvent } from '../src/record/event.js'
import { byId, duration, make, ofNumber, setText, short, swatch } from './dom.js'
import { type Line, LineChart } from './lines.js'
import { Pictures } from './pictures.js'
import { norm, Run } from './store.js'

const runs = new Map<string, Run>()
const shown = new Set<string>()
const loaded = new Set<string>()
let list: readonly ListedRun[] = []
let inside: string | undefined
let source: EventSource | undefined
let connected = false
let ended = false

const charts = new Map<string, LineChart>()
const norms = new LineChart('Norm of gradients by layer')
byId('norms').append(norms.element)
const pictures = new Pictures()
const log = byId<HTMLInputElement>('log')
const theme = byId<HTMLSelectElement>('theme')

/** How many runs are shown at first: what the server sends unasked. */
const usual = 10

function connect(names?: readonly string[]): void {
  source?.close()
  runs.clear()
  loaded.clear()
  const query = names ? `?runs=${names.map(encodeURIComponent).join(',')}` : ''
  source = new EventSource(`events${query}`)
  source.addEventListener('open', () => {
    connected = true
    draw()
  })
  source.addEventListener('error', () => {
    connected = false
    draw()
  })
  source.addEventListener('runs', (event) => {
    list = JSON.parse(event.data) as ListedRun[]
    for (const { name } of names ? [] : list.slice(0, usual))
      if (!loaded.has(name)) [shown, loaded].map((set) => set.add(name))
    for (const name of names ?? []) loaded.add(name)
    for (const { name, state } of list) runOf(name).state = state
    inside ??= list[0]?.name
    draw()
  })
  source.addEventListener('run', (event) => {
    const [name, ...lines] = (event.data as string).split('\n')
    const run = runOf(JSON.parse(name as string) as string)
    for (const line of lines) {
      try {
        run.add(JSON.parse(line) as RunEvent)
      } catch {
        // A damaged line is left out.
      }
    }
    draw()
  })
  source.addEventListener('end', () => {
    ended = true
    source?.close()
    draw()
  })
}

function runOf(name: string): Run {
  const found = runs.get(name) ?? new Run(name, runs.size)
  runs.set(name, found)
  return found
}

let waiting = false

/** Draws soon: what arrives together is drawn together. */
function draw(): void {
  if (waiting) return
  waiting = true
  setTimeout(() => {
    waiting = false
    render()
  }, 100)
}

function render(): void {
  const lost = !connected && !ended
  setText(
    byId('status'),
    ended
      ? 'The training has ended, and with it this page’s server. seqloom dashboard shows its record again.'
      : lost
        ? 'No connection: the training may have been stopped. Trying again…'
        : `Connected. ${list.length === 1 ? '1 run' : `${list.length} runs`}.`,
  )
  renderRuns(lost)
  const visible = list.flatMap(({ name }) => (shown.has(name) ? [runOf(name)] : []))
  const names = [...new Set(visible.flatMap((run) => run.metrics))]
  const wanted = visible.length === 0 ? [] : [...names, 'Learning rate', 'Rows per second']
  for (const [name, chart] of charts) {
    if (wanted.includes(name)) continue
    chart.element.remove()
    charts.delete(name)
  }
  for (const [at, name] of wanted.entries()) {
    const chart = charts.get(name) ?? new LineChart(name)
    charts.set(name, chart)
    const before = byId('curves').children[at]
    if (before !== chart.element) byId('curves').insertBefore(chart.element, before ?? null)
    const lines = visible.flatMap((run) => linesOf(run, name))
    const several = visible.length > 1
    chart.show(
      lines.map((line) =>
        several
          ? line
          : {
              ...line,
              label: line.dashed ? 'validation' : names.includes(name) ? 'training' : 'value',
            },
      ),
      log.checked && name.includes('loss'),
    )
  }
  const run = inside === undefined ? undefined : runOf(inside)
  setText(byId('inside-run'), run?.name ?? '')
  norms.element.hidden = !run || run.layers.length === 0
  if (run)
    norms.show(
      run.layers.map((layer, number) => ({ label: layer, number, points: run.curve(norm + layer) })),
      true,
    )
  pictures.show(run)
  byId('about').hidden = !run?.start
  if (run?.start) setText(byId('about').querySelector('pre') as Element, run.start.model.summary)
}

function linesOf(run: Run, name: string): Line[] {
  const { number } = run
  if (name === 'Rows per second') return [{ label: run.name, number, points: run.rates }]
  if (name === 'Learning rate') {
    const points = [...run.ended.values()].map(({ epoch, learningRate }) => [epoch, learningRate] as const)
    return [{ label: run.name, number, points }]
  }
  const validation = run.curve(`val_${name}`)
  const lines: Line[] = [{ label: run.name, number, points: run.running(name) }]
  if (validation.length > 0) lines.push({ label: `${run.name}, validation`, number, dashed: true, points: validation })
  return lines
}

const states = {
  ...{ running: 'running', done: 'done', aborted: 'stopped', failed: 'failed' },
  ...{ pruned: 'pruned: others were better', lost: 'ended without a word' },
}
const rows = new Map<string, HTMLTableRowElement>()

function renderRuns(lost: boolean): void {
  const body = byId('runs').querySelector('tbody') as HTMLElement
  for (const [at, { name }] of list.entries()) {
    const row = rows.get(name) ?? rowOf(name)
    rows.set(name, row)
    if (body.children[at] !== row) body.insertBefore(row, body.children[at] ?? null)
    const run = runOf(name)
    const last = [...run.ended.values()].at(-1)?.values ?? {}
    const [, , state, epoch, loss, validation, rate, left] = row.cells
    row.querySelector<HTMLElement>('.swatch')?.style.setProperty('--own', ofNumber(run.number))
    const texts: readonly (readonly [Element | undefined, string])[] = [
      [
        state,
        lost && run.state === 'running'
          ? 'not heard of'
          : `${states[run.state]}${run.message ? `: ${run.message}` : ''}`,
      ],
      [epoch, run.start ? `${Math.floor(run.place)} of ${run.epochs}` : ''],
      [loss, short(run.running('loss').at(-1)?.[1])],
      [validation, last.val_loss === undefined ? '' : short(Number(last.val_loss))],
      [rate, run.rate === undefined ? '' : short(Math.round(run.rate))],
      [left, lost ? '' : duration(run.left)],
    ]
    for (const [cell, text] of texts) if (cell) setText(cell, text)
    for (const box of row.querySelectorAll('input'))
      box.checked = box.type === 'radio' ? inside === name : shown.has(name)
  }
}

function rowOf(name: string): HTMLTableRowElement {
  const box = make('input', { type: 'checkbox' })
  const radio = make('input', { type: 'radio', name: 'inside', 'aria-label': `Look inside ${name}` })
  box.addEventListener('change', () => {
    if (box.checked) shown.add(name)
    else shown.delete(name)
    if (box.checked) load(name)
    draw()
  })
  radio.addEventListener('change', () => {
    inside = name
    load(name)
    draw()
  })
  const label = make('label', {}, box, swatch(runOf(name).number), name)
  const cells = Array.from({ length: 6 }, () => make('td'))
  return make('tr', {}, make('td', {}, label), make('td', {}, radio), ...cells)
}

/** Asks for a run that the server has not sent. */
function load(name: string): void {
  if (loaded.has(name) || ended) return
  connect([...loaded, name])
}

theme.addEventListener('change', () => {
  remember('theme', theme.value)
  dress()
})
log.addEventListener('change', draw)
const dark = matchMedia('(prefers-color-scheme: dark)')
dark.addEventListener('change', dress)

function dress(): void {
  document.documentElement.dataset.theme = theme.value || (dark.matches ? 'dark' : 'light')
  draw()
}

/** Storage may be refused. */
function remember(name: string, value?: string): string {
  try {
    if (value !== undefined) localStorage.setItem(`seqloom-${name}`, value)
    return localStorage.getItem(`seqloom-${name}`) ?? ''
  } catch {
    return value ?? ''
  }
}

// Where something scrolls, keys can scroll it.
for (const each of document.querySelectorAll<HTMLElement>('.scroll, pre')) each.tabIndex = 0
theme.value = remember('theme')
dress()
connect()
