import type { Tensor } from '../data/tensor.js'
import { SeqloomError } from '../errors.js'
import { checkOptions, custom, flag } from '../options.js'
import { colourOf } from '../pictures/heatMap.js'
import { escaped, round, svg } from '../pictures/svg.js'
import { checkTokens, validSteps } from './steps.js'

/** Which row to show, and its words. */
export interface ShownTokens {
  /** The words of the row's steps; default their numbers, from 0. */
  readonly tokens?: readonly string[]
  /** The row of the batch; default 0. */
  readonly row?: number
  /** What stands between the words; default a space. For characters give `''`. */
  readonly separator?: string
  /**
   * Whether a terminal shows colours; by default standard output's terminal is asked, and `NO_COLOR`. Without them each
   * word that matters is followed by its share: `prize(+0.61)`.
   */
  readonly colours?: boolean
}

/** The words of a row, each with its share of the largest number, from -1 to 1. */
function words(where: string, values: Tensor, shown: ShownTokens): { readonly word: string; readonly share: number }[] {
  checkOptions(where, shown, {
    accepted: {
      tokens: custom('an array of texts', (v) => Array.isArray(v) && v.every((each) => typeof each === 'string')),
      row: custom('an integer', Number.isInteger),
      separator: custom('a text', (v) => typeof v === 'string'),
      colours: flag,
    },
  })
  const { row = 0 } = shown
  const [rows = 0, time = 0] = values.shape
  if (row < 0 || row >= rows) throw new SeqloomError('ERR_OPTION', `${where}: row ${row} is none of the ${rows} rows`)
  const steps = validSteps(values, row, time)
  const tokens = shown.tokens ?? steps.map(String)
  checkTokens(where, row, steps.length, tokens)
  const own = steps.map((step) => values.data[row * time + step] as number)
  const largest = own.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
  return tokens.map((word, index) => ({ word, share: largest > 0 ? (own[index] as number) / largest : 0 }))
}

/** Shares below this are not worth a number. */
const slight = 0.1

/** Words for a terminal, with coloured grounds. */
export function colouredText(values: Tensor, shown: ShownTokens): string {
  const { separator = ' ', colours = process.stdout.hasColors?.(2 ** 24) ?? false } = shown
  const pieces = words('text', values, shown).map(({ word, share }) => {
    // A terminal must not obey what a text holds.
    const safe = word.replaceAll(/\p{Cc}/gu, '�')
    if (!colours) {
      return Math.abs(share) < slight ? safe : `${safe}(${share < 0 ? '-' : '+'}${Math.abs(share).toFixed(2)})`
    }
    const ground = colourOf(share)
      .replaceAll(/[^\d,]/g, '')
      .replaceAll(',', ';')
    return `\u001b[48;2;${ground}m\u001b[38;2;${Math.abs(share) > 0.6 ? '255;255;255' : '0;0;0'}m${safe}\u001b[0m`
  })
  return pieces.join(separator)
}

const [font, line, width, high] = [14, 24, 640, 18]

/** Words as a picture, with coloured grounds, in lines of so many pixels. */
export function tokenPicture(values: Tensor, shown: ShownTokens): string {
  const gap = 0.62 * font * [...(shown.separator ?? ' ')].length
  let [x, y] = [10, 10]
  const parts = words('svg', values, shown).map(({ word, share }) => {
    const long = Math.max(0.62 * font * [...word].length, 0.4 * font)
    if (x > 10 && x + long > width - 10) [x, y] = [10, y + line]
    const colour = Math.abs(share) > 0.6 ? '#fff' : '#000'
    const ground = `<rect x="${round(x - 1)}" y="${y}" width="${round(long + 2)}" height="${high}" fill="${colourOf(share)}"><title>${share.toFixed(3)}</title></rect>`
    const text = `<text x="${round(x)}" y="${y + 13}" fill="${colour}" textLength="${round(long)}">${escaped(word)}</text>`
    x += long + gap
    return ground + text
  })
  return svg(width, y + line + 10, font, parts)
}
