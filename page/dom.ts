/** Makes an element with attributes and children. */
export function make<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  attributes: Readonly<Record<string, string>> = {},
  ...children: readonly (Node | string)[]
): HTMLElementTagNameMap[Name] {
  const made = document.createElement(name)
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value)
  made.append(...children)
  return made
}

/** The element with an id. */
export const byId = <T extends HTMLElement = HTMLElement>(id: string): T => document.getElementById(id) as T

/** Sets a text where it changes, so that nothing is announced twice. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text
}

/** A number as people read it. */
export function short(value: number | undefined): string {
  if (value === undefined || Number.isNaN(value)) return value === undefined ? '' : 'NaN'
  if (!Number.isFinite(value)) return String(value)
  const size = Math.abs(value)
  if (size !== 0 && (size < 1e-3 || size >= 1e6)) return value.toExponential(2)
  return Number.isInteger(value) ? String(value) : value.toPrecision(4)
}

/** Seconds as people read them. */
export function duration(seconds: number | undefined): string {
  if (seconds === undefined || !Number.isFinite(seconds)) return ''
  const whole = Math.round(seconds)
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60]
  if (hours > 0) return `${hours} h ${minutes} min`
  return minutes > 0 ? `${minutes} min ${whole % 60} s` : `${whole} s`
}

/** A colour of the page's style. */
export const colour = (name: string): string =>
  getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim()

const onLight = [
  '#0b57a4',
  '#b23a00',
  '#00704f',
  '#8a2f88',
  '#6b5900',
  '#a01244',
  '#006a7d',
  '#4b3fb3',
  '#5a5a5a',
  '#7a3b10',
]
const onDark = [
  '#7fb8f5',
  '#ff9d6b',
  '#5ed6a9',
  '#e59ae2',
  '#e0c64f',
  '#ff8fb3',
  '#5fd0e6',
  '#b0a6ff',
  '#c4c4c4',
  '#d9a577',
]

/** The colour of a run or a layer. */
export function ofNumber(number: number): string {
  const colours = document.documentElement.dataset.theme === 'dark' ? onDark : onLight
  return colours[number % colours.length] as string
}

/** A piece of a line of a chart, for a text that names it. */
export function swatch(number: number, dashed = false): HTMLElement {
  const made = make('span', { class: dashed ? 'swatch dashed' : 'swatch' })
  made.style.setProperty('--own', ofNumber(number))
  return made
}
