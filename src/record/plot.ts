import { checkOptions, integer } from '../options.js'
import { type Line, lineCharts, type Panel } from '../pictures/lines.js'

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

const norm = 'gradient_norm/'

/**
 * A picture (SVG) of the losses and metrics by epoch: one panel for each, that of validation dashed, and one for the
 * norms of gradients on a logarithmic scale. `ERR_OPTION`.
 */
export function plot(curves: Curves, options: PlotOptions = {}): string {
  checkOptions('plot', options, { accepted: { width: integer(200, 10_000) } })
  const { width = 640 } = options
  const epochs = curves.epoch.map((epoch) => epoch + 1)
  return lineCharts(panelsOf(curves.history), epochs, width)
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
