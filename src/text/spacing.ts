import type { Sliced } from '../data/slices.js'
import { isOfUnspacedScript, isWord, legible, placedWords } from './words.js'

/**
 * Where marks stand without a space, by mark: `'<'` before which there is none (a comma), `'>'` behind which there is none (an opening bracket), `'<>'`
 * (an apostrophe), `'='` which opens and closes in turn (a quote), `''` with spaces on both sides; and `numbers`, the marks that join digits.
 */
export interface Spacing {
  readonly marks: Readonly<Record<string, string>>
  readonly numbers: readonly string[]
}

/** How often a mark is joined to what is before and behind it, and how often not; and how often it joins digits, and not. */
interface Counts {
  before: [number, number]
  behind: [number, number]
  digits: [number, number]
}

const digit = /^\p{N}/u

/** Learns from texts how their marks are spaced; `cased` is how tokens are written in the vocabulary. */
export function* learnSpacing(texts: readonly string[], cased: (token: string) => string): Sliced<Spacing> {
  const all = new Map<string, Counts>()
  let count = 0
  for (const text of texts) {
    let before: RegExpExecArray | undefined
    let mark: Counts | undefined
    let numeral = false
    for (const found of placedWords(legible(text))) {
      const [token] = found
      if (++count % 1024 === 0) yield
      const apart = before === undefined ? undefined : found.index > before.index + before[0].length ? 1 : 0
      if (mark && apart !== undefined) {
        mark.behind[apart]++
        if (numeral && digit.test(token)) mark.digits[apart]++
      }
      mark = undefined
      if (!isWord(token)) {
        const name = cased(token)
        mark = all.get(name) ?? { before: [0, 0], behind: [0, 0], digits: [0, 0] }
        all.set(name, mark)
        if (apart !== undefined) mark.before[apart]++
        numeral = before !== undefined && digit.test(before[0]) && apart === 0
      }
      before = found
    }
  }
  const marks: Record<string, string> = {}
  const numbers: string[] = []
  for (const [name, { before, behind, digits }] of all) {
    // What is as often joined as not, on the one side when not on the other, comes in pairs.
    const joins = (counts: [number, number]) => counts[0] / Math.max(counts[0] + counts[1], 1)
    const paired = [before, behind].every((counts) => joins(counts) > 0.2 && joins(counts) < 0.8) || name === '"'
    const ever = before[0] + behind[0] > 0
    marks[name] = paired && ever ? '=' : `${joins(before) > 0.5 ? '<' : ''}${joins(behind) > 0.5 ? '>' : ''}`
    if (digits[0] > digits[1]) numbers.push(name)
  }
  return { marks, numbers }
}

/** Puts words and marks together as the texts are written that the spacing was learned from. */
export function joinWords(tokens: readonly string[], { marks, numbers }: Spacing): string {
  const open = new Map<string, boolean>()
  let text = ''
  /** Whether the token before lets nothing stand between it and the next one. */
  let joins = true
  for (const [index, token] of tokens.entries()) {
    const [before, next] = [tokens[index - 1], tokens[index + 1]]
    let [left, right] = [false, false]
    if (isWord(token)) {
      left = before !== undefined && isOfUnspacedScript(token) && isOfUnspacedScript(before)
    } else {
      const rule = Object.hasOwn(marks, token) ? marks[token] : ''
      if (rule === '=') {
        const closes = open.get(token) === true
        open.set(token, !closes)
        ;[left, right] = [closes, !closes]
      } else {
        ;[left, right] = [rule?.includes('<') === true, rule?.includes('>') === true]
      }
      const numeral = before !== undefined && next !== undefined && digit.test(before) && digit.test(next)
      if (numeral && numbers.includes(token)) [left, right] = [true, true]
    }
    text += joins || left ? token : ` ${token}`
    joins = right
  }
  return text
}
